//! What the rig cannot tell at all: the least expanded uncertainty of a volume, whatever the pump does.
//!
//! Only what is known before a run is in it: certificate, linearity, resolution, the line's leak over a hold. What comes in
//! the run (scatter, evaporation, pulses) makes it wider.

use domain::FlowRate;
use domain::profile::{Calibration, Declared};

/// One microlitre of water weighs close enough to 1 mg for a bound.
const UL_PER_G: f64 = 1e3;

/// The least expanded uncertainty (k = 2) of a volume that gathers within `hours`, in uL; `leaks` is what the line loses.
pub(super) fn expanded_ul(calibration: &Calibration, leaks: Option<Declared<FlowRate>>, hours: f64) -> f64 {
    let certificate = calibration.expanded_uncertainty_g.g() / calibration.coverage_factor * UL_PER_G;
    let rectangle = |half_width: f64| half_width / 3.0_f64.sqrt();
    let both_ends = core::f64::consts::SQRT_2;
    let linearity = both_ends * rectangle(calibration.linearity_g.g() * UL_PER_G);
    let digit = both_ends * rectangle(calibration.resolution_g.g() / 2.0 * UL_PER_G);
    let leak = rectangle(leaks.map_or(0.0, |leak| leak.half_width.ul_per_h() * hours));
    2.0 * [certificate, linearity, digit, leak].iter().map(|u| u * u).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use domain::Mass;

    use super::*;

    fn calibration() -> Calibration {
        Calibration {
            certificate: String::new(),
            due: String::new(),
            expanded_uncertainty_g: Mass::from_g(60e-6),
            coverage_factor: 2.0,
            linearity_g: Mass::from_g(40e-6),
            repeatability_g: Mass::from_g(1.0),
            resolution_g: Mass::from_g(10e-6),
        }
    }

    #[track_caller]
    fn check(leaks: Option<(f64, f64)>, hours: f64, expected_ul: f64) {
        let rate = FlowRate::from_ul_per_h;
        let leaks = leaks.map(|(value, half_width)| Declared { value: rate(value), half_width: rate(half_width) });
        let found = expanded_ul(&calibration(), leaks, hours);
        assert!((found - expected_ul).abs() < 1e-5 * expected_ul, "expected {expected_ul}, but found {found}");
    }

    /// In µg: certificate 60/2 = 30; linearity 40/√3 at both ends, 32.660; half a digit of 5/√3 at both ends, 4.0825. The squares,
    /// 900 + 1066.67 + 16.667 = 1983.33, are those of 44.535; twice that is 89.069 µg or 0.089 069 µL. Repeatability comes in the
    /// run and is not in it.
    #[test]
    fn what_the_balance_cannot_tell() {
        check(None, 24.0, 0.089_069_3);
        check(None, 1.0, 0.089_069_3);
    }

    /// A leak known to ±0.01 µL/h is ±0.24 µL in a day, 0.138 56 µL standard: √(0.138 564² + 0.044 534 6²) = 0.145 545 µL. The leak
    /// itself is corrected: only its half width counts.
    #[test]
    fn what_the_line_loses_grows_with_time() {
        check(Some((0.0, 0.01)), 24.0, 0.291_090);
        check(Some((5.0, 0.01)), 24.0, 0.291_090);
        check(Some((0.0, 0.01)), 0.0, 0.089_069_3);
        check(Some((5.0, 0.0)), 24.0, 0.089_069_3);
    }
}

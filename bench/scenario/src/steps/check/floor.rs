//! What the rig cannot tell at all: the least expanded uncertainty of a volume, whatever the pump does.
//!
//! Only what is known before a run is in it: certificate, linearity, resolution, the line's leak over a hold. What comes in
//! the run (scatter, evaporation, pulses) makes it wider.

use domain::RigProfile;
use domain::profile::Calibration;

/// One microlitre of water weighs close enough to 1 mg for a bound.
const UL_PER_G: f64 = 1e3;

/// The least expanded uncertainty (k = 2) of a volume that gathers within `hours`, in uL.
pub(super) fn expanded_ul(calibration: &Calibration, profile: &RigProfile, hours: f64) -> f64 {
    let certificate = calibration.expanded_uncertainty_g.g() / calibration.coverage_factor * UL_PER_G;
    let rectangle = |half_width: f64| half_width / 3.0_f64.sqrt();
    let both_ends = core::f64::consts::SQRT_2;
    let linearity = both_ends * rectangle(calibration.linearity_g.g() * UL_PER_G);
    let digit = both_ends * rectangle(calibration.resolution_g.g() / 2.0 * UL_PER_G);
    let leaks = profile.method.characterised.line_leak_ul_per_h;
    let leak = rectangle(leaks.map_or(0.0, |leak| leak.half_width.ul_per_h() * hours));
    2.0 * [certificate, linearity, digit, leak].iter().map(|u| u * u).sum::<f64>().sqrt()
}

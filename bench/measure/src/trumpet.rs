//! The trumpet curve: the greatest and the least error of the flow over windows of each length.
//!
//! Method adapted from IEC 60601-2-24 (ed. 1, 1998, 50.102; ed. 2, 2012, 201.12.1.102), whose scope excludes implants; the
//! clauses' text was not checked. Windows are multiples of the sample interval S: 4, 10, 22, 38 and 62 of them are the 2, 5,
//! 11, 19 and 31 min of S = 0.5 min, and 60 to 930 min of S = 15 min beside one S itself.

/// From this rate on a pump is sampled each half minute, in µL/h; below, each quarter of an hour.
pub const FAST_FROM_UL_PER_H: f64 = 1000.0;
const FAST_S: f64 = 30.0;
const SLOW_S: f64 = 900.0;
const FAST_WINDOWS: [u32; 5] = [4, 10, 22, 38, 62];
const SLOW_WINDOWS: [u32; 6] = [1, 4, 10, 22, 38, 62];

/// The sample interval in s, and the windows as multiples of it, that suit a rate unless others are asked for.
#[must_use]
pub const fn usual(rate_ul_per_h: f64) -> (f64, &'static [u32]) {
    if rate_ul_per_h >= FAST_FROM_UL_PER_H { (FAST_S, &FAST_WINDOWS) } else { (SLOW_S, &SLOW_WINDOWS) }
}

/// The errors over all windows of one length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Its length, in sample intervals.
    pub intervals: u32,
    /// Ep(max): the greatest error of the volume over such a window, in % of the commanded.
    pub ep_max_percent: f64,
    /// Ep(min): the least.
    pub ep_min_percent: f64,
    /// How many windows there are: each that begins at a sample and fits.
    pub windows: u32,
}

/// The errors over windows of `intervals` sample intervals, of what was `delivered` against what was `commanded`, both
/// cumulative and on one grid of samples. Windows in which nothing was commanded have no error and are left out; `None` if
/// none is left, or none fits.
///
/// An error over a window is 100 (ΔV/ΔC − 1), with ΔV and ΔC the differences over it: the mean over its intervals of
/// 100 (Qi − r)/r where the rate r is constant.
#[must_use]
pub fn window(delivered: &[f64], commanded: &[f64], intervals: u32) -> Option<Window> {
    let k = usize::try_from(intervals).ok().filter(|k| *k > 0)?;
    let over = |values: &[f64], j: usize| values[j + k] - values[j];
    let fits = delivered.len().min(commanded.len()).checked_sub(k)?;
    let errors = (0..fits)
        .filter(|j| over(commanded, *j) > 0.0)
        .map(|j| 100.0 * (over(delivered, j) / over(commanded, j) - 1.0));
    let start = (f64::NEG_INFINITY, f64::INFINITY, 0_u32);
    let (max, min, windows) = errors.fold(start, |(max, min, n), error| (max.max(error), min.min(error), n + 1));
    (windows > 0).then_some(Window { intervals, ep_max_percent: max, ep_min_percent: min, windows })
}

#[cfg(test)]
mod tests {
    use core::f64::consts::TAU;

    use super::*;

    fn check(found: Option<Window>, max: f64, min: f64, windows: u32, within: f64) {
        let found = found.expect("it fits");
        assert!((found.ep_max_percent - max).abs() < within, "{found:?}");
        assert!((found.ep_min_percent - min).abs() < within, "{found:?}");
        assert_eq!(found.windows, windows);
    }

    #[test]
    fn a_flow_that_swings_as_a_sine() {
        let (b, a, period) = (0.01, 0.05, 8.0);
        let volume = |t: f64| (1.0 + b) * t + a * period / TAU * (1.0 - (TAU * t / period).cos());
        let minutes: Vec<f64> = (0..=120).map(|i| 60.0 + 0.5 * f64::from(i)).collect();
        let delivered: Vec<f64> = minutes.iter().map(|t| volume(*t)).collect();
        for (k, max, min, windows) in [
            (4, 5.501_582, -3.501_582, 117),
            (10, 3.352_640, -1.352_640, 111),
            (22, 2.069_382, -0.069_382, 99),
            (38, 1.619_116, 0.380_884, 83),
            (62, 1.157_177, 0.842_823, 59),
        ] {
            check(window(&delivered, &minutes, k), max, min, windows, 5e-7);
        }
        assert_eq!(window(&delivered, &minutes, 121), None);
        assert_eq!(window(&delivered, &minutes, 0), None);
    }

    #[test]
    fn a_perfect_pump_that_delivers_in_pulses_is_a_trumpet_nevertheless() {
        // 2 µL each 5.76 min, sampled each 15 min for a day.
        let cycle = 5.76;
        let minutes: Vec<f64> = (0..=96).map(|i| 15.0 * f64::from(i)).collect();
        let delivered: Vec<f64> = minutes.iter().map(|t| 2.0 * (t / cycle + 1e-9).floor()).collect();
        let commanded: Vec<f64> = minutes.iter().map(|t| 2.0 * t / cycle).collect();
        for (k, max, min) in [
            (1, 15.2, -23.2),
            (4, 5.6, -4.0),
            (10, 3.68, -0.16),
            (22, 1.2364, -0.5091),
            (38, 0.0421, -0.9684),
            (62, 0.3355, -0.2839),
        ] {
            check(window(&delivered, &commanded, k), max, min, 97 - k, 1e-4);
        }
    }

    #[test]
    fn a_pause_is_no_window() {
        let commanded = [0.0, 1.0, 1.0, 1.0, 2.0];
        let delivered = [0.0, 1.1, 1.1, 1.1, 2.0];
        check(window(&delivered, &commanded, 1), 10.0, -10.0, 2, 1e-9);
        assert_eq!(window(&[0.0, 1.0], &[0.0, 0.0], 1), None);
    }

    #[test]
    fn windows_are_those_of_the_two_families() {
        let minutes = |rate: f64| {
            let (interval_s, windows) = usual(rate);
            windows.iter().map(|k| f64::from(*k) * interval_s / 60.0).collect::<Vec<_>>()
        };
        assert_eq!(minutes(1000.0), [2.0, 5.0, 11.0, 19.0, 31.0]);
        assert_eq!(minutes(999.0), [15.0, 60.0, 150.0, 330.0, 570.0, 930.0]);
    }
}

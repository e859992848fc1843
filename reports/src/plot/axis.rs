//! Ticks that people would have chosen: round numbers for values, clock-like ones for time.
//! It knows numbers only; what is drawn along an axis is the canvas's business.

use crate::number::fixed;

/// A scale with its ticks: from where to where, and what is written at it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    /// The least value shown.
    pub(crate) low: f64,
    /// The greatest value shown.
    pub(crate) high: f64,
    /// The distance of two ticks.
    pub(crate) step: f64,
    /// Decimals of the ticks' labels.
    decimals: usize,
}

/// Steps of a time axis in hours and minutes, beyond which round numbers are as good.
const CLOCK_STEPS: &[f64] = &[0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 12.0, 24.0, 48.0, 72.0, 168.0];

/// Steps of an axis in minutes or seconds.
const SIXTY_STEPS: &[f64] = &[0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// The unit of time that suits an axis of that length, and its seconds.
pub(crate) fn time_unit(lasts_s: f64) -> (&'static str, f64) {
    match lasts_s {
        s if s >= 10_800.0 => ("h", 3600.0),
        s if s >= 600.0 => ("min", 60.0),
        _ => ("s", 1.0),
    }
}

impl Scale {
    /// A scale of values with about so many ticks, a little wider than the values so that no curve touches the frame.
    pub(crate) fn of_values(low: f64, high: f64, ticks: u32) -> Self {
        let (low, high) = widened(low, high);
        let step = round_step((high - low) / f64::from(ticks.max(2)));
        Self::new(low, high, step)
    }

    /// A scale of time in `unit` (`s`, `min` or `h`) with about so many ticks.
    pub(crate) fn of_time(low: f64, high: f64, unit: &str, ticks: u32) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let wanted = (high - low) / f64::from(ticks.max(2));
        let steps = if unit == "h" { CLOCK_STEPS } else { SIXTY_STEPS };
        let step = steps.iter().copied().find(|step| *step >= wanted).unwrap_or_else(|| round_step(wanted));
        Self::new(low, high, step)
    }

    /// A scale of counts from zero on, with whole ticks.
    pub(crate) fn of_counts(most: f64) -> Self {
        let high = most.max(1.0) * 1.05;
        Self::new(0.0, high, round_step(high / 5.0).max(1.0))
    }

    fn new(low: f64, high: f64, step: f64) -> Self {
        let decimals = (0..9_u32)
            .find(|d| {
                let scaled = step * 10_f64.powf(f64::from(*d));
                (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
            })
            .unwrap_or(9);
        Self { low, high, step, decimals: decimals as usize }
    }

    /// The ticks inside the scale; never more than a few dozen.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        const MOST: usize = 60;
        let first = (self.low / self.step - 1e-9).ceil();
        (0..MOST)
            .map(|i| (first + i as f64) * self.step)
            .take_while(|tick| *tick <= self.high + 1e-9 * self.step)
            .collect()
    }

    /// What is written at a tick.
    pub(crate) fn label(&self, tick: f64) -> String {
        fixed(tick, self.decimals)
    }
}

fn widened(low: f64, high: f64) -> (f64, f64) {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        let half = (low.abs() * 0.05).max(0.5);
        return (low - half, low + half);
    }
    // A curve that starts at zero keeps its zero at the frame.
    let below = if low >= 0.0 && low < 0.02 * span { low } else { 0.06 * span };
    let low = if low >= 0.0 && low < 0.02 * span { 0.0 } else { low - below };
    (low, high + 0.06 * span)
}

/// The next of 1, 2, 5 times a power of ten.
fn round_step(wanted: f64) -> f64 {
    let power = 10_f64.powf(wanted.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= wanted * 0.999).unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_days_are_ticked_by_half_days() {
        let scale = Scale::of_time(0.0, 72.0, "h", 8);
        assert_eq!(scale.ticks(), [0.0, 12.0, 24.0, 36.0, 48.0, 60.0, 72.0]);
        assert_eq!(scale.label(12.0), "12");
        assert_eq!(Scale::of_time(-0.2, 45.0, "s", 10).step, 5.0);
    }

    #[test]
    fn labels_have_the_decimals_of_their_step() {
        let scale = Scale::of_values(-0.013, 0.021, 5);
        let labels: Vec<String> = scale.ticks().iter().map(|t| scale.label(*t)).collect();
        assert_eq!(labels, ["\u{2212}0.01", "0.00", "0.01", "0.02"]);
    }

    #[test]
    fn a_flat_curve_has_a_scale() {
        let scale = Scale::of_values(3.0, 3.0, 5);
        assert!(scale.low < 3.0 && scale.high > 3.0);
        assert!(!scale.ticks().is_empty());
    }
}

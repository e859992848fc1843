//! Mean rates over windows of the run's steps, delivered beside commanded.
//!
//! The window is long enough to hold some pulses of the pump's head and short enough to show the course of the run.

use std::time::Duration;

use domain::time::duration_ns;
use domain::{RigProfile, RunTime};
use measure::Ledger;

use crate::series::Delivered;
use crate::story::Story;

/// The windows that people expect, in seconds.
const WINDOWS_S: &[u64] = &[5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600];

/// How many pulses of the pump's head a window holds, if the run is long enough.
const PULSES: f64 = 5.0;

/// Windows of a run, at most and at least.
const MOST: f64 = 120.0;
const LEAST: f64 = 6.0;

/// Rates in windows that follow each other; one whose edge was not weighed is missing.
#[derive(Debug)]
pub(crate) struct RateWindows {
    /// The length of each.
    pub(crate) window: Duration,
    /// The windows.
    pub(crate) rows: Vec<RateWindow>,
}

/// The mean rates of a window.
#[derive(Debug)]
pub(crate) struct RateWindow {
    /// Its beginning.
    pub(crate) from: RunTime,
    /// Its end.
    pub(crate) to: RunTime,
    /// Delivered, in µL/h.
    pub(crate) delivered: f64,
    /// Commanded, in µL/h.
    pub(crate) commanded: f64,
}

/// The rates over the run's steps; `None` if there was no step or nothing was weighed.
pub(crate) fn rate_windows(
    story: &Story,
    profile: &RigProfile,
    ledger: &Ledger,
    delivered: &[Delivered],
) -> Option<RateWindows> {
    let (from, to) = story.steps_span()?;
    let span_s = to.since(from).as_secs_f64();
    let mean_ul_per_h = ledger.commanded_ul(from, to) / span_s * 3600.0;
    let pulse_s = if mean_ul_per_h > 0.0 { profile.pump.pulse_ul.ul() / mean_ul_per_h * 3600.0 } else { 0.0 };
    let window = Duration::from_secs(window_s(span_s, pulse_s)?);
    let half = (profile.method.averaging / 2).min(window / 10);

    let mut rows = Vec::new();
    let mut begin = from;
    let mut volume = volume_at(delivered, begin, half);
    while begin + window <= to {
        let end = begin + window;
        let next = volume_at(delivered, end, half);
        if let (Some(a), Some(b)) = (volume, next) {
            let hours = window.as_secs_f64() / 3600.0;
            let commanded = ledger.commanded_ul(begin, end) / hours;
            rows.push(RateWindow { from: begin, to: end, delivered: (b - a) / hours, commanded });
        }
        (begin, volume) = (end, next);
    }
    (!rows.is_empty()).then_some(RateWindows { window, rows })
}

/// The window for a run of that length whose pump gives a pulse so often.
fn window_s(span_s: f64, pulse_s: f64) -> Option<u64> {
    let wanted = (span_s / MOST).max(pulse_s * PULSES);
    let fits = |window: &&u64| **window as f64 * LEAST <= span_s;
    let longest = WINDOWS_S.iter().rfind(fits)?;
    Some(*WINDOWS_S.iter().find(|w| **w as f64 >= wanted).unwrap_or(longest).min(longest))
}

/// The mean volume of the weighings around a moment; `None` if there was none.
fn volume_at(delivered: &[Delivered], at: RunTime, half: Duration) -> Option<f64> {
    let half = half.max(Duration::from_secs(1));
    let ends = at.ns().saturating_add(duration_ns(half));
    let from = delivered.partition_point(|d| d.at < at - half);
    let to = delivered.partition_point(|d| d.at.ns() <= ends);
    let around = delivered.get(from..to).filter(|around| !around.is_empty())?;
    Some(around.iter().map(|d| d.ul).sum::<f64>() / around.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_holds_some_pulses_and_suits_the_length() {
        assert_eq!(window_s(72.0 * 3600.0, 345.6), Some(3600));
        assert_eq!(window_s(24.0 * 3600.0, 345.6), Some(1800));
        assert_eq!(window_s(60.0, 5.0), Some(10));
        assert_eq!(window_s(5.0, 1.0), None);
    }

    #[test]
    fn an_edge_that_was_not_weighed_has_no_volume() {
        let at = |s: u64| RunTime::from_ns(s * 1_000_000_000);
        let weighed = [Delivered { at: at(10), ul: 1.0 }, Delivered { at: at(11), ul: 3.0 }];
        assert_eq!(volume_at(&weighed, at(10), Duration::from_secs(2)), Some(2.0));
        assert_eq!(volume_at(&weighed, at(60), Duration::from_secs(2)), None);
    }
}

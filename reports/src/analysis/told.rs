//! An analysis in words and as JSON.
//!
//! The JSON is relied upon by scripts: its keys are added to, never renamed.

use std::fmt::Write as _;

use serde::Serialize;

use super::Analysis;
use crate::number::{plain, rounded, uncertain};
use crate::page::{MEAN_ERROR_A, MEAN_ERROR_B};

/// Errors over whole cycles are told where the spacing of readings makes no more than this share of them.
const PLACED_WITHIN: f64 = 0.01;
/// From this volume on, in µL, it is told in mL.
pub(super) const MILLILITRES_FROM_UL: f64 = 1000.0;

#[derive(Serialize)]
struct Told<'a> {
    file: String,
    rate_ml_per_h: f64,
    delivered_ml: f64,
    commanded_ml: f64,
    mean_error_percent: f64,
    expanded_uncertainty_percent: Option<f64>,
    coverage_factor: Option<f64>,
    repeatability_percent: Option<f64>,
    mean_error_a: Hour<'a>,
    mean_error_b: Hour<'a>,
    corrections: &'a [String],
    not_corrected: &'a [String],
    notes: &'a [String],
    interval_s: f64,
    from_s: f64,
    to_s: f64,
    trumpet: Vec<Window>,
    pulses: Option<Pulses>,
    method: &'static str,
}

/// The mean error over an hour of the period; null with the reason where it is not stated.
#[derive(Serialize)]
struct Hour<'a> {
    name: &'static str,
    error_percent: Option<f64>,
    /// Since the first reading.
    from_s: Option<f64>,
    to_s: Option<f64>,
    /// How many whole ones it holds; null where the log shows no pulses.
    pulse_cycles: Option<u32>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Window {
    window_s: f64,
    ep_max_percent: f64,
    ep_min_percent: f64,
    windows: u32,
}

/// Delivery by pulses. Times are in s, volumes in µL.
#[derive(Serialize)]
pub(super) struct Pulses {
    pub(super) count: usize,
    pub(super) period_s: f64,
    pub(super) mean_ul: f64,
    pub(super) least_ul: f64,
    pub(super) greatest_ul: f64,
    /// Errors over whole cycles, the number of which is nearest to each window of the trumpet.
    pub(super) over_cycles: Vec<Cycles>,
}

/// The errors over so many whole cycles, in %.
#[derive(Serialize)]
pub(super) struct Cycles {
    pub(super) cycles: usize,
    pub(super) ep_max_percent: f64,
    pub(super) ep_min_percent: f64,
}

const METHOD: &str = "trumpet curve by a method adapted from IEC 60601-2-24 (ed. 1, 1998; ed. 2, 2012), which excludes \
                      implants; its text was not checked";

impl Analysis {
    /// The expanded uncertainty of the mean error, in %, and its coverage factor, if a budget was given.
    pub(super) fn uncertainty(&self) -> Option<(f64, f64)> {
        let combined = self.budget.as_ref()?.combined().ok()?;
        Some((combined.expanded, combined.coverage_factor))
    }

    pub(super) fn pulses(&self) -> Option<Pulses> {
        let found = self.figures.pulses.as_ref()?;
        let volumes = || found.pulses.iter().map(|pulse| pulse.volume);
        Some(Pulses {
            count: found.pulses.len(),
            period_s: found.period_s,
            mean_ul: volumes().sum::<f64>() / found.pulses.len() as f64,
            least_ul: volumes().fold(f64::INFINITY, f64::min),
            greatest_ul: volumes().fold(f64::NEG_INFINITY, f64::max),
            over_cycles: self.over_cycles(found),
        })
    }

    fn over_cycles(&self, found: &measure::pulses::Pulses) -> Vec<Cycles> {
        let mut counts: Vec<usize> = self
            .figures
            .trumpet
            .iter()
            .map(|window| (f64::from(window.intervals) * self.interval_s / found.period_s).round().max(1.0) as usize)
            .collect();
        counts.sort_unstable();
        counts.dedup();
        // A pulse is placed to a reading's spacing: over few of them that is all that would be seen.
        let placed = |cycles: &usize| self.readings.1 <= PLACED_WITHIN * *cycles as f64 * found.period_s;
        counts.retain(placed);
        let error = |cycles: usize| {
            let (ep_max_percent, ep_min_percent) = found.over_cycles(cycles, &self.commanded)?;
            Some(Cycles { cycles, ep_max_percent, ep_min_percent })
        };
        counts.into_iter().filter_map(error).collect()
    }

    fn hour<'a>(&self, name: &'static str, found: &'a Result<measure::log::Hour, String>) -> Hour<'a> {
        let hour = found.as_ref().ok();
        let (from_s, to_s) = hour.map(|hour| self.since_first_reading(hour)).unzip();
        Hour {
            name,
            error_percent: hour.map(|hour| hour.error_percent),
            from_s,
            to_s,
            pulse_cycles: hour.and_then(|hour| hour.cycles),
            reason: found.as_ref().err().map(String::as_str),
        }
    }

    /// One object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        let window = |found: &measure::trumpet::Window| Window {
            window_s: f64::from(found.intervals) * self.interval_s,
            ep_max_percent: found.ep_max_percent,
            ep_min_percent: found.ep_min_percent,
            windows: found.windows,
        };
        let told = Told {
            file: self.path.display().to_string(),
            rate_ml_per_h: self.rate_ul_per_h * 1e-3,
            delivered_ml: self.figures.delivered_ul * 1e-3,
            commanded_ml: self.figures.commanded_ul * 1e-3,
            mean_error_percent: self.figures.mean_error_percent,
            expanded_uncertainty_percent: self.uncertainty().map(|(expanded, _)| expanded),
            coverage_factor: self.uncertainty().map(|(_, factor)| factor),
            repeatability_percent: self.figures.repeatability_percent.map(|(repeatability, _)| repeatability),
            mean_error_a: self.hour(MEAN_ERROR_A, &self.figures.hours.second),
            mean_error_b: self.hour(MEAN_ERROR_B, &self.figures.hours.last),
            corrections: &self.corrections,
            not_corrected: &self.not_corrected,
            notes: &self.notes,
            interval_s: self.interval_s,
            from_s: self.period_s.0,
            to_s: self.period_s.1,
            trumpet: self.figures.trumpet.iter().map(window).collect(),
            pulses: self.pulses(),
            method: METHOD,
        };
        // Every number in it is finite, every key a text.
        serde_json::to_string(&told).unwrap_or_else(|why| unreachable!("an analysis is always JSON: {why}"))
    }

    /// The analysis as people read it on a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "{name:<16}{value}");
        };
        let (readings, spacing_s) = self.readings;
        line("log", &format!("{}, {readings} readings, mostly {} apart", self.path.display(), span(spacing_s)));
        line("columns", &self.columns.join(", "));
        let (from, to) = self.period_s;
        line("period", &format!("{} to {}, each {}", span(from), span(to), span(self.interval_s)));
        line(
            "commanded",
            &format!("{} at {} mL/h", volume(self.figures.commanded_ul), plain(self.rate_ul_per_h * 1e-3)),
        );
        line("delivered", &volume(self.figures.delivered_ul));
        line("mean error", &self.error_text());
        if let Some((repeatability, _)) = self.figures.repeatability_percent {
            line(
                "repeatability",
                &format!("{} % (standard deviation of the mean, from the period's parts)", rounded(repeatability, 2)),
            );
        }
        let hours = [("A, second hour", &self.figures.hours.second), ("B, last hour", &self.figures.hours.last)];
        for (name, hour) in hours.into_iter().filter_map(|(name, hour)| Some((name, hour.as_ref().ok()?))) {
            let whole = hour.cycles.map_or_else(String::new, |cycles| format!(" (over {cycles} whole pulse cycles)"));
            line(name, &format!("mean error {} %{whole}", signed(hour.error_percent)));
        }
        for (name, phrases) in [("corrected", &self.corrections), ("NOT corrected", &self.not_corrected)] {
            for (i, phrase) in phrases.iter().enumerate() {
                line(if i == 0 { name } else { "" }, phrase);
            }
        }
        if let Some(pulses) = self.pulses() {
            let (least, greatest) = (rounded(pulses.least_ul, 3), rounded(pulses.greatest_ul, 3));
            let mean = rounded(pulses.mean_ul, 3);
            line(
                "pulses",
                &format!(
                    "{}, one each {}, of {mean} µL ({least} to {greatest} µL)",
                    pulses.count,
                    span(pulses.period_s)
                ),
            );
            for over in &pulses.over_cycles {
                let (max, min) = (signed(over.ep_max_percent), signed(over.ep_min_percent));
                line("", &format!("over {} whole cycles: {max} % to {min} %", over.cycles));
            }
        }
        for note in &self.notes {
            line("note", note);
        }
        if !self.figures.trumpet.is_empty() {
            let _ = writeln!(text, "\n{:>12}{:>12}{:>12}{:>10}", "window", "Ep(max) / %", "Ep(min) / %", "windows");
        }
        for window in &self.figures.trumpet {
            let length = span(f64::from(window.intervals) * self.interval_s);
            let (max, min) = (signed(window.ep_max_percent), signed(window.ep_min_percent));
            let _ = writeln!(text, "{length:>12}{max:>12}{min:>12}{:>10}", window.windows);
        }
        let _ = writeln!(text, "\n{METHOD}");
        text
    }

    fn error_text(&self) -> String {
        let error = self.figures.mean_error_percent;
        match self.uncertainty() {
            Some((expanded, factor)) => {
                let (value, expanded) = uncertain(error, Some(expanded));
                format!("{value} % ± {} % (k = {})", expanded.unwrap_or_default(), rounded(factor, 3))
            }
            None => format!("{} % (its uncertainty is not known; give --budget)", signed(error)),
        }
    }
}

/// A per cent with sign and three decimals.
pub(super) fn signed(value: f64) -> String {
    let text = crate::number::fixed(value.abs(), 3);
    format!("{}{text}", if value < 0.0 { '\u{2212}' } else { '+' })
}

/// A volume in µL, as mL where it is a great one.
pub(super) fn volume(ul: f64) -> String {
    if ul.abs() >= MILLILITRES_FROM_UL { format!("{} mL", plain(ul * 1e-3)) } else { format!("{} µL", plain(ul)) }
}

/// A time in the greatest unit in which it is a short number.
pub(super) fn span(seconds: f64) -> String {
    let units = [("h", 3600.0), ("min", 60.0)];
    let short = |unit: f64| seconds >= unit && (seconds / unit * 100.0).fract().abs() < 1e-6;
    match units.into_iter().find(|(_, unit)| short(*unit)) {
        Some((symbol, unit)) => format!("{} {symbol}", plain(seconds / unit)),
        None => format!("{} s", plain(seconds)),
    }
}

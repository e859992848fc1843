//! The figures of an analysis in words: each with its value, and a sentence that says what it means.
//!
//! It computes nothing; numbers are written as reports write them.

use measure::log::Hour;
use serde::Serialize;

use super::Analysis;
use super::page::sentence;
use super::told::{MILLILITRES_FROM_UL, Pulses, signed, span, volume};
use crate::number::{plain, rounded, uncertain};
use crate::page::{MEAN_ERROR_A, MEAN_ERROR_B};

/// What stands where a value is not known.
pub(super) const NOT_GIVEN: &str = "not given";

/// A figure.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    name: String,
    value: String,
    /// A sentence.
    meaning: String,
}

fn figure(name: &str, value: String, meaning: impl Into<String>) -> Figure {
    Figure { name: name.to_owned(), value, meaning: meaning.into() }
}

impl Analysis {
    /// What was found, in a sentence.
    pub(super) fn lead(&self) -> String {
        let (from, to) = self.period_s;
        let delivered = match self.delivered_texts() {
            (value, Some(u), unit) => format!("{value} \u{b1} {u} {unit}"),
            (value, None, unit) => format!("{value} {unit}"),
        };
        format!(
            "{delivered} delivered in {} where {} were commanded: mean error {}.",
            span(to - from),
            volume(self.figures.commanded_ul),
            match self.error_texts() {
                (value, Some((u, factor))) => format!("{value} % \u{b1} {u} % (k\u{a0}=\u{a0}{factor})"),
                (value, None) => format!("{value} %; uncertainty not stated: {}", self.why_unstated()),
            }
        )
    }

    /// Why the mean error has no uncertainty.
    fn why_unstated(&self) -> &'static str {
        if self.budget.is_some() { "the budget gives none" } else { "no budget was given" }
    }

    /// The mean error, and its expanded uncertainty with the coverage factor; all without a unit.
    fn error_texts(&self) -> (String, Option<(String, String)>) {
        let error = self.figures.mean_error_percent;
        let stated = self.uncertainty().and_then(|(expanded, factor)| {
            let (value, u) = uncertain(error, Some(expanded));
            Some((value, (u?, rounded(factor, 3))))
        });
        stated.map_or_else(|| (signed(error), None), |(value, u)| (value, Some(u)))
    }

    /// The delivered volume, its expanded uncertainty if the mean error has one, and the unit of both.
    fn delivered_texts(&self) -> (String, Option<String>, &'static str) {
        let (delivered, commanded) = (self.figures.delivered_ul, self.figures.commanded_ul);
        let (unit, ul) = if delivered.abs() >= MILLILITRES_FROM_UL { ("mL", 1e3) } else { ("\u{b5}L", 1.0) };
        let expanded = self.uncertainty().map(|(percent, _)| percent / 100.0 * commanded / ul);
        let (value, u) = uncertain(delivered / ul, expanded);
        (value, u, unit)
    }

    /// The figures of the period.
    pub(super) fn period_figures(&self) -> Vec<Figure> {
        let fast = self.rate_ul_per_h >= measure::trumpet::FAST_FROM_UL_PER_H;
        let flow = |ul_per_h: f64| {
            if fast { format!("{} mL/h", plain(ul_per_h * 1e-3)) } else { format!("{} \u{b5}L/h", plain(ul_per_h)) }
        };
        let (delivered, u, unit) = self.delivered_texts();
        let delivered = u.map_or_else(|| format!("{delivered} {unit}"), |u| format!("{delivered} \u{b1} {u} {unit}"));
        let mut rows = vec![
            figure("Commanded rate", flow(self.rate_ul_per_h), "The mean rate that was commanded over the period."),
            figure(
                "Commanded volume",
                volume(self.figures.commanded_ul),
                "What the pump was to deliver over the period.",
            ),
            figure(
                "Delivered volume",
                delivered,
                "What the readings show to have been delivered, by the corrections that are listed below.",
            ),
        ];
        rows.extend(self.error_figures());
        rows.extend(self.hours());
        rows.extend(self.first_interval(flow));
        rows
    }

    fn error_figures(&self) -> Vec<Figure> {
        let (error, stated) = self.error_texts();
        let meaning = "Delivered in excess of commanded, in % of commanded; below zero too little was delivered.";
        let mut rows = vec![figure("Mean error", format!("{error} %"), meaning)];
        rows.push(match stated {
            Some((u, factor)) => figure(
                "Expanded uncertainty U of the mean error",
                format!("{u} % (k = {factor})"),
                "The mean error lies within U of the value above with a probability of about 95.45 %, if the budget's terms \
                 are complete.",
            ),
            None => figure(
                "Expanded uncertainty U of the mean error",
                "not stated".to_owned(),
                format!("How far the mean error may be from the value above is not known: {}.", self.why_unstated()),
            ),
        });
        rows.push(match self.figures.repeatability_percent {
            Some((repeatability, dof)) => figure(
                "Repeatability of the mean error",
                format!("{} %", rounded(repeatability, 2)),
                format!(
                    "Standard deviation of the mean, from the means over {} parts of the period; what lasts longer than a \
                     part does not show in it.",
                    plain(dof + 1.0)
                ),
            ),
            None => figure(
                "Repeatability of the mean error",
                NOT_GIVEN.to_owned(),
                "It takes the means over two parts of the period at least, each with a commanded dose.",
            ),
        });
        rows
    }

    /// The means over the second hour and over the last one.
    fn hours(&self) -> [Figure; 2] {
        let row = |name: &str, hour: &Result<Hour, String>, meaning: &str| match hour {
            Ok(hour) => {
                let (from_s, to_s) = self.since_first_reading(hour);
                let whole = hour.cycles.map_or_else(String::new, |cycles| {
                    format!(", over {cycles} whole pulse cycles, so that no pulse falls on an end")
                });
                let when = format!("From {} to {} since the first reading{whole}", clock(from_s), clock(to_s));
                figure(name, format!("{} %", signed(hour.error_percent)), format!("{when}. {meaning}"))
            }
            Err(why) => figure(name, NOT_GIVEN.to_owned(), sentence(why)),
        };
        let hours = &self.figures.hours;
        [
            row(MEAN_ERROR_A, &hours.second, "As little of the first hour's start-up is in it as the period allows."),
            row(MEAN_ERROR_B, &hours.last, "Against the second hour it shows how the flow has changed since."),
        ]
    }

    /// When an hour begins and ends, in s since the first reading.
    pub(super) fn since_first_reading(&self, hour: &Hour) -> (f64, f64) {
        let first_s = self.span_s.0 - self.period_s.0;
        (hour.from_s - first_s, hour.to_s - first_s)
    }

    /// How the delivery starts.
    fn first_interval(&self, flow: impl Fn(f64) -> String) -> Option<Figure> {
        let (_, first) = self.figures.flow_ul_per_h.first().filter(|_| self.figures.flow_ul_per_h.len() > 1)?;
        let meaning = "The flow with which the period begins; the start-up curve shows how it goes on.";
        Some(figure(&format!("Start-up: flow over the first {}", span(self.interval_s)), flow(*first), meaning))
    }
}

/// Seconds as a clock shows them.
fn clock(seconds: f64) -> String {
    domain::time::clock(std::time::Duration::from_secs_f64(seconds.max(0.0).round()))
}

/// The figures of a delivery by pulses.
pub(super) fn pulse_figures(found: &Pulses) -> Vec<Figure> {
    vec![
        figure("Pulses", found.count.to_string(), "Rises of the mass that stand out of the noise between them."),
        figure(
            "Pulse period",
            format!("{} s", rounded(found.period_s, 4)),
            "The mean time from one to the next; where one was missed, it counts as two.",
        ),
        figure(
            "Pulse volume, mean",
            format!("{} \u{b5}L", rounded(found.mean_ul, 3)),
            "What one pulse brings, the readings' noise averaged out.",
        ),
        figure(
            "Pulse volume, range",
            format!("{} to {} \u{b5}L", rounded(found.least_ul, 3), rounded(found.greatest_ul, 3)),
            "The least and the greatest pulse, noise of the readings included.",
        ),
    ]
}

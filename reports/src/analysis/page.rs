//! `report.html` of an analysis: figures, plots, uncertainty and method on one page, for people.
//!
//! Names of the file, of its columns and of the budget's terms are untrusted: the template escapes everything but the
//! drawings that this crate makes itself. It judges nothing.

use serde::Serialize;

use super::figures::{Figure, NOT_GIVEN, pulse_figures};
use super::panels::Drawings;
use super::told::{Pulses, signed, span};
use super::{Analysis, Commanded};
use crate::curves::Plots;
use crate::error::ReportError;
use crate::files::TOOL;
use crate::number::{plain, prose};
use crate::page::{BudgetTable, Drawing, Live, Pair, budget_table, page, pair};

const FILE: &str = "report.html";
const TEMPLATE: &str = include_str!("page.html.j2");

/// Rows of the table of windows, at most; `analysis.json` has the rest.
const WINDOWS: usize = 100;

/// Everything that the page says.
#[derive(Debug, Serialize)]
struct Content<'a> {
    name: String,
    sha256: String,
    lead: String,
    notices: Vec<String>,
    facts: Vec<Pair>,
    period: Vec<Figure>,
    over_time: &'a [Drawing],
    trumpet: Vec<Errors>,
    trumpet_left_out: usize,
    trumpet_plot: Option<&'a Drawing>,
    pulses: Vec<Figure>,
    cycles: Vec<Errors>,
    pulses_plot: Option<&'a Drawing>,
    budget: Option<BudgetTable>,
    budget_plot: Option<&'a Drawing>,
    corrected: Vec<String>,
    not_corrected: Vec<String>,
    conditions: Vec<Pair>,
    limits: Vec<String>,
}

/// The greatest and the least error over windows of one length.
#[derive(Debug, Serialize)]
struct Errors {
    over: String,
    max: String,
    min: String,
    /// How many windows there are.
    count: u32,
}

impl Analysis {
    /// The page's text.
    ///
    /// # Errors
    /// Only if data or template do not render, which would be a fault of this program.
    pub(super) fn page(
        &self,
        plots: &Plots,
        drawings: &Drawings,
        sha256: Option<String>,
    ) -> Result<String, ReportError> {
        page(FILE, TEMPLATE, &self.content(drawings, sha256), &Live::of(plots)?)
    }

    fn content<'a>(&self, drawings: &'a Drawings, sha256: Option<String>) -> Content<'a> {
        let pulses = self.pulses();
        Content {
            name: self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned(),
            sha256: sha256.unwrap_or_else(|| format!("{NOT_GIVEN}: the log is no plain file")),
            lead: self.lead(),
            notices: self.notes.iter().map(|note| sentence(note)).collect(),
            facts: self.facts(),
            period: self.period_figures(),
            over_time: &drawings.over_time,
            trumpet: self.windows().take(WINDOWS).collect(),
            trumpet_left_out: self.figures.trumpet.len().saturating_sub(WINDOWS),
            trumpet_plot: drawings.trumpet.as_ref(),
            cycles: pulses.as_ref().map(cycles).unwrap_or_default(),
            pulses: pulses.as_ref().map(pulse_figures).unwrap_or_default(),
            pulses_plot: drawings.pulses.as_ref(),
            budget: self.budget.as_ref().map(|budget| budget_table("Mean error", budget, None)),
            budget_plot: drawings.budget.as_ref(),
            corrected: self.corrections.iter().map(|phrase| printed(phrase)).collect(),
            not_corrected: self.not_corrected.iter().map(|phrase| printed(phrase)).collect(),
            conditions: self.conditions(),
            limits: self.limits(),
        }
    }

    fn facts(&self) -> Vec<Pair> {
        let column = |i: usize| self.columns.get(i).map_or(NOT_GIVEN, String::as_str);
        let (readings, spacing_s) = self.readings;
        let (from, to) = self.period_s;
        let commanded = match self.asked.commanded {
            Commanded::Rate(_) => "one rate throughout, as given".to_owned(),
            Commanded::Column(_) => format!("column {}", column(2)),
        };
        vec![
            pair("File", self.path.to_string_lossy()),
            pair("Time", format!("column {}", column(0))),
            pair("Mass", format!("column {}", column(1))),
            pair("Commanded dose", commanded),
            pair("Readings", readings.to_string()),
            pair("Spacing of the readings (median)", span(spacing_s)),
            pair("Period, since the first reading", format!("{} to {}", span(from), span(to))),
            pair("Sample interval", span(self.interval_s)),
            pair("Uncertainty budget", if self.budget.is_some() { "given" } else { NOT_GIVEN }),
            pair("Report made by", TOOL),
        ]
    }

    /// The errors over the windows of each length.
    fn windows(&self) -> impl Iterator<Item = Errors> {
        self.figures.trumpet.iter().map(|window| Errors {
            over: span(f64::from(window.intervals) * self.interval_s),
            max: signed(window.ep_max_percent),
            min: signed(window.ep_min_percent),
            count: window.windows,
        })
    }

    /// What the corrections were made from.
    fn conditions(&self) -> Vec<Pair> {
        let known = |value: Option<f64>, unit: &str| {
            value.map_or_else(|| NOT_GIVEN.to_owned(), |value| format!("{} {unit}", plain(value)))
        };
        let liquid = self.asked.liquid;
        let water = liquid.temperature_c.filter(|_| liquid.density_kg_per_m3.is_none());
        let density = water
            .map_or_else(|| known(liquid.density_kg_per_m3, "kg/m\u{b3}"), |_| format!("{NOT_GIVEN}: taken for water"));
        let stated = match liquid.stated_c {
            None if water.is_some() => format!("{NOT_GIVEN}: the vessel's temperature"),
            stated => known(stated, "\u{b0}C"),
        };
        let (needle, vessel) = self.asked.needle_mm.unzip();
        vec![
            pair("Density of the liquid", density),
            pair("Temperature of vessel and air", known(liquid.temperature_c, "\u{b0}C")),
            pair("Volumes are stated at", stated),
            pair("Air pressure", known(liquid.pressure_hpa, "hPa")),
            pair("Relative humidity", known(liquid.humidity_percent, "%")),
            pair("Evaporation", known(self.asked.evaporation_ug_per_s, "\u{b5}g/s")),
            pair("Needle, outer diameter", known(needle, "mm")),
            pair("Vessel, inner diameter", known(vessel, "mm")),
        ]
    }

    /// How the figures came about, and what the page does not claim.
    fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "The method is adapted from IEC 60601-2-24 (ed. 1, 1998; ed. 2, 2012), whose scope excludes implants; the text of \
             its clauses was not checked."
                .to_owned(),
            "Nothing is judged: no limit was set, and no figure is compared with one. This is no statement of conformity."
                .to_owned(),
            "The readings are taken as they are. Between two of them the volume is taken to rise evenly; the figures are of \
             all readings, while plotted curves of many are thinned to their extremes."
                .to_owned(),
            "The trumpet curve is of the whole period: a start-up is in it unless the period was made to begin later."
                .to_owned(),
            "Volumes follow from mass by water density (Tanaka 2001) or the density that was given, air density (CIPM-2007, \
             Picard 2008) and the corrections that are listed; what was not corrected is in the figures."
                .to_owned(),
        ];
        limits.push(match self.budget {
            Some(_) => {
                "The uncertainty is of the mean error alone, from the terms that were given and the repeatability of this \
                 log. Nobody checked the terms, or whether one is missing."
            }
            None => {
                "No uncertainty is stated: the readings alone do not tell how right the balance is, or the corrections."
            }
        }
        .to_owned());
        limits
    }
}

/// The errors over whole pulse cycles.
fn cycles(found: &Pulses) -> Vec<Errors> {
    let errors = found.over_cycles.iter().map(|over| Errors {
        over: over.cycles.to_string(),
        max: signed(over.ep_max_percent),
        min: signed(over.ep_min_percent),
        count: u32::try_from(found.count.saturating_sub(over.cycles)).unwrap_or(u32::MAX),
    });
    errors.collect()
}

/// A phrase with the letters of its units that print.
fn printed(phrase: &str) -> String {
    prose(phrase).replace("kg/m3", "kg/m\u{b3}")
}

/// A phrase as a sentence.
pub(super) fn sentence(note: &str) -> String {
    let mut letters = printed(note).trim_end_matches('.').to_owned();
    if let Some(first) = letters.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{letters}.")
}

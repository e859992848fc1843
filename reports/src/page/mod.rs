//! What a report says, and `report.html`: the run on one page, for people. One file, nothing from the network; its scripts let
//! people zoom into the plots, and without them the plots stand still.
//!
//! Texts of scenarios, instruments and operators are untrusted: the template escapes everything but the drawings that
//! this crate makes itself. [`crate::paper`] prints the same content.

mod bar;
mod checks;
mod fields;
mod head;
mod live;
mod method;
mod template;

use measure::Budget;
use serde::Serialize;

use crate::again::Recomputation;
use crate::error::ReportError;
use crate::number::prose;
use crate::outcome::Outcome;
use crate::plot::{Frame, Panel, draw, shares};
use crate::story::Story;
use crate::summary::Summary;

pub(crate) use bar::bar;
pub(crate) use checks::{BudgetTable, budget_table, verdict_text};
pub(crate) use fields::{Cell, MEAN_ERROR_A, MEAN_ERROR_B, Section, Tone, sections};
pub(crate) use head::simulated;
pub(crate) use live::{Live, POINTS_LIVE};
pub(crate) use template::page;

const FILE: &str = "report.html";
const TEMPLATE: &str = include_str!("report.html.j2");

/// Rows of the timeline, at most; the record has the rest.
const TIMELINE_ROWS: usize = 400;

/// Everything that a page is made of.
pub(crate) struct Material<'a> {
    /// What the stream told.
    pub(crate) story: &'a Story,
    /// The run in one object.
    pub(crate) summary: &'a Summary,
    /// What it ended as.
    pub(crate) outcome: &'a Outcome,
    /// The figures, computed again.
    pub(crate) again: &'a Recomputation,
    /// Why the stream may not be whole.
    pub(crate) torn: Option<&'a str>,
    /// How many events it has.
    pub(crate) events: u64,
    /// The tool that ran it.
    pub(crate) tool: &'a str,
    /// The files that the run left, each with its SHA-256.
    pub(crate) raw: &'a crate::files::Hashes,
}

/// A plot as the page shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Drawing {
    /// Its file's name under `plots/`.
    pub(crate) file: String,
    /// The SVG document.
    pub(crate) svg: String,
    /// What it shows, for the caption.
    pub(crate) caption: String,
}

impl Drawing {
    /// A panel as it stands still, over its own axis or the shared one.
    ///
    /// # Errors
    /// As [`draw`].
    pub(crate) fn of(panel: &Panel, shared: &Frame) -> Result<Self, ReportError> {
        let svg = draw(panel, panel.frame.as_ref().unwrap_or(shared))?;
        Ok(Self { file: format!("{}.svg", panel.file), svg, caption: panel.caption.clone() })
    }

    /// Where an uncertainty comes from, the greatest share first.
    ///
    /// # Errors
    /// As [`shares`].
    pub(crate) fn of_budget(file: String, caption: String, budget: &Budget) -> Result<Self, ReportError> {
        let names = budget.terms.iter().map(|term| term.name.clone());
        let mut rows: Vec<(String, f64)> = names.zip(budget.shares()).collect();
        rows.sort_by(|a, b| b.1.total_cmp(&a.1));
        let svg = shares("Share of the variance", &caption, &rows)?;
        Ok(Self { file, svg, caption })
    }
}

/// The drawings of a report.
#[derive(Debug)]
pub(crate) struct Drawings {
    /// What was delivered, and what follows from it.
    pub(crate) plots: Vec<Drawing>,
    /// Channels as they were read.
    pub(crate) channels: Vec<Drawing>,
    /// Where each check's uncertainty comes from, in the order of the budgets.
    pub(crate) budgets: Vec<Drawing>,
}

impl Drawings {
    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Drawing> {
        self.plots.iter().chain(&self.channels).chain(&self.budgets)
    }
}

/// A line of a table of two columns.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    name: String,
    value: String,
}

pub(crate) fn pair(name: &str, value: impl Into<String>) -> Pair {
    Pair { name: name.to_owned(), value: value.into() }
}

/// A row of the timeline.
#[derive(Debug, Serialize)]
struct Row {
    at: String,
    sort: &'static str,
    text: String,
    loud: bool,
}

/// Everything that a report says, ready to be shown.
#[derive(Debug, Serialize)]
pub(crate) struct Content<'a> {
    head: head::Head,
    asked: head::Asked,
    checks: Vec<checks::Row>,
    /// The decision rule.
    rule: String,
    budgets: Vec<BudgetTable>,
    budget_bars: &'a [Drawing],
    conditions: Vec<Pair>,
    corrections: Vec<Pair>,
    plots: &'a [Drawing],
    channels: &'a [Drawing],
    timeline: Vec<Row>,
    timeline_left_out: usize,
    files: Vec<Pair>,
    limits: Vec<String>,
    sections: Vec<Section>,
}

/// What a report of that run says.
pub(crate) fn content<'a>(material: &Material<'_>, drawings: &'a Drawings) -> Content<'a> {
    let story = material.story;
    Content {
        head: head::head(material),
        asked: head::asked(material),
        checks: checks::rows(material),
        rule: story.opened.as_ref().map(|opened| opened.decision_rule).unwrap_or_default().to_string(),
        budgets: checks::budgets(material),
        budget_bars: &drawings.budgets,
        conditions: method::conditions(material),
        corrections: method::corrections(material),
        plots: &drawings.plots,
        channels: &drawings.channels,
        timeline: timeline(story),
        timeline_left_out: story.timeline.len().saturating_sub(TIMELINE_ROWS),
        files: files(material),
        limits: method::limits_of_this_report(material),
        sections: sections(material),
    }
}

/// The page's text.
///
/// # Errors
/// Only if the template does not render, which would be a fault of this program.
pub(crate) fn report_html(content: &Content<'_>, live: &Live) -> Result<String, ReportError> {
    page(FILE, TEMPLATE, content, live)
}

fn timeline(story: &Story) -> Vec<Row> {
    story
        .timeline
        .iter()
        .take(TIMELINE_ROWS)
        .map(|moment| Row {
            at: clock(story.seconds(moment.at)),
            sort: moment.sort,
            text: prose(&moment.text),
            loud: moment.loud,
        })
        .collect()
}

/// Run time since the rig was ready as a clock shows it, with tenths: `1 d 02:15:07.5`.
fn clock(seconds: f64) -> String {
    let sign = if seconds <= -0.05 { "\u{2212}" } else { "" };
    let tenths = (seconds.abs() * 10.0).round() as u64;
    let span = std::time::Duration::from_secs(tenths / 10);
    format!("{sign}{}.{}", domain::time::clock(span), tenths % 10)
}

fn files(material: &Material<'_>) -> Vec<Pair> {
    let mut files = vec![
        pair("Stream (SHA-256 over its events)", material.summary.stream_sha256.as_str()),
        pair("Events", material.events.to_string()),
    ];
    if let Some(opened) = &material.story.opened {
        files.push(pair("Format of the events", opened.format.to_string()));
        files.push(pair("Run by", format!("{} (engine {})", material.tool, opened.version)));
    }
    files.push(pair("Report made by", crate::files::TOOL));
    files.push(pair("Every other file", "manifest.json beside this report lists each file's SHA-256"));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_before_the_rig_was_ready_is_negative() {
        assert_eq!(clock(-1.25), "\u{2212}00:00:01.3");
        assert_eq!(clock(0.0), "00:00:00.0");
        assert_eq!(clock(93_600.96), "1 d 02:00:01.0");
    }
}

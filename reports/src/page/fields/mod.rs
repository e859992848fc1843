//! The fields of a verification report that a regulator asks for, as sections of tables: one content for page, paper and
//! Markdown. What nobody gave stands there as not given.
//!
//! Each section says where it is shown, since page and paper have some of it elsewhere. It decides nothing.

mod figures;
mod judged;
mod measured;
mod record;
mod told;

use domain::event::Opened;
use serde::Serialize;

use super::{Material, method};

pub(crate) use figures::{MEAN_ERROR_A, MEAN_ERROR_B};

/// What stands where nobody gave anything.
const NOT_GIVEN: &str = "not given";

/// A section.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    /// Its anchor.
    pub(crate) id: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// Where it is shown.
    pub(crate) shown: Shown,
    /// Sentences before the tables.
    pub(crate) lines: Vec<String>,
    /// The tables.
    pub(crate) tables: Vec<Table>,
}

/// Where a section is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shown {
    /// Everywhere.
    Everywhere,
    /// Everywhere but on paper, which says it in another place.
    NotOnPaper,
    /// In Markdown alone; page and paper say it in another place.
    InMarkdown,
}

/// A table.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) caption: String,
    /// Its columns: what stands above, and how much of the width it takes, in %. A table of names and values has none.
    pub(crate) columns: Vec<(&'static str, u8)>,
    /// Its rows.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Whether its cells are there to be written into.
    pub(crate) to_sign: bool,
}

/// What a cell is, beside its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tone {
    /// Nothing else.
    Plain,
    /// Nobody gave it.
    Missing,
    /// It speaks against the report.
    Alert,
    /// A verdict.
    Pass,
    /// A verdict.
    Fail,
    /// A verdict.
    Inconclusive,
    /// A verdict that was never reached.
    NotRun,
}

/// A cell.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    /// The text.
    pub(crate) text: String,
    /// What stands small below it.
    pub(crate) small: Vec<String>,
    /// What it is.
    pub(crate) tone: Tone,
}

impl Cell {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), small: Vec::new(), tone: Tone::Plain }
    }

    fn given(text: Option<&str>) -> Self {
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => Self::of(text),
            None => Self::of(NOT_GIVEN).toned(Tone::Missing),
        }
    }

    fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    fn small(mut self, text: impl Into<String>) -> Self {
        self.small.push(text.into());
        self
    }
}

fn section(id: &'static str, title: &'static str, tables: Vec<Table>) -> Section {
    Section { id, title, shown: Shown::Everywhere, lines: Vec::new(), tables }
}

/// A table of names and values.
fn listed(caption: &str, rows: Vec<(&str, Cell)>) -> Table {
    let rows = rows.into_iter().map(|(name, value)| vec![Cell::of(name), value]).collect();
    Table { caption: caption.to_owned(), columns: Vec::new(), rows, to_sign: false }
}

fn table(caption: impl Into<String>, columns: &[(&'static str, u8)], rows: Vec<Vec<Cell>>) -> Table {
    Table { caption: caption.into(), columns: columns.to_vec(), rows, to_sign: false }
}

/// Every section of a run, in the order in which they are shown.
pub(crate) fn sections(material: &Material<'_>) -> Vec<Section> {
    let Some(opened) = &material.story.opened else { return Vec::new() };
    let mut sections = vec![
        told::report(material, opened),
        told::tool(material, opened),
        told::place(material, opened),
        told::device(material, opened),
        told::liquid(material, opened),
        measured::instruments(material, opened),
        measured::environment(material, opened),
        measured::sampling(material, opened),
        told::method(opened),
        to_volume(material),
        judged::requirements(material, opened),
        judged::criteria(material, opened),
        record::anomalies(material, opened),
        record::raw(material),
        record::extract(material, opened),
        judged::conclusion(material),
        record::signatures(),
    ];
    let at = sections.iter().position(|section| section.id == "trace").unwrap_or(sections.len());
    if let Some(figures) = figures::figures(material) {
        sections.insert(at, figures);
    }
    sections
}

/// Corrections and conditions, which page and paper have beside the figures.
fn to_volume(material: &Material<'_>) -> Section {
    let pairs = |caption: &str, pairs: Vec<super::Pair>| {
        let rows = pairs.into_iter().map(|pair| vec![Cell::of(pair.name), Cell::of(pair.value)]).collect();
        Table { caption: caption.to_owned(), columns: Vec::new(), rows, to_sign: false }
    };
    let tables = vec![
        pairs("Corrections that were applied", method::corrections(material)),
        pairs("Conditions, as the rig file declares them", method::conditions(material)),
    ];
    Section { shown: Shown::InMarkdown, ..section("to-volume", "From mass to volume", tables) }
}

/// A moment of run time as the run's wall clock had it, and what clock that is.
fn wall(material: &Material<'_>, opened: &Opened, at: domain::RunTime) -> String {
    let began = match &opened.profile.clock {
        domain::profile::Clock::Virtual { epoch } => epoch.as_str(),
        domain::profile::Clock::Real => material.summary.started.as_str(),
    };
    let moment = began.parse::<jiff::Timestamp>().ok().and_then(|began| {
        let since = jiff::SignedDuration::try_from(at.since(domain::RunTime::ZERO)).ok()?;
        began.checked_add(since).ok()
    });
    moment.map_or_else(|| "\u{2013}".to_owned(), |moment| format!("{moment:.0}").replace('T', " ").replace('Z', ""))
}

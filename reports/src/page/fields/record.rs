//! What the record holds beside figures: anomalies, raw data, the people's part of the audit trail, and room to sign.
//! Dispositions and signatures are people's: their cells are left to be written into.

use domain::event::Opened;

use super::{Cell, NOT_GIVEN, Section, Shown, Table, Tone, section, table, wall};
use crate::number::prose;
use crate::page::{Material, clock};
use crate::timeline::Moment;

/// Rows of a table, at most; the record has the rest.
const ROWS: usize = 200;

/// The sorts of moments that people have a part in, or that stop a run.
const AUDITED: &[&str] = &["question", "answer", "remark", "stop asked", "bench fault", "safe stop", "end"];

pub(super) fn anomalies(material: &Material<'_>, opened: &Opened) -> Section {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut add = |when: Cell, what: &str, text: String| {
        rows.push(vec![when, Cell::of(what), Cell::of(text), Cell::given(None)]);
    };
    for moment in material.story.timeline.iter().filter(|moment| moment.loud || moment.sort == "remark") {
        add(when(material, opened, moment), moment.sort, told(material, moment));
    }
    if let Some(fault) = &material.outcome.fault {
        add(Cell::of("at the end"), "bench fault", prose(fault));
    }
    if let Some(torn) = material.torn {
        add(Cell::of("at the end"), "record", format!("its end is missing: {torn}"));
    }
    if material.story.ending.is_none() {
        add(Cell::of("at the end"), "record", "the run was interrupted: the stream has no end".to_owned());
    }
    let found = rows.len();
    rows.truncate(ROWS);
    let listed = |name: &str, texts: &[String]| {
        format!("{name}: {}.", if texts.is_empty() { "none on record".to_owned() } else { texts.join("; ") })
    };
    let mut lines = vec![
        listed("Deviations from the protocol in this run", &material.summary.deviations),
        listed("Flagged, with figures stated with and without", &material.summary.exclusions),
    ];
    if found == 0 {
        lines.push("Nothing unusual is on record, and nobody remarked anything.".to_owned());
        return Section { lines, ..section("anomalies", "Anomalies and deviations", Vec::new()) };
    }
    if found > ROWS {
        lines.push(format!("{} later rows are left out here; the record holds them.", found - ROWS));
    }
    let caption = "Faults of the bench, losses and gaps, alarms, checks that did not pass, remarks. An alarm may be what the \
                   scenario expected: the checks say so. Flags stand beside each check.";
    let columns = [("When", 17), ("What", 11), ("Details", 56), ("Disposition", 16)];
    Section { lines, ..section("anomalies", "Anomalies and deviations", vec![table(caption, &columns, rows)]) }
}

fn when(material: &Material<'_>, opened: &Opened, moment: &Moment) -> Cell {
    Cell::of(clock(material.story.seconds(moment.at))).small(wall(material, opened, moment.at))
}

/// What a moment says; of a loss also how long it lasted, of a check that did not pass also why.
fn told(material: &Material<'_>, moment: &Moment) -> String {
    if moment.sort == "check" {
        let decided =
            material.story.checks.iter().find(|check| moment.text.starts_with(&format!("{}: ", check.head.name)));
        let reason = decided.and_then(|check| check.reason.as_deref());
        return reason.map_or_else(|| moment.text.clone(), |reason| format!("{}; {}", moment.text, prose(reason)));
    }
    let gap = material.story.gaps.iter().find(|gap| {
        moment.sort == "lost" && gap.from == moment.at && moment.text.starts_with(&format!("{}:", gap.instrument))
    });
    match gap.map(|gap| gap.to) {
        Some(Some(to)) => format!("{}; back after {}", moment.text, domain::time::span(to.since(moment.at))),
        Some(None) => format!("{}; it did not come back", moment.text),
        None => prose(&moment.text),
    }
}

pub(super) fn raw(material: &Material<'_>) -> Section {
    let rows = material.raw.iter().map(|(file, (hash, _))| vec![Cell::of(file.as_str()), Cell::of(hash.as_str())]);
    let caption = "What the run left, before anything was derived from it. manifest.json lists the derived files too.";
    let table = table(caption, &[("File", 25), ("SHA-256", 75)], rows.collect());
    Section { shown: Shown::NotOnPaper, ..section("raw", "Raw data", vec![table]) }
}

pub(super) fn extract(material: &Material<'_>, opened: &Opened) -> Section {
    let mut rows = vec![vec![
        Cell::of("\u{2013}").small(material.summary.started.replace('T', " ").replace('Z', "")),
        Cell::of("run set up"),
        Cell::of(format!(
            "{}; purpose: {}; operator: {}",
            opened.scenario,
            material.summary.purpose,
            material.summary.operator.as_deref().unwrap_or(NOT_GIVEN)
        )),
    ]];
    let audited = material.story.timeline.iter().filter(|moment| AUDITED.contains(&moment.sort));
    rows.extend(audited.map(|moment| {
        let text = Cell::of(moment.text.as_str());
        let text = if moment.loud { text.toned(Tone::Alert) } else { text };
        vec![when(material, opened, moment), Cell::of(moment.sort), text]
    }));
    let left_out = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let caption = match &opened.profile.clock {
        domain::profile::Clock::Virtual { .. } => {
            "Run time since the rig was ready; below it virtual UTC, but for the first row, which the machine's clock tells."
        }
        domain::profile::Clock::Real => {
            "Run time since the rig was ready; below it UTC, from the moment the run began."
        }
    };
    let lines = if left_out > 0 {
        vec![format!("{left_out} later rows are left out here; the record holds them.")]
    } else {
        Vec::new()
    };
    let columns = [("When", 20), ("What", 15), ("Details", 65)];
    Section {
        lines,
        ..section("extract", "Extract of the record: people, stops, end", vec![table(caption, &columns, rows)])
    }
}

pub(super) fn signatures() -> Section {
    let blank = || Cell::of("");
    let row = |meaning: &str| vec![Cell::of(meaning), blank(), blank(), blank()];
    let rows = ["Author", "Reviewer", "Approver"].map(row).into();
    let caption =
        "To be signed by hand, or in a system that binds signatures to this file's SHA-256. This tool signs nothing.";
    let columns = [("Meaning", 16), ("Printed name", 30), ("Date and time", 22), ("Signature", 32)].to_vec();
    let table = Table { caption: caption.to_owned(), columns, rows, to_sign: true };
    section("signatures", "Signatures", vec![table])
}

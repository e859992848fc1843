//! Runs side by side: what differs between them as rows, and each check's value with its uncertainty in each.
//!
//! Every run that is named has its row, whatever it ended as: none is chosen, none is averaged away. Each is read from its own
//! record; nothing here judges.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::RunVerdict;
use domain::event::Opened;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::ReportError;
use crate::files::{TOOL, replace};
use crate::page::{Live, Pair, bar, page, pair, verdict_text};
use crate::summary::{CheckSummary, Summary};
use crate::write::summary_of;

const FILE: &str = "matrix.html";
const TEMPLATE: &str = include_str!("matrix.html.j2");
const SCHEMA: u32 = 1;
/// So many differences have a column of their own beside each check; more would make a table that nobody can read.
const COLUMNS: usize = 4;
/// So many bytes of a SHA-256 are shown where it only tells apart.
const SHORT_BYTES: usize = 6;

/// A run as a row.
struct Line {
    /// What was set, and what it was run on: name and value.
    set: Vec<(String, String)>,
    summary: Summary,
}

/// Writes `matrix.html` and `matrix.json` of these runs into a folder, which is made if it is not there.
///
/// # Errors
/// [`ReportError::Unreadable`] and [`ReportError::NoOpening`] if one of the runs cannot be read (nothing was written then), another
/// one if a file could not be written.
pub fn write_matrix(runs: &[PathBuf], out: &Path) -> Result<(), ReportError> {
    let lines = runs.iter().map(|folder| line(folder)).collect::<Result<Vec<Line>, ReportError>>()?;
    std::fs::create_dir_all(out).map_err(|why| ReportError::file("make", out, why))?;
    let text = page(FILE, TEMPLATE, &content(&lines), &Live::none()?)?;
    replace(&out.join("matrix.json"), format!("{}\n", json(&lines)).as_bytes())?;
    replace(&out.join(FILE), text.as_bytes())
}

fn line(folder: &Path) -> Result<Line, ReportError> {
    let (summary, opened) = summary_of(folder)?;
    let declared = serde_json::to_string(&opened.profile).map_err(|why| ReportError::made(FILE, &why))?;
    let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut set = vec![of("scenario", &summary.scenario)];
    set.extend(opened.parameters.clone());
    set.extend([
        of("text of the scenario", &pattern(&opened)),
        of("decision rule", &summary.decision_rule),
        of("rig", &summary.rig),
        of("the rig's declarations", &short(&declared)),
        of("station", &summary.station),
        of("device", &format!("{} {}", unknown(&summary.device.model), unknown(&summary.device.serial))),
        of("firmware", &unknown(&summary.device.firmware)),
        of(
            "image",
            summary.device.image_sha256.as_deref().map_or("unknown", |sha256| sha256.get(..12).unwrap_or(sha256)),
        ),
        of("run by", &opened.version),
        of("seed", &summary.seed.to_string()),
        of("purpose", &summary.purpose),
    ]);
    Ok(Line { set, summary })
}

/// What tells whether two runs were of one scenario, whatever its parameters. A record of before that was kept has the text as
/// resolved, which differs where a parameter does: texts may be said to differ that do not, never the other way round.
fn pattern(opened: &Opened) -> String {
    match opened.pattern_sha256.as_deref() {
        Some(sha256) => sha256.chars().take(SHORT_BYTES * 2).collect(),
        None => format!("{}, with its values", short(&opened.scenario_yaml)),
    }
}

/// The beginning of a text's SHA-256.
fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(SHORT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// The names of what differs between runs, in the order in which they first stand; a run that lacks one differs.
fn differing(lines: &[Line]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in lines.iter().flat_map(|line| &line.set) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let first = lines.first();
    names.retain(|name| lines.iter().any(|line| Some(value(line, name)) != first.map(|first| value(first, name))));
    names
}

fn value<'a>(line: &'a Line, name: &str) -> Option<&'a str> {
    line.set.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

fn json(lines: &[Line]) -> serde_json::Value {
    let run = |line: &Line| {
        let set: BTreeMap<&str, &str> = line.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let of = &line.summary;
        json!({"run": of.run, "set": set, "tier": of.tier, "verdict": of.verdict, "deviations": of.deviations, "reason": of.reason,
               "stream_sha256": of.stream_sha256, "checks": of.checks})
    };
    json!({"schema": SCHEMA, "differing": differing(lines), "runs": lines.iter().map(run).collect::<Vec<_>>()})
}

/// Everything that the page says.
#[derive(Debug, Serialize)]
struct Content {
    title: String,
    lead: String,
    simulated: bool,
    common: Vec<Pair>,
    /// What differs and has a column beside each check.
    columns: Vec<String>,
    /// What differs besides.
    further: Vec<String>,
    checks: Vec<CheckTable>,
    runs: Vec<RunRow>,
    tool: &'static str,
}

/// One check in every run.
#[derive(Debug, Serialize)]
struct CheckTable {
    name: String,
    spread: String,
    rows: Vec<CheckRow>,
}

/// One check in one run.
#[derive(Debug, Serialize)]
struct CheckRow {
    /// The number of its run, from 1.
    number: usize,
    /// What its run has of the columns.
    set: Vec<String>,
    /// Whether its run departs from what a run must be.
    deviates: bool,
    value: String,
    limits: String,
    bar: Option<String>,
    verdict: &'static str,
    verdict_text: &'static str,
}

/// One run.
#[derive(Debug, Serialize)]
struct RunRow {
    number: usize,
    run: String,
    /// All that differs, by name.
    set: Vec<(String, String)>,
    verdict: String,
    /// The verdict's class in the style sheet.
    tone: &'static str,
    reason: String,
    tier: String,
    deviations: Vec<String>,
    stream: String,
}

fn content(lines: &[Line]) -> Content {
    let differing: Vec<&str> = differing(lines);
    let (columns, further) = differing.split_at(differing.len().min(COLUMNS));
    let mut names: Vec<&str> = Vec::new();
    for check in lines.iter().flat_map(|line| &line.summary.checks) {
        if !names.contains(&check.name.as_str()) {
            names.push(&check.name);
        }
    }
    let mut checks: Vec<CheckTable> = names.into_iter().map(|name| table(name, lines, columns)).collect();
    // What differs is what is looked for.
    checks.sort_by_key(|check| check.rows.is_empty());
    let common = lines.first().map_or_else(Vec::new, |line| {
        let same = line.set.iter().filter(|(name, _)| !differing.contains(&name.as_str()));
        same.map(|(name, value)| pair(name, value.as_str())).collect()
    });
    let runs = lines.iter().enumerate().map(|(i, line)| RunRow {
        number: i + 1,
        run: line.summary.run.clone(),
        set: differing.iter().map(|name| (*name).to_owned()).zip(shown(line, &differing)).collect(),
        verdict: line.summary.verdict.to_string(),
        tone: line.summary.verdict.name(),
        reason: line.summary.reason.as_deref().map(crate::number::prose).unwrap_or_default(),
        tier: line.summary.tier.map_or("unknown", domain::identity::Tier::name).to_owned(),
        deviations: line.summary.deviations.iter().map(|deviation| crate::number::prose(deviation)).collect(),
        stream: line.summary.stream_sha256.clone(),
    });
    let mut scenarios: Vec<&str> = lines.iter().map(|line| line.summary.scenario.as_str()).collect();
    scenarios.dedup();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Content {
        title: if let [one] = scenarios.as_slice() { (*one).to_owned() } else { "Runs side by side".to_owned() },
        lead: counted(lines),
        simulated: lines.iter().any(|line| line.summary.instruments.iter().any(|i| i.simulated == Some(true))),
        runs: runs.collect(),
        columns: owned(columns),
        further: owned(further),
        common,
        checks,
        tool: TOOL,
    }
}

/// What a run has of these names; a dash for what it lacks.
fn shown(line: &Line, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| value(line, name).unwrap_or("\u{2013}").to_owned()).collect()
}

/// How many runs ended as what.
fn counted(lines: &[Line]) -> String {
    let of = |verdict: &RunVerdict| lines.iter().filter(|line| line.summary.verdict == *verdict).count();
    let found = RunVerdict::ALL.iter().filter(|verdict| of(verdict) > 0);
    let told: Vec<String> = found.map(|verdict| format!("{} {verdict}", of(verdict))).collect();
    let plural = if lines.len() == 1 { "run" } else { "runs" };
    format!("{} {plural}: {}", lines.len(), told.join(", "))
}

/// A check as a run has it.
struct Found<'a> {
    number: usize,
    line: &'a Line,
    check: &'a CheckSummary,
}

impl Found<'_> {
    fn deviates(&self) -> bool {
        !self.line.summary.deviations.is_empty()
    }
}

fn table<'a>(name: &str, lines: &'a [Line], columns: &[&str]) -> CheckTable {
    let in_run = |(i, line): (usize, &'a Line)| {
        let check = line.summary.checks.iter().find(|check| check.name == name)?;
        Some(Found { number: i + 1, line, check })
    };
    let found: Vec<Found<'a>> = lines.iter().enumerate().filter_map(in_run).collect();
    if let Some(same) = same(&found, lines.len()) {
        return CheckTable { name: name.to_owned(), spread: same, rows: Vec::new() };
    }
    let by = |a: &&CheckSummary, b: &&CheckSummary| a.value.unwrap_or(0.0).total_cmp(&b.value.unwrap_or(0.0));
    let valued = || found.iter().map(|found| found.check).filter(|check| check.value.is_some());
    let spread = match (valued().min_by(by), valued().max_by(by)) {
        (Some(least), Some(greatest)) if found.len() > 1 && least.value_text() != greatest.value_text() => {
            format!("Least {}, greatest {}.", least.value_text(), greatest.value_text())
        }
        _ => String::new(),
    };
    let rows = found.iter().map(|found| CheckRow {
        number: found.number,
        set: shown(found.line, columns),
        deviates: found.deviates(),
        value: found.check.value_text(),
        limits: found.check.limits_text(),
        bar: bar(found.check),
        verdict: found.check.verdict.name(),
        verdict_text: verdict_text(found.check.verdict),
    });
    CheckTable { name: name.to_owned(), spread, rows: rows.collect() }
}

/// A sentence for a check that came out the same in every run.
fn same(found: &[Found<'_>], runs: usize) -> Option<String> {
    let told = |check: &CheckSummary| (check.value_text(), check.limits_text(), verdict_text(check.verdict));
    let first = told(found.first()?.check);
    let plain = |found: &Found<'_>| !found.deviates() && told(found.check) == first;
    let all = found.len() == runs && runs > 1 && found.iter().all(plain);
    let (value, limits, verdict) = first.clone();
    all.then(|| format!("In all {runs} runs {value} (limits: {limits}): {verdict}."))
}

//! What was to be kept and what came of it: the trace of requirements, the acceptance criteria, the conclusion.
//! It formats what the summary and the recomputation hold, and decides nothing.

use domain::event::Opened;
use domain::{CheckVerdict, Limits};
use measure::By;

use super::{Cell, Section, Tone, section, table};
use crate::again::Again;
use crate::number::{plain, rounded, unit};
use crate::page::checks::risk;
use crate::page::{Material, simulated};
use crate::summary::CheckSummary;

pub(super) fn requirements(material: &Material<'_>, opened: &Opened) -> Section {
    let checks = &material.summary.checks;
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut named: Vec<&str> = Vec::new();
    for (id, text) in &opened.requirements {
        named.push(id);
        let verifying: Vec<&CheckSummary> = checks.iter().filter(|check| check.requirements.contains(id)).collect();
        rows.push(traced(id, text, &verifying));
    }
    // A record of another tool may name a requirement that its scenario does not list.
    for id in checks.iter().flat_map(|check| &check.requirements) {
        if !named.contains(&id.as_str()) {
            named.push(id);
            let verifying: Vec<&CheckSummary> = checks.iter().filter(|check| check.requirements.contains(id)).collect();
            rows.push(traced(id, super::NOT_GIVEN, &verifying));
        }
    }
    let untraced: Vec<&CheckSummary> = checks.iter().filter(|check| check.requirements.is_empty()).collect();
    if !untraced.is_empty() {
        rows.push(traced("\u{2013}", "checks that verify no listed requirement", &untraced));
    }
    let caption =
        "Each requirement with the checks of this run that verify it. Risk controls stand in a check's reason.";
    let columns = [("Requirement", 16), ("Text", 34), ("Checks", 36), ("Verdicts", 14)];
    section("trace", "Trace of requirements", vec![table(caption, &columns, rows)])
}

fn traced(id: &str, text: &str, checks: &[&CheckSummary]) -> Vec<Cell> {
    let (names, verdicts) = match checks.first() {
        None => (
            Cell::of("no check of this run").toned(Tone::Missing),
            Cell::of("not verified by this run").toned(Tone::Missing),
        ),
        Some(_) => {
            let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
            let names = Cell::of(names.join("; "));
            // The gravest verdict is the requirement's.
            let gravest = checks.iter().map(|check| check.verdict).max_by_key(|verdict| gravity(*verdict));
            let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
            let all = [CheckVerdict::Pass, CheckVerdict::Fail, CheckVerdict::Inconclusive, CheckVerdict::NotRun];
            let counted = all.into_iter().filter(|verdict| count(*verdict) > 0);
            let counted: Vec<String> = counted.map(|verdict| format!("{} {}", count(verdict), word(verdict))).collect();
            let verdict = verdict(gravest.unwrap_or(CheckVerdict::NotRun));
            (names, if checks.len() > 1 { verdict.small(counted.join(", ")) } else { verdict })
        }
    };
    vec![Cell::of(id), Cell::of(text), names, verdicts]
}

const fn gravity(verdict: CheckVerdict) -> u8 {
    match verdict {
        CheckVerdict::Pass => 0,
        CheckVerdict::Inconclusive => 1,
        CheckVerdict::NotRun => 2,
        CheckVerdict::Fail => 3,
    }
}

const fn word(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Pass => "pass",
        CheckVerdict::Fail => "fail",
        CheckVerdict::Inconclusive => "inconclusive",
        CheckVerdict::NotRun => "not run",
    }
}

fn verdict(verdict: CheckVerdict) -> Cell {
    let (text, tone) = match verdict {
        CheckVerdict::Pass => ("Pass", Tone::Pass),
        CheckVerdict::Fail => ("Fail", Tone::Fail),
        CheckVerdict::Inconclusive => ("Inconclusive", Tone::Inconclusive),
        CheckVerdict::NotRun => ("Not run", Tone::NotRun),
    };
    Cell::of(text).toned(tone)
}

pub(super) fn criteria(material: &Material<'_>, opened: &Opened) -> Section {
    let rows = material.summary.checks.iter().map(|check| criterion(material, check)).collect();
    let caption = format!(
        "Criteria set before the run; decision rule: {}. w: guard band; k: coverage factor; ν: effective degrees of freedom, unless \
         U is by trials of the model (JCGM 101); \
         TUR: half of the width between the limits over U.",
        opened.decision_rule
    );
    let columns = [("Criterion", 26), ("Limits, accepted", 22), ("Found", 18), ("TUR and risk", 21), ("Decision", 13)];
    section("criteria", "Acceptance criteria", vec![table(caption, &columns, rows)])
}

fn criterion(material: &Material<'_>, check: &CheckSummary) -> Vec<Cell> {
    let again = material.again.checks.iter().find(|again| again.name == check.name);
    let interval = again.and_then(|again| again.interval);
    let because = material.story.checks.iter().find(|record| record.head.name == check.name);
    let because = because.map(|record| record.head.because.as_str()).filter(|because| !because.is_empty());
    let name = because.iter().fold(Cell::of(check.name.as_str()), |cell, because| cell.small(*because));
    let mut limits = Cell::of(check.limits_text());
    let mut found = Cell::of(check.value_text());
    if let Some(interval) = &interval {
        let dof = interval.gum.dof_effective;
        let by = match interval.by {
            By::Gum if dof < 1000.0 => format!("ν = {}", rounded(dof, 3)),
            By::Gum => "ν = ∞".to_owned(),
            By::Trials => "by trials".to_owned(),
        };
        found = found.small(format!("k = {}, {by}", rounded(interval.coverage_factor, 3)));
        limits = interval.band.iter().fold(limits, |cell, band| accepted(cell, check, *band));
    } else if check.value.is_some() || check.limit_low.is_some() || check.limit_high.is_some() {
        limits = limits.small("held with the value's whole bound, without a guard band");
    }
    vec![name, limits, found, shown_risk(check, again), verdict(check.verdict)]
}

/// The zone of acceptance: the limits less the guard band.
fn accepted(cell: Cell, check: &CheckSummary, band: f64) -> Cell {
    let symbol = check.unit.as_deref().map(unit).unwrap_or_default();
    let zone = match (check.limit_low.map(|low| low + band), check.limit_high.map(|high| high - band)) {
        (Some(low), Some(high)) if low > high => "nothing: the guard bands meet".to_owned(),
        (Some(low), Some(high)) => format!("{} … {} {symbol}", rounded(low, 4), rounded(high, 4)),
        (Some(low), None) => format!("≥ {} {symbol}", rounded(low, 4)),
        (None, Some(high)) => format!("≤ {} {symbol}", rounded(high, 4)),
        (None, None) => return cell,
    };
    cell.small(format!("w = {} {symbol}", rounded(band, 2))).small(format!("accepts {zone}"))
}

fn shown_risk(check: &CheckSummary, again: Option<&Again>) -> Cell {
    let Some(risk) = risk(check, again) else { return Cell::of("\u{2013}") };
    let risk = risk.replace(" %", "\u{a0}%");
    let one_sided = Limits { low: check.limit_low, high: check.limit_high };
    let cell = match risk.split_once("; ") {
        Some((tur, risk)) => Cell::of(tur).small(risk),
        None => Cell::of("no TUR").small(risk),
    };
    if one_sided.low.is_none() || one_sided.high.is_none() { cell.small("a single limit has no width") } else { cell }
}

pub(super) fn conclusion(material: &Material<'_>) -> Section {
    let summary = material.summary;
    let count = |verdict| summary.checks.iter().filter(|check| check.verdict == verdict).count();
    let all = summary.checks.len();
    let mut line = format!(
        "Run {} ended as {}: of {} acceptance criteria {} accepted, {} rejected, {} inconclusive and {} not decided.",
        summary.run,
        summary.verdict,
        plain(all as f64),
        count(CheckVerdict::Pass),
        count(CheckVerdict::Fail),
        count(CheckVerdict::Inconclusive),
        count(CheckVerdict::NotRun),
    );
    if let Some(reason) = &summary.reason {
        line.push_str(&format!(" Reason: {}.", crate::number::prose(reason).trim_end_matches('.')));
    }
    let mut lines = vec![line];
    lines.extend(simulated(material));
    if summary.purpose != "verification" {
        lines.push(format!("The run's purpose was {}: it is no verification evidence.", summary.purpose));
    }
    lines.push(
        "These sentences follow from the verdicts alone. What they mean for the device is for the reviewer to conclude: not \
         given."
            .to_owned(),
    );
    Section { lines, ..section("conclusion", "Conclusion", Vec::new()) }
}

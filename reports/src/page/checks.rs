//! The table of checks, and for each settled one where its uncertainty comes from.
//! It formats what the summary and the recomputation hold, and decides nothing.

use domain::{CheckVerdict, Limits};
use measure::budget::{Kind, Shape};
use measure::{Budget, By, Interval, decision};
use serde::Serialize;

use super::Material;
use super::bar::bar;
use crate::again::Again;
use crate::number::{plain, prose, rounded, uncertain, unit};
use crate::summary::CheckSummary;

/// A row of the table of checks.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    step: String,
    requirements: String,
    because: String,
    value: String,
    factor: Option<String>,
    limits: String,
    /// A drawing of this crate, as SVG.
    bar: Option<String>,
    verdict: &'static str,
    verdict_text: &'static str,
    /// How far the uncertainty leaves the verdict open.
    risk: Option<String>,
    reason: Option<String>,
    notes: Vec<String>,
    difference: Option<String>,
}

pub(super) fn rows(material: &Material<'_>) -> Vec<Row> {
    material.summary.checks.iter().map(|check| row(material, check)).collect()
}

fn row(material: &Material<'_>, check: &CheckSummary) -> Row {
    let record = material.story.checks.iter().find(|record| record.head.name == check.name);
    let again = material.again.checks.iter().find(|again| again.name == check.name);
    let reason = record.and_then(|record| record.reason.clone());
    let undecided = || "never decided: the run ended before".to_owned();
    Row {
        name: check.name.clone(),
        step: check.step.clone().unwrap_or_default(),
        requirements: check.requirements.join(", "),
        because: record.map(|record| record.head.because.clone()).unwrap_or_default(),
        value: check.value_text(),
        factor: check.coverage_factor.filter(|_| check.value.is_some()).map(|k| format!("k = {}", rounded(k, 3))),
        limits: check.limits_text(),
        bar: bar(check),
        verdict: check.verdict.name(),
        verdict_text: verdict_text(check.verdict),
        risk: risk(check, again),
        reason: reason.map(|why| prose(&why)).or_else(|| record.is_none().then(undecided)),
        notes: record.map(|record| record.notes.iter().map(|note| prose(note)).collect()).unwrap_or_default(),
        difference: again.and_then(|again| again.difference.clone()),
    }
}

/// Test uncertainty ratio and the probability that the true value is outside its limits, of a value with a budget. A time is
/// bounded, not estimated: it has none.
pub(super) fn risk(check: &CheckSummary, again: Option<&Again>) -> Option<String> {
    let again = again?;
    let interval = again.interval.as_ref()?;
    let limits = Limits { low: check.limit_low, high: check.limit_high };
    let probability = match interval.outside? * 100.0 {
        percent if percent < 0.01 => "below 0.01 %".to_owned(),
        percent if percent > 99.99 => "above 99.99 %".to_owned(),
        percent => format!("{} %", rounded(percent, 2)),
    };
    let tur = decision::test_uncertainty_ratio(limits, interval.expanded);
    let tur = tur.map_or(String::new(), |tur| format!("TUR {}; ", rounded(tur, 2)));
    // Of several boluses the value is one's, the worst, or what they have in common.
    let whose = if again.each.len() > 1 { "this value" } else { "the value" };
    Some(format!("{tur}probability that {whose} is outside its limits: {probability}"))
}

pub(crate) const fn verdict_text(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Pass => "Pass",
        CheckVerdict::Fail => "Fail",
        CheckVerdict::Inconclusive => "Inconclusive",
        CheckVerdict::NotRun => "Not run",
    }
}

/// The uncertainty budget of a check.
#[derive(Debug, Serialize)]
pub(crate) struct BudgetTable {
    check: String,
    unit: String,
    terms: Vec<TermRow>,
    combined: Option<CombinedRow>,
    problem: Option<String>,
    /// What it is by trials.
    trials: Option<String>,
    /// What it is to be compared with.
    doubts: Vec<String>,
}

/// A term of a budget.
#[derive(Debug, Serialize)]
struct TermRow {
    name: String,
    kind: &'static str,
    distribution: &'static str,
    u: String,
    dof: String,
    share: String,
    source: String,
}

/// What a budget adds up to.
#[derive(Debug, Serialize)]
struct CombinedRow {
    u: String,
    dof: String,
    factor: String,
    expanded: String,
    probability: String,
}

pub(super) fn budgets(material: &Material<'_>) -> Vec<BudgetTable> {
    let with_budget = material.again.checks.iter().filter_map(|again| Some((again, again.budget.as_ref()?)));
    with_budget.map(|(again, budget)| table(again, budget)).collect()
}

fn table(again: &Again, budget: &Budget) -> BudgetTable {
    let doubts = again.doubts.iter().map(|doubt| prose(doubt)).collect();
    BudgetTable { doubts, ..budget_table(&again.name, budget, again.interval.as_ref()) }
}

/// The budget of something that is called `name`, and what trials say of its interval, if they were made.
pub(crate) fn budget_table(name: &str, budget: &Budget, interval: Option<&Interval>) -> BudgetTable {
    let terms = budget.terms.iter().zip(budget.shares()).map(|(term, share)| TermRow {
        name: term.name.clone(),
        kind: match term.kind {
            Kind::TypeA => "A",
            Kind::TypeB => "B",
        },
        distribution: distribution(term.distribution),
        u: rounded(term.u, 2),
        dof: dof(term.dof),
        share: share_text(share),
        source: term.source.clone(),
    });
    let terms = terms.collect();
    let combined = budget.combined();
    let problem = combined.as_ref().err().map(ToString::to_string);
    let combined = combined.ok().map(|combined| CombinedRow {
        u: rounded(combined.u, 2),
        dof: dof(combined.dof_effective),
        factor: rounded(combined.coverage_factor, 3),
        expanded: rounded(combined.expanded, 2),
        probability: format!("{} %", plain(combined.coverage_probability * 100.0)),
    });
    BudgetTable {
        check: name.to_owned(),
        unit: unit(&budget.unit),
        terms,
        combined,
        problem,
        trials: interval.map(|interval| by_trials(interval, budget)),
        doubts: Vec::new(),
    }
}

/// The coverage interval by trials beside the GUM's, in a sentence.
fn by_trials(interval: &Interval, budget: &Budget) -> String {
    let symbol = unit(&budget.unit);
    let Some(trials) = &interval.trials else {
        return "Trials of the model (JCGM 101) were not possible: nothing varies, or an input may leave the range of its \
                formula. U is the GUM's."
            .to_owned();
    };
    let (low, high) = (uncertain(trials.low, Some(trials.u)).0, uncertain(trials.high, Some(trials.u)).0);
    let compared = match interval.by {
        By::Gum if trials.half() + trials.tolerance < interval.expanded => {
            "which the GUM's interval holds: U is the GUM's, the wider one".to_owned()
        }
        By::Gum => "which is the GUM's interval to the trials' tolerance: U is the GUM's".to_owned(),
        By::Trials => format!(
            "which is not the GUM's interval of ± {} {symbol}: U is the trials', {} {symbol}, and so is whatever is decided by it",
            rounded(interval.gum.expanded, 2),
            rounded(interval.expanded, 2)
        ),
    };
    format!(
        "By {} trials of the model (Monte Carlo, JCGM 101) the value lies within {low} to {high} {symbol} of what was found, \
         {compared}.",
        trials.trials
    )
}

const fn distribution(shape: Shape) -> &'static str {
    match shape {
        Shape::Normal => "normal",
        Shape::Student => "Student",
        Shape::Rectangular => "rectangular",
        Shape::Triangular => "triangular",
        Shape::Arcsine => "arcsine",
        Shape::Resolution => "rectangular (resolution)",
    }
}

/// Degrees of freedom; beyond a thousand they make no difference.
fn dof(dof: f64) -> String {
    if dof.is_finite() && dof < 1000.0 { rounded(dof, 3) } else { "∞".to_owned() }
}

fn share_text(of_variance: f64) -> String {
    let percent = of_variance * 100.0;
    if percent > 0.0 && percent < 0.1 { "< 0.1 %".to_owned() } else { format!("{percent:.1} %") }
}

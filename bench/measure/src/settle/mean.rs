//! The mean error over the boluses of a train.
//!
//! What the boluses share does not average out; what each has for itself does.

use domain::check::{ErrorUnit, Window};

use crate::budget::{Budget, Term};
use crate::ledger::Ledger;
use crate::settle::doubt::Without;
use crate::settle::terms::SHARED;
use crate::settle::{Measured, Of, measure as measure_one};

pub(super) fn measure(ledger: &Ledger, windows: &[Window], unit: ErrorUnit) -> Result<Measured, String> {
    let mut all = Vec::with_capacity(windows.len());
    for window in windows {
        all.push(measure_one(ledger, window, Of::Bolus, unit)?);
    }
    if all.is_empty() {
        return Err("expected at least one bolus, but found none".to_owned());
    }
    // A term that only some boluses have, such as an unstable weighing, counts for those.
    let mut kinds: Vec<&Term> = Vec::new();
    for term in all.iter().flat_map(|m| &m.budget.terms) {
        if !kinds.iter().any(|k| k.name == term.name) {
            kinds.push(term);
        }
    }
    let n = all.len() as f64;
    let mean = all.iter().map(|m| m.value).sum::<f64>() / n;
    let terms = kinds.into_iter().map(|term| averaged(term, &all)).collect();
    let high = all.iter().map(|m| m.value).fold(f64::MIN, f64::max);
    let low = all.iter().map(|m| m.value).fold(f64::MAX, f64::min);
    let symbol = unit.symbol();
    let expanded = all.iter().filter_map(|m| m.budget.combined().ok()).map(|c| c.expanded).fold(0.0, f64::max);
    let shown = |value| domain::quantity::with_uncertainty(value, expanded).0;
    let note = format!("{} boluses, from {} to {} {symbol}", all.len(), shown(low), shown(high));
    let mut notes = vec![note];
    for other in all.iter().flat_map(|m| m.notes.iter().skip(1)) {
        if !notes.contains(other) {
            notes.push(other.clone());
        }
    }
    let any_left_out = all.iter().any(|m| m.left_out.is_some());
    let without = || all.iter().map(|m| m.left_out.unwrap_or(m.value)).sum::<f64>() / n;
    let left_out = any_left_out.then(without);
    let left_out_within = all.iter().map(|m| m.left_out_within).sum::<f64>() / n;
    let blameless = all.iter().any(|m| m.blameless.is_some()).then(|| {
        let each = |m: &Measured| {
            let as_it_is = Without { value: m.left_out.unwrap_or(m.value), within: m.left_out_within };
            m.blameless.unwrap_or(as_it_is)
        };
        let (value, within) = all.iter().map(each).fold((0.0, 0.0), |sum, m| (sum.0 + m.value, sum.1 + m.within));
        Without { value: value / n, within: within / n }
    });
    let budget = Budget { terms, unit: symbol.to_owned() };
    // The boluses share their factor; what was delivered is averaged with their errors.
    let delivered = all.iter().map(|m| m.model.delivered()).sum::<f64>() / n;
    let model = all[0].model.of(delivered);
    Ok(Measured { left_out, left_out_within, blameless, ..Measured::of(mean, budget, model, notes) })
}

fn averaged(term: &Term, all: &[Measured]) -> Term {
    let us: Vec<f64> = all.iter().flat_map(|m| &m.budget.terms).filter(|t| t.name == term.name).map(|t| t.u).collect();
    let n = all.len() as f64;
    let u = if SHARED.contains(&term.name.as_str()) {
        us.iter().sum::<f64>() / n
    } else {
        us.iter().map(|u| u * u).sum::<f64>().sqrt() / n
    };
    Term { u, ..term.clone() }
}

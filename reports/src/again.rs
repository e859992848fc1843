//! Computes every settled figure again, with the functions that the run itself used.
//!
//! The stream is folded as the engine folded it; a decision is compared with what comes out at its place. What
//! differs, by a single bit, is a fault of this program and never another verdict.

use domain::check::CheckRecord;
use domain::event::{Event, EventKind};
use measure::{Budget, Interval, Ledger, Settled};

/// A settled check, computed again.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    /// The check's name.
    pub(crate) name: String,
    /// Where the value's uncertainty comes from.
    pub(crate) budget: Option<Budget>,
    /// Each bolus' error, of a figure over boluses.
    pub(crate) each: Vec<f64>,
    /// What that uncertainty is.
    pub(crate) interval: Option<Interval>,
    /// What its uncertainty is to be compared with, a sentence each.
    pub(crate) doubts: Vec<String>,
    /// What came out differently, as a sentence.
    pub(crate) difference: Option<String>,
}

/// The fold over the stream that the figures come from.
#[derive(Debug, Default)]
pub(crate) struct Recomputation {
    /// What measurement knows of the run.
    pub(crate) ledger: Ledger,
    /// The settled checks, in the order of their decisions.
    pub(crate) checks: Vec<Again>,
}

impl Recomputation {
    /// Takes the next event; at a decided figure, computes it again from what came before it.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let EventKind::CheckDecided(check) = &event.kind
            && let Some(figure) = &check.figure
        {
            let settled = self.ledger.settle(figure, &check.limits);
            let difference = difference(check, &settled);
            let each = self.ledger.each(figure);
            let doubts = settled.budget.as_ref().map_or_else(Vec::new, |budget| self.ledger.doubts(figure, budget));
            let name = check.head.name.clone();
            let (budget, interval) = (settled.budget, settled.interval);
            self.checks.push(Again { name, budget, interval, each, doubts, difference });
        }
        self.ledger.apply(event);
    }

    /// The names of the checks that came out differently.
    pub(crate) fn different(&self) -> Vec<&str> {
        self.checks.iter().filter(|check| check.difference.is_some()).map(|check| check.name.as_str()).collect()
    }
}

/// What of a decision comes out differently, if anything.
fn difference(recorded: &CheckRecord, again: &Settled) -> Option<String> {
    let mut parts = Vec::new();
    if recorded.verdict != again.verdict {
        parts.push(format!("verdict {} is now {}", recorded.verdict.name(), again.verdict.name()));
    }
    let numbers = [
        ("value", recorded.value, again.value),
        ("expanded uncertainty", recorded.expanded_uncertainty, again.expanded_uncertainty),
        ("coverage factor", recorded.coverage_factor, again.coverage_factor),
    ];
    for (name, was, is) in numbers {
        if !same(was, is) {
            parts.push(format!("{name} {} is now {}", shown(was), shown(is)));
        }
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn same(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (None, None) => true,
        _ => false,
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("{value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_a_difference_and_two_nans_are_none() {
        assert!(same(Some(f64::NAN), Some(-f64::NAN)));
        assert!(!same(Some(1.0), Some(1.0 + f64::EPSILON)));
        assert!(!same(None, Some(0.0)) && same(None, None));
    }
}

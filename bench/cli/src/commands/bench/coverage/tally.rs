//! What the trials of a set add up to, figure by figure, and what is asked of it.
//!
//! It owns the sums and the bounds. It must not know how a trial came about nor how a table looks.

use std::collections::BTreeMap;

use super::gate::Gate;
use super::trial::{Kind, STATED_RISK_PERCENT, Trial};

/// The share that an interval at 95 % must cover, in %.
const ASKED_PERCENT: f64 = 94.0;
/// What it is meant to cover, in %.
const CLAIMED_PERCENT: f64 = 95.0;
/// Above this an interval is wider than it claims: the reason stands in the document.
const WIDE_PERCENT: f64 = 97.0;
/// The risk of the guard band w = U at one limit, in %.
const GUARD_BAND_RISK_PERCENT: f64 = 2.5;
/// How many terms of a budget are named.
const TERMS: usize = 3;
/// How many standard deviations are chance.
const SIGMAS: f64 = 3.0;

/// One figure over a set of trials.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tally {
    pub(super) kind: Kind,
    /// Runs that gave it a value, or were to.
    pub(super) runs: u32,
    /// Values; a run has several boluses.
    pub(super) values: u32,
    pub(super) without_value: u32,
    covered: u32,
    covered_printed: u32,
    expanded: f64,
    error: f64,
    error_squared: f64,
    accepted: [u32; 2],
    /// The sum of each term's shares in the variance.
    shares: BTreeMap<String, f64>,
    /// What held passes back, and how often.
    pub(super) gates: BTreeMap<Gate, u32>,
}

/// What a share of covered values says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    /// Below what chance explains.
    Defect,
    /// Below what is asked, and chance may be the reason.
    Doubtful,
    /// As asked.
    Good,
    /// More than it claims.
    Wide,
}

impl Tally {
    /// The tally of a figure.
    pub(super) fn of(kind: Kind, trials: &[Trial]) -> Self {
        let mut tally = Self {
            kind,
            runs: u32::try_from(trials.len()).unwrap_or(u32::MAX),
            values: 0,
            without_value: 0,
            covered: 0,
            covered_printed: 0,
            expanded: 0.0,
            error: 0.0,
            error_squared: 0.0,
            accepted: [0; 2],
            shares: BTreeMap::new(),
            gates: BTreeMap::new(),
        };
        for compared in trials.iter().flat_map(|trial| &trial.compared).filter(|compared| compared.kind == kind) {
            tally.values += 1;
            tally.covered += u32::from(compared.error.abs() <= compared.expanded);
            tally.covered_printed += u32::from(compared.error.abs() <= compared.printed);
            tally.expanded += compared.expanded;
            tally.error += compared.error;
            tally.error_squared += compared.error * compared.error;
            for (sum, accepted) in tally.accepted.iter_mut().zip(compared.accepted) {
                *sum += u32::from(accepted);
            }
            for (term, share) in &compared.shares {
                *tally.shares.entry(term.clone()).or_default() += share;
            }
            if let Some(gate) = compared.gate {
                *tally.gates.entry(gate).or_default() += 1;
            }
        }
        for (_, gate) in trials.iter().flat_map(|trial| &trial.without_value).filter(|(of, _)| *of == kind) {
            tally.without_value += 1;
            *tally.gates.entry(*gate).or_default() += 1;
        }
        tally
    }

    fn share(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.values.max(1)) * 100.0
    }

    /// Covered by Student's factor at 95 %, in % of the values.
    pub(super) fn covered_percent(&self) -> f64 {
        self.share(self.covered)
    }

    /// Covered by the interval that a report prints, in %.
    pub(super) fn covered_printed_percent(&self) -> f64 {
        self.share(self.covered_printed)
    }

    /// The mean expanded uncertainty, in the figure's unit.
    pub(super) fn mean_expanded(&self) -> f64 {
        self.expanded / f64::from(self.values.max(1))
    }

    /// The root of the mean square of the errors, in the figure's unit.
    pub(super) fn rms_error(&self) -> f64 {
        (self.error_squared / f64::from(self.values.max(1))).sqrt()
    }

    /// The mean error, in the figure's unit, and its standard error by the number of runs.
    pub(super) fn mean_error(&self) -> (f64, f64) {
        (self.error / f64::from(self.values.max(1)), self.rms_error() / f64::from(self.runs.max(1)).sqrt())
    }

    /// The greatest terms of the uncertainty, each with its mean share in the variance, in %; the greatest first.
    pub(super) fn greatest_terms(&self) -> Vec<(&str, f64)> {
        let mean = |sum: f64| sum / f64::from(self.values.max(1)) * 100.0;
        let mut terms: Vec<(&str, f64)> = self.shares.iter().map(|(term, sum)| (term.as_str(), mean(*sum))).collect();
        terms.sort_by(|a, b| b.1.total_cmp(&a.1));
        terms.truncate(TERMS);
        terms
    }

    /// What the share says. Boluses of one run share their errors, so chance is counted by runs.
    pub(super) fn coverage(&self) -> Coverage {
        let covered = self.covered_percent();
        let floor = CLAIMED_PERCENT - SIGMAS * deviation_percent(CLAIMED_PERCENT, self.runs);
        if self.values == 0 || covered < floor.min(ASKED_PERCENT) {
            Coverage::Defect
        } else if covered < ASKED_PERCENT {
            Coverage::Doubtful
        } else if covered > WIDE_PERCENT {
            Coverage::Wide
        } else {
            Coverage::Good
        }
    }

    /// Pumps just outside a limit that were passed, by each rule: how many, the stated risk in %, whether that is kept but for chance.
    pub(super) fn accepted(&self) -> [(u32, f64, bool); 2] {
        let risks = [GUARD_BAND_RISK_PERCENT, STATED_RISK_PERCENT];
        [0, 1].map(|rule| {
            let bound = risks[rule] + SIGMAS * deviation_percent(risks[rule], self.runs);
            (self.accepted[rule], risks[rule], self.share(self.accepted[rule]) <= bound)
        })
    }

    /// Values that no gate would hold back.
    pub(super) fn ungated(&self) -> u32 {
        let gated: u32 = self.gates.values().sum();
        (self.values + self.without_value).saturating_sub(gated)
    }
}

/// The standard deviation of a share over so many runs, in %.
fn deviation_percent(share_percent: f64, runs: u32) -> f64 {
    (share_percent * (100.0 - share_percent) / f64::from(runs.max(1))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::coverage::trial::Compared;

    fn trials(total: u32, covered: u32) -> Vec<Trial> {
        let compared = |n| Compared {
            kind: Kind::Basal,
            error: if n < covered { 0.5 } else { -1.5 },
            expanded: 1.0,
            printed: 2.0,
            accepted: [n >= covered, n == 0],
            gate: None,
            shares: vec![("a".to_owned(), 0.25), ("b".to_owned(), 0.75)],
        };
        (0..total).map(|n| Trial { compared: vec![compared(n)], ..Trial::default() }).collect()
    }

    #[test]
    fn a_share_is_held_against_what_chance_explains() {
        let check =
            |covered, coverage| assert_eq!(Tally::of(Kind::Basal, &trials(2_000, covered)).coverage(), coverage);
        check(1_860, Coverage::Defect);
        check(1_875, Coverage::Doubtful);
        check(1_900, Coverage::Good);
        check(1_960, Coverage::Wide);
        assert_eq!(Tally::of(Kind::Occlusion, &trials(2_000, 1_900)).coverage(), Coverage::Defect, "no value at all");
    }

    #[test]
    fn sums_are_what_they_say() {
        let tally = Tally::of(Kind::Basal, &trials(100, 90));
        assert!(
            (tally.covered_percent() - 90.0).abs() < 1e-12 && (tally.covered_printed_percent() - 100.0).abs() < 1e-12
        );
        assert!((tally.mean_error().0 - 0.3).abs() < 1e-12);
        assert!((tally.rms_error() - (0.9_f64 * 0.25 + 0.1 * 2.25).sqrt()).abs() < 1e-12);
        // 10 of 100 are more than 2.5 %, but for three standard deviations of 1.6 %; 1 of 100 is not.
        assert_eq!(tally.accepted(), [(10, 2.5, false), (1, 5.0, true)]);
        assert_eq!(tally.ungated(), 100);
        assert_eq!(tally.greatest_terms(), [("b", 75.0), ("a", 25.0)]);
    }
}

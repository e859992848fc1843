//! How a run ends: why it is being stopped, what was decided until then, and the verdict that follows.
//!
//! The order is the contract's: a stop that was asked for, then a failed check, then a bench error or a precondition
//! that was not met, then an inconclusive check.

use domain::check::CheckRecord;
use domain::fault::Fault;
use domain::{CheckVerdict, RunVerdict};

/// Why a run does not go on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ending {
    /// The plan came to its end.
    Complete,
    /// Somebody wanted it to stop.
    Asked(String),
    /// A check failed and nothing is gained by going on.
    Failed(String),
    /// The bench broke.
    Broken(Fault),
    /// A precondition was not met.
    NotRun(String),
}

impl Ending {
    /// Why, in a sentence.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Complete => "the plan came to its end".to_owned(),
            Self::Asked(cause) | Self::Failed(cause) | Self::NotRun(cause) => cause.clone(),
            Self::Broken(fault) => fault.to_string(),
        }
    }
}

/// What is known of the run's outcome.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    ending: Option<Ending>,
    fault: Option<Fault>,
    /// The station could not be confirmed safe.
    not_safe: Option<Fault>,
    failed: Option<String>,
    inconclusive: Option<String>,
}

impl Outcome {
    /// A check was decided.
    pub(crate) fn decided(&mut self, check: &CheckRecord) {
        let reason =
            || format!("check '{}': {}", check.head.name, check.reason.as_deref().unwrap_or("no reason is known"));
        match check.verdict {
            CheckVerdict::Fail => drop(self.failed.get_or_insert_with(reason)),
            CheckVerdict::Inconclusive => drop(self.inconclusive.get_or_insert_with(reason)),
            CheckVerdict::Pass | CheckVerdict::NotRun => {}
        }
    }

    /// The run ends for this reason; of several, the first counts, but a stop that is asked for always does.
    pub(crate) fn end(&mut self, ending: Ending) {
        if let Ending::Broken(fault) = &ending {
            self.broke(fault.clone());
        }
        let asked = matches!(ending, Ending::Asked(_)) && !matches!(self.ending, Some(Ending::Asked(_)));
        if self.ending.is_none() || asked {
            self.ending = Some(ending);
        }
    }

    /// The bench broke while the run was ending already.
    pub(crate) fn broke(&mut self, fault: Fault) {
        // What is unsafe now is told whatever broke before it.
        let place = if matches!(fault, Fault::NotSafe { .. }) { &mut self.not_safe } else { &mut self.fault };
        place.get_or_insert(fault);
    }

    /// Whether the plan came to its end and nothing else ended the run.
    pub(crate) const fn complete(&self) -> bool {
        matches!(self.ending, Some(Ending::Complete))
    }

    /// The verdict, its reason, and the bench's fault beside it.
    pub(crate) fn verdict(&self) -> (RunVerdict, Option<String>, Option<Fault>) {
        let faults = || self.fault.iter().chain(&self.not_safe);
        let beside = |reason: &str| {
            faults().fold(reason.to_owned(), |reason, fault| match fault.to_string() {
                told if reason.contains(&told) => reason,
                told => format!("{reason}; beside that: {told}"),
            })
        };
        let asked = if let Some(Ending::Asked(cause)) = &self.ending { Some(cause) } else { None };
        let (verdict, reason) = if let (Some(cause), None) = (asked, &self.not_safe) {
            (RunVerdict::Aborted, Some(beside(cause)))
        } else if let Some(reason) = &self.failed {
            (RunVerdict::Fail, Some(beside(reason)))
        } else if let Some(fault) = faults().next() {
            // An abort promises a station that is safe; where that is not so, it is an error to act upon.
            let reason = asked.map_or_else(|| fault.to_string(), Clone::clone);
            (RunVerdict::Error, Some(beside(&reason)))
        } else if let Some(Ending::NotRun(why)) = &self.ending {
            (RunVerdict::NotRun, Some(why.clone()))
        } else if let Some(reason) = &self.inconclusive {
            (RunVerdict::Inconclusive, Some(reason.clone()))
        } else {
            (RunVerdict::Pass, None)
        };
        (verdict, reason, self.not_safe.clone().or_else(|| self.fault.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::check::{CheckHead, Limits};

    fn check(verdict: CheckVerdict) -> CheckRecord {
        let head = CheckHead { name: "c".into(), step: "s".into(), because: "b".into(), requirements: Vec::new() };
        CheckRecord {
            head,
            verdict,
            value: None,
            unit: "%".into(),
            expanded_uncertainty: None,
            coverage_factor: None,
            limits: Limits::default(),
            reason: Some("why".into()),
            figure: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_fail_stays_a_fail_with_the_bench_error_beside_it() {
        let mut outcome = Outcome::default();
        outcome.decided(&check(CheckVerdict::Fail));
        outcome.end(Ending::Broken(Fault::NotSafe { why: "x".into() }));
        let (verdict, _, fault) = outcome.verdict();
        assert_eq!(verdict, RunVerdict::Fail);
        assert!(fault.is_some());
    }

    #[test]
    fn a_station_that_is_not_safe_is_told_whatever_broke_before() {
        let broken = || Fault::Instrument { instrument: "valve".into(), what: "away".into() };
        let mut outcome = Outcome::default();
        outcome.end(Ending::Asked("a signal".into()));
        outcome.broke(broken());
        assert_eq!(outcome.verdict().0, RunVerdict::Aborted);
        outcome.broke(Fault::NotSafe { why: "the pump".into() });
        let (verdict, reason, fault) = outcome.verdict();
        assert_eq!(verdict, RunVerdict::Error);
        let reason = reason.unwrap_or_default();
        assert!(reason.starts_with("a signal") && reason.contains("away") && reason.contains("the pump"), "{reason}");
        assert!(matches!(fault, Some(Fault::NotSafe { .. })));
        outcome.decided(&check(CheckVerdict::Fail));
        assert_eq!(outcome.verdict().0, RunVerdict::Fail, "a fail stays a fail");
    }

    #[test]
    fn a_stop_that_was_asked_for_comes_first_and_an_inconclusive_check_last() {
        let mut outcome = Outcome::default();
        outcome.decided(&check(CheckVerdict::Inconclusive));
        assert_eq!(outcome.verdict().0, RunVerdict::Inconclusive);
        outcome.end(Ending::Broken(Fault::Program { what: "x".into() }));
        assert_eq!(outcome.verdict().0, RunVerdict::Error);
        outcome.end(Ending::Asked("SIGINT".into()));
        assert_eq!(outcome.verdict().0, RunVerdict::Aborted);
    }

    #[test]
    fn an_abort_that_left_the_station_unsafe_is_an_error() {
        let mut outcome = Outcome::default();
        outcome.end(Ending::Asked("SIGINT".into()));
        outcome.broke(Fault::NotSafe { why: "x".into() });
        let (verdict, reason, _) = outcome.verdict();
        assert_eq!(verdict, RunVerdict::Error);
        assert!(reason.is_some_and(|r| r.starts_with("SIGINT; beside that: the station could not")));
    }
}

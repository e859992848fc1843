//! What a run ended as, by its stream and by what came out when its checks were computed again.
//!
//! A verdict never gets better here: an end that is missing, a check that failed, a figure that comes out
//! differently can only make it worse.

use domain::event::FORMAT;
use domain::{CheckVerdict, RunVerdict};

use crate::story::Story;

/// The run's verdict as every derived file states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The verdict.
    pub(crate) verdict: RunVerdict,
    /// Why, when it is no pass.
    pub(crate) reason: Option<String>,
    /// The bench's fault, which stands beside the verdict.
    pub(crate) fault: Option<String>,
}

/// The verdict of a run, given the names of the checks that came out differently when computed again.
pub(crate) fn outcome(story: &Story, different: &[&str]) -> Outcome {
    let mut outcome = as_ended(story);
    hold_to_checks(story, &mut outcome);
    if !different.is_empty() {
        let recorded = story.opened.as_ref().map_or(FORMAT, |opened| opened.format);
        let whose = if recorded < FORMAT {
            format!(
                "the record is of format {recorded}, and this program computes by {FORMAT}; read it with the version that made it"
            )
        } else {
            "this program is at fault".to_owned()
        };
        let what = format!("computed again from the record, {} comes out differently: {whose}", different.join(", "));
        if matches!(outcome.verdict, RunVerdict::Pass | RunVerdict::Inconclusive) {
            outcome.verdict = RunVerdict::Error;
        }
        outcome.add(what);
    }
    outcome
}

/// What the stream's own end says, or that it has none.
fn as_ended(story: &Story) -> Outcome {
    match (&story.ending, &story.stop) {
        (Some(end), _) => Outcome { verdict: end.verdict, reason: end.reason.clone(), fault: end.fault.clone() },
        (None, Some(cause)) => {
            Outcome { verdict: RunVerdict::Aborted, reason: Some(format!("stopped: {cause}")), fault: None }
        }
        (None, None) => Outcome { verdict: RunVerdict::Error, reason: Some("interrupted".to_owned()), fault: None },
    }
}

/// Sees to it that the verdict is no better than the checks: a check decided fail stays fail, and a pass means
/// that every check of the plan passed.
fn hold_to_checks(story: &Story, outcome: &mut Outcome) {
    let checks = story.checks_as_planned();
    let named = |verdict: CheckVerdict| {
        checks.iter().find(|(_, check)| check.map_or(CheckVerdict::NotRun, |c| c.verdict) == verdict)
    };
    if let Some((name, _)) = named(CheckVerdict::Fail)
        && !matches!(outcome.verdict, RunVerdict::Fail | RunVerdict::Aborted)
    {
        outcome.verdict = RunVerdict::Fail;
        outcome.add(format!("check {name} had failed before"));
    }
    if outcome.verdict != RunVerdict::Pass {
        return;
    }
    if let Some((name, _)) = named(CheckVerdict::NotRun) {
        outcome.verdict = RunVerdict::Error;
        outcome.add(format!("the stream ends as a pass, but check {name} was never decided"));
    } else if let Some((name, _)) = named(CheckVerdict::Inconclusive) {
        outcome.verdict = RunVerdict::Inconclusive;
        outcome.add(format!("the stream ends as a pass, but check {name} is inconclusive"));
    }
}

impl Outcome {
    fn add(&mut self, what: String) {
        self.reason = Some(match self.reason.take() {
            Some(reason) => format!("{reason}; {what}"),
            None => what,
        });
    }
}

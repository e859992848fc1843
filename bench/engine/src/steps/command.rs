//! What every step shares that commands the pump: the command goes out, and is answered once.
//!
//! A refusal is the bench's fault, since the plan was within the limits that the rig file gives the pump; a step to which
//! a refusal is an answer looks at the outcome itself.

use core::time::Duration;

use domain::fault::Fault;
use domain::pump::{PumpOutcome, PumpRequest};
use domain::{Event, EventKind, RunTime};

use crate::core::Core;
use crate::ending::Ending;

/// A command under way.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    number: u32,
    request: PumpRequest,
}

/// An answer that comes so long after its command was due is that of a link which was away.
const LATE: Duration = Duration::from_secs(1);

/// When the next of a row is due, after one that was due at `due` and is answered now: the row keeps its grid, unless an
/// answer came late; then what is left of it moves, so that nothing is given in a burst.
pub(crate) fn next_in_row(due: RunTime, every: Duration, now: RunTime) -> RunTime {
    if now.since(due) > LATE { now + every } else { due + every }
}

/// What an event means for a command under way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Nothing.
    Pending,
    /// The pump does it.
    Accepted,
    /// It does not, or nobody knows.
    Failed(Ending),
}

impl Pending {
    pub(crate) fn send(request: PumpRequest, core: &mut Core) -> Self {
        let number = core.command(request.clone());
        Self { number, request }
    }

    /// What became of it, if the event tells.
    pub(super) fn outcome<'a>(&self, event: &'a Event) -> Option<&'a PumpOutcome> {
        match &event.kind {
            EventKind::PumpAnswered { command, outcome, .. } if *command == self.number => Some(outcome),
            _ => None,
        }
    }

    pub(crate) fn answer(&self, event: &Event) -> Answer {
        match self.outcome(event) {
            None => Answer::Pending,
            Some(PumpOutcome::Accepted { .. }) => Answer::Accepted,
            Some(PumpOutcome::Refused { kind, reason }) => {
                let (command, refusal, advice) = (self.request.to_string(), reason.clone(), kind.advice().to_owned());
                Answer::Failed(Ending::Broken(Fault::Refused { command, refusal, advice }))
            }
            Some(PumpOutcome::Unanswered { reason }) => Answer::Failed(self.unconfirmed(reason)),
        }
    }

    /// How a run ends when nobody knows what became of it.
    pub(super) fn unconfirmed(&self, reason: &str) -> Ending {
        Ending::Broken(Fault::Unconfirmed { command: self.request.to_string(), reason: reason.to_owned() })
    }
}

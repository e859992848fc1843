//! `start` and `stop`: a command goes out, and the step waits until the pump has confirmed it.
//!
//! A refusal is the bench's fault, since the plan was within the limits that the rig file gives the pump.

use domain::fault::Fault;
use domain::pump::{PumpOutcome, PumpRequest};
use domain::{Event, EventKind};
use scenario::Start;

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::{Active, Flow};

/// Waiting for the pump's answer.
#[derive(Debug, Clone)]
pub(crate) struct State {
    command: u32,
    request: PumpRequest,
}

/// What an event means for a command that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Nothing.
    Pending,
    /// The pump does it.
    Accepted,
    /// It does not, or nobody knows.
    Failed(Ending),
}

pub(super) fn enter_start(start: &Start, core: &mut Core) -> Flow {
    let Some(rate_nl_per_h) = start.rate.whole_nl_per_h() else {
        let what = format!("expected a rate that the pump's 32 bits hold, but found {}", start.rate);
        return Flow::End(Ending::Broken(Fault::Program { what }));
    };
    let dose = core.dose();
    wait(PumpRequest::Start { dose, rate_nl_per_h }, core)
}

pub(super) fn enter_stop(core: &mut Core) -> Flow {
    wait(PumpRequest::Stop, core)
}

fn wait(request: PumpRequest, core: &mut Core) -> Flow {
    let command = core.command(request.clone());
    Flow::Stay(Active::Pump(State { command, request }))
}

pub(super) fn apply(state: State, event: &Event) -> Flow {
    match answer(state.command, &state.request, event) {
        Answer::Pending => Flow::Stay(Active::Pump(state)),
        Answer::Accepted => Flow::Done,
        Answer::Failed(ending) => Flow::End(ending),
    }
}

/// What an event means for that command.
pub(crate) fn answer(command: u32, request: &PumpRequest, event: &Event) -> Answer {
    let EventKind::PumpAnswered { command: answered, outcome, .. } = &event.kind else { return Answer::Pending };
    if *answered != command {
        return Answer::Pending;
    }
    match outcome {
        PumpOutcome::Accepted { .. } => Answer::Accepted,
        PumpOutcome::Refused { reason } => {
            Answer::Failed(Ending::Broken(Fault::Refused { command: request.to_string(), refusal: reason.clone() }))
        }
        PumpOutcome::Unanswered { reason } => {
            let fault = Fault::Unconfirmed { command: request.to_string(), reason: reason.clone() };
            Answer::Failed(Ending::Broken(fault))
        }
    }
}

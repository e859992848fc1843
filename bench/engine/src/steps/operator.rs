//! `operator`: a person is asked, and the run waits for the answer or for the deadline.
//!
//! An answer that does not fit what was asked is not taken; the daemon has said so to the person already.

use domain::event::Prompt;
use domain::fault::Fault;
use domain::{Event, EventKind, RunTime, time};
use scenario::{Else, Operator};

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::{Active, Flow};

/// Waiting for the answer.
#[derive(Debug, Clone)]
pub(crate) struct State {
    prompt: Prompt,
    within: String,
    otherwise: Else,
    pub(super) until: RunTime,
}

pub(super) fn enter(operator: &Operator, name: &str, core: &mut Core) -> Flow {
    let until = core.now + operator.within;
    let prompt = Prompt {
        name: name.to_owned(),
        instruction: operator.instruction.clone(),
        entries: operator.entries.clone(),
        until_ns: until,
    };
    core.decide(EventKind::Prompted(prompt.clone()));
    let within = time::span(operator.within);
    Flow::Stay(Active::Operator(State { prompt, within, otherwise: operator.otherwise, until }))
}

pub(super) fn apply(state: State, event: &Event, core: &Core) -> Flow {
    if let EventKind::Answered(answer) = &event.kind
        && answer.prompt == state.prompt.name
        && state.prompt.accepts(&answer.entries).is_ok()
    {
        return Flow::Done;
    }
    if core.now < state.until {
        return Flow::Stay(Active::Operator(state));
    }
    let fault = Fault::Unanswered { prompt: state.prompt.name, within: state.within };
    match state.otherwise {
        Else::GoOn => Flow::Done,
        Else::NotRun => Flow::End(Ending::NotRun(fault.to_string())),
        Else::StopSafely => Flow::End(Ending::Broken(fault)),
    }
}

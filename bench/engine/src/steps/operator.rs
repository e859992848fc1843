//! `operator`: a person is asked, and the run waits for the answer or for the deadline.
//!
//! An answer that does not fit what was asked is not taken; the daemon has said so to the person already. A vessel that is
//! handled is weighed before the question, and after the answer as soon as it has settled.

use core::time::Duration;

use domain::check::Window;
use domain::event::Prompt;
use domain::fault::Fault;
use domain::{Event, EventKind, RunTime, time};
use scenario::{Else, Operator};

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::{Active, Flow};

/// A vessel that was put down settles for longer than one that a drop fell into.
const HANDLED_SETTLES: Duration = Duration::from_secs(60);

/// Waiting for the answer.
#[derive(Debug, Clone)]
pub(crate) struct State {
    prompt: Prompt,
    within: String,
    otherwise: Else,
    /// Where the vessel is handled: the mark after it.
    handled: Option<String>,
    /// Since when the vessel settles: nobody is waited for any more.
    settling: bool,
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
    let handled = operator.handles_vessel.then(|| Window::handled(name));
    let handled = handled.map(|window| {
        core.mark(window.from);
        window.to
    });
    core.decide(EventKind::Prompted(prompt.clone()));
    let within = time::span(operator.within);
    let otherwise = operator.otherwise;
    Flow::Stay(Active::Operator(State { prompt, within, otherwise, handled, settling: false, until }))
}

/// Nobody is waited for any more; a vessel that was handled settles before it is weighed again.
fn leave(mut state: State, core: &Core) -> Flow {
    if state.handled.is_none() {
        return Flow::Done;
    }
    state.settling = true;
    let method = &core.profile.method;
    state.until = core.now + method.settling.max(HANDLED_SETTLES) + method.averaging;
    Flow::Stay(Active::Operator(state))
}

pub(super) fn apply(state: State, event: &Event, core: &mut Core) -> Flow {
    if state.settling {
        return match state.handled {
            Some(mark) if core.now >= state.until => {
                core.mark(mark);
                Flow::Done
            }
            handled => Flow::Stay(Active::Operator(State { handled, ..state })),
        };
    }
    if let EventKind::Answered(answer) = &event.kind
        && answer.prompt == state.prompt.name
        && state.prompt.accepts(&answer.entries).is_ok()
    {
        return leave(state, core);
    }
    if core.now < state.until {
        return Flow::Stay(Active::Operator(state));
    }
    let fault = Fault::Unanswered { prompt: state.prompt.name.clone(), within: state.within.clone() };
    match state.otherwise {
        Else::GoOn => leave(state, core),
        Else::NotRun => Flow::End(Ending::NotRun(fault.to_string())),
        Else::StopSafely => Flow::End(Ending::Broken(fault)),
    }
}

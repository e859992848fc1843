//! `change dose`: telemetry is opened, the therapy changed, telemetry closed; each is confirmed before the next.
//!
//! The new dose holds from the moment at which the pump confirmed the change, not from the closing.

use domain::Event;
use domain::pump::PumpRequest;
use scenario::Therapy;

use crate::core::Core;
use crate::steps::command::{Answer, Pending};
use crate::steps::pump::request;
use crate::steps::{Active, Flow};

/// The session under way.
#[derive(Debug, Clone)]
pub(crate) struct State {
    current: Pending,
    /// What is still to be told, the last first.
    rest: Vec<PumpRequest>,
}

pub(super) fn enter(therapy: &Therapy, core: &mut Core) -> Flow {
    let change = match request(therapy, core) {
        Ok(change) => change,
        Err(ending) => return Flow::End(ending),
    };
    let current = Pending::send(PumpRequest::TelemetryOpen, core);
    Flow::Stay(Active::ChangeDose(State { current, rest: vec![PumpRequest::TelemetryClose, change] }))
}

pub(super) fn apply(mut state: State, event: &Event, core: &mut Core) -> Flow {
    match state.current.answer(event) {
        Answer::Pending => Flow::Stay(Active::ChangeDose(state)),
        Answer::Failed(ending) => Flow::End(ending),
        Answer::Accepted => {
            let Some(next) = state.rest.pop() else { return Flow::Done };
            state.current = Pending::send(next, core);
            Flow::Stay(Active::ChangeDose(state))
        }
    }
}

//! `change dose`: telemetry is opened, the therapy changed, telemetry closed; each is confirmed before the next.
//!
//! The new dose holds from the moment at which the pump confirmed the change, not from the closing.

use domain::Event;
use domain::pump::PumpRequest;
use scenario::Therapy;

use crate::core::Core;
use crate::steps::pump::{Answer, answer, request};
use crate::steps::{Active, Flow};

/// The session under way.
#[derive(Debug, Clone)]
pub(crate) struct State {
    command: u32,
    current: PumpRequest,
    /// What is still to be told, the last first.
    rest: Vec<PumpRequest>,
}

pub(super) fn enter(therapy: &Therapy, core: &mut Core) -> Flow {
    let change = match request(therapy, core) {
        Ok(change) => change,
        Err(ending) => return Flow::End(ending),
    };
    let current = PumpRequest::TelemetryOpen;
    let command = core.command(current.clone());
    Flow::Stay(Active::Telemetry(State { command, current, rest: vec![PumpRequest::TelemetryClose, change] }))
}

pub(super) fn apply(mut state: State, event: &Event, core: &mut Core) -> Flow {
    match answer(state.command, &state.current, event) {
        Answer::Pending => Flow::Stay(Active::Telemetry(state)),
        Answer::Failed(ending) => Flow::End(ending),
        Answer::Accepted => {
            let Some(next) = state.rest.pop() else { return Flow::Done };
            state.command = core.command(next.clone());
            state.current = next;
            Flow::Stay(Active::Telemetry(state))
        }
    }
}

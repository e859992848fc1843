//! `stimulate`: something is done to the simulated plant, and the step waits until the plant has answered.
//!
//! It must not know what a stimulus does to the plant, nor how an answer is awaited (`order` does).

use domain::Event;
use domain::order::Order;
use scenario::Stimulate;

use crate::core::Core;
use crate::steps::order::{Answer, Pending};
use crate::steps::{Active, Flow};

/// Waiting for the plant.
#[derive(Debug, Clone)]
pub(crate) struct State(Pending);

pub(super) fn enter(stimulate: &Stimulate, core: &mut Core) -> Flow {
    let order = Order::Stimulate(stimulate.stimulus.clone());
    Flow::Stay(Active::Stimulate(State(Pending::send(&stimulate.instrument, order, core))))
}

pub(super) fn apply(state: State, event: &Event) -> Flow {
    match state.0.answer(event) {
        Answer::Pending => Flow::Stay(Active::Stimulate(state)),
        Answer::Done { .. } => Flow::Done,
        Answer::Failed(ending) => Flow::End(ending),
    }
}

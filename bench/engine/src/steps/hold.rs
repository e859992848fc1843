//! `hold`: nothing is done until its time is over; the vessel is weighed at both ends.
//!
//! A hold of no length takes no time, but both of its weighings are still marked.

use domain::RunTime;
use domain::check::Window;
use scenario::Hold;

use crate::core::Core;
use crate::steps::{Active, Flow};

/// Waiting for the end.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(super) until: RunTime,
    window: Window,
}

pub(super) fn enter(hold: &Hold, name: &str, core: &mut Core) -> Flow {
    let window = Window::of(name);
    core.mark(window.from.clone());
    let state = State { until: core.now + hold.lasts, window };
    apply(state, core)
}

pub(super) fn apply(state: State, core: &mut Core) -> Flow {
    if core.now < state.until {
        return Flow::Stay(Active::Hold(state));
    }
    core.mark(state.window.to);
    Flow::Done
}

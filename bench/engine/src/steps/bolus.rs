//! `bolus`: each bolus is commanded at its time and weighed before and after; the next waits for its turn.
//!
//! The next bolus waits for its own turn, not for the pump to say that the last one is out: the balance decides that.

use core::time::Duration;

use domain::check::Window;
use domain::pump::PumpRequest;
use domain::time::duration_ns;
use domain::{Event, RunTime};
use scenario::Bolus;
use scenario::steps::bolus_windows;

use crate::core::Core;
use crate::steps::command::{Answer, Pending, next_in_row};
use crate::steps::pump::beyond;
use crate::steps::{Active, Flow};

/// A train under way.
#[derive(Debug, Clone)]
pub(crate) struct State {
    request: (u32, u32),
    every: Duration,
    /// The windows of the boluses that are not finished, the last first.
    windows: Vec<Window>,
    whole: Window,
    next: RunTime,
    pending: Option<Pending>,
}

impl State {
    pub(super) fn due(&self) -> Option<RunTime> {
        self.pending.is_none().then_some(self.next)
    }
}

pub(super) fn enter(bolus: &Bolus, name: &str, core: &mut Core) -> Flow {
    let duration_ms = u32::try_from(duration_ns(bolus.over) / 1_000_000).ok();
    let (Some(volume_nl), Some(duration_ms)) = (bolus.volume.whole_nl(), duration_ms) else {
        return Flow::End(beyond(&format!("a bolus, but found {} over {:?}", bolus.volume, bolus.over)));
    };
    let mut windows = bolus_windows(name, bolus.times);
    windows.reverse();
    let whole = Window::of(name);
    core.mark(whole.from.clone());
    let state =
        State { request: (volume_nl, duration_ms), every: bolus.every, windows, whole, next: core.now, pending: None };
    give(state, core)
}

/// Gives the next bolus, or ends the step after the last.
fn give(mut state: State, core: &mut Core) -> Flow {
    let Some(window) = state.windows.last() else {
        core.mark(state.whole.to);
        return Flow::Done;
    };
    core.mark(window.from.clone());
    let (volume_nl, duration_ms) = state.request;
    let request = PumpRequest::Bolus { dose: core.dose(), volume_nl, duration_ms };
    state.pending = Some(Pending::send(request, core));
    Flow::Stay(Active::Bolus(state))
}

pub(super) fn apply(mut state: State, event: &Event, core: &mut Core) -> Flow {
    if let Some(pending) = &state.pending {
        match pending.answer(event) {
            Answer::Pending => return Flow::Stay(Active::Bolus(state)),
            Answer::Accepted => {
                state.pending = None;
                state.next = next_in_row(state.next, state.every, core.now);
            }
            Answer::Failed(ending) => return Flow::End(ending),
        }
    }
    if core.now < state.next {
        return Flow::Stay(Active::Bolus(state));
    }
    if let Some(window) = state.windows.pop() {
        core.mark(window.to);
    }
    give(state, core)
}

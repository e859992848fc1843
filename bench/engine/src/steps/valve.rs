//! `close` and `open`: the valve is told to move, and its position must show that it has.
//!
//! The step is done by the position's reading, never by the order alone; then it goes on as long as it collects.

use core::time::Duration;

use domain::check::Window;
use domain::fault::Fault;
use domain::order::{Order, VALVE_CLOSED_FROM, VALVE_OPEN_UP_TO};
use domain::quantity::significant;
use domain::{Event, EventKind, RunTime, Status, time};
use scenario::Valve;

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::order::{Answer, Pending};
use crate::steps::{Active, Flow};

/// What is waited for.
#[derive(Debug, Clone)]
enum Wait {
    /// The order's answer.
    Answer(Pending),
    /// A position read after that moment.
    Position(RunTime),
    /// The end of what is collected.
    Collecting,
}

/// The valve's way.
#[derive(Debug, Clone)]
pub(crate) struct State {
    valve: Valve,
    /// Between what it is weighed; none before the opening weighing.
    window: Option<Window>,
    wait: Wait,
    /// The last position, in per cent.
    found: Option<f64>,
    pub(super) until: RunTime,
}

impl State {
    /// Whether it is told to move and has not arrived.
    pub(super) const fn moves(&self) -> bool {
        !matches!(self.wait, Wait::Collecting)
    }
}

pub(super) fn enter(valve: &Valve, name: &str, core: &mut Core) -> Flow {
    let window = Window::of(name);
    core.mark(window.from.clone());
    begin(valve, Some(window), core)
}

/// The same before anything is weighed.
pub(crate) fn enter_unweighed(valve: &Valve, core: &mut Core) -> Flow {
    begin(valve, None, core)
}

fn begin(valve: &Valve, window: Option<Window>, core: &mut Core) -> Flow {
    let pending = Pending::send(&valve.instrument, Order::Valve { closed: valve.closed }, core);
    let until = core.now + valve.within;
    Flow::Stay(Active::Valve(Box::new(State {
        valve: valve.clone(),
        window,
        wait: Wait::Answer(pending),
        found: None,
        until,
    })))
}

pub(super) fn apply(mut state: State, event: &Event, core: &mut Core) -> Flow {
    match &state.wait {
        Wait::Answer(pending) => match pending.answer(event) {
            Answer::Pending => {}
            Answer::Done { at, .. } => state.wait = Wait::Position(at),
            Answer::Failed(ending) => return Flow::End(ending),
        },
        Wait::Position(since) => {
            if let Some(position) = position(&state.valve, *since, event) {
                state.found = Some(position);
                let there =
                    if state.valve.closed { position >= VALVE_CLOSED_FROM } else { position <= VALVE_OPEN_UP_TO };
                if there {
                    state.wait = Wait::Collecting;
                    state.until = core.now + state.valve.collect;
                }
            }
        }
        Wait::Collecting => {}
    }
    if core.now < state.until {
        return Flow::Stay(Active::Valve(Box::new(state)));
    }
    if matches!(state.wait, Wait::Collecting) {
        if let Some(window) = state.window {
            core.mark(window.to);
        }
        return Flow::Done;
    }
    Flow::End(Ending::Broken(stuck(&state)))
}

/// The valve's position, if the event is a usable reading of it from after the order.
fn position(valve: &Valve, since: RunTime, event: &Event) -> Option<f64> {
    let EventKind::Reading(reading) = &event.kind else { return None };
    let of_valve = reading.channel.instrument() == valve.instrument && reading.status != Status::Overload;
    (of_valve && reading.at_ns >= since).then_some(reading.value)
}

fn stuck(state: &State) -> Fault {
    let wanted = if state.valve.closed { "closed" } else { "open" };
    let found = state.found.map_or_else(|| "no position".to_owned(), |p| format!("{} % closed", significant(p)));
    let within =
        if state.valve.within == Duration::ZERO { "at once".to_owned() } else { time::span(state.valve.within) };
    let what = format!("expected the valve to be {wanted} within {within}, but found {found}; look at its drive");
    Fault::Instrument { instrument: state.valve.instrument.clone(), what }
}

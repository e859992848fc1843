//! `supply`: the supply is set, and must read back what it was set to.
//!
//! From the order on the pump may be silent for as long as the step says.

use core::time::Duration;

use domain::fault::Fault;
use domain::order::{Order, SUPPLY_DEAD_V, supply_tolerance_v};
use domain::quantity::significant;
use domain::{Event, EventKind, RunTime, Status, time};
use scenario::Supply;

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::order::{Answer, Pending};
use crate::steps::{Active, Flow};

/// How long the supply may take to get there.
const WITHIN: Duration = Duration::from_secs(10);

/// The supply's way.
#[derive(Debug, Clone)]
pub(crate) struct State {
    supply: Supply,
    pending: Option<Pending>,
    since: RunTime,
    found: Option<f64>,
    pub(super) until: RunTime,
}

pub(crate) fn enter(supply: &Supply, core: &mut Core) -> Flow {
    core.silent_until = core.silent_until.max(core.now + supply.silent);
    let order = Order::Supply { voltage_v: supply.voltage, output: supply.output };
    let pending = Some(Pending::send(&supply.instrument, order, core));
    let until = core.now + WITHIN;
    Flow::Stay(Active::Supply(State { supply: supply.clone(), pending, since: core.now, found: None, until }))
}

pub(super) fn apply(mut state: State, event: &Event, core: &Core) -> Flow {
    if let Some(pending) = &state.pending {
        match pending.answer(event) {
            Answer::Pending => {}
            Answer::Done { at, .. } => {
                state.since = at;
                state.pending = None;
            }
            Answer::Failed(ending) => return Flow::End(ending),
        }
    } else if let Some(voltage) = voltage(&state, event) {
        state.found = Some(voltage);
        if there(&state.supply, voltage) {
            return Flow::Done;
        }
    }
    if core.now < state.until {
        return Flow::Stay(Active::Supply(state));
    }
    let wanted = match (state.supply.output, state.supply.voltage) {
        (true, Some(voltage)) => voltage.to_string(),
        (true, None) => "its output to be on".to_owned(),
        (false, _) => "its output to be off".to_owned(),
    };
    let found = state.found.map_or_else(|| "no reading".to_owned(), |v| format!("{} V", significant(v)));
    let what = format!("expected {wanted} within {}, but found {found}; look at its terminals", time::span(WITHIN));
    Flow::End(Ending::Broken(Fault::Instrument { instrument: state.supply.instrument, what }))
}

fn voltage(state: &State, event: &Event) -> Option<f64> {
    let EventKind::Reading(reading) = &event.kind else { return None };
    let channel = reading.channel.as_str();
    let of_supply = channel.strip_prefix(state.supply.instrument.as_str()) == Some(".voltage");
    (of_supply && reading.status != Status::Overload && reading.at_ns >= state.since).then_some(reading.value)
}

fn there(supply: &Supply, voltage: f64) -> bool {
    match (supply.output, supply.voltage) {
        (true, Some(set)) => (voltage - set.v()).abs() <= supply_tolerance_v(set.v()),
        (true, None) => voltage > SUPPLY_DEAD_V,
        (false, _) => voltage <= SUPPLY_DEAD_V,
    }
}

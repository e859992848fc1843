//! The safe stop: data carried out over a connection of its own, without engine, plan or anything else of the run.
//!
//! Evidence first, bounded: the board's memory and the pump's log are read before anything is commanded. The log is read once more
//! when the pump is as wanted, and only that reading vouches for its end: it tells what a pump that did not obey has logged meanwhile.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use domain::event::SafeStopReport;
use domain::order::{SUPPLY_DEAD_V, VALVE_OPEN_UP_TO, supply_tolerance_v};
use domain::profile::{Role, SafePump, SafeState};
use domain::pump::{PumpOutcome, PumpRequest, Therapy};
use domain::{EventKind, Order};
use drivers::instrument::Attach;
use drivers::pump_link::PumpLink;
use drivers::{Connect, Instrument, RunClock, Sample, Settings, Setup};
use rig::Station;
use tokio::time::{Instant, timeout, timeout_at};

mod evidence;

use evidence::{Evidence, Memory};

/// The time between two attempts.
const RETRY: Duration = Duration::from_millis(200);

/// What has to be known to make a station safe: data and ports, nothing of the run.
#[derive(Clone)]
pub(crate) struct SafeStop {
    safe: SafeState,
    connect: Arc<dyn Connect>,
    settings: Settings,
    valve: Option<Target>,
    supply: Option<Target>,
    /// The board's memory is read into the run's folder, if a debug probe reaches it.
    memory: Option<Memory>,
    /// From which entry on the pump's log has not been read; what it held before the run is no evidence of it.
    log_from: Option<u32>,
    /// Whether the pump ever answered; if not, one attempt is enough to say so.
    attached: bool,
}

/// An instrument that is part of the safe state.
#[derive(Clone)]
struct Target {
    connect: Arc<dyn Connect>,
    setup: Setup,
    attach: Attach,
}

impl SafeStop {
    /// The safe stop of a station over its ports; none if it has no pump. `log_from` is how far the pump's log was
    /// read, if the pump was ever there; what the board's memory holds is left in `folder`.
    pub(crate) fn of(
        station: &Station,
        connectors: &BTreeMap<String, Arc<dyn Connect>>,
        log_from: Option<u32>,
        folder: &Path,
    ) -> Option<Self> {
        let binding = |role| station.bindings.iter().find(|b| b.role == role);
        let target = |role| {
            let binding = binding(role)?;
            let connect = Arc::clone(&connectors[&binding.instrument]);
            Some(Target { connect, setup: binding.setup.clone(), attach: binding.entry.attach? })
        };
        let pump = binding(Role::Pump)?;
        let safe = station.profile.safe.clone();
        Some(Self {
            connect: Arc::clone(&connectors[&pump.instrument]),
            settings: pump.setup.settings,
            valve: target(Role::Valve).filter(|_| safe.valve_open),
            supply: target(Role::Supply).filter(|_| safe.supply_v.is_some() || safe.supply_off),
            memory: target(Role::Probe).map(|probe| Memory { probe, folder: folder.to_owned() }),
            log_from,
            attached: log_from.is_some(),
            safe,
        })
    }

    /// The same for a station that another run holds: its valve, its supply and its probe are not ours to touch.
    pub(crate) fn held_by_another(self) -> Self {
        Self { valve: None, supply: None, memory: None, ..self }
    }

    /// The same for a run of which nothing is known any more: the pump may well be there.
    pub(crate) fn pump_may_be_there(self) -> Self {
        Self { attached: true, ..self }
    }
}

/// Makes the station safe, within the bound of its safe state: the supply first, so that the board can hear, then
/// pump and valve side by side, and the supply off at last if the rig file says so. With the report comes what the pump's log told.
pub(crate) async fn execute(order: &SafeStop, clock: RunClock) -> (SafeStopReport, Vec<EventKind>) {
    let began = clock.now();
    let until = clock.at(began + order.safe.within);
    let mut actions = Vec::new();
    let mut evidence = Evidence::default();
    let mut memory_did = None;
    let memory = async {
        if let Some(memory) = &order.memory {
            memory_did = Some(memory.read(clock, order.safe.within / 4).await);
        }
    };
    let supply = fed(order, clock, clock.at(began + order.safe.within / 4), &mut actions);
    let (mut supply_trouble, ()) = tokio::join!(biased; supply, memory);
    actions.extend(memory_did);
    let last = order.supply.as_ref().filter(|_| order.safe.supply_off);
    // What is left for the supply if the pump does not confirm.
    let reserve = if last.is_some() { order.safe.within / 5 } else { Duration::ZERO };
    let (mut pump_did, mut valve_did) = (Vec::new(), Vec::new());
    let by = until - reserve;
    let pump = timeout_at(by, attempts(order, clock, by, &mut pump_did, &mut evidence));
    let valve = timeout_at(by, opened(order.valve.as_ref(), clock, &mut valve_did));
    let mut supply_did = Vec::new();
    // A supply that was not there in time may be later; pump and valve do not wait for it any longer.
    let supply = async {
        let late = supply_trouble.is_some();
        if late { fed(order, clock, by, &mut supply_did).await } else { None }
    };
    let (pump, valve, supply) = tokio::join!(biased; pump, valve, supply);
    supply_trouble = supply;
    let confirmed = pump.unwrap_or_else(|_| {
        let why = pump_did.last().map_or("the pump did not confirm", String::as_str);
        pump_did.push(format!("gave up after {}: {why}", domain::time::span(order.safe.within - reserve)));
        false
    });
    let opened = valve.unwrap_or(false);
    let valve_trouble = (!opened).then(|| {
        let why = valve_did.last().map_or("its position did not come", String::as_str);
        format!("the occlusion valve is not known to be open: {why}")
    });
    let mut pump_trouble = (!confirmed).then(|| {
        let why = pump_did.last().map_or("it did not confirm", String::as_str);
        format!("the pump: {why}")
    });
    actions.extend(valve_did);
    actions.extend(pump_did);
    actions.extend(supply_did);
    if let (false, Some(supply)) = (confirmed, last) {
        let off = Order::Supply { voltage_v: None, output: false };
        let (done, what) = supplied(supply, clock, &off, until, |volts| volts <= SUPPLY_DEAD_V).await;
        supply_trouble = (!done).then(|| what.clone());
        if done {
            // Without its supply the pump delivers nothing, whatever it would have said.
            pump_trouble = None;
        }
        actions.push(what);
    }
    let unconfirmed: Vec<String> = [valve_trouble, pump_trouble, supply_trouble].into_iter().flatten().collect();
    let took_ms = u64::try_from(clock.now().since(began).as_millis()).unwrap_or(u64::MAX);
    let (wanted, log_read, confirmed) = (order.safe.pump, evidence.whole, unconfirmed.is_empty());
    (SafeStopReport { wanted, actions, log_read, confirmed, unconfirmed, took_ms }, evidence.told)
}

/// Sets the supply so that the board can hear, until that moment at most; what is wrong with it, if it is not there.
async fn fed(order: &SafeStop, clock: RunClock, until: Instant, actions: &mut Vec<String>) -> Option<String> {
    let (Some(supply), Some(voltage)) = (&order.supply, order.safe.supply_v) else { return None };
    let set = Order::Supply { voltage_v: Some(voltage), output: true };
    let near = |volts: f64| (volts - voltage.v()).abs() <= supply_tolerance_v(voltage.v());
    let (done, what) = supplied(supply, clock, &set, until, near).await;
    actions.push(what.clone());
    (!done).then_some(what)
}

/// Attaches an instrument and has it carry out one order.
async fn obey(target: &Target, clock: RunClock, order: &Order) -> Result<Box<dyn Instrument>, String> {
    let attached = (target.attach)(&*target.connect, clock, &target.setup).await;
    let (mut instrument, _) = attached.map_err(|fault| fault.to_string())?;
    instrument.order(order).await.map_err(|error| error.to_string())?;
    Ok(instrument)
}

/// Orders something of the supply and waits until what it measures at its terminals is `there`, at most until that
/// moment. What was done, and whether it was confirmed.
async fn supplied(
    supply: &Target,
    clock: RunClock,
    order: &Order,
    until: Instant,
    there: impl Fn(f64) -> bool,
) -> (bool, String) {
    let mut read = None;
    let work = async |read: &mut Option<f64>| -> Result<(), String> {
        let mut instrument = obey(supply, clock, order).await?;
        loop {
            let samples = instrument.read().await.map_err(|error| error.to_string())?;
            *read = samples.iter().find(|s| s.quantity == "voltage").and_then(|s| s.value).or(*read);
            if read.is_some_and(&there) {
                return Ok(());
            }
            tokio::time::sleep(RETRY).await;
        }
    };
    // One answer that is lost says nothing of where the supply is.
    let mut done = Err("it did not answer in time".to_owned());
    while let Ok(tried) = timeout_at(until, work(&mut read)).await {
        done = tried;
        if done.is_ok() || timeout_at(until, tokio::time::sleep(RETRY)).await.is_err() {
            break;
        }
    }
    let done = done.map_err(|why| match read {
        Some(volts) => format!("it reads {} V", domain::quantity::significant(volts)),
        None => why,
    });
    told("supply", order, done)
}

fn told<T>(what: &str, order: &Order, done: Result<T, String>) -> (bool, String) {
    match done {
        Ok(_) => (true, format!("told the {what}: {order}; it confirmed")),
        Err(why) => (false, format!("told the {what}: {order}, but {why}")),
    }
}

/// Opens the valve and waits for its position; true at once if there is none to be opened.
async fn opened(valve: Option<&Target>, clock: RunClock, actions: &mut Vec<String>) -> bool {
    let Some(valve) = valve else { return true };
    let order = Order::Valve { closed: false };
    loop {
        match obey(valve, clock, &order).await {
            Err(why) => {
                let (_, said) = told::<()>("valve", &order, Err(why));
                if actions.last() != Some(&said) {
                    actions.push(said);
                }
            }
            Ok(mut instrument) => {
                while let Ok(samples) = instrument.read().await {
                    let open = |s: &Sample| s.quantity == "position" && s.value.is_some_and(|p| p <= VALVE_OPEN_UP_TO);
                    if samples.iter().any(open) {
                        actions.push("told the valve: open; its position confirmed it".to_owned());
                        return true;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Makes the pump safe, at most until that moment.
async fn attempts(
    order: &SafeStop,
    clock: RunClock,
    until: Instant,
    actions: &mut Vec<String>,
    evidence: &mut Evidence,
) -> bool {
    loop {
        match attempt(order, clock, until, actions, evidence).await {
            Ok(()) => return true,
            Err(why) => {
                if actions.last() != Some(&why) {
                    actions.push(why);
                }
            }
        }
        if !order.attached {
            return false;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn attempt(
    order: &SafeStop,
    clock: RunClock,
    until: Instant,
    actions: &mut Vec<String>,
    evidence: &mut Evidence,
) -> Result<(), String> {
    let (mut link, _) = PumpLink::attach(&*order.connect, clock, order.settings).await.map_err(|f| f.to_string())?;
    if !evidence.tried {
        evidence.tried = true;
        if let Some(log_from) = order.log_from {
            let share = evidence::FIRST_WITHIN.min(order.safe.within / 4);
            drop(timeout(share, evidence.read_log(&mut link, log_from)).await);
        }
    }
    let (request, wanted) = match order.safe.pump {
        SafePump::Stopped => (PumpRequest::Stop, Therapy::Stopped),
        SafePump::MinimumRate => (PumpRequest::MinimumRate, Therapy::MinimumRate),
        SafePump::LeftRunning => {
            let state = link.status().await.map_err(|f| f.to_string())?.state();
            actions.push(format!("left the pump as it is: {}", state.therapy.name()));
            evidence.read_rest_of_log(&mut link, order.log_from, until).await;
            return Ok(());
        }
    };
    let answered = link.command(&request).await.map_err(|f| f.to_string())?;
    if let PumpOutcome::Refused { reason, .. } = answered.outcome {
        return Err(format!("the pump refused to {request}: {reason}"));
    }
    let state = link.status().await.map_err(|f| f.to_string())?.state();
    if state.therapy == wanted && !state.bolus_running {
        actions.push(format!("told the pump to {request}; it confirmed: {}", state.therapy.name()));
        // What was too slow to be read before is read now, and with it what the stop itself brought about.
        evidence.read_rest_of_log(&mut link, order.log_from, until).await;
        Ok(())
    } else {
        Err(format!("told the pump to {request}, but it says: {}", state.therapy.name()))
    }
}

#[cfg(test)]
mod tests;

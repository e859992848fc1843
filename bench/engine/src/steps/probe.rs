//! `flash`, `reset`, `halt`, `run core`, `poke`: an order for the debug probe; and `peek`, whose value is held against its
//! limits in the moment.
//!
//! From the order on the pump may be silent for as long as the step says, and the reset that it brings about is the bench's.
//! A board that does not hold the rig file's image after it was flashed is the bench's fault.

use core::time::Duration;

use domain::check::{CheckHead, CheckRecord, Limits};
use domain::fault::Fault;
use domain::firmware::Place;
use domain::order::Order;
use domain::profile::Role;
use domain::{CheckVerdict, Event, EventKind, Images};
use scenario::{Peek, Probe};

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::order::{Answer, Pending};
use crate::steps::{Active, Flow};

/// So many polls after the pump's link can be back at the latest its log must have told of an ordered reset.
const POLLS: u32 = 2;

/// Waiting for the probe.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pending: Pending,
    then: Then,
}

#[derive(Debug, Clone)]
enum Then {
    Go,
    BeginAnew,
    Agree { instrument: String },
    Judge { head: CheckHead, place: Place, limits: Limits },
}

pub(super) fn enter(probe: &Probe, core: &mut Core) -> Flow {
    core.silent_until = core.silent_until.max(core.now + probe.silent);
    if matches!(probe.order, Order::Flash | Order::Reset) {
        // A link that is away meanwhile lets the log be read later.
        let pump = core.profile.by_role(Role::Pump);
        let read_within = pump.map_or(Duration::ZERO, |pump| pump.away_at_most + pump.poll * POLLS);
        core.resets_ordered.push(core.now + probe.silent + read_within);
    }
    if matches!(probe.order, Order::Halt | Order::Run) {
        core.pump_clock.forget();
    }
    core.halted = probe.order == Order::Halt || (core.halted && matches!(probe.order, Order::Poke { .. }));
    if probe.order == Order::Flash {
        // Whatever was found before says nothing of what will be there.
        core.images = None;
    }
    let pending = Pending::send(&probe.instrument, probe.order.clone(), core);
    let then = match probe.order {
        Order::Flash => Then::Agree { instrument: probe.instrument.clone() },
        Order::Reset => Then::BeginAnew,
        _ => Then::Go,
    };
    Flow::Stay(Active::Probe(Box::new(State { pending, then })))
}

pub(super) fn enter_peek(peek: &Peek, core: &mut Core) -> Flow {
    let pending = Pending::send(&peek.instrument, Order::Peek(peek.place.clone()), core);
    let then = Then::Judge { head: peek.head.clone(), place: peek.place.clone(), limits: peek.limits };
    Flow::Stay(Active::Probe(Box::new(State { pending, then })))
}

pub(super) fn apply(state: State, event: &Event, core: &mut Core) -> Flow {
    match (state.pending.answer(event), &state.then) {
        (Answer::Pending, _) => Flow::Stay(Active::Probe(Box::new(state))),
        (Answer::Failed(ending), _) => Flow::End(ending),
        (Answer::Done { .. }, Then::Agree { instrument }) => {
            if core.images.as_ref().is_some_and(Images::agree) {
                core.pump_clock.board_began_anew(core.now);
                core.flashed = true;
                return Flow::Done;
            }
            let what =
                "expected the board to hold the rig file's image after it was flashed, but it does not; flash it again";
            let fault = Fault::Instrument { instrument: instrument.clone(), what: what.to_owned() };
            Flow::End(Ending::Broken(fault))
        }
        (Answer::Done { read: Some(value), .. }, Then::Judge { head, place, limits }) => {
            judge(value, head, place, *limits, core)
        }
        (Answer::Done { read: None, .. }, Then::Judge { place, .. }) => {
            let what = format!("expected a value of {place}, but found none; please report it with the record");
            Flow::End(Ending::Broken(Fault::Program { what }))
        }
        (Answer::Done { .. }, Then::Go) => Flow::Done,
        (Answer::Done { .. }, Then::BeginAnew) => {
            core.pump_clock.board_began_anew(core.now);
            Flow::Done
        }
    }
}

/// A value in memory is exact: it is within its limits, or not.
fn judge(value: i64, head: &CheckHead, place: &Place, limits: Limits, core: &mut Core) -> Flow {
    // Whole numbers of 32 bits are exact.
    let number = value as f64;
    let within = limits.low.is_none_or(|low| number >= low) && limits.high.is_none_or(|high| number <= high);
    let (verdict, reason) = if core.pump_lost {
        // A board whose link is gone may be gone itself, or have lost its time: nothing that is read from it decides.
        let why = format!("{place} was read as {value} while the pump's link was away");
        (CheckVerdict::Inconclusive, Some(why))
    } else if within {
        (CheckVerdict::Pass, None)
    } else {
        (CheckVerdict::Fail, Some(format!("expected {} in {place}, but found {value}", limits.shown("1"))))
    };
    let record = CheckRecord {
        head: head.clone(),
        verdict,
        value: Some(number),
        unit: "1".to_owned(),
        expanded_uncertainty: Some(0.0),
        coverage_factor: None,
        limits,
        reason: reason.clone(),
        figure: None,
        notes: Vec::new(),
    };
    core.decide(EventKind::CheckDecided(Box::new(record)));
    match (verdict, reason) {
        (CheckVerdict::Fail, Some(reason)) => Flow::End(Ending::Failed(reason)),
        _ => Flow::Done,
    }
}

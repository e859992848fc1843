//! The step kinds, with what each does when it begins and with each event after that: a file each, but for those that only
//! command the pump, which `pump` holds together.
//!
//! A step is a small state machine; it never waits, it says until when it wants to hear nothing.

mod bolus;
mod change_dose;
mod check;
mod command;
mod expect;
mod hold;
mod operator;
mod order;
mod press;
mod probe;
mod pump;
mod stimulate;
mod supply;
mod valve;

use domain::{Event, RunTime};
use scenario::{Step, StepKind};

use crate::core::Core;
use crate::ending::Ending;

/// A step that is under way.
#[derive(Debug, Clone)]
pub(crate) enum Active {
    Pump(pump::State),
    Hold(hold::State),
    Bolus(bolus::State),
    Expect(Box<expect::State>),
    Operator(operator::State),
    Stimulate(stimulate::State),
    Press(Box<press::State>),
    Probe(Box<probe::State>),
    Supply(supply::State),
    ChangeDose(change_dose::State),
    Valve(Box<valve::State>),
}

/// What becomes of a step.
#[derive(Debug, Clone)]
pub(crate) enum Flow {
    /// It goes on.
    Stay(Active),
    /// It is done.
    Done,
    /// The run ends.
    End(Ending),
}

/// A step begins.
pub(crate) fn enter(step: &Step, core: &mut Core) -> Flow {
    match &step.kind {
        StepKind::Start(start) => pump::enter_start(start, core),
        StepKind::Stop => pump::enter_stop(core),
        StepKind::ChangeDose(therapy) => change_dose::enter(therapy, core),
        StepKind::Patient(patient) => pump::enter_patient(patient, core),
        StepKind::Press(press) => press::enter(press, &step.name, core),
        StepKind::Refill(refill) => pump::enter_refill(refill, core),
        StepKind::Stimulate(stimulate) => stimulate::enter(stimulate, core),
        StepKind::Supply(supply) => supply::enter(supply, core),
        StepKind::Valve(valve) => valve::enter(valve, &step.name, core),
        StepKind::Probe(probe) => probe::enter(probe, core),
        StepKind::Peek(peek) => probe::enter_peek(peek, core),
        StepKind::Hold(hold) => hold::enter(hold, &step.name, core),
        StepKind::Bolus(bolus) => bolus::enter(bolus, &step.name, core),
        StepKind::Check(_) => check::enter(),
        StepKind::Expect(expect) => expect::enter(expect, core),
        StepKind::Operator(operator) => operator::enter(operator, &step.name, core),
    }
}

/// An event comes while a step is under way. True beside it if the step claims the event for itself.
pub(crate) fn apply(active: Active, event: &Event, core: &mut Core) -> (Flow, bool) {
    match active {
        Active::Pump(state) => (pump::apply(state, event), false),
        Active::Hold(state) => (hold::apply(state, core), false),
        Active::Bolus(state) => (bolus::apply(state, event, core), false),
        Active::Expect(state) => expect::apply(*state, event, core),
        Active::Operator(state) => (operator::apply(state, event, core), false),
        Active::Stimulate(state) => (stimulate::apply(state, event), false),
        Active::Press(state) => (press::apply(*state, event, core), false),
        Active::Probe(state) => (probe::apply(*state, event, core), false),
        Active::Supply(state) => (supply::apply(state, event, core), false),
        Active::ChangeDose(state) => (change_dose::apply(state, event, core), false),
        Active::Valve(state) => (valve::apply(*state, event, core), false),
    }
}

/// Whether an alarm that happens from the step's beginning on may come of it: it orders or commands something, or waits
/// for what the step before has brought about. A plant acts before it answers, and an answer may be lost; so the sending
/// counts, not the answer. What is merely collected after a valve has moved is no cause.
pub(crate) fn may_cause(active: &Active) -> bool {
    match active {
        Active::Valve(state) => state.moves(),
        Active::Hold(_) | Active::Operator(_) => false,
        Active::Expect(_)
        | Active::Supply(_)
        | Active::Bolus(_)
        | Active::Press(_)
        | Active::Probe(_)
        | Active::Pump(_)
        | Active::Stimulate(_)
        | Active::ChangeDose(_) => true,
    }
}

/// Whether a step leaves everything to the pump and to time: nothing is commanded, ordered, asked or waited for.
pub(crate) fn leaves_all_to_the_pump(active: &Active) -> bool {
    match active {
        Active::Hold(_) => true,
        Active::Pump(_)
        | Active::Bolus(_)
        | Active::Expect(_)
        | Active::Operator(_)
        | Active::Stimulate(_)
        | Active::Press(_)
        | Active::Probe(_)
        | Active::Supply(_)
        | Active::ChangeDose(_)
        | Active::Valve(_) => false,
    }
}

/// A hold ends no sooner than that.
pub(crate) fn hold_until(active: &mut Active, until: RunTime) {
    if let Active::Hold(state) = active {
        state.until = state.until.max(until);
    }
}

/// When a step wants to be woken at the latest.
pub(crate) fn due(active: &Active) -> Option<RunTime> {
    match active {
        Active::Pump(_) | Active::Stimulate(_) | Active::ChangeDose(_) | Active::Probe(_) => None,
        Active::Press(state) => state.due(),
        Active::Supply(state) => Some(state.until),
        Active::Valve(state) => Some(state.until),
        Active::Hold(state) => Some(state.until),
        Active::Bolus(state) => state.due(),
        Active::Expect(state) => Some(state.until),
        Active::Operator(state) => Some(state.until),
    }
}

pub(crate) use check::settle;
pub(crate) use command::{Answer, Pending as Command};
pub(crate) use order::{Answer as Answered, Pending as Ordered};
pub(crate) use supply::enter as enter_supply;
pub(crate) use valve::enter_unweighed as enter_valve;

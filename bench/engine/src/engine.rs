//! The engine: from the rig being ready, through weighing, steps and weighing, to a station that is safe.
//!
//! One closed state, one entry point. What a step does is in its own file; this file only leads from one part of
//! the run to the next.

use std::sync::Arc;

use domain::check::CheckRecord;
use domain::event::Phase;
use domain::fault::Fault;
use domain::profile::{InstrumentProfile, Role};
use domain::pump::{PumpRequest, PumpState};
use domain::{Event, EventKind, Order, RigProfile, RunTime, Voltage};
use scenario::{Plan, StepKind};

use crate::alarms::Alarms;
use crate::core::Core;
use crate::ending::{Ending, Outcome};
use crate::guards::Guards;
use crate::initial::{Initial, Reached};
use crate::instruments::Instruments;
use crate::position::Position;
use crate::silence::Silence;
use crate::steps::{self, Active, Answer, Command, Flow};
use crate::valve::ValveWatch;

mod attribution;
mod begin;
mod resumed;

#[derive(Debug, Clone)]
enum State {
    /// The station is brought to where weighing can begin.
    Starting(Initial),
    /// The bath is brought to the temperature that the plan needs.
    Tempering(begin::Tempering),
    /// The pump is told to stop before a weighing.
    Halting { command: Command, then: Phase },
    /// The vessel is weighed with the pump stopped.
    Weighing { phase: Phase, until: RunTime },
    /// A step is under way.
    Stepping { index: usize, active: Active },
    /// The station is being made safe.
    Stopping,
    /// The last event is out.
    Ended,
}

/// The fold over a run's stream.
#[derive(Debug, Clone)]
pub struct Engine {
    core: Core,
    state: State,
    instruments: Instruments,
    guards: Guards,
    alarms: Alarms,
    silence: Silence,
    valve: ValveWatch,
    outcome: Outcome,
    device_expected: Option<String>,
    overdue: Option<String>,
    active_alarms: Vec<String>,
    ready: bool,
    /// A guard's fail that waits for the valve's next reading.
    held: Option<(Ending, CheckRecord)>,
    /// Whether a step is under way, or was when the station began to be made safe.
    stepping: bool,
    /// The pump's state as it told last.
    pump_state: Option<PumpState>,
    /// The run was interrupted, and it is not known yet how that was bridged.
    bridge: Option<resumed::Bridged>,
    /// Instruments are still to come back from an interruption.
    returning: bool,
}

impl Engine {
    /// An engine for a plan on a rig's station.
    #[must_use]
    pub fn new(plan: Arc<Plan>, profile: Arc<RigProfile>) -> Self {
        let guards = Guards::new(&plan.throughout);
        let initial = Initial::new(&plan);
        Self {
            core: Core::new(plan, profile),
            state: State::Starting(initial),
            instruments: Instruments::default(),
            guards,
            alarms: Alarms::default(),
            silence: Silence::default(),
            valve: ValveWatch::default(),
            outcome: Outcome::default(),
            device_expected: None,
            overdue: None,
            active_alarms: Vec::new(),
            ready: false,
            held: None,
            stepping: false,
            pump_state: None,
            bridge: None,
            returning: false,
        }
    }

    /// Applies an input and appends the decisions that follow from it to `decisions`, in order.
    ///
    /// # Panics
    /// If `event` is a decision: those come out of here and must not go in.
    pub fn apply(&mut self, event: &Event, decisions: &mut Vec<EventKind>) {
        assert!(event.kind.is_input(), "expected an input, but found the decision {:?}", event.kind);
        self.core.now = self.core.now.max(event.t_ns);
        self.core.ledger.apply(event);
        self.bridged(&event.kind);
        self.core.pump_clock.hear(&event.kind, self.core.now, self.core.halted);
        self.note(event);
        self.lead(event);
        for kind in &self.core.decisions {
            match kind {
                EventKind::CheckDecided(check) => self.outcome.decided(check),
                EventKind::Ordered { what: Order::Supply { voltage_v, output }, .. } => {
                    self.silence.ordered(voltage_v.map(Voltage::v), *output, &self.core.profile, self.core.now);
                }
                EventKind::Ordered { what: Order::Stimulate(stimulus), .. } => self.silence.stimulated(stimulus),
                EventKind::Ordered { what: Order::Valve { closed }, .. } => self.valve.ordered(*closed),
                // Another image may well tell another version.
                EventKind::Ordered { what: Order::Flash, .. } => {
                    self.instruments.forget_firmware(Role::Pump, &self.core.profile);
                }
                _ => {}
            }
        }
        decisions.append(&mut self.core.decisions);
    }

    /// When the engine wants a [`EventKind::Tick`] at the latest.
    #[must_use]
    pub fn due(&self) -> Option<RunTime> {
        let state = match &self.state {
            State::Weighing { until, .. } => Some(*until),
            State::Stepping { active, .. } => steps::due(active),
            State::Starting(initial) => initial.due(),
            State::Tempering(tempering) => Some(tempering.until),
            State::Stopping | State::Ended => return None,
            State::Halting { .. } => None,
        };
        let away = if self.ready { self.instruments.due(&self.core.profile, self.core.silent_until) } else { None };
        [state, away].into_iter().flatten().min()
    }

    /// Whether the station is being made safe.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        matches!(self.state, State::Stopping)
    }

    /// Where the run stands.
    #[must_use]
    pub fn position(&self) -> Position {
        let steps = self.core.plan.steps.len();
        let at = |now: &str| Position { now: now.to_owned(), step: None, steps };
        match &self.state {
            State::Starting(initial) => at(initial.name()),
            State::Tempering(_) => at("bringing the bath to its temperature"),
            State::Halting { then, .. } => at(then.name()),
            State::Weighing { phase, .. } => at(phase.name()),
            State::Stepping { index, .. } => {
                Position { step: Some(index + 1), ..at(&self.core.plan.steps[*index].name) }
            }
            State::Stopping => at("making the station safe"),
            State::Ended => at("done"),
        }
    }

    /// What an event means whatever is under way.
    fn note(&mut self, event: &Event) {
        let stopping = matches!(self.state, State::Stopping | State::Ended);
        match &event.kind {
            EventKind::Opened(opened) => self.open(opened),
            EventKind::Attached { instrument, identity } => {
                if self.deaf(instrument) {
                    self.core.pump_lost = false;
                    self.silence.answered(self.core.silent_until, self.core.now);
                }
                let reads = |i: &InstrumentProfile| i.role != Role::Pump && !i.channels.is_empty();
                let gives_readings = self.core.profile.by_name(instrument).is_some_and(reads);
                if let Some(fault) = self.instruments.attached(instrument, identity, self.core.now, gives_readings) {
                    self.end(Ending::Broken(fault));
                }
            }
            EventKind::Lost { instrument, fault, .. } => {
                if self.deaf(instrument) {
                    self.core.pump_lost = true;
                    self.silence.failed(fault, self.core.now);
                }
                if self.core.profile.fills(instrument, Role::Supply) {
                    self.silence.supply_lost(self.core.now, &fault.to_string());
                }
                if self.core.profile.fills(instrument, Role::Valve) {
                    self.valve.lost(self.core.now, &fault.to_string());
                    self.valve_known();
                }
                self.guards.lost(instrument);
                // A board that is just being powered may be silent, but its port is there.
                let pump = self.core.profile.fills(instrument, Role::Pump);
                let unflashed = self.core.plan.flashes_first() && !self.core.flashed;
                let booting = pump && !fault.is_gone() && (unflashed || self.core.now < self.core.silent_until);
                let final_soon = !self.ready && !booting;
                if let Some(fault) = self.instruments.lost(instrument, fault, self.core.now, final_soon) {
                    self.end(Ending::Broken(fault));
                }
            }
            EventKind::Reading(reading) if !self.ready => self.instruments.read(reading.channel.instrument()),
            EventKind::Reading(reading) if !stopping => {
                self.instruments.read(reading.channel.instrument());
                self.silence.reading(reading, &self.core.profile);
                // The valve first: what it does by itself is no device's doing.
                if let Some(fault) = self.valve.reading(reading, &self.core.profile) {
                    self.held = None;
                    self.end(Ending::Broken(fault));
                } else if self.core.profile.fills(reading.channel.instrument(), Role::Valve) {
                    self.valve_known();
                } else if let Some((ending, check)) = self.guards.reading(reading) {
                    self.guarded(ending, check);
                }
            }
            EventKind::SettingsTold { instrument, settings } => self.told(instrument, settings),
            EventKind::ImagesCompared { instrument, images } => self.compared(instrument, images),
            EventKind::PumpChanged(state) => self.pump_is(state),
            EventKind::PumpLogGap { from, to } => self.alarms.gap(*from, *to),
            EventKind::FirmwareLogGap { .. } => self.core.log_gap_at = Some(self.core.now),
            EventKind::Resumed(interruption) => self.resumed(interruption),
            EventKind::StopAsked { cause } => self.end(Ending::Asked(cause.clone())),
            EventKind::Broke(fault) => self.end(Ending::Broken(fault.clone())),
            _ => {}
        }
        if self.ready && !stopping {
            if self.returning {
                self.returned();
            }
            self.overdue();
        }
    }

    /// Leads from one part of the run to the next.
    fn lead(&mut self, event: &Event) {
        // What a flash before the weighing has brought about is kept for the step behind it.
        let mut claimed = self.flashed_before() && self.core.expected_soon(1, event);
        let state = core::mem::replace(&mut self.state, State::Ended);
        let state = match state {
            State::Starting(initial) => match initial.apply(event, &mut self.core) {
                Reached::NotYet(initial) => State::Starting(initial),
                Reached::There => self.begin(),
                Reached::Failed(ending) => self.stop(ending),
            },
            State::Tempering(tempering) => self.tempered(tempering, event),
            State::Halting { command, then } => match command.answer(event) {
                Answer::Pending => State::Halting { command, then },
                Answer::Accepted => self.halted(then),
                Answer::Failed(ending) => self.stop(ending),
            },
            State::Weighing { phase, until } if self.core.now < until => State::Weighing { phase, until },
            State::Weighing { phase: Phase::ClosingWeighing, .. } => self.settle(),
            State::Weighing { .. } => {
                self.core.phase(Phase::Steps);
                // A flash that comes first was done before the pump could be waited for.
                self.next(usize::from(self.core.plan.flashes_first()))
            }
            State::Stepping { index, active } => {
                let may_cause = steps::may_cause(&active);
                let (flow, claims) = steps::apply(active, event, &mut self.core);
                claimed = claims || (may_cause && self.core.expected_soon(index + 1, event));
                self.follow(index, flow)
            }
            State::Stopping => match &event.kind {
                EventKind::SafeStopped(report) => {
                    if !report.confirmed {
                        let why = report.unconfirmed.join("; ");
                        self.outcome.broke(Fault::NotSafe { why });
                    }
                    self.finish(report.log_read)
                }
                _ => {
                    claimed = self.stepping && self.core.was_expected(event);
                    State::Stopping
                }
            },
            State::Ended => State::Ended,
        };
        self.state = self.unclaimed(event, claimed, state);
    }

    /// Whether the first step is done already, and those behind it have not begun.
    fn flashed_before(&self) -> bool {
        let opening = match &self.state {
            State::Starting(_) | State::Tempering(_) => true,
            State::Halting { then: phase, .. } | State::Weighing { phase, .. } => *phase == Phase::OpeningWeighing,
            State::Stepping { .. } | State::Stopping | State::Ended => false,
        };
        opening && self.core.flashed_first_at.is_some()
    }

    fn halt(&mut self, then: Phase) -> State {
        let command = Command::send(PumpRequest::Stop, &mut self.core);
        State::Halting { command, then }
    }

    fn weigh(&mut self, phase: Phase) -> State {
        self.core.phase(phase);
        let weighing = self.core.plan.weighing;
        let lasts = if phase == Phase::ClosingWeighing { weighing.after } else { weighing.before };
        State::Weighing { phase, until: self.core.now + lasts }
    }

    /// Begins the step of that index, and those after it as long as each is done at once.
    fn next(&mut self, mut index: usize) -> State {
        let plan = Arc::clone(&self.core.plan);
        while let Some(step) = plan.steps.get(index) {
            self.core.enter_step(index, step);
            self.stepping = true;
            match steps::enter(step, &mut self.core) {
                Flow::Stay(active) => return State::Stepping { index, active },
                Flow::Done => index += 1,
                Flow::End(ending) => return self.stop(ending),
            }
        }
        self.stepping = false;
        self.halt(Phase::ClosingWeighing)
    }

    fn follow(&mut self, index: usize, flow: Flow) -> State {
        match flow {
            Flow::Stay(active) => State::Stepping { index, active },
            Flow::Done => self.next(index + 1),
            Flow::End(ending) => self.stop(ending),
        }
    }

    /// Every check is decided, once, before the station is made safe.
    fn settle(&mut self) -> State {
        let plan = Arc::clone(&self.core.plan);
        let mut checks = Vec::new();
        for step in &plan.steps {
            if let StepKind::Check(check) = &step.kind {
                checks.push(steps::settle(check, &self.core));
            }
        }
        checks.extend(self.guards.passed());
        checks.extend(self.silence.settled(&self.core.profile));
        checks.extend(self.bath_kept());
        for check in checks {
            self.core.decide(EventKind::CheckDecided(Box::new(check)));
        }
        // An instrument that is away now has not come back: what it would have shown is the bench's to answer for.
        match self.instruments.away(&self.core.profile) {
            Some(fault) => self.stop(Ending::Broken(fault)),
            None => self.stop(Ending::Complete),
        }
    }

    fn stop(&mut self, ending: Ending) -> State {
        if let Some((failed, check)) = self.held.take() {
            // The run ends before the valve was read once more: what was found stands.
            self.core.decide(EventKind::CheckDecided(Box::new(check)));
            self.outcome.end(failed);
        }
        self.core.decide(EventKind::SafeStopBegan { cause: ending.cause() });
        self.outcome.end(ending);
        State::Stopping
    }

    /// The run ends, wherever it stands; while it is ending already, only the reason is added.
    fn end(&mut self, ending: Ending) {
        match self.state {
            State::Ended => {}
            State::Stopping => self.outcome.end(ending),
            _ => self.state = self.stop(ending),
        }
    }

    fn finish(&mut self, log_read: bool) -> State {
        // The log's last word came with the safe stop.
        if let Some(check) = self.alarms.settled(log_read).filter(|_| self.outcome.complete()) {
            self.outcome.decided(&check);
            self.core.decide(EventKind::CheckDecided(Box::new(check)));
        }
        let (verdict, reason, fault) = self.outcome.verdict();
        self.core.decide(EventKind::Ended { verdict, reason, fault });
        State::Ended
    }
}

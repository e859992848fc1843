//! The engine: from the rig being ready, through weighing, steps and weighing, to a station that is safe.
//!
//! One closed state, one entry point. What a step does is in its own file; this file only leads from one part of
//! the run to the next.

use std::sync::Arc;

use domain::event::{Opened, Phase};
use domain::fault::Fault;
use domain::profile::Role;
use domain::pump::PumpRequest;
use domain::{Event, EventKind, RigProfile, RunTime};
use scenario::{Plan, StepKind};

use crate::alarms::Alarms;
use crate::core::Core;
use crate::ending::{Ending, Outcome};
use crate::guards::Guards;
use crate::instruments::Instruments;
use crate::steps::{self, Active, Answer, Flow};

/// Where a run stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// What is done now.
    pub now: String,
    /// The step's number from 1, if a step is under way.
    pub step: Option<usize>,
    /// How many steps there are.
    pub steps: usize,
}

#[derive(Debug, Clone)]
enum State {
    /// Instruments are being attached.
    Attaching,
    /// The pump is told to stop before a weighing.
    Halting { command: u32, then: Phase },
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
    outcome: Outcome,
    device_expected: Option<String>,
    ends_on: String,
    active_alarms: Vec<String>,
    ready: bool,
}

impl Engine {
    /// An engine for a plan on a rig's station.
    #[must_use]
    pub fn new(plan: Arc<Plan>, profile: Arc<RigProfile>) -> Self {
        let guards = Guards::new(&plan.throughout);
        Self {
            core: Core::new(plan, profile),
            state: State::Attaching,
            instruments: Instruments::default(),
            guards,
            alarms: Alarms::default(),
            outcome: Outcome::default(),
            device_expected: None,
            ends_on: String::new(),
            active_alarms: Vec::new(),
            ready: false,
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
        self.note(event);
        self.lead(event);
        for kind in &self.core.decisions {
            if let EventKind::CheckDecided(check) = kind {
                self.outcome.decided(check);
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
            State::Stopping | State::Ended => return None,
            State::Attaching | State::Halting { .. } => None,
        };
        let away = if self.ready { self.instruments.due(&self.core.profile) } else { None };
        [state, away].into_iter().flatten().min()
    }

    /// Where the run stands.
    #[must_use]
    pub fn position(&self) -> Position {
        let steps = self.core.plan.steps.len();
        let at = |now: &str| Position { now: now.to_owned(), step: None, steps };
        match &self.state {
            State::Attaching => at("attaching instruments"),
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
                self.deaf(instrument);
                self.instruments.attached(instrument, identity);
            }
            EventKind::Lost { instrument, fault, .. } => {
                self.deaf(instrument);
                self.guards.lost(instrument);
                if let Some(fault) = self.instruments.lost(instrument, fault, self.core.now, self.ready) {
                    self.end(Ending::Broken(fault));
                }
            }
            EventKind::Reading(reading) if self.ready && !stopping => {
                if let Some((ending, check)) = self.guards.reading(reading) {
                    if let Some(check) = check {
                        self.core.decide(EventKind::CheckDecided(Box::new(check)));
                    }
                    self.end(ending);
                }
            }
            EventKind::PumpChanged(state) => self.active_alarms.clone_from(&state.alarms),
            EventKind::PumpLogGap { from, to } => self.alarms.gap(*from, *to),
            EventKind::StopAsked { cause } => self.end(Ending::Asked(cause.clone())),
            EventKind::Broke(fault) => self.end(Ending::Broken(fault.clone())),
            _ => {}
        }
        if self.ready
            && !stopping
            && let Some(fault) = self.instruments.overdue(&self.core.profile, self.core.now)
        {
            self.end(Ending::Broken(fault));
        }
    }

    /// The pump's link is away, or has just come back: what its log holds from meanwhile comes late or not at all.
    fn deaf(&mut self, instrument: &str) {
        if self.core.profile.by_role(Role::Pump).is_some_and(|p| p.name == instrument) {
            self.core.pump_deaf_at = Some(self.core.now);
        }
    }

    fn open(&mut self, opened: &Opened) {
        self.device_expected.clone_from(&opened.device_expected);
        self.ends_on.clone_from(&opened.ends_on);
        self.core.dose_base = opened.dose_base;
    }

    /// Leads from one part of the run to the next.
    fn lead(&mut self, event: &Event) {
        let mut claimed = false;
        let state = core::mem::replace(&mut self.state, State::Ended);
        let state = match state {
            State::Attaching => match &event.kind {
                EventKind::RigReady => self.begin(),
                _ => State::Attaching,
            },
            State::Halting { command, then } => match steps::answer(command, &PumpRequest::Stop, event) {
                Answer::Pending => State::Halting { command, then },
                Answer::Accepted => self.weigh(then),
                Answer::Failed(ending) => self.stop(ending),
            },
            State::Weighing { phase, until } if self.core.now < until => State::Weighing { phase, until },
            State::Weighing { phase: Phase::ClosingWeighing, .. } => self.settle(),
            State::Weighing { .. } => {
                self.core.phase(Phase::Steps);
                self.next(0)
            }
            State::Stepping { index, active } => {
                let (flow, claims) = steps::apply(active, event, &mut self.core);
                claimed = claims;
                self.follow(index, flow)
            }
            State::Stopping => match &event.kind {
                EventKind::SafeStopped(report) => {
                    if !report.confirmed {
                        let why = report.actions.last().cloned().unwrap_or_default();
                        self.outcome.broke(Fault::NotSafe { why });
                    }
                    self.finish(report.log_read)
                }
                _ => State::Stopping,
            },
            State::Ended => State::Ended,
        };
        self.state = self.unclaimed(event, claimed, state);
    }

    /// An alarm or a reset that no step has claimed ends the run, wherever it stands.
    fn unclaimed(&mut self, event: &Event, claimed: bool, state: State) -> State {
        let EventKind::PumpLogged(entry) = &event.kind else { return state };
        if claimed || !self.ready || matches!(state, State::Ended) {
            return state;
        }
        match self.alarms.unclaimed(entry) {
            Some(check) => {
                let reason = check.reason.clone().unwrap_or_default();
                self.core.decide(EventKind::CheckDecided(Box::new(check)));
                // What the safe stop finds in the log fails the device as well; the run is ending already.
                if matches!(state, State::Stopping) { state } else { self.stop(Ending::Failed(reason)) }
            }
            None => state,
        }
    }

    /// The rig is ready: preconditions, then the opening weighing.
    fn begin(&mut self) -> State {
        self.ready = true;
        if let Some(why) = self.precondition() {
            return self.stop(Ending::NotRun(why));
        }
        self.halt(Phase::OpeningWeighing)
    }

    fn precondition(&self) -> Option<String> {
        if let Some(alarm) = self.active_alarms.first() {
            return Some(format!(
                "expected a pump without active alarms, but found '{alarm}'; clear it and look at the pump"
            ));
        }
        let pump = self.core.profile.by_role(Role::Pump)?;
        if let Some(expected) = &self.device_expected {
            let found = self.instruments.identity(&pump.name).and_then(|i| i.serial.as_deref()).unwrap_or("none");
            if found != expected {
                return Some(format!(
                    "expected the device with serial number {expected}, but found {found}; connect the right one"
                ));
            }
        }
        self.core.profile.instruments.iter().find_map(|i| {
            let calibration = i.calibration.as_ref()?;
            (calibration.due.as_str() < self.ends_on.as_str()).then(|| {
                format!(
                    "expected the calibration of {} to hold until {}, but certificate {} falls due on {}; have it calibrated",
                    i.name, self.ends_on, calibration.certificate, calibration.due
                )
            })
        })
    }

    fn halt(&mut self, then: Phase) -> State {
        let command = self.core.command(PumpRequest::Stop);
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
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let entered = EventKind::StepEntered { index: number, name: step.name.clone(), what: step.what.clone() };
            self.core.decide(entered);
            match steps::enter(step, &mut self.core) {
                Flow::Stay(active) => return State::Stepping { index, active },
                Flow::Done => index += 1,
                Flow::End(ending) => return self.stop(ending),
            }
        }
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

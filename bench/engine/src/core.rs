//! What every part of the engine works on: the plan, the ledger, the time, and the decisions being made.
//!
//! It keeps numbers unique (commands, doses) and tells the ledger of each decision at once.

use std::sync::Arc;

use domain::event::Phase;
use domain::order::Order;
use domain::pump::{PumpLogEntry, PumpRequest};
use domain::{Event, EventKind, RigProfile, RunTime};
use measure::Ledger;
use scenario::{Plan, StepKind};

/// The engine's common state.
#[derive(Debug, Clone)]
pub(crate) struct Core {
    pub(crate) plan: Arc<Plan>,
    pub(crate) profile: Arc<RigProfile>,
    pub(crate) ledger: Ledger,
    /// The time of the event being applied.
    pub(crate) now: RunTime,
    /// Decisions of the event being applied.
    pub(crate) decisions: Vec<EventKind>,
    pub(crate) dose_base: u64,
    /// When the pump's link was last away or came back.
    pub(crate) pump_deaf_at: Option<RunTime>,
    /// The index of the step under way.
    pub(crate) step: usize,
    /// Until when a step allows the pump to be silent.
    pub(crate) silent_until: RunTime,
    /// What came while a step before the one that expects it was acting: that step's index, and the log entry.
    pub(crate) early: Vec<(usize, PumpLogEntry)>,
    commands: u32,
    orders: u32,
    doses: u64,
}

impl Core {
    pub(crate) fn new(plan: Arc<Plan>, profile: Arc<RigProfile>) -> Self {
        Self {
            plan,
            profile,
            ledger: Ledger::new(),
            now: RunTime::ZERO,
            decisions: Vec::new(),
            dose_base: 0,
            pump_deaf_at: None,
            step: 0,
            silent_until: RunTime::ZERO,
            early: Vec::new(),
            commands: 0,
            orders: 0,
            doses: 0,
        }
    }

    /// Decides something: it enters the stream, and the ledger knows it at once.
    pub(crate) fn decide(&mut self, kind: EventKind) {
        self.ledger.take(self.now, &kind);
        self.decisions.push(kind);
    }

    /// Weighs here, under a name.
    pub(crate) fn mark(&mut self, mark: String) {
        self.decide(EventKind::Marked { mark });
    }

    /// A part of the run begins.
    pub(crate) fn phase(&mut self, phase: Phase) {
        self.decide(EventKind::PhaseEntered(phase));
    }

    /// Commands the pump; the answer will carry the number that is returned.
    pub(crate) fn command(&mut self, request: PumpRequest) -> u32 {
        let command = self.commands;
        self.commands += 1;
        self.decide(EventKind::Commanded { command, request });
        command
    }

    /// Orders something of an instrument; the answer will carry the number that is returned.
    pub(crate) fn order(&mut self, instrument: String, what: Order) -> u32 {
        let order = self.orders;
        self.orders += 1;
        self.decide(EventKind::Ordered { order, instrument, what });
        order
    }

    /// An id for the next dose, unique in the run and, by its base, among runs.
    pub(crate) fn dose(&mut self) -> u64 {
        self.doses += 1;
        self.dose_base.wrapping_add(self.doses)
    }

    /// An alarm or a reset that comes while a step acts, and that an `expect` right behind it waits for: it is kept for
    /// that one. Another stimulus in between would be its cause instead, so nothing is looked at beyond.
    pub(crate) fn expected_soon(&mut self, index: usize, event: &Event) -> bool {
        let EventKind::PumpLogged(entry) = &event.kind else { return false };
        let plan = Arc::clone(&self.plan);
        for (number, step) in plan.steps.iter().enumerate().skip(index + 1) {
            let StepKind::Expect(expect) = &step.kind else { break };
            if expect.what.meets(entry) && !self.early.iter().any(|(taken, _)| *taken == number) {
                self.early.push((number, entry.clone()));
                return true;
            }
        }
        false
    }
}

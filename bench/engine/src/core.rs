//! What every part of the engine works on: the plan, the ledger, the time, and the decisions being made.
//!
//! It keeps numbers unique (commands, doses) and tells the ledger of each decision at once.

use std::sync::Arc;

use domain::event::Phase;
use domain::pump::PumpRequest;
use domain::{EventKind, RigProfile, RunTime};
use measure::Ledger;
use scenario::Plan;

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
    commands: u32,
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
            commands: 0,
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

    /// An id for the next dose, unique in the run and, by its base, among runs.
    pub(crate) fn dose(&mut self) -> u64 {
        self.doses += 1;
        self.dose_base.wrapping_add(self.doses)
    }
}

//! What every part of the engine works on: the plan, the ledger, the time, and the decisions being made.
//!
//! It keeps numbers unique (commands, doses) and tells the ledger of each decision at once.

use std::sync::Arc;

use domain::event::Phase;
use domain::order::Order;
use domain::pump::{PumpLogEntry, PumpLogged, PumpRequest};
use domain::{Event, EventKind, Images, RigProfile, RunTime};
use measure::Ledger;
use scenario::{Plan, Step, StepKind};

use crate::pump_clock::PumpClock;

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
    /// Whether a step has halted the board's core.
    pub(crate) halted: bool,
    /// Whether the pump's link is away now.
    pub(crate) pump_lost: bool,
    /// When the debug probe was last away or came back.
    pub(crate) probe_deaf_at: Option<RunTime>,
    /// When lines of the firmware's log were last missing.
    pub(crate) log_gap_at: Option<RunTime>,
    /// The board's image as it was last held against the rig file's.
    pub(crate) images: Option<Images>,
    /// The index of the step under way, or of the last one.
    pub(crate) step: usize,
    /// The pump's own clock.
    pub(crate) pump_clock: PumpClock,
    /// Until when a step allows the pump to be silent.
    pub(crate) silent_until: RunTime,
    /// The indices of steps whose alarm, reset or line came while a step before them was acting, and when it was read.
    pub(crate) early: Vec<(usize, RunTime)>,
    /// The indices of steps of which something came meanwhile that may be it, and that nothing dates.
    pub(crate) undated: Vec<usize>,
    /// When the flash was done that came first, until another step begins than those that wait for what it brings about.
    pub(crate) flashed_first_at: Option<RunTime>,
    /// Whether the board has been flashed.
    pub(crate) flashed: bool,
    /// Resets of the board that were ordered and that its log has not told of yet, each until when it may.
    pub(crate) resets_ordered: Vec<RunTime>,
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
            halted: false,
            pump_lost: false,
            probe_deaf_at: None,
            log_gap_at: None,
            images: None,
            step: 0,
            pump_clock: PumpClock::default(),
            silent_until: RunTime::ZERO,
            early: Vec::new(),
            undated: Vec::new(),
            flashed_first_at: None,
            flashed: false,
            resets_ordered: Vec::new(),
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

    /// Whether the board holds another image than the one that the run is about, until it is flashed.
    pub(crate) fn holds_another(&self) -> bool {
        self.may_differ() && self.images.as_ref().is_some_and(|images| !images.agree())
    }

    /// A step begins.
    pub(crate) fn enter_step(&mut self, index: usize, step: &Step) {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        self.decide(EventKind::StepEntered { index: number, name: step.name.clone(), what: step.what.clone() });
        self.step = index;
        if !matches!(step.kind, StepKind::Expect(_)) {
            self.pump_clock.caused(self.now);
            self.flashed_first_at = None;
        }
    }

    /// Whether the board may still hold another image than the rig file's: until the run has flashed it.
    pub(crate) fn may_differ(&self) -> bool {
        self.plan.flashes() && !self.flashed
    }

    /// Whether an entry of the pump's log tells of a reset that the bench has ordered; each is one entry's.
    pub(crate) fn ordered_reset(&mut self, entry: &PumpLogEntry) -> bool {
        let ordered = |cause: &str| domain::pump::ORDERED_RESETS.contains(&cause);
        let now = self.now;
        self.resets_ordered.retain(|until| now <= *until);
        let own = matches!(&entry.what, PumpLogged::Booted { cause } if ordered(cause));
        if own && !self.resets_ordered.is_empty() {
            self.resets_ordered.remove(0);
            return true;
        }
        false
    }

    /// Whether an event can have happened since the last step began that may have caused it; none if nothing dates it.
    pub(crate) fn dated(&self, kind: &EventKind) -> Option<bool> {
        self.pump_clock.dates(kind, self.now)
    }

    /// An alarm, a reset or a line of the firmware's log that happens while a step may cause it, and that an `expect` from
    /// `index` on waits for: it is kept for that one. Another stimulus in between would be its cause instead, so nothing is
    /// looked at beyond.
    pub(crate) fn expected_soon(&mut self, index: usize, event: &Event) -> bool {
        let dated = self.dated(&event.kind);
        if dated == Some(false) {
            return false;
        }
        let plan = Arc::clone(&self.plan);
        for (number, step) in plan.steps.iter().enumerate().skip(index) {
            let StepKind::Expect(expect) = &step.kind else { break };
            if expect.what.meets(&event.kind) && !self.early.iter().any(|(early, _)| *early == number) {
                if dated.is_none() {
                    self.undated.push(number);
                    return false;
                }
                self.early.push((number, self.now));
                return true;
            }
        }
        false
    }

    /// The same while the station is made safe, after a run that broke in the middle of a step: what that step waited
    /// for, or was about to bring about, is no surprise.
    pub(crate) fn was_expected(&mut self, event: &Event) -> bool {
        let plan = Arc::clone(&self.plan);
        let Some(step) = plan.steps.get(self.step) else { return false };
        match step.kind {
            StepKind::Expect(_) => self.expected_soon(self.step, event),
            StepKind::Hold(_) | StepKind::Operator(_) | StepKind::Check(_) => false,
            _ => self.expected_soon(self.step + 1, event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> RunTime {
        RunTime::from_ns(seconds * 1_000_000_000)
    }

    fn core() -> Core {
        let text = "scenario: plan\nweighing: {before: 14 s, after: 14 s, evaporation changes at most: 1 ug/s}\n\
                    steps:\n  - hold: {for: 1 s}\n";
        let source = text::Source::new("plan.yaml", text.as_bytes().to_vec()).expect("text");
        let document = scenario::Document::parse(source).expect("a scenario");
        let profile = crate::testing::profile();
        let plan = scenario::resolve(&document, &[], &profile).expect("a plan");
        Core::new(Arc::new(plan), Arc::new(profile))
    }

    #[test]
    fn each_reset_that_was_ordered_excuses_one() {
        let mut core = core();
        let booted =
            |cause: &str| PumpLogEntry { index: 0, pump_us: 0, what: PumpLogged::Booted { cause: cause.to_owned() } };
        core.resets_ordered = vec![s(10)];
        assert!(!core.ordered_reset(&booted("watchdog")), "that is none of the bench's");
        assert!(core.ordered_reset(&booted("external reset")));
        assert!(!core.ordered_reset(&booted("external reset")));
        (core.resets_ordered, core.now) = (vec![s(10)], s(11));
        assert!(!core.ordered_reset(&booted("external reset")), "it comes too late to be that one");
    }
}

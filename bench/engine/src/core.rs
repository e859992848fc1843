//! What every part of the engine works on: the plan, the ledger, the time, and the decisions being made.
//!
//! It keeps numbers unique (commands, doses) and tells the ledger of each decision at once.

use std::sync::Arc;

use domain::event::Phase;
use domain::order::Order;
use domain::pump::{PumpLogEntry, PumpLogged, PumpOutcome, PumpRequest};
use domain::{Event, EventKind, Images, RigProfile, RunTime};
use measure::Ledger;
use scenario::{Plan, StepKind};

/// A pump's clock may be off by one part in this many.
const CLOCK_DRIFT: i128 = 10_000;

/// A line's stamp may be ahead of what the pump's clock should show by this much.
const CLOCK_SLACK_US: u128 = 1_000_000;

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
    /// The board's image as it was last held against the rig file's.
    pub(crate) images: Option<Images>,
    /// The index of the step under way, or of the last one.
    pub(crate) step: usize,
    /// A moment of this boot at which the pump's clock was told: run time, that clock in us, and how well the two are
    /// known to be the same, in ns.
    pump_clock: Option<(RunTime, u64, u64)>,
    /// Until when a step allows the pump to be silent.
    pub(crate) silent_until: RunTime,
    /// The indices of steps whose alarm, reset or line came while a step before them was acting.
    pub(crate) early: Vec<usize>,
    /// Whether the board has been flashed.
    pub(crate) flashed: bool,
    /// Resets of the board that were ordered and that its log has not told of yet, each until when it may.
    pub(crate) resets_ordered: Vec<RunTime>,
    /// When the last step began that was no `expect`: what those wait for comes of it.
    caused: RunTime,
    /// Whether the pump has told of a reset since, or its firmware's log has begun anew.
    booted_since: bool,
    /// The stamp of the last line of the firmware's log, in us since boot.
    line_us: u64,
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
            images: None,
            step: 0,
            pump_clock: None,
            silent_until: RunTime::ZERO,
            early: Vec::new(),
            flashed: false,
            resets_ordered: Vec::new(),
            caused: RunTime::ZERO,
            booted_since: false,
            line_us: 0,
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

    /// The pump's clock is told, or begins anew.
    pub(crate) fn hear_clock(&mut self, kind: &EventKind) {
        match kind {
            EventKind::PumpAnswered { at_ns, u_ns, outcome: PumpOutcome::Accepted { pump_us, .. }, .. } => {
                self.pump_clock = Some((*at_ns, *pump_us, *u_ns));
            }
            EventKind::PumpLogged(PumpLogEntry { what: PumpLogged::Booted { .. }, .. }) => {
                self.pump_clock = None;
                self.booted_since = true;
            }
            // A stamp that is earlier than the one before tells of a reset before the pump's own log does.
            EventKind::FirmwareLogged { line, .. } => {
                let stamp_us = line.stamp_us().unwrap_or(self.line_us);
                // Unless that clock is the new boot's already: a command was answered before the line was read.
                let shows_us = |at, clock_us| u128::from(clock_us) + self.now.since(at).as_micros() + CLOCK_SLACK_US;
                let told_since = self.pump_clock.is_some_and(|(at, us, _)| shows_us(at, us) < u128::from(self.line_us));
                if stamp_us < self.line_us && !told_since {
                    self.pump_clock = None;
                    self.booted_since = true;
                }
                self.line_us = stamp_us;
            }
            _ => {}
        }
    }

    /// The pump's clock may stand still, or has: what it showed says nothing any more.
    pub(crate) fn forget_clock(&mut self) {
        self.pump_clock = None;
    }

    /// Whether the board holds another image than the one that the run is about, until it is flashed.
    pub(crate) fn holds_another(&self) -> bool {
        self.may_differ() && self.images.as_ref().is_some_and(|images| !images.agree())
    }

    /// A step begins.
    pub(crate) fn enter_step(&mut self, index: usize, expects: bool) {
        self.step = index;
        if !expects {
            (self.caused, self.booted_since) = (self.now, false);
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

    /// Whether an entry of the pump's log, or a line of its firmware's, can have happened since the last step began that
    /// may have caused it. What the pump's clock does not tell may have: a reset itself, and what comes after one. Of a
    /// line that nothing dates it is not known, and it counts as none.
    pub(crate) fn is_of_this_cause(&self, kind: &EventKind) -> bool {
        self.dated(kind).unwrap_or(false)
    }

    /// The same; none if nothing tells.
    pub(crate) fn dated(&self, kind: &EventKind) -> Option<bool> {
        let stamp_us = match kind {
            EventKind::PumpLogged(PumpLogEntry { what: PumpLogged::Booted { .. }, .. }) => None,
            EventKind::PumpLogged(entry) => Some(entry.pump_us),
            EventKind::FirmwareLogged { line, .. } => line.stamp_us(),
            _ => return Some(false),
        };
        let Some(((at, clock_us, u_ns), stamp_us)) = self.pump_clock.zip(stamp_us) else {
            let may_be = matches!(kind, EventKind::PumpLogged(_)) || self.booted_since;
            return may_be.then_some(true);
        };
        let us = |us: u64| i128::from(us) * 1000;
        let happened_ns = i128::from(at.ns()) + us(stamp_us) - us(clock_us);
        let drift_ns = (happened_ns - i128::from(at.ns())).abs() / CLOCK_DRIFT;
        Some(happened_ns + i128::from(u_ns) + drift_ns >= i128::from(self.caused.ns()))
    }

    /// An alarm, a reset or a line of the firmware's log that happens while a step may cause it, and that an `expect` from
    /// `index` on waits for: it is kept for that one. Another stimulus in between would be its cause instead, so nothing is
    /// looked at beyond.
    pub(crate) fn expected_soon(&mut self, index: usize, event: &Event) -> bool {
        if !self.is_of_this_cause(&event.kind) {
            return false;
        }
        let plan = Arc::clone(&self.plan);
        for (number, step) in plan.steps.iter().enumerate().skip(index) {
            let StepKind::Expect(expect) = &step.kind else { break };
            if expect.what.meets(&event.kind) && !self.early.contains(&number) {
                self.early.push(number);
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
    use domain::FirmwareLine;

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

    fn line(time: &str) -> EventKind {
        let line = FirmwareLine { time: time.to_owned(), level: String::new(), text: "up".to_owned() };
        EventKind::FirmwareLogged { instrument: "probe".to_owned(), line }
    }

    #[test]
    fn a_line_is_dated_by_the_pumps_clock_and_one_from_before_its_cause_is_none_of_it() {
        let mut core = core();
        core.now = s(100);
        core.enter_step(0, false);
        assert_eq!(core.dated(&line("50.5")), None, "nobody knows the pump's clock");
        let outcome = PumpOutcome::Accepted { pump_us: 50_000_000, repeated: false };
        core.hear_clock(&EventKind::PumpAnswered { command: 0, at_ns: s(100), u_ns: 0, outcome });
        assert!(core.is_of_this_cause(&line("50.500000")));
        assert!(!core.is_of_this_cause(&line("49.500000")), "it was logged before, and read now");
        core.now = s(110);
        core.enter_step(1, true);
        assert!(core.is_of_this_cause(&line("50.500000")), "an `expect` waits for what the step before has caused");
        core.enter_step(2, false);
        assert!(!core.is_of_this_cause(&line("50.500000")));
        core.now = s(112);
        core.hear_clock(&line("61.000000"));
        core.hear_clock(&line("0.010000"));
        assert!(core.is_of_this_cause(&line("0.010000")), "the firmware has begun anew since");
        core.enter_step(3, false);
        assert!(!core.is_of_this_cause(&line("0.010000")), "but not since the next cause");
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

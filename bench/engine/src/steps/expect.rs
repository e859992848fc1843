//! `expect`: an alarm or a reset must be in the pump's log, or a line in the firmware's, in time; decided in the moment.
//!
//! The logs are read at each poll, so it came some time within the poll before: a rectangle of that width.

use core::time::Duration;

use domain::check::{CheckHead, CheckRecord, Limits};
use domain::profile::Role;
use domain::{CheckVerdict, Event, EventKind, RunTime, time};
use scenario::{Expect, Expected};

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::{Active, Flow};

/// The coverage factor of the whole width of a rectangle.
const WHOLE_RECTANGLE: f64 = 1.732_050_807_568_877_2;

/// Waiting for the alarm.
#[derive(Debug, Clone)]
pub(crate) struct State {
    head: CheckHead,
    what: Expected,
    limits: Limits,
    within: Duration,
    since: RunTime,
    poll: Duration,
    /// By how much reading may be late.
    reading: Duration,
    /// Whether something came that would be it, and that nothing dates.
    undated: bool,
    /// Two polls after the limit, and what reading may take: what came just in time is still heard.
    pub(super) until: RunTime,
}

pub(super) fn enter(expect: &Expect, core: &mut Core) -> Flow {
    let by = expect.what.heard_by();
    let heard_by = core.profile.by_role(by);
    let poll = heard_by.map_or(Duration::ZERO, |p| p.poll);
    // A probe takes as much of the log as it can in one deadline, and then has one more for what it has begun.
    let reading = heard_by.filter(|_| by == Role::Probe).map_or(Duration::ZERO, |p| p.deadline * 2);
    // What a flash before the opening weighing brings about counts from that flash on.
    let since = core.flashed_first_at.unwrap_or(core.now);
    let state = State {
        head: expect.head.clone(),
        what: expect.what.clone(),
        limits: Limits { low: expect.not_before.map(|d| d.as_secs_f64()), high: Some(expect.within.as_secs_f64()) },
        within: expect.within,
        since,
        poll,
        reading,
        undated: core.undated.contains(&core.step),
        until: since + expect.within + poll * 2 + reading,
    };
    // It came while a step right before this one was acting: never too late, but perhaps too early.
    if let Some((_, at)) = core.early.iter().copied().find(|(step, _)| *step == core.step) {
        if core.flashed_first_at.is_some() {
            let (verdict, took_s, reason) = judged(&state, at, None, core);
            decide(&state, verdict, Some(took_s), reason, core);
            return Flow::Done;
        }
        let premature = state.limits.low.is_some();
        let verdict = if premature { CheckVerdict::Fail } else { CheckVerdict::Pass };
        let reason = premature.then(|| format!("{} came before it could be expected", state.what.shown()));
        decide(&state, verdict, Some(0.0), reason, core);
        return Flow::Done;
    }
    Flow::Stay(Active::Expect(Box::new(state)))
}

pub(super) fn apply(mut state: State, event: &Event, core: &mut Core) -> (Flow, bool) {
    // What happened before its cause, and was only read now, is not what was waited for.
    let dated = if state.what.meets(&event.kind) { core.dated(&event.kind) } else { Some(false) };
    state.undated |= dated.is_none();
    if dated == Some(true) {
        let (verdict, took_s, reason) = judged(&state, core.now, Some(event), core);
        decide(&state, verdict, Some(took_s), reason, core);
        return (Flow::Done, true);
    }
    if core.now < state.until {
        return (Flow::Stay(Active::Expect(Box::new(state))), false);
    }
    let mut reason =
        format!("expected {} within {}, but it did not come", state.what.shown(), time::span(state.within));
    if state.undated {
        reason.push_str("; something of that text came that no clock dates, so it may have");
        decide(&state, CheckVerdict::Inconclusive, None, Some(reason), core);
        return (Flow::Done, false);
    }
    if deaf(&state, core) {
        let role = state.what.heard_by().name();
        reason.push_str(&format!("; the {role}'s link was away meanwhile, or part of the log is lost, so it may have"));
        decide(&state, CheckVerdict::Inconclusive, None, Some(reason), core);
        return (Flow::Done, false);
    }
    decide(&state, CheckVerdict::Fail, None, Some(reason.clone()), core);
    (Flow::End(Ending::Failed(reason)), false)
}

/// What becomes of it when it was read at that moment: verdict, how long it took in s, and why it is no pass.
fn judged(state: &State, at: RunTime, event: Option<&Event>, core: &Core) -> (CheckVerdict, f64, Option<String>) {
    let half = state.poll.as_secs_f64() / 2.0;
    let took_s = (at.since(state.since).as_secs_f64() - half).max(0.0);
    let limit = state.within.as_secs_f64();
    let verdict = match CheckVerdict::from(measure::decision::decide_guarded(took_s, half, state.limits)) {
        // What comes late over a link that was away may have come in time; so may what was read late.
        CheckVerdict::Fail if deaf(state, core) => CheckVerdict::Inconclusive,
        CheckVerdict::Fail if took_s > limit && read_late(state, at, event, core) => CheckVerdict::Inconclusive,
        // By the same token it may have come too early.
        CheckVerdict::Pass
            if state.limits.low.is_some() && (deaf(state, core) || premature(state, at, event, core)) =>
        {
            CheckVerdict::Inconclusive
        }
        verdict => verdict,
    };
    let reason = (verdict != CheckVerdict::Pass).then(|| {
        let least = state.limits.low.map(|low| format!(" not before {low} s and")).unwrap_or_default();
        format!(
            "expected {}{least} within {limit} s, but it was read after {took_s:.3} s ± {half:.3} s",
            state.what.shown()
        )
    });
    (verdict, took_s, reason)
}

/// Whether what was read after its limit may have come before, by the pump's own clock. That clock alone never makes a pass:
/// the bench did not see it come.
fn read_late(state: &State, at: RunTime, event: Option<&Event>, core: &Core) -> bool {
    let by_clock = may_have_come_by(state.since + state.within, event, core);
    by_clock.unwrap_or_else(|| at <= state.since + state.within + state.poll + state.reading)
}

/// Whether what was read after the time before which it must not come may have come before that.
fn premature(state: &State, at: RunTime, event: Option<&Event>, core: &Core) -> bool {
    let Some(low) = state.limits.low.and_then(|low| Duration::try_from_secs_f64(low).ok()) else { return false };
    let not_before = state.since + low;
    let by_clock = may_have_come_by(not_before, event, core);
    by_clock.unwrap_or_else(|| at <= not_before + state.poll + state.reading)
}

fn may_have_come_by(until: RunTime, event: Option<&Event>, core: &Core) -> Option<bool> {
    core.pump_clock.may_have_happened_by(&event?.kind, until, core.now)
}

/// Whether the link of who hears of it was away at any time since the step began.
fn deaf(state: &State, core: &Core) -> bool {
    // A board whose link was away may have been away itself: what its firmware did not log then is no fault of it.
    let heard_by_probe = state.what.heard_by() == Role::Probe;
    let deaf_at = core.pump_deaf_at.max(core.probe_deaf_at.max(core.log_gap_at).filter(|_| heard_by_probe));
    deaf_at.is_some_and(|at| at >= state.since)
}

fn decide(state: &State, verdict: CheckVerdict, value: Option<f64>, reason: Option<String>, core: &mut Core) {
    let record = CheckRecord {
        head: state.head.clone(),
        verdict,
        value,
        unit: "s".to_owned(),
        expanded_uncertainty: value.map(|_| state.poll.as_secs_f64() / 2.0),
        coverage_factor: value.map(|_| WHOLE_RECTANGLE),
        limits: state.limits,
        reason,
        figure: None,
        notes: Vec::new(),
    };
    core.decide(EventKind::CheckDecided(Box::new(record)));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::FirmwareLine;
    use domain::profile::InstrumentProfile;
    use scenario::StepKind;

    use super::*;

    fn s(seconds: f64) -> RunTime {
        RunTime::ZERO + Duration::from_secs_f64(seconds)
    }

    /// An engine's core 100 s into a run, waiting for a line, with the pump's clock told as run time.
    fn waiting(expect: &str) -> (Core, Expect) {
        let mut profile = crate::testing::profile();
        let like = profile.instruments[1].clone();
        profile.instruments.push(InstrumentProfile { name: "probe".to_owned(), role: Role::Probe, ..like });
        let text = format!(
            "scenario: plan\nweighing: {{before: 14 s, after: 14 s, evaporation changes at most: 1 ug/s}}\nsteps:\n\
             \x20 - hold: {{for: 1 s}}\n\x20 - expect: {{log: armed, {expect}, because: test}}\n"
        );
        let source = text::Source::new("plan.yaml", text.into_bytes()).expect("text");
        let document = scenario::Document::parse(source).expect("a scenario");
        let plan = scenario::resolve(&document, &[], &profile).expect("a plan");
        let StepKind::Expect(expect) = plan.steps[1].kind.clone() else { panic!("an expect") };
        let mut core = Core::new(Arc::new(plan), Arc::new(profile));
        core.now = s(100.0);
        core.pump_clock.caused(core.now);
        let told = EventKind::PumpClockRead { at_ns: s(100.0), u_ns: 0, pump_us: 100_000_000 };
        core.pump_clock.hear(&told, core.now, false);
        core.step = 1;
        (core, expect)
    }

    /// What is decided when a line with that stamp is read at that moment.
    fn read(core: &mut Core, expect: &Expect, at: f64, stamp: &str) -> CheckVerdict {
        let Flow::Stay(Active::Expect(state)) = enter(expect, core) else { panic!("it waits") };
        core.now = s(at);
        let line = FirmwareLine { time: stamp.to_owned(), level: String::new(), text: "armed".to_owned() };
        let kind = EventKind::FirmwareLogged { instrument: "probe".to_owned(), line };
        let event = Event { seq: 0, t_ns: core.now, station: Arc::from("1"), kind };
        drop(apply(*state, &event, core));
        verdict(core)
    }

    fn verdict(core: &Core) -> CheckVerdict {
        let decided = core.decisions.iter().find_map(|kind| match kind {
            EventKind::CheckDecided(check) => Some(check.verdict),
            _ => None,
        });
        decided.expect("a verdict")
    }

    #[test]
    fn a_line_is_judged_by_when_it_was_read_and_its_stamp_may_only_cast_doubt() {
        for (at, stamp, expected, why) in [
            (107.0, "106.9", CheckVerdict::Pass, "read when it was logged, within both limits"),
            (107.0, "100.2", CheckVerdict::Inconclusive, "read late: it may have come too early"),
            (100.6, "100.5", CheckVerdict::Fail, "too early by both"),
            (145.0, "144.9", CheckVerdict::Fail, "too late by both"),
            (145.0, "110.0", CheckVerdict::Inconclusive, "read too late, logged in time"),
        ] {
            let (mut core, expect) = waiting("not before: 3 s, within: 30 s");
            assert_eq!(read(&mut core, &expect, at, stamp), expected, "{why}");
        }
        let (mut core, expect) = waiting("not before: 3 s, within: 30 s");
        core.probe_deaf_at = Some(s(104.0));
        assert_eq!(
            read(&mut core, &expect, 110.0, "109.9"),
            CheckVerdict::Inconclusive,
            "the probe was away meanwhile"
        );
    }

    #[test]
    fn what_comes_of_a_first_flash_counts_from_that_flash() {
        for (expect, verdict_expected) in [
            ("within: 2 s", CheckVerdict::Fail),
            ("within: 60 s", CheckVerdict::Pass),
            ("not before: 3 s, within: 60 s", CheckVerdict::Pass),
            ("not before: 13 s, within: 60 s", CheckVerdict::Inconclusive),
        ] {
            let (mut core, expect) = waiting(expect);
            core.flashed_first_at = Some(s(80.0));
            core.early.push((1, s(93.0)));
            assert!(matches!(enter(&expect, &mut core), Flow::Done));
            assert_eq!(verdict(&core), verdict_expected);
        }
    }

    #[test]
    fn a_line_that_nothing_dates_makes_no_fail() {
        let (mut core, expect) = waiting("within: 2 s");
        core.undated.push(1);
        let Flow::Stay(Active::Expect(state)) = enter(&expect, &mut core) else { panic!("it waits") };
        core.now = state.until;
        let event = Event { seq: 0, t_ns: core.now, station: Arc::from("1"), kind: EventKind::Tick };
        drop(apply(*state, &event, &mut core));
        assert_eq!(verdict(&core), CheckVerdict::Inconclusive);
    }
}

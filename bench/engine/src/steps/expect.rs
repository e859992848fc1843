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
    /// One poll after the limit: an alarm that came just in time is still heard.
    pub(super) until: RunTime,
}

pub(super) fn enter(expect: &Expect, core: &mut Core) -> Flow {
    let by = expect.what.heard_by();
    let heard_by = core.profile.by_role(by);
    let poll = heard_by.map_or(Duration::ZERO, |p| p.poll);
    // A probe takes as much of the log as it can in one deadline, and then has one more for what it has begun.
    let reading = heard_by.filter(|_| by == Role::Probe).map_or(Duration::ZERO, |p| p.deadline * 2);
    let state = State {
        head: expect.head.clone(),
        what: expect.what.clone(),
        limits: Limits { low: expect.not_before.map(|d| d.as_secs_f64()), high: Some(expect.within.as_secs_f64()) },
        within: expect.within,
        since: core.now,
        poll,
        reading,
        undated: core.undated.contains(&core.step),
        until: core.now + expect.within + poll * 2 + reading,
    };
    // It came while a step right before this one was acting: never too late, but perhaps too early.
    if core.early.contains(&core.step) {
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
        let half = state.poll.as_secs_f64() / 2.0;
        let took_s = (core.now.since(state.since).as_secs_f64() - half).max(0.0);
        let limit = state.within.as_secs_f64();
        let decision = measure::decision::decide_guarded(took_s, half, state.limits);
        let verdict = match CheckVerdict::from(decision) {
            // What comes late over a link that was away may have come in time; so may what was read late.
            CheckVerdict::Fail if deaf(&state, core) => CheckVerdict::Inconclusive,
            CheckVerdict::Fail if took_s > limit && read_late(&state, event, core) => CheckVerdict::Inconclusive,
            verdict => verdict,
        };
        let reason = (verdict != CheckVerdict::Pass).then(|| {
            let least = state.limits.low.map(|low| format!(" not before {low} s and")).unwrap_or_default();
            format!(
                "expected {}{least} within {limit} s, but it came after {took_s:.3} s ± {half:.3} s",
                state.what.shown()
            )
        });
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

/// Whether what was read after its limit may have come before, by the pump's own clock. That clock alone never makes a pass:
/// the bench did not see it come.
fn read_late(state: &State, event: &Event, core: &Core) -> bool {
    let by_clock = core.pump_clock.may_have_happened_by(&event.kind, state.since + state.within, core.now);
    by_clock.unwrap_or_else(|| core.now <= state.since + state.within + state.poll + state.reading)
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

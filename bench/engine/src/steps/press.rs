//! `press`: the patient's button, again and again; just the right presses must be answered by a bolus.
//!
//! Here a refusal is an answer that is judged, not a fault of the bench: it must be by lockout or daily maximum.

use core::time::Duration;

use domain::check::{CheckHead, CheckRecord, Limits, Window};
use domain::pump::{PumpOutcome, PumpRequest, RefusalKind};
use domain::{CheckVerdict, Event, EventKind, RunTime};
use scenario::Press;

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::command::{Pending, next_in_row};
use crate::steps::{Active, Flow};

/// Presses under way.
#[derive(Debug, Clone)]
pub(crate) struct State {
    head: CheckHead,
    given: Vec<u32>,
    times: u32,
    every: Duration,
    window: Window,
    /// Presses made.
    pressed: u32,
    /// The press that has no answer yet.
    pending: Option<Pending>,
    /// Presses that were answered wrongly, and how.
    wrong: Vec<String>,
    next: RunTime,
}

impl State {
    pub(super) fn due(&self) -> Option<RunTime> {
        self.pending.is_none().then_some(self.next)
    }
}

pub(super) fn enter(press: &Press, name: &str, core: &mut Core) -> Flow {
    let window = Window::of(name);
    core.mark(window.from.clone());
    let state = State {
        head: press.head.clone(),
        given: press.given.clone(),
        times: press.times,
        every: press.every,
        window,
        pressed: 0,
        pending: None,
        wrong: Vec::new(),
        next: core.now,
    };
    go_on(state, core)
}

/// Presses again, or ends the step after the last.
fn go_on(mut state: State, core: &mut Core) -> Flow {
    if state.pressed == state.times {
        core.mark(state.window.to.clone());
        let ended = decide(&state, core);
        return ended.map_or(Flow::Done, Flow::End);
    }
    let request = PumpRequest::PatientBolus { dose: core.dose() };
    state.pressed += 1;
    state.pending = Some(Pending::send(request, core));
    Flow::Stay(Active::Press(Box::new(state)))
}

pub(super) fn apply(mut state: State, event: &Event, core: &mut Core) -> Flow {
    if let Some(pending) = &state.pending {
        let Some(outcome) = pending.outcome(event) else { return Flow::Stay(Active::Press(Box::new(state))) };
        let wanted = state.given.contains(&state.pressed);
        match outcome {
            PumpOutcome::Accepted { .. } if !wanted => {
                state.wrong.push(format!("press {} was given, but had to be refused", state.pressed));
            }
            PumpOutcome::Refused { reason, .. } if wanted => {
                state.wrong.push(format!("press {} was refused ({reason}), but had to be given", state.pressed));
            }
            // Whoever refuses for another reason has not shown that lockout and daily maximum hold.
            PumpOutcome::Refused { kind, reason } if *kind != RefusalKind::PatientLimit => {
                let pressed = state.pressed;
                state
                    .wrong
                    .push(format!("press {pressed} was refused by neither lockout nor daily maximum ({reason})"));
            }
            PumpOutcome::Accepted { .. } | PumpOutcome::Refused { .. } => {}
            PumpOutcome::Unanswered { reason } => {
                return Flow::End(pending.unconfirmed(reason));
            }
        }
        state.pending = None;
        state.next = next_in_row(state.next, state.every, core.now);
    }
    if core.now < state.next { Flow::Stay(Active::Press(Box::new(state))) } else { go_on(state, core) }
}

/// Decides the check; how the run ends, if it failed.
fn decide(state: &State, core: &mut Core) -> Option<Ending> {
    let wrong = state.wrong.len() as f64;
    let reason = state.wrong.first().map(|first| format!("expected every press answered rightly, but {first}"));
    let verdict = if reason.is_none() { CheckVerdict::Pass } else { CheckVerdict::Fail };
    let record = CheckRecord {
        head: state.head.clone(),
        verdict,
        value: Some(wrong),
        unit: "1".to_owned(),
        expanded_uncertainty: Some(0.0),
        coverage_factor: None,
        limits: Limits { low: None, high: Some(0.0) },
        reason: reason.clone(),
        figure: None,
        notes: state.wrong.clone(),
    };
    core.decide(EventKind::CheckDecided(Box::new(record)));
    reason.map(Ending::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// The check after three presses, ten minutes apart, of which the first must be given.
    fn check(answers: [PumpOutcome; 3]) -> (CheckVerdict, Vec<String>) {
        let profile = crate::testing::profile();
        let source = text::Source::new(
            "plan.yaml",
            b"scenario: plan\nweighing: {before: 14 s, after: 14 s, evaporation changes at most: 1 ug/s}\nsteps:\n  \
              - patient: {volume: 20 uL, over: 2 min, lockout: 30 min, daily maximum: 3}\n  \
              - press: {times: 3, every: 10 min, given: [1], because: a lockout of 30 min}\n"
                .to_vec(),
        )
        .expect("text");
        let document = scenario::Document::parse(source).expect("a scenario");
        let plan = scenario::resolve(&document, &[], &profile).expect("a plan");
        let scenario::StepKind::Press(press) = plan.steps[1].kind.clone() else { panic!("a press") };
        let mut core = Core::new(Arc::new(plan), Arc::new(profile));
        let mut flow = enter(&press, "the button", &mut core);
        for (command, outcome) in (0_u32..).zip(answers) {
            let Flow::Stay(Active::Press(state)) = flow else { break };
            let station: Arc<str> = Arc::from("1");
            let kind = EventKind::PumpAnswered { command, at_ns: core.now, u_ns: 0, outcome };
            let event = Event { seq: 0, t_ns: core.now, station: Arc::clone(&station), kind };
            let Flow::Stay(Active::Press(state)) = apply(*state, &event, &mut core) else {
                panic!("ten minutes to go")
            };
            core.now = RunTime::from_ns(u64::from(command + 1) * 600_000_000_000);
            flow = apply(*state, &Event { seq: 0, t_ns: core.now, station, kind: EventKind::Tick }, &mut core);
        }
        let decided = core.decisions.into_iter().find_map(|kind| match kind {
            EventKind::CheckDecided(check) => Some((check.verdict, check.notes)),
            _ => None,
        });
        decided.expect("decided")
    }

    const GIVEN: PumpOutcome = PumpOutcome::Accepted { pump_us: 0, repeated: false };

    fn refused(kind: RefusalKind) -> PumpOutcome {
        PumpOutcome::Refused { kind, reason: "no".to_owned() }
    }

    #[test]
    fn a_refusal_counts_only_if_it_is_by_lockout_or_daily_maximum() {
        let limit = || refused(RefusalKind::PatientLimit);
        assert_eq!(check([GIVEN, limit(), limit()]), (CheckVerdict::Pass, Vec::new()));
        let (verdict, notes) = check([GIVEN, limit(), refused(RefusalKind::Other)]);
        assert_eq!(verdict, CheckVerdict::Fail);
        assert_eq!(notes, ["press 3 was refused by neither lockout nor daily maximum (no)"]);
        assert_eq!(check([GIVEN, GIVEN, limit()]).0, CheckVerdict::Fail);
        assert_eq!(check([limit(), limit(), limit()]).0, CheckVerdict::Fail);
    }
}

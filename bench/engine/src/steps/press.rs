//! `press`: the patient's button, again and again; just the right presses must be answered by a bolus.
//!
//! Here a refusal is an answer that is judged, not a fault of the bench.

use core::time::Duration;

use domain::check::{CheckHead, CheckRecord, Limits, Window};
use domain::fault::Fault;
use domain::pump::{PumpOutcome, PumpRequest};
use domain::{CheckVerdict, Event, EventKind, RunTime};
use scenario::Press;

use crate::core::Core;
use crate::ending::Ending;
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
    pending: Option<(u32, PumpRequest)>,
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
    state.pending = Some((core.command(request.clone()), request));
    state.next = state.next + state.every;
    Flow::Stay(Active::Press(Box::new(state)))
}

pub(super) fn apply(mut state: State, event: &Event, core: &mut Core) -> Flow {
    if let Some((command, request)) = &state.pending {
        let EventKind::PumpAnswered { command: answered, outcome, .. } = &event.kind else {
            return Flow::Stay(Active::Press(Box::new(state)));
        };
        if answered != command {
            return Flow::Stay(Active::Press(Box::new(state)));
        }
        let wanted = state.given.contains(&state.pressed);
        match outcome {
            PumpOutcome::Accepted { .. } if !wanted => {
                state.wrong.push(format!("press {} was given, but had to be refused", state.pressed));
            }
            PumpOutcome::Refused { reason } if wanted => {
                state.wrong.push(format!("press {} was refused ({reason}), but had to be given", state.pressed));
            }
            PumpOutcome::Accepted { .. } | PumpOutcome::Refused { .. } => {}
            PumpOutcome::Unanswered { reason } => {
                let fault = Fault::Unconfirmed { command: request.to_string(), reason: reason.clone() };
                return Flow::End(Ending::Broken(fault));
            }
        }
        state.pending = None;
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

//! A run that was interrupted and goes on: when it may, and what is forgotten and what is asked anew then.
//!
//! It may only where everything was left to the pump and to time, since nobody was there to command, to order or to look. What
//! the pump did meanwhile its log tells, what it delivered the balance; what neither tells makes no verdict better.

use core::time::Duration;
use std::sync::Arc;

use domain::event::{Interruption, Phase};
use domain::pump::{PumpState, Therapy};
use domain::time::span;
use domain::{EventKind, Fault, RigProfile, RunTime};
use scenario::Plan;

use super::{Engine, State};
use crate::ending::Ending;
use crate::steps;

/// So long after a run goes on its instruments have answered, beside what a weighing takes.
const ANSWERED_AFTER: Duration = Duration::from_secs(10);

impl Engine {
    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.core.plan
    }

    /// The rig's station.
    #[must_use]
    pub fn profile(&self) -> &RigProfile {
        &self.core.profile
    }

    /// Whether the run may go on at that moment, of which nothing is known since the last event.
    ///
    /// # Errors
    /// Why it may not, as a sentence.
    pub fn may_go_on(&self, now: RunTime) -> Result<(), String> {
        self.may_go_on_after(now.since(self.core.now))
    }

    fn may_go_on_after(&self, lasted: Duration) -> Result<(), String> {
        let within = self.core.plan.resume_within;
        let within = within.ok_or("expected the scenario to allow that with 'resume', but it does not")?;
        if lasted > within {
            let (within, lasted) = (span(within), span(lasted));
            return Err(format!("expected an interruption of {within} at most, but it lasted {lasted}"));
        }
        let stands = self.position().now;
        let can = match &self.state {
            State::Stepping { active, .. } => steps::leaves_all_to_the_pump(active),
            State::Weighing { phase, .. } => *phase == Phase::ClosingWeighing,
            State::Starting(_) | State::Tempering(_) | State::Halting { .. } | State::Stopping | State::Ended => false,
        };
        if can && self.held.is_none() && self.core.decisions.is_empty() {
            return Ok(());
        }
        Err(format!("expected it to be interrupted in a hold or in the closing weighing, but that was in '{stands}'"))
    }

    /// The run goes on.
    pub(super) fn resumed(&mut self, interruption: &Interruption) {
        let now = self.core.now;
        if let Err(why) = self.may_go_on_after(interruption.lasted(now)) {
            return self.end(Ending::Broken(Fault::Program { what: format!("the run cannot go on: {why}") }));
        }
        let names: Vec<String> = self.core.profile.instruments.iter().map(|i| i.name.clone()).collect();
        for name in &names {
            self.deaf(name);
        }
        self.core.pump_lost = true;
        let last = interruption.last_ns;
        self.instruments.interrupted(last, now);
        self.guards.interrupted();
        self.silence.interrupted(self.core.silent_until, last, now);
        self.valve.lost(now, "the run was interrupted");
        self.core.log_gap_at = Some(now);
        self.bridge = Some(Bridged { u_ns: interruption.u_ns, left: self.pump_state.clone(), found: None });
        self.returning = true;
        self.wait_for_instruments();
    }

    /// Until each instrument is back, the hold or the closing weighing ends no sooner than a weighing with all of them takes.
    pub(super) fn wait_for_instruments(&mut self) {
        let method = &self.core.profile.method;
        let read_until = self.core.now + method.settling + method.averaging + ANSWERED_AFTER;
        match &mut self.state {
            State::Stepping { active, .. } => steps::hold_until(active, read_until),
            // What evaporates is told by a weighing of which nothing is missing: it begins anew.
            State::Weighing { phase: Phase::ClosingWeighing, .. } => self.state = self.weigh(Phase::ClosingWeighing),
            _ => {}
        }
    }

    /// An event has come since the run goes on.
    pub(super) fn returned(&mut self) {
        if self.instruments.all_there() {
            self.returning = false;
        } else if let State::Stepping { .. } = self.state {
            self.wait_for_instruments();
        } else if let State::Weighing { phase: Phase::ClosingWeighing, until } = &mut self.state {
            *until = self.core.now + self.core.plan.weighing.after;
        }
    }

    /// The pump tells its state.
    pub(super) fn pump_is(&mut self, state: &PumpState) {
        self.active_alarms.clone_from(&state.alarms);
        if let Some(bridge) = &mut self.bridge {
            bridge.found = Some(state.clone());
        }
        self.pump_state = Some(state.clone());
    }

    /// The first look at the pump's clock behind an interruption tells whether time was bridged as it should be, and comes behind
    /// what the pump's log and its state tell: whether it is as it was left.
    pub(super) fn bridged(&mut self, kind: &EventKind) {
        if !matches!(kind, EventKind::PumpClockRead { .. }) {
            return;
        }
        let Some(Bridged { u_ns, left, found }) = self.bridge.take() else { return };
        let what =
            self.core.pump_clock.contradicts(kind, u_ns).or_else(|| left_otherwise(left.as_ref()?, found.as_ref()?));
        if let Some(what) = what {
            self.end(Ending::Broken(Fault::Program { what }));
        }
    }
}

/// What has to be known behind an interruption before anything rests on it.
#[derive(Debug, Clone)]
pub(super) struct Bridged {
    /// By how much time may be off, in ns.
    u_ns: u64,
    /// The pump's state before.
    left: Option<PumpState>,
    /// And since.
    found: Option<PumpState>,
}

/// That somebody else has had the pump do something else: a safe stop of which the record does not tell, or another run.
fn left_otherwise(left: &PumpState, found: &PumpState) -> Option<String> {
    let said = |state: &PumpState| {
        let bolus = if state.bolus_running { ", a bolus running" } else { "" };
        // What a schedule gives changes by itself.
        let rate = if state.therapy == Therapy::Continuous {
            format!(" at {} nL/h", state.rate_nl_per_h)
        } else {
            String::new()
        };
        format!("{}{rate}{bolus}", state.therapy.name())
    };
    let (left, found) = (said(left), said(found));
    (left != found).then(|| {
        format!(
            "expected the pump as the interruption had left it, {left}, but it is {found}; somebody else has told it so, see its log"
        )
    })
}

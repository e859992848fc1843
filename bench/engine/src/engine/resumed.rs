//! A run that was interrupted and goes on: when it may, and what is forgotten and what is asked anew then.
//!
//! It may only where everything was left to the pump and to time, since nobody was there to command, to order or to look. What
//! the pump did meanwhile its log tells, what it delivered the balance; what neither tells makes no verdict better.

use core::time::Duration;
use std::sync::Arc;

use domain::event::{Interruption, Phase};
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

    /// How long a run of this plan may have been interrupted and still go on; nothing if it never may.
    #[must_use]
    pub fn resumes_within(&self) -> Option<Duration> {
        self.core.plan.resume_within
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
        let (mut state, stands) = (self.state.clone(), self.position().now);
        let can = match &mut state {
            State::Stepping { active, .. } => steps::interrupted(active, RunTime::ZERO),
            State::Weighing { phase, .. } => *phase == Phase::ClosingWeighing,
            State::Starting(_) | State::Halting { .. } | State::Stopping | State::Ended => false,
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
        self.instruments.interrupted(now);
        self.guards.interrupted();
        self.silence.interrupted(now);
        self.valve.lost(now, "the run was interrupted");
        self.core.log_gap_at = Some(now);
        self.bridged_u_ns = Some(interruption.u_ns);
        let method = &self.core.profile.method;
        let read_until = now + method.settling + method.averaging + ANSWERED_AFTER;
        match &mut self.state {
            State::Stepping { active, .. } => drop(steps::interrupted(active, read_until)),
            // What evaporates is told by a weighing of which nothing is missing: it begins anew.
            State::Weighing { phase: Phase::ClosingWeighing, .. } => self.state = self.weigh(Phase::ClosingWeighing),
            _ => {}
        }
    }

    /// The first look at the pump's clock behind an interruption tells whether time was bridged as it should be.
    pub(super) fn bridged(&mut self, kind: &EventKind) {
        if !matches!(kind, EventKind::PumpClockRead { .. }) {
            return;
        }
        let Some(u_ns) = self.bridged_u_ns.take() else { return };
        if let Some(what) = self.core.pump_clock.contradicts(kind, u_ns) {
            self.end(Ending::Broken(Fault::Program { what }));
        }
    }
}

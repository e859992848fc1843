//! Whose doing is it? What the engine makes of an instrument that was away, a guard that was broken and an alarm that
//! nobody waited for.
//!
//! It owns the order in which the bench's own faults are looked for before the device is blamed. It must not know how
//! each of them shows (`silence` and `valve` do).

use domain::check::CheckRecord;
use domain::profile::Role;
use domain::{BalanceSettings, Event, EventKind, Fault, Images};

use core::time::Duration;

use super::{Engine, State};
use crate::ending::Ending;
use crate::preconditions::other_image;
use crate::settings;

/// A debug probe may be found lost so much earlier or later than the pump, beside a poll: its deadline is longer.
const PROBE_NOTICES: Duration = Duration::from_secs(6);

impl Engine {
    /// A guard was broken. What fails the device waits until the valve has been read as well: one that moves by itself
    /// shows there a poll later than it shows in the line.
    pub(super) fn guarded(&mut self, ending: Ending, check: Option<CheckRecord>) {
        match check {
            Some(check) if matches!(ending, Ending::Failed(_)) && self.valve.is_watched() => {
                self.held.get_or_insert((ending, check));
            }
            check => {
                if let Some(check) = check {
                    self.core.decide(EventKind::CheckDecided(Box::new(check)));
                }
                self.end(ending);
            }
        }
    }

    /// The valve was read, or was lost: what a guard has held back is the valve's doing or not.
    pub(super) fn valve_known(&mut self) {
        let Some((ending, check)) = self.held.take() else { return };
        match self.valve.excuse(&self.core.profile, self.core.now) {
            Some(fault) => self.end(Ending::Broken(fault)),
            None => {
                self.core.decide(EventKind::CheckDecided(Box::new(check)));
                self.end(ending);
            }
        }
    }

    /// A balance told how it is set. Before the run that is a precondition; within it, somebody has touched the balance, or it was
    /// attached again and does not tell any more, and what was weighed since it was last asked is not what it seems.
    pub(super) fn told(&mut self, instrument: &str, settings: &BalanceSettings) {
        self.instruments.told(instrument, settings);
        if self.ready
            && let Some((name, what)) = settings::unfit(&self.core.profile, &self.instruments)
        {
            let fault = Fault::Instrument { instrument: name.to_owned(), what };
            self.end(Ending::Broken(fault));
        }
    }

    /// An instrument that was away for too long ends the run; if it is the pump, the fault may be the device's.
    pub(super) fn overdue(&mut self) {
        let (now, silent_until) = (self.core.now, self.core.silent_until);
        let Some((name, fault)) = self.instruments.overdue(&self.core.profile, now, silent_until) else { return };
        let pump = self.core.profile.by_name(&name).filter(|i| i.role == Role::Pump);
        // A core that hangs still answers a debugger: where that hears nothing either, it is power, cable or probe.
        let probe_deaf = |away| self.core.probe_deaf_at.is_some_and(|at| now.since(at) <= away + PROBE_NOTICES);
        // Until it must have noticed, nothing is known of it.
        let poll = self.core.profile.by_role(Role::Probe).map(|probe| probe.poll);
        let too_soon = |away| poll.is_some_and(|poll| away < poll + PROBE_NOTICES);
        let check = pump
            .filter(|_| !self.core.halted && !self.core.holds_another())
            .filter(|pump| !probe_deaf(pump.away_at_most) && !too_soon(pump.away_at_most))
            .and_then(|_| self.silence.verdict(&self.core.profile, silent_until, now));
        let Some(check) = check else { return self.end(Ending::Broken(fault)) };
        let reason = check.reason.clone().unwrap_or_default();
        self.core.decide(EventKind::CheckDecided(Box::new(check)));
        self.end(Ending::Failed(reason));
    }

    /// The pump's link is away, or has just come back: what its log holds from meanwhile comes late or not at all.
    /// False if the instrument is another one.
    pub(super) fn deaf(&mut self, instrument: &str) -> bool {
        let pump = self.core.profile.fills(instrument, Role::Pump);
        if pump {
            self.core.pump_deaf_at = Some(self.core.now);
        }
        if self.core.profile.fills(instrument, Role::Probe) {
            self.core.probe_deaf_at = Some(self.core.now);
        }
        pump
    }

    /// The board's image was read. One that becomes another while the run goes on, though nothing flashes it, is not the
    /// device that the run began with.
    pub(super) fn compared(&mut self, instrument: &str, images: &Images) {
        self.core.images = Some(images.clone());
        if self.ready && !images.agree() && !self.core.may_differ() {
            let what = other_image(images);
            self.end(Ending::Broken(Fault::Instrument { instrument: instrument.to_owned(), what }));
        }
    }

    /// An alarm or a reset that no step has claimed ends the run, wherever it stands.
    pub(super) fn unclaimed(&mut self, event: &Event, claimed: bool, state: State) -> State {
        let EventKind::PumpLogged(entry) = &event.kind else { return state };
        let own_reset = self.core.ordered_reset(entry);
        if claimed || !self.ready || matches!(state, State::Ended) {
            return state;
        }
        if own_reset {
            return state;
        }
        let power = self.silence.supply_fault(entry, &self.core.profile, self.core.now);
        if let Some(fault) = power.or_else(|| self.valve.explains(entry, &self.core.profile, self.core.now)) {
            // A bench that lets the board brown out, or shuts its line, has no device to blame.
            return if matches!(state, State::Stopping) {
                self.outcome.broke(fault);
                state
            } else {
                self.stop(Ending::Broken(fault))
            };
        }
        match self.alarms.unclaimed(entry) {
            Some(_) if self.core.holds_another() => {
                // It is another firmware's, which is about to be replaced.
                let what =
                    "the image that the run is about to replace raised an alarm or was reset; flash the board first";
                let name = self.core.profile.by_role(Role::Probe).map_or_else(String::new, |probe| probe.name.clone());
                let fault = Fault::Instrument { instrument: name, what: what.to_owned() };
                if matches!(state, State::Stopping) {
                    self.outcome.broke(fault);
                    state
                } else {
                    self.stop(Ending::Broken(fault))
                }
            }
            Some(check) => {
                let reason = check.reason.clone().unwrap_or_default();
                self.core.decide(EventKind::CheckDecided(Box::new(check)));
                // What the safe stop finds in the log fails the device as well; the run is ending already.
                if matches!(state, State::Stopping) { state } else { self.stop(Ending::Failed(reason)) }
            }
            None => state,
        }
    }
}

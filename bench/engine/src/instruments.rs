//! Which instruments are there, which are away and for how long they may be.
//!
//! It counts time by the events alone; attaching again is the run loop's work.

use core::time::Duration;
use std::collections::BTreeMap;

use domain::fault::{Fault, LinkFault};
use domain::profile::{InstrumentProfile, Role};
use domain::{BalanceSettings, Identity, RigProfile, RunTime, time};

/// How often attaching may fail before the rig was ever ready.
const FIRST_ATTEMPTS: u32 = 3;
/// How many polls an instrument has for its first reading.
const FIRST_POLLS: u32 = 3;

/// What is known of one instrument.
#[derive(Debug, Clone, Default)]
struct Known {
    identity: Option<Identity>,
    /// What a balance told of its settings.
    settings: Option<BalanceSettings>,
    /// Since when it is away, and why.
    away: Option<(RunTime, String)>,
    /// It was attached, and its first reading is still to come.
    fresh: bool,
    attempts: u32,
}

/// Every instrument of the rig, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Instruments {
    known: BTreeMap<String, Known>,
    /// Whether an instrument may be waiting for its first reading since it was attached.
    unread: bool,
}

impl Instruments {
    /// An instrument answered; a fault if it is another one than before: what was measured until then belongs to that.
    /// It is there only once it gives what it is there for: `gives_readings` unless its word alone is enough.
    pub(crate) fn attached(
        &mut self,
        name: &str,
        identity: &Identity,
        now: RunTime,
        gives_readings: bool,
    ) -> Option<Fault> {
        let known = self.known.entry(name.to_owned()).or_default();
        let other = known.identity.as_ref().filter(|before| before.contradicts(identity)).map(|before| {
            let what = format!("expected {before} again, but found {identity}; put the first one back");
            Fault::Instrument { instrument: name.to_owned(), what }
        });
        known.identity = Some(match known.identity.take() {
            Some(before) => identity.clone().or(before),
            None => identity.clone(),
        });
        if gives_readings {
            if known.away.is_none() {
                known.away = Some((now, "it answers, but has given no reading".to_owned()));
                known.fresh = true;
            }
            self.unread = true;
        } else {
            known.away = None;
        }
        other
    }

    /// A balance told how it is set, whatever it told before: somebody may have had it off in between. Only what it refuses for
    /// now is as it told before; its driver asks again, and tells when that has lasted for too long.
    pub(crate) fn told(&mut self, name: &str, settings: &BalanceSettings) {
        let known = self.known.entry(name.to_owned()).or_default();
        known.settings = Some(match &known.settings {
            Some(before) => settings.clone().over(before),
            None => settings.clone(),
        });
    }

    /// How a balance is set, as it told.
    pub(crate) fn settings(&self, name: &str) -> Option<&BalanceSettings> {
        self.known.get(name)?.settings.as_ref()
    }

    /// What an instrument said of its firmware need not hold any longer.
    pub(crate) fn forget_firmware(&mut self, role: Role, profile: &RigProfile) {
        let name = profile.by_role(role).map(|i| i.name.as_str());
        if let Some(known) = name.and_then(|name| self.known.get_mut(name)) {
            known.identity = known.identity.take().map(|identity| Identity { firmware: None, ..identity });
        }
    }

    /// An instrument gave a reading.
    pub(crate) fn read(&mut self, name: &str) {
        if !self.unread {
            return;
        }
        if let Some(known) = self.known.get_mut(name) {
            known.away = None;
            known.fresh = false;
        }
        self.unread = self.known.values().any(|k| k.away.is_some());
    }

    /// An exchange failed. With `final_soon`, before the station was ready, a missing port is final at once and anything
    /// else after some attempts.
    pub(crate) fn lost(&mut self, name: &str, fault: &LinkFault, now: RunTime, final_soon: bool) -> Option<Fault> {
        let known = self.known.entry(name.to_owned()).or_default();
        known.attempts += 1;
        if known.away.is_none() {
            known.away = Some((now, fault.to_string()));
        }
        if let Some((_, cause)) = &mut known.away {
            *cause = fault.to_string();
        }
        let hopeless = fault.is_gone() || known.attempts >= FIRST_ATTEMPTS;
        (final_soon && hopeless).then(|| Fault::Instrument { instrument: name.to_owned(), what: fault.to_string() })
    }

    /// The run was interrupted behind `last` and goes on: each is to be attached and read anew, and may be away from now on. One that
    /// was away before has less of its time left.
    pub(crate) fn interrupted(&mut self, last: RunTime, now: RunTime) {
        for known in self.known.values_mut() {
            let before_ns = known.away.as_ref().map_or(0, |(since, _)| time::duration_ns(last.since(*since)));
            let since = RunTime::from_ns(now.ns().saturating_sub(before_ns));
            known.away = Some((since, "it has not answered since the run was interrupted".to_owned()));
            known.fresh = true;
        }
    }

    /// Whether each is there.
    pub(crate) fn all_there(&self) -> bool {
        self.known.values().all(|known| known.away.is_none())
    }

    /// When the next instrument will have been away for too long. Until `silent_until` the pump may be.
    pub(crate) fn due(&self, profile: &RigProfile, silent_until: RunTime) -> Option<RunTime> {
        let due = |(name, k): (&String, &Known)| {
            let instrument = profile.by_name(name)?;
            let due = k.away.as_ref()?.0 + allowed(k, instrument);
            Some(if instrument.role == Role::Pump { due.max(silent_until) } else { due })
        };
        self.known.iter().filter_map(due).min()
    }

    /// The first instrument that has been away for too long by now, its name before the fault.
    pub(crate) fn overdue(&self, profile: &RigProfile, now: RunTime, silent_until: RunTime) -> Option<(String, Fault)> {
        self.known.iter().find_map(|(name, k)| {
            let (since, cause) = k.away.as_ref()?;
            let instrument = profile.by_name(name)?;
            let allowed = allowed(k, instrument);
            let excused = instrument.role == Role::Pump && now < silent_until;
            let fault = || Fault::Away { instrument: name.clone(), allowed: time::span(allowed), cause: cause.clone() };
            (now >= *since + allowed && !excused).then(|| (name.clone(), fault()))
        })
    }

    /// The first instrument that is away now, however long it may be.
    pub(crate) fn away(&self, profile: &RigProfile) -> Option<Fault> {
        self.known.iter().find_map(|(name, k)| {
            let (_, cause) = k.away.as_ref()?;
            let allowed = time::span(profile.by_name(name)?.away_at_most);
            let what =
                format!("it was away at the end of the run and had not come back ({allowed} are allowed): {cause}");
            Some(Fault::Instrument { instrument: name.clone(), what })
        })
    }

    /// What an instrument said of itself.
    pub(crate) fn identity(&self, name: &str) -> Option<&Identity> {
        self.known.get(name)?.identity.as_ref()
    }
}

/// How long an instrument may be away; for its first reading it has some polls, however short that is.
fn allowed(known: &Known, instrument: &InstrumentProfile) -> Duration {
    let least = if known.fresh { instrument.poll * FIRST_POLLS } else { Duration::ZERO };
    instrument.away_at_most.max(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::identity::Nature;

    #[test]
    fn one_that_may_not_be_away_at_all_still_has_some_polls_for_its_first_reading() {
        let mut profile = crate::testing::profile();
        profile.instruments[1].away_at_most = Duration::ZERO;
        let serial = Some("1".to_owned());
        let identity = Identity { model: None, serial, hardware: None, firmware: None, nature: Nature::Simulated };
        let s = |seconds: u64| RunTime::from_ns(seconds * 1_000_000_000);
        let mut instruments = Instruments::default();
        assert_eq!(instruments.attached("balance", &identity, s(0), true), None);
        assert!(instruments.overdue(&profile, s(2), RunTime::ZERO).is_none());
        assert!(instruments.overdue(&profile, s(3), RunTime::ZERO).is_some(), "it never gave one");
        instruments.read("balance");
        assert!(instruments.overdue(&profile, s(9), RunTime::ZERO).is_none());
        let gone = LinkFault::Vanished { port: "p".to_owned(), why: "gone".to_owned() };
        drop(instruments.lost("balance", &gone, s(10), false));
        assert!(instruments.overdue(&profile, s(10), RunTime::ZERO).is_some());
        assert_eq!(instruments.attached("balance", &identity, s(11), true), None);
        let other = Identity { serial: Some("4711".to_owned()), ..identity };
        assert!(instruments.attached("balance", &other, s(12), true).is_some(), "another one in its place");
        let mute = Identity { serial: None, ..other.clone() };
        assert!(instruments.attached("balance", &mute, s(13), true).is_none(), "what it does not tell decides nothing");
        let first = Identity { serial: Some("1".to_owned()), ..other.clone() };
        assert!(instruments.attached("balance", &first, s(14), true).is_some(), "what it told before is not forgotten");
        let of = |firmware: &str| Identity { firmware: Some(firmware.to_owned()), ..first.clone() };
        assert!(instruments.attached("balance", &of("1"), s(15), true).is_none());
        assert!(instruments.attached("balance", &of("2"), s(16), true).is_some(), "another firmware");
        instruments.forget_firmware(Role::Balance, &profile);
        assert!(instruments.attached("balance", &of("3"), s(17), true).is_none(), "but by order");
    }
}

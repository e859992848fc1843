//! Which instruments are there, which are away and for how long they may be.
//!
//! It counts time by the events alone; attaching again is the run loop's work.

use std::collections::BTreeMap;

use domain::fault::{Fault, LinkFault};
use domain::{Identity, RigProfile, RunTime, time};

/// How often attaching may fail before the rig was ever ready.
const FIRST_ATTEMPTS: u32 = 3;

/// What is known of one instrument.
#[derive(Debug, Clone, Default)]
struct Known {
    identity: Option<Identity>,
    /// Since when it is away, and why.
    away: Option<(RunTime, String)>,
    attempts: u32,
}

/// Every instrument of the rig, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Instruments {
    known: BTreeMap<String, Known>,
}

impl Instruments {
    /// An instrument answered.
    pub(crate) fn attached(&mut self, name: &str, identity: &Identity) {
        let known = self.known.entry(name.to_owned()).or_default();
        known.identity = Some(identity.clone());
        known.away = None;
    }

    /// An exchange failed. Before the rig was ready, a missing port is final at once and anything else soon.
    pub(crate) fn lost(&mut self, name: &str, fault: &LinkFault, now: RunTime, ready: bool) -> Option<Fault> {
        let known = self.known.entry(name.to_owned()).or_default();
        known.attempts += 1;
        if known.away.is_none() {
            known.away = Some((now, fault.to_string()));
        }
        if let Some((_, cause)) = &mut known.away {
            *cause = fault.to_string();
        }
        let hopeless = matches!(fault, LinkFault::Vanished { .. }) || known.attempts >= FIRST_ATTEMPTS;
        (!ready && hopeless).then(|| Fault::Instrument { instrument: name.to_owned(), what: fault.to_string() })
    }

    /// When the next instrument will have been away for too long.
    pub(crate) fn due(&self, profile: &RigProfile) -> Option<RunTime> {
        self.known.iter().filter_map(|(name, k)| Some(k.away.as_ref()?.0 + profile.by_name(name)?.away_at_most)).min()
    }

    /// The first instrument that has been away for too long by now.
    pub(crate) fn overdue(&self, profile: &RigProfile, now: RunTime) -> Option<Fault> {
        self.known.iter().find_map(|(name, k)| {
            let (since, cause) = k.away.as_ref()?;
            let allowed = profile.by_name(name)?.away_at_most;
            let fault = || Fault::Away { instrument: name.clone(), allowed: time::span(allowed), cause: cause.clone() };
            (now >= *since + allowed).then(fault)
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

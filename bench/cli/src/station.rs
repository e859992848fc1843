//! The host's store, as commands use it: which ports a station has, and that nobody else uses them.
//!
//! Virtual rigs have no ports, and one that this program serves for a run has ports that nobody else knows.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use ::rig::Station;
use domain::Temperature;
use store::{Actor, Hold, Place, Store, StoreError, Token, Use, Wanted};

use crate::job::Refused;
use crate::{Failure, user};

/// Has the token of a lease under which a station is used.
pub(crate) const TOKEN: &str = "DOSEBENCH_LEASE";

/// How a bath is had by who does not set it.
const AS_IT_IS: &str = "the temperature it has";

/// Opens the host's store.
pub(crate) fn store() -> Result<Store, Failure> {
    Store::open(&Store::usual_folder(), Actor(who())).map_err(failure)
}

/// This user and process, for those who have to wait.
pub(crate) fn who() -> String {
    // The name is what the environment says; the number is not.
    let uid = std::fs::metadata("/proc/self").map(|of| of.uid()).map_or_else(|_| "?".to_owned(), |uid| uid.to_string());
    format!("{}@{} (user {uid}, process {})", user(), daemon::host(), std::process::id())
}

/// The token that the environment has.
pub(crate) fn token() -> Option<Token> {
    std::env::var(TOKEN).ok().filter(|text| !text.is_empty()).map(|text| Token::new(&text))
}

/// What a station uses of the host's ports.
pub(crate) fn ports(station: &Station) -> BTreeMap<String, Use> {
    let mut ports = BTreeMap::new();
    for (port, alone) in station.bindings.iter().flat_map(::rig::Binding::uses) {
        let of = if alone { Use::Alone } else { Use::Shared };
        // Of two uses of one port the stricter counts.
        let known = ports.entry(port).or_insert_with(|| of.clone());
        *known = of.max(known.clone());
    }
    ports
}

/// What a run needs of what stations share: each thing with its use.
pub(crate) type Needs = BTreeMap<String, Use>;

/// What a run needs of what stations share, beside its ports: the bath at a temperature. One that states none needs it to stay what it
/// is: nobody may set it to something else meanwhile.
pub(crate) fn needs(station: &Station, bath: Option<Temperature>) -> Needs {
    let at = bath.map_or_else(|| AS_IT_IS.to_owned(), |at| at.to_string());
    let set_points = station.bindings.iter().filter_map(::rig::Binding::set_point);
    set_points.map(|resource| (resource, Use::At(at.clone()))).collect()
}

/// The name by which a rig stands in the store, whoever calls it and from where.
pub(crate) fn rig_name(argument: &str) -> String {
    std::fs::canonicalize(argument).map_or_else(|_| argument.to_owned(), |path| path.display().to_string())
}

/// Refuses a station with ports that nobody knows to be safe, or whose instruments do not answer.
pub(crate) fn heed_quarantine(station: &Station, rig: &str) -> Result<(), Failure> {
    if ports(station).is_empty() || !Store::usual_folder().exists() {
        return Ok(());
    }
    let (name, rig, ports) = (&station.profile.station, rig_name(rig), ports(station));
    match store()?.quarantined(&place(station, &rig, &ports)).map_err(failure)? {
        None => Ok(()),
        Some((why, since)) => Err(Failure::bench(format!(
            "expected a station that is known to be safe, but {name} is in quarantine since {since}: {why}; look at it, then \
             `dosebench release {name} --rig {rig} --because WHAT`"
        ))),
    }
}

/// A station with ports, as the store keeps it apart.
pub(crate) fn place<'a>(station: &'a Station, rig_name: &'a str, ports: &'a BTreeMap<String, Use>) -> Place<'a> {
    Place { rig: rig_name, station: &station.profile.station, ports }
}

/// Lets nothing begin at a station that could not be confirmed safe.
pub(crate) fn keep_apart(station: &Station, rig: &str, why: &str) -> Result<(), Failure> {
    let (rig, ports) = (rig_name(rig), ports(station));
    store()?.quarantine(&place(station, &rig, &ports), why).map_err(failure)
}

/// A run by hand has come to its steps there: what kept runs of jobs from that is over.
pub(crate) fn works(station: &Station, rig: &str) -> Result<(), Failure> {
    store()?.station_works(&rig_name(rig), &station.profile.station).map_err(failure)
}

/// Takes a station's ports for this process, and what else it needs; `None` if it has no ports.
pub(crate) fn hold(station: &Station, needs: Needs, reason: &str) -> Result<Option<Hold>, Refused> {
    let mut ports = ports(station);
    if ports.is_empty() {
        return Ok(None);
    }
    ports.extend(needs);
    let (holder, lease) = (who(), token());
    let wanted = Wanted { resources: &ports, holder: &holder, reason, lease: lease.as_ref() };
    Hold::take(store()?, &wanted).map(Some).map_err(|why| match why {
        StoreError::Held { .. } | StoreError::Set(_) | StoreError::Leased { .. } => Refused::Taken(failure(why)),
        other => Refused::For(failure(other)),
    })
}

/// A wrong token or time is bad input, and anything else no word on the device.
pub(crate) fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::NoLease(_)
        | StoreError::Duration(_)
        | StoreError::Nothing
        | StoreError::Named(_)
        | StoreError::NoAccess(_)
        | StoreError::NoQuarantine(_) => Failure::input(error),
        _ => Failure::bench(error),
    }
}

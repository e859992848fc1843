//! The host's store, as commands use it: which ports a station has, and that nobody else uses them.
//!
//! Virtual rigs have no ports, and one that this program serves for a run has ports that nobody else knows.

use ::rig::Station;
use store::{Actor, Hold, Store, StoreError, Token, Use, Wanted};

use crate::{Failure, user};

/// Has the token of a lease under which a station is used.
pub(crate) const TOKEN: &str = "DOSEBENCH_LEASE";

/// Opens the host's store.
pub(crate) fn store() -> Result<Store, Failure> {
    Store::open(&Store::usual_folder(), Actor(who())).map_err(Failure::bench)
}

/// This user and process, for those who have to wait.
pub(crate) fn who() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}@{} (process {})", user(), host.trim(), std::process::id())
}

/// The token that the environment has.
pub(crate) fn token() -> Option<Token> {
    std::env::var(TOKEN).ok().map(|text| Token::new(&text))
}

/// The ports of a station: its own alone, those of instruments that all stations use beside others.
pub(crate) fn ports(station: &Station) -> Vec<(String, Use)> {
    let of = |binding: &::rig::Binding| {
        Some((binding.port.identity()?, if binding.shared { Use::Shared } else { Use::Alone }))
    };
    let mut ports: Vec<(String, Use)> = station.bindings.iter().filter_map(of).collect();
    // Behind one port may be an instrument of its own and a shared one: it is used alone then.
    ports.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    ports.dedup_by(|later, first| later.0 == first.0);
    ports
}

/// Takes a station's ports for this process; `None` if it has none.
pub(crate) fn hold(station: &Station, reason: &str) -> Result<Option<Hold>, Failure> {
    let ports = ports(station);
    if ports.is_empty() {
        return Ok(None);
    }
    let (holder, lease) = (who(), token());
    let wanted = Wanted { resources: &ports, holder: &holder, reason, lease: lease.as_ref() };
    Hold::take(store()?, &wanted).map(Some).map_err(failure)
}

/// A wrong token is bad input, and anything else no word on the device.
pub(crate) fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::NoLease | StoreError::Duration(_) => Failure::input(error),
        _ => Failure::bench(error),
    }
}

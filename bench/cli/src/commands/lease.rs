//! `dosebench lease`: a station for oneself for a time, whether a process of one's own uses it or not.
//!
//! The token goes to stdout, once; nobody can read it again.

use std::time::Duration;

use serde_json::json;
use store::{Token, Wanted};

use crate::output::{say, tell};
use crate::station::{self, TOKEN};
use crate::{Failure, load};

/// Arguments of `lease`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Keep a station for yourself: prints the lease's token, to be put into DOSEBENCH_LEASE for `run`
    Take {
        /// The rig: a file, or a name of the library
        rig: String,
        /// The rig's station; its first unless given
        #[arg(long)]
        station: Option<String>,
        /// For how long, as in '2 h'; 31 days at most
        #[arg(long = "for", value_name = "TIME", value_parser = load::time)]
        lasts: Duration,
        /// What for; others read it
        #[arg(long)]
        because: String,
    },
    /// Let the lease whose token is in DOSEBENCH_LEASE end so long from now
    Renew {
        /// For how long, as in '2 h'; 31 days at most
        #[arg(long = "for", value_name = "TIME", value_parser = load::time)]
        lasts: Duration,
    },
    /// Give the lease back whose token is in DOSEBENCH_LEASE, or end one whose token is lost or whose holder is away
    Return {
        /// The lease's number, as `lease list` tells it
        #[arg(long, requires = "because")]
        id: Option<i64>,
        /// Why somebody else's lease is ended; it stands in the audit log
        #[arg(long, requires = "id")]
        because: Option<String>,
    },
    /// Who has leased what, and which process uses what
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Command::Take { rig, station, lasts, because } => take(rig, station.as_deref(), *lasts, because),
        Command::Renew { lasts } => {
            let until = station::store()?.renew(&token()?, *lasts).map_err(station::failure)?;
            tell!("leased until {until}");
            Ok(0)
        }
        Command::Return { id, because } => {
            let mut store = station::store()?;
            match (id, because) {
                (Some(id), Some(because)) => store.break_lease(*id, given(because)?),
                _ => store.end_lease(&token()?),
            }
            .map_err(station::failure)?;
            Ok(0)
        }
        Command::List { json } => list(*json),
    }
}

/// A reason that says something.
fn given(because: &str) -> Result<&str, Failure> {
    let because = because.trim();
    if because.is_empty() {
        Err(Failure::input("expected a reason with --because, but found none"))
    } else {
        Ok(because)
    }
}

fn token() -> Result<Token, Failure> {
    station::token().ok_or_else(|| Failure::input(format!("expected a lease's token in {TOKEN}, but found none")))
}

fn take(rig: &str, name: Option<&str>, lasts: Duration, because: &str) -> Result<u8, Failure> {
    let reason = given(because)?;
    let rig_file = load::whole_rig(&load::rig_source(rig)?)?;
    let station = rig_file.station(name).map_err(Failure::input)?;
    let ports = station::ports(station);
    if ports.is_empty() {
        return Err(Failure::input(format!("expected a rig with ports to lease, but '{rig}' is simulated")));
    }
    let holder = crate::user();
    let wanted = Wanted { resources: &ports, holder: &holder, reason, lease: None };
    let (token, lease) = station::store()?.lease(&wanted, lasts).map_err(station::failure)?;
    let (id, ports) = (lease.id, lease.resources.join(", "));
    tell!("lease {id}, {} until {}: {ports}; run with {TOKEN} set to the token", lease.holder, lease.until);
    say!("{}", token.reveal());
    Ok(0)
}

fn list(as_json: bool) -> Result<u8, Failure> {
    let mut store = station::store()?;
    let leases = store.leases().map_err(station::failure)?;
    let holders = store.holders().map_err(station::failure)?;
    if as_json {
        say!("{}", json!({"leases": leases, "in_use": holders}));
        return Ok(0);
    }
    for lease in leases {
        let ports = lease.resources.join(", ");
        say!("lease {}  {}  until {}  {ports}  ({})", lease.id, lease.holder, lease.until, lease.reason);
    }
    for hold in holders {
        say!("in use  {}  since {}  {}  ({})", hold.holder, hold.since, hold.resources.join(", "), hold.reason);
    }
    Ok(0)
}

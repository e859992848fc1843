//! `dosebench serve`: the daemon of a rig, in the foreground.
//!
//! It prints one line, where it can be reached, and ends on SIGTERM or Ctrl-C with every station left safe.

use std::net::SocketAddr;
use std::path::PathBuf;

use store::{Actor, Store};

use crate::output::say;
use crate::signals::Signals;
use crate::{Failure, load, station};

/// Arguments of `serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rig: a file, or a name of the library
    #[arg(long, default_value = "virtual")]
    rig: String,
    /// Where runs' folders are made
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// Where to listen; this host alone may reach it
    #[arg(long, default_value_t = SocketAddr::from(([127, 0, 0, 1], server::PORT)))]
    listen: SocketAddr,
    /// Print the API's description as OpenAPI, and serve nothing
    #[arg(long)]
    openapi: bool,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    if args.openapi {
        say!("{}", server::description());
        return Ok(0);
    }
    let signals = Signals::catch().map_err(|e| Failure::bench(format!("signals cannot be caught: {e}")))?;
    let rig = load::whole_rig(&load::rig_source(&args.rig)?)?;
    let stations = rig.stations().iter().map(|station| (station.profile.station.clone(), station::ports(station)));
    let whole = |path: &str| std::fs::canonicalize(path).map_err(|e| Failure::input(format!("{path}: {e}")));
    // Jobs have folders of their own: from there, a path must be whole.
    let named = if load::is_file(&args.rig) { whole(&args.rig)?.display().to_string() } else { args.rig.clone() };
    let program = rig::ourselves().map_err(|e| Failure::bench(format!("this program cannot find itself: {e}")))?;
    let state = Store::usual_folder();
    let state = std::path::absolute(&state).unwrap_or(state);
    let config = server::Config {
        listen: args.listen,
        rig: named,
        rig_name: rig.name().to_owned(),
        stations: stations.collect(),
        runs: args.runs.clone(),
        state,
        program,
        actor: Actor(station::who()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let ready = |listen: SocketAddr| say!("http://{listen}");
    let served = server::serve(config, ready, || _ = signals.wait());
    served.map(|()| 0).map_err(|why| match why {
        server::ServeError::Beyond(_) => Failure::input(why),
        _ => Failure::bench(why),
    })
}

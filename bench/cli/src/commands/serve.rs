//! `dosebench serve`: the daemon of a rig, in the foreground.
//!
//! It prints one line, where it can be reached, and ends on SIGTERM or Ctrl-C with every station left safe. On SIGUSR1, and where the
//! host restarts and it with that, runs that may go on behind that are left to their pumps.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ::rig::Station;
use store::{Actor, Store};

use crate::commands::prune;
use crate::output::say;
use crate::signals::{LEAVE, Signals};
use crate::{Failure, load, notify, restart, station};

/// A shorter watchdog would bite a daemon whose disk is busy.
const WATCHDOG_LEAST: Duration = Duration::from_secs(15);

/// Arguments of `serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rig: a file, or a name of the library
    #[arg(long, default_value = "virtual")]
    rig: String,
    /// Where runs' folders are made
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// Where to listen; an address that others can reach wants --certificate and --key, and every request a token
    #[arg(long, default_value_t = SocketAddr::from(([127, 0, 0, 1], server::PORT)))]
    listen: SocketAddr,
    /// Want a token with every request, on this host as well; see `dosebench token`
    #[arg(long)]
    tokens: bool,
    /// A name by which the daemon may be asked, beside localhost; as often as there are such
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// The daemon's certificate, with those behind it, in PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// A file that says who is told of questions, failures and lost instruments: see bench/DAEMON.md
    #[arg(long, value_name = "FILE")]
    notify: Option<PathBuf>,
    /// How long runs of a purpose are kept that passed, as in 'nightly=30 d'; all are kept unless given
    #[arg(long, value_name = "PURPOSE=TIME", value_parser = prune::keep)]
    keep: Vec<server::Keep>,
    /// This daemon starts with the host: where that restarts, runs that may go on are left to their pumps meanwhile
    #[arg(long)]
    starts_with_host: bool,
    /// End with 4 if the queue stands still for so long, at least 15 s: the next daemon takes up its jobs, and what runs goes on; a
    /// job's process that stands still for as long is ended, and its run brought to an end or gone on with
    #[arg(long, value_name = "TIME", default_value = "2 min", value_parser = watchdog)]
    watchdog: Duration,
    /// The form of the log on stderr
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    log: String,
    /// Print the API's description as OpenAPI, and serve nothing
    #[arg(long)]
    openapi: bool,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    if args.openapi {
        say!("{}", server::description());
        return Ok(0);
    }
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_ansi(false);
    // A log that is there already is another's, and stays.
    drop(if args.log == "json" { log.json().flatten_event(true).try_init() } else { log.try_init() });
    let signals = Signals::catch_and_leave().map_err(|e| Failure::bench(format!("signals cannot be caught: {e}")))?;
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
        tokens: args.tokens,
        names: args.names.clone(),
        tls: args.certificate.clone().zip(args.key.clone()).map(|(certificate, key)| server::Tls { certificate, key }),
        rig: named,
        rig_name: rig.name().to_owned(),
        watchdog: args.watchdog,
        keep: args.keep.clone(),
        recipients: args.notify.as_deref().map_or_else(|| Ok(Vec::new()), notify::recipients)?,
        instruments: rig.stations().iter().flat_map(instruments).collect(),
        stations: stations.collect(),
        runs: args.runs.clone(),
        state,
        program,
        actor: Actor(station::who()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let ready = |listen: SocketAddr| say!("{scheme}://{listen}");
    let end = || {
        let leaves = signals.wait() == LEAVE || (args.starts_with_host && restart::is_coming());
        if leaves { server::Ending::Leave } else { server::Ending::Stop }
    };
    let served = server::serve(config, ready, end);
    served.map(|()| 0).map_err(|why| match why {
        server::ServeError::Beyond(_) | server::ServeError::Tls { .. } => Failure::input(why),
        _ => Failure::bench(why),
    })
}

/// A time after which a queue that looks each second, and waits for a busy disk now and then, stands still.
fn watchdog(text: &str) -> Result<Duration, String> {
    let time = load::time(text)?;
    if time < WATCHDOG_LEAST {
        return Err(format!("expected a time of at least {}, but found '{text}'", domain::time::span(WATCHDOG_LEAST)));
    }
    Ok(time)
}

/// What a station is made of, with its papers.
fn instruments(station: &Station) -> impl Iterator<Item = server::Instrument> {
    station.bindings.iter().map(|binding| {
        let calibration = station.profile.by_name(&binding.instrument).and_then(|of| of.calibration.as_ref());
        let papers = station.stated.papers.iter().find(|papers| papers.instrument == binding.instrument);
        let (certificate, due) = match calibration {
            Some(calibration) => (Some(calibration.certificate.clone()), Some(calibration.due.clone())),
            None => papers.map_or((None, None), |papers| (papers.certificate.clone(), papers.due.clone())),
        };
        server::Instrument {
            station: station.profile.station.clone(),
            instrument: binding.instrument.clone(),
            driver: binding.entry.name.to_owned(),
            port: binding.port.name(),
            certificate,
            due,
        }
    })
}

//! The daemon: a queue of jobs for the stations of one rig, and an API over HTTP to submit them, to watch them and to fetch what
//! came of them.
//!
//! A job's work is a process of its own, the same `dosebench run` that people start by hand: a daemon that is killed takes no run
//! with it, and the next one finds its jobs in the host's store. The daemon drives no instrument and reads runs from their records.

mod api;
mod caller;
mod course;
mod guard;
mod health;
mod herald;
mod place;
mod queue;
mod retention;
mod supervisor;
mod tls;
mod work;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use serde::Serialize;
use store::{Actor, Place, Store, StoreError, Use};
use utoipa::ToSchema;

pub use api::description;
pub use herald::{Channel, Encryption, Recipient, Smtp};
pub use place::is_run_id;
pub use retention::{Keep, Old, PURPOSES, old, remove, sweep};
pub use tls::Tls;

/// Where the daemon listens unless it is told.
pub const PORT: u16 = 7316;

/// What a daemon is for.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether each request needs a token; beyond this host it does.
    pub tokens: bool,
    /// By which names it may be asked, beside this host's own.
    pub names: Vec<String>,
    /// How it shows who it is; beyond this host it must.
    pub tls: Option<Tls>,
    /// The rig, as its processes are told: a name of the library, or the path of a file.
    pub rig: String,
    /// What people call it.
    pub rig_name: String,
    /// How long its queue may stand still, which looks each second, and a job's process, which tells each second that it goes on.
    pub watchdog: Duration,
    /// How long runs are kept; all are unless something is said of their purpose.
    pub keep: Vec<Keep>,
    /// Who is told of what people should hear.
    pub recipients: Vec<Recipient>,
    /// What it is made of, station by station.
    pub instruments: Vec<Instrument>,
    /// Its stations with their ports.
    pub stations: BTreeMap<String, BTreeMap<String, Use>>,
    /// Where runs' folders are made.
    pub runs: PathBuf,
    /// The host's store.
    pub state: PathBuf,
    /// This program.
    pub program: PathBuf,
    /// Who it is, for the audit log.
    pub actor: Actor,
    /// Its version.
    pub version: String,
}

/// An instrument of a station, as the rig file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Instrument {
    /// The station.
    pub station: String,
    /// Its name there.
    pub instrument: String,
    /// The driver that speaks to it.
    pub driver: String,
    /// Where it is reached.
    pub port: String,
    /// Its certificate's number, if it has one.
    pub certificate: Option<String>,
    /// The day on which that falls due, `YYYY-MM-DD`.
    pub due: Option<String>,
}

/// What a station uses that the rig has no more.
static NO_PORTS: BTreeMap<String, Use> = BTreeMap::new();

impl Config {
    /// A station, as the store keeps it apart.
    pub(crate) fn place<'a>(&'a self, station: &'a str) -> Place<'a> {
        Place { rig: &self.rig, station, ports: self.stations.get(station).unwrap_or(&NO_PORTS) }
    }

    /// Where its page is.
    pub(crate) fn page(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match self.names.first() {
            Some(name) => format!("{scheme}://{name}:{}/", self.listen.port()),
            None => format!("{scheme}://{}/", self.listen),
        }
    }
}

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It cannot listen there.
    #[error(
        "expected to listen on {listen}, but {error}; stop what listens there, or choose another address with --listen"
    )]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// Others could listen to what is said.
    #[error(
        "expected a certificate and its key to listen on {0}, which others can reach, but found none; give them with \
         --certificate and --key, or listen on 127.0.0.1"
    )]
    Beyond(SocketAddr),
    /// The certificate or its key cannot be used.
    #[error("expected a certificate and its key in PEM, but {path} is none: {why}")]
    Tls {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It has ended, and something may not be safe.
    #[error("expected every job to end with its station safe, but {0} did not in time; go and look at the pump")]
    Left(String),
    /// A folder or a thread cannot be made.
    #[error("expected to use {path}, but {error}; ask for write access to it")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        error: io::Error,
    },
}

/// What becomes of what runs when the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It stops, its station left safe.
    Stop,
    /// The same, but for runs that may go on when the next daemon finds them: those are left to their pumps.
    Leave,
}

/// Serves until `end` returns, which says what becomes of what runs. `ready` is told where it listens.
///
/// # Errors
/// If it cannot begin.
pub fn serve(config: Config, ready: impl FnOnce(SocketAddr), end: impl FnOnce() -> Ending) -> Result<(), ServeError> {
    let beyond = !config.listen.ip().is_loopback();
    if beyond && config.tls.is_none() {
        return Err(ServeError::Beyond(config.listen));
    }
    let config = Config { tokens: config.tokens || beyond, ..config };
    let tls = config.tls.as_ref().map(Tls::acceptor).transpose()?;
    let refused = |error| ServeError::Listen { listen: config.listen, error };
    let listener = TcpListener::bind(config.listen).map_err(refused)?;
    let listen = listener.local_addr().map_err(refused)?;
    let io = |path: &std::path::Path, error| ServeError::Io { path: path.display().to_string(), error };
    std::fs::create_dir_all(&config.runs).map_err(|error| io(&config.runs, error))?;
    let runs = config.runs.canonicalize().map_err(|error| io(&config.runs, error))?;
    let config = Arc::new(Config { listen, runs, ..config });
    // Each has a store of its own: whoever asks does not wait for the queue.
    let mut store = Store::open(&config.state, config.actor.clone())?;
    let _alone = store.serve_rig(&config.rig)?;
    // Before the queue brings a job to its end.
    for recipient in &config.recipients {
        store.told_since(&config.rig, &recipient.name)?;
    }
    let queue = queue::Queue::start(Arc::clone(&config), Store::open(&config.state, config.actor.clone())?);
    supervisor::watch(&queue.looked(), config.watchdog);
    let courses = api::course::Courses::default();
    let retention = retention::Retention::start(&config)?;
    let herald = herald::Herald::start(&config, &courses)?;
    let api = api::Api::start(Arc::clone(&config), listener, tls, courses, store, queue.waker()).map_err(refused)?;
    ready(listen);
    supervisor::tell(&NotifyState::Ready);
    let ending = end();
    supervisor::tell(&NotifyState::Stopping);
    // Nobody submits any more; then what runs is stopped, or left.
    api.stop();
    let left = queue.stop(ending);
    herald.stop();
    retention.stop();
    if left.is_empty() { Ok(()) } else { Err(ServeError::Left(left.join(", "))) }
}

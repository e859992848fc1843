//! The daemon: a queue of jobs for the stations of one rig, and an API over HTTP to submit them, to watch them and to fetch what
//! came of them.
//!
//! A job's work is a process of its own, the same `dosebench run` that people start by hand: a daemon that is killed takes no run
//! with it, and the next one finds its jobs in the host's store. The daemon drives no instrument and reads runs from their records.

mod api;
mod guard;
mod place;
mod queue;
mod supervisor;
mod work;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use sd_notify::NotifyState;
use store::{Actor, Store, StoreError, Use};

pub use api::description;
pub use place::is_run_id;

/// Where the daemon listens unless it is told.
pub const PORT: u16 = 7316;

/// What a daemon is for.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; this host alone can reach it.
    pub listen: SocketAddr,
    /// The rig, as its processes are told: a name of the library, or the path of a file.
    pub rig: String,
    /// What people call it.
    pub rig_name: String,
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
    /// Others could reach it.
    #[error("expected an address of this host alone, as 127.0.0.1, but found {0}; beyond it there are no tokens yet")]
    Beyond(SocketAddr),
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

/// A line for the daemon's log, which nobody may read.
pub(crate) fn tell(line: &str) {
    use std::io::Write;
    drop(writeln!(io::stderr(), "{line}"));
}

/// Serves until `stop` returns; then every job's work is stopped, and its station left safe. `ready` is told where it listens.
///
/// # Errors
/// If it cannot begin.
pub fn serve(config: Config, ready: impl FnOnce(SocketAddr), stop: impl FnOnce()) -> Result<(), ServeError> {
    if !config.listen.ip().is_loopback() {
        return Err(ServeError::Beyond(config.listen));
    }
    let refused = |error| ServeError::Listen { listen: config.listen, error };
    let listener = TcpListener::bind(config.listen).map_err(refused)?;
    let listen = listener.local_addr().map_err(refused)?;
    let io = |path: &std::path::Path, error| ServeError::Io { path: path.display().to_string(), error };
    std::fs::create_dir_all(&config.runs).map_err(|error| io(&config.runs, error))?;
    let runs = config.runs.canonicalize().map_err(|error| io(&config.runs, error))?;
    let config = Arc::new(Config { listen, runs, ..config });
    // Each has a store of its own: whoever asks does not wait for the queue.
    let store = Store::open(&config.state, config.actor.clone())?;
    let _alone = store.serve_rig(&config.rig)?;
    let queue = queue::Queue::start(Arc::clone(&config), Store::open(&config.state, config.actor.clone())?);
    let api = api::Api::start(Arc::clone(&config), listener, store, queue.waker()).map_err(refused)?;
    ready(listen);
    supervisor::tell(&NotifyState::Ready);
    stop();
    supervisor::tell(&NotifyState::Stopping);
    // Nobody submits any more; then what runs is stopped.
    api.stop();
    let left = queue.stop();
    if left.is_empty() { Ok(()) } else { Err(ServeError::Left(left.join(", "))) }
}

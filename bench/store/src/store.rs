//! The file and its transactions: each change is written with its entry of the audit log, or not at all.
//!
//! SQLite in WAL mode with full synchronisation: what a call has returned from survives a power cut.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::audit;
use crate::error::StoreError;
use crate::schema;

/// The file's name in the state folder.
const FILE: &str = "bench.sqlite";
/// Where the locks of those who hold something are.
const LOCKS: &str = "holds";
/// How long a transaction waits for another process's: each takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where a host's packages keep it, for all users.
const OF_THE_HOST: &str = "/var/lib/dosebench";

/// Who changes something, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(pub String);

/// The store of a host.
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) folder: PathBuf,
    pub(crate) actor: Actor,
}

impl Store {
    /// The host's folder: `DOSEBENCH_STATE`, else the one for all users if there is such a folder, else the user's own.
    #[must_use]
    pub fn usual_folder() -> PathBuf {
        if let Some(named) = std::env::var_os("DOSEBENCH_STATE") {
            return named.into();
        }
        let of_the_host = Path::new(OF_THE_HOST);
        if of_the_host.is_dir() {
            return of_the_host.to_owned();
        }
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from).join(".local/state");
        state.unwrap_or_else(home).join("dosebench")
    }

    /// Opens the store in a folder, which is made if need be.
    ///
    /// # Errors
    /// If the folder or its files cannot be used, or are those of a later version.
    pub fn open(folder: &Path, actor: Actor) -> Result<Self, StoreError> {
        let locks = folder.join(LOCKS);
        std::fs::create_dir_all(&locks).map_err(|e| StoreError::io(&locks, e))?;
        let path = folder.join(FILE);
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut connection, &path)?;
        Ok(Self { connection, folder: folder.to_owned(), actor })
    }

    /// Where the locks are.
    pub(crate) fn locks(&self) -> PathBuf {
        self.folder.join(LOCKS)
    }

    /// One change. Nobody else changes anything meanwhile; what fails leaves nothing.
    pub(crate) fn change<T>(
        &mut self,
        change: impl FnOnce(&Change<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let change_of = Change { transaction: &transaction, actor: &self.actor, now: Timestamp::now() };
        let done = change(&change_of)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// A change under way.
pub(crate) struct Change<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
    actor: &'a Actor,
    /// When it is made.
    pub(crate) now: Timestamp,
}

impl Change<'_> {
    /// Writes it into the audit log.
    pub(crate) fn note(&self, action: &str, subject: &str, detail: &serde_json::Value) -> Result<(), StoreError> {
        audit::append(self.transaction, self.now, &self.actor.0, action, subject, detail)
    }
}

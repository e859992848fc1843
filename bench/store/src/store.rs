//! The file and its transactions: each change is written with its entry of the audit log, or not at all.
//!
//! SQLite in WAL mode with full synchronisation: what a call has returned from survives a power cut.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::audit;
use crate::error::StoreError;
use crate::hold::{self, Wanted};
use crate::lease;
use crate::schema;

/// The file's name in the state folder.
const FILE: &str = "bench.sqlite";
/// Where the locks of those who hold something are.
const LOCKS: &str = "holds";
/// Where the locks of the jobs that run are.
const JOBS: &str = "jobs";
/// Where jobs have their files.
const WORK: &str = "work";
/// How long a transaction waits for another process's: each takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so long a new file is tried again.
const AGAIN: Duration = Duration::from_millis(5);
/// Where it is for all users of a host, if somebody has made that folder for them.
const OF_THE_HOST: &str = "/var/lib/dosebench";
/// What a file and a folder may be used for: the group of the state folder works on it together.
pub(crate) const FILE_MODE: u32 = 0o664;
const FOLDER_MODE: u32 = 0o2775;

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
        if let Some(named) = std::env::var_os("DOSEBENCH_STATE").filter(|named| !named.is_empty()) {
            return named.into();
        }
        let of_the_host = Path::new(OF_THE_HOST);
        if of_the_host.is_dir() {
            return of_the_host.to_owned();
        }
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        // Who has no home is told that the host's folder is missing: one of each working folder would be no lock.
        state.or_else(home).map_or_else(|| of_the_host.to_owned(), |state| state.join("dosebench"))
    }

    /// Opens the store in a folder, which is made if need be.
    ///
    /// # Errors
    /// If the folder or its files cannot be used, or are those of a later version.
    pub fn open(folder: &Path, actor: Actor) -> Result<Self, StoreError> {
        let (locks, jobs, path) = (folder.join(LOCKS), folder.join(JOBS), folder.join(FILE));
        let is_new = !path.is_file();
        for made in [&locks, &jobs, &folder.join(WORK)] {
            make(made)?;
        }
        let mut connection = Connection::open(&path)?;
        if is_new {
            share(&path, FILE_MODE)?;
        }
        connection.busy_timeout(PATIENCE)?;
        ahead(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut connection, &path)?;
        Ok(Self { connection, folder: folder.to_owned(), actor })
    }

    /// Whether there is one in a folder.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Opens the store in a folder to look at it.
    ///
    /// # Errors
    /// If there is none.
    pub fn look(folder: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(folder.join(FILE), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(PATIENCE)?;
        Ok(Self { connection, folder: folder.to_owned(), actor: Actor(String::new()) })
    }

    /// Where the locks are.
    pub(crate) fn locks(&self) -> PathBuf {
        self.folder.join(LOCKS)
    }

    /// Where the locks of jobs are.
    pub(crate) fn jobs_folder(&self) -> PathBuf {
        self.folder.join(JOBS)
    }

    /// The folder of a job's files, or of others' by their name; it is made if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn work_folder(&self, name: &str) -> Result<PathBuf, StoreError> {
        let folder = self.folder.join(WORK).join(name);
        make(&folder).map(|()| folder)
    }

    /// Says who changes things from now on.
    pub fn acts_for(&mut self, actor: Actor) {
        self.actor = actor;
    }

    /// Why ports cannot be had now, if they cannot, by whoever has that lease.
    ///
    /// # Errors
    /// If the store fails.
    pub fn refusal(&mut self, wanted: &Wanted<'_>) -> Result<Option<StoreError>, StoreError> {
        let locks = self.locks();
        self.change(|change| {
            lease::clear(change)?;
            let own = wanted.lease.map(|token| lease::id_of(change, token)).transpose()?;
            hold::refused(change, wanted.resources, own, &locks)
        })
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

/// Switches to WAL mode. While another process does that with a new file SQLite does not wait, whatever its patience.
fn ahead(connection: &Connection) -> Result<(), StoreError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(AGAIN);
            }
            done => return Ok(done?),
        }
    }
}

/// Makes a folder in which the group works together; one that is there is its owner's to share.
fn make(folder: &Path) -> Result<(), StoreError> {
    let io = |e: std::io::Error| StoreError::io(folder, e);
    if let Some(above) = folder.parent() {
        std::fs::create_dir_all(above).map_err(io)?;
    }
    match std::fs::create_dir(folder) {
        Ok(()) => share(folder, FOLDER_MODE),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io(error)),
    }
}

/// Lets the group work on it, whatever the mask of whoever made it. What is so already is not asked for: a daemon in a sandbox may
/// not set a folder's group bit itself, and inherits it from the folder above.
pub(crate) fn share(path: &Path, mode: u32) -> Result<(), StoreError> {
    let io = |e| StoreError::io(path, e);
    if std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o7777 == mode {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io)
}

/// A moment for people.
pub(crate) fn shown(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |at| at.to_string())
}

/// A change under way.
pub(crate) struct Change<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
    actor: &'a Actor,
    now: Timestamp,
}

impl Change<'_> {
    /// When it is made, in ms since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now.as_millisecond()
    }

    /// Writes it into the audit log.
    pub(crate) fn note(&self, action: &str, subject: i64, detail: &serde_json::Value) -> Result<(), StoreError> {
        self.note_of(action, &subject.to_string(), detail)
    }

    /// The same of what has a name.
    pub(crate) fn note_of(&self, action: &str, subject: &str, detail: &serde_json::Value) -> Result<(), StoreError> {
        audit::append(self.transaction, self.now, &self.actor.0, action, subject, detail)
    }
}

//! Why the store refused, or could not do, what was asked of it.
//!
//! A sentence each, with what to do next.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process uses a port.
    #[error("expected {resource} to be free, but {holder} uses it since {since} ({reason}); wait for it, or stop it")]
    Held {
        /// The port.
        resource: String,
        /// Who.
        holder: String,
        /// Since when.
        since: String,
        /// What for.
        reason: String,
    },
    /// Somebody has a thing set to something else.
    #[error(transparent)]
    Set(Box<Set>),
    /// A port is leased to somebody else.
    #[error(
        "expected {resource} to be free, but {holder} has leased it until {until} ({reason}); ask for it, or wait until then"
    )]
    Leased {
        /// The port.
        resource: String,
        /// To whom.
        holder: String,
        /// Until when.
        until: String,
        /// What for.
        reason: String,
    },
    /// A token or a number that belongs to no lease.
    #[error("expected a lease that has not ended, but found none of that {0}; it may be over: take another one")]
    NoLease(&'static str),
    /// A lease that lasts no time, or too long.
    #[error("expected a lease of 1 s to 31 days, but found one of {0} s")]
    Duration(u64),
    /// No such job.
    #[error("expected the number of a job, but found none of number {0}; see `dosebench status`")]
    NoJob(i64),
    /// A key that was used for something else.
    #[error("expected the job that key '{key}' was used for before, job {job}, but found another; choose another key")]
    Key {
        /// The key.
        key: String,
        /// The job that has it.
        job: i64,
    },
    /// Another daemon serves the rig.
    #[error("expected to be the only daemon of {0} on this host, but another one serves it; use that one, or stop it")]
    Served(String),
    /// A station that nobody has put into quarantine.
    #[error("expected a station in quarantine, but found that station {0} is in none; see `dosebench status`")]
    NoQuarantine(String),
    /// A name that somebody has access under.
    #[error("expected a new name, but {0} has access already; take that back first, or choose another")]
    Named(String),
    /// A name that nobody has access under.
    #[error("expected the name of somebody with access, but found {0}; see `dosebench token list`")]
    NoAccess(String),
    /// Nothing to lease.
    #[error("expected something to lease, but found nothing that anybody has alone")]
    Nothing,
    /// The audit log is not what was written.
    #[error("the audit log is not as it was written: entry {seq} {what}; keep the file and look who could write to it")]
    Tampered {
        /// The first entry that is wrong.
        seq: i64,
        /// What of it.
        what: String,
    },
    /// The store's folder or a lock in it cannot be used.
    #[error("expected to use {path}, but {error}; ask for write access to it, or for room on its disk")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The store was made by a later version.
    #[error("{path} has format {found}, this version knows {known} at most; use the version that wrote it")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: i64,
        /// What is known.
        known: i64,
    },
    /// The database failed.
    #[error("the store failed: {0}; {hint}", hint = hint(.0))]
    Database(#[from] rusqlite::Error),
}

/// Somebody has a thing set to something else.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected {resource} to be had at {wanted}, but {holder} needs it at {found} since {since} ({reason}); wait for it, or stop it"
)]
pub struct Set {
    /// The thing.
    pub resource: String,
    /// To what it is wanted.
    pub wanted: String,
    /// To what it is set.
    pub found: String,
    /// By whom.
    pub holder: String,
    /// Since when.
    pub since: String,
    /// What for.
    pub reason: String,
}

impl StoreError {
    pub(crate) fn io(path: &Path, error: impl Into<io::Error>) -> Self {
        Self::Io { path: path.to_owned(), error: error.into() }
    }
}

/// What to do about it.
fn hint(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "ask for write access to its folder"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "look which program works on it for so long",
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => "make room on its disk",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "keep the file, and begin a new one",
        _ => "please report it with the file",
    }
}

//! What can go wrong with a record, each with the file it is about and what to do.
//!
//! Each text names the file, what was expected, what was found and what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why an event could not be put into the record.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The folder holds a record already.
    #[error("expected no record, but found {path}; choose another run folder, a record is never written over")]
    Exists {
        /// The file that is there.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} {path}: {cause}; free space or mend the disk, then start the run again")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// The event would not come back from the file as it went in. Nothing was written, and the record goes on.
    #[error("event {seq} cannot be recorded: {why}; record finite numbers and texts of a sane length")]
    Event {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl WriteError {
    pub(crate) fn file(doing: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), cause: Arc::new(cause) }
    }
}

/// Why a record could not be read at all. What is torn or damaged is no error, see [`crate::Tail`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// There is no record, or nothing of it is left.
    #[error("expected a record in {folder}, but found {found}; check that this is a run's folder")]
    Nothing {
        /// The folder.
        folder: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// The system refused.
    #[error("cannot {doing} {path}: {cause}; check the disk and the rights on the file")]
    File {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A later version wrote it.
    #[error("record {path} is in format {found}, but this version knows formats up to {known}; use a later version")]
    Format {
        /// The file.
        path: PathBuf,
        /// The record's format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
}

impl ReadError {
    pub(crate) fn file(doing: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), cause: Arc::new(cause) }
    }
}

/// Why a record cannot be gone on with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResumeError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its next segment cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Nothing is to be added.
    #[error("expected a record without an end in {folder}, but found one that has it; there is nothing to go on with")]
    Ended {
        /// The folder.
        folder: PathBuf,
    },
    /// Another version encodes its events otherwise, or there is none.
    #[error(
        "expected events of this version in {folder}, but found {events} that it would write otherwise; use the version that wrote them"
    )]
    Other {
        /// The folder.
        folder: PathBuf,
        /// How many can be read.
        events: u64,
    },
}

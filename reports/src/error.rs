//! What can keep the derived files from being written.
//!
//! A damaged record is no error as long as its opening can be read: the report says what is missing.

use std::path::{Path, PathBuf};

/// Why the files of a run could not be derived from its record.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder holds no record that can be read: nothing can be said of the run.
    #[error("nothing can be read of the record in {}: {source}", folder.display())]
    Unreadable {
        /// The run's folder.
        folder: PathBuf,
        /// What the reader said.
        source: record::ReadError,
    },
    /// The record can be read, but does not say what was run.
    #[error("the record in {} has no opening event, only {events} others; the run cannot be named", folder.display())]
    NoOpening {
        /// The run's folder.
        folder: PathBuf,
        /// How many events were found.
        events: u64,
    },
    /// A derived file could not be written, or a file of the run not be read for its hash.
    #[error("cannot {action} {}: {source}; check space and permissions of the run's folder", path.display())]
    File {
        /// What was tried: `write`, `read`, `list`.
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A derived file could not be made: a fault of this program.
    #[error("cannot make {file}: {why}; keep the record and report this")]
    Made {
        /// Which file.
        file: &'static str,
        /// What the library that makes it said.
        why: String,
    },
}

impl ReportError {
    /// Whether nothing of the record is readable, rather than a derived file not writable.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::NoOpening { .. })
    }

    pub(crate) fn file(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }

    pub(crate) fn made(file: &'static str, why: &impl ToString) -> Self {
        Self::Made { file, why: why.to_string() }
    }
}

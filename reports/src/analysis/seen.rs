//! A file as it was when it was read: what tells that somebody has written to it since.
//!
//! Length and time of the last change are compared. A log is read in several goes, and hashed in another: figures and hash are
//! of one file only if it stayed as it was throughout.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::LogError;

/// What a plain file's entry says of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    /// The file as it is now; `None` for what is no plain file, such as a pipe, which is read once and is gone.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }

    /// The file is still as it was.
    ///
    /// # Errors
    /// [`LogError::Input`], if it was changed, replaced or removed.
    pub(super) fn still(&self, path: &Path) -> Result<(), LogError> {
        let now = Self::of(path);
        if now.as_ref() == Some(self) {
            return Ok(());
        }
        let found = match now {
            Some(now) if now.bytes != self.bytes => format!("{} bytes", now.bytes),
            Some(_) => "one that was written meanwhile".to_owned(),
            None => "none any more".to_owned(),
        };
        Err(LogError::asked(format_args!(
            "expected {} to stay the file of {} bytes that was read, but found {found}; analyze it when nobody writes to it",
            path.display(),
            self.bytes
        )))
    }
}

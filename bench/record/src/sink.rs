//! The file behind a segment: buffered, its length known from outside, and synced from another thread if need be.
//!
//! It knows bytes and nothing of what they mean.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::WriteError;

/// How many bytes are gathered before the operating system gets them.
const BUFFER_BYTES: usize = 128 * 1024;

/// A segment's file.
#[derive(Debug)]
pub(crate) struct Sink {
    file: BufWriter<File>,
    written: Arc<AtomicU64>,
}

impl Sink {
    /// Writes to `file` and counts in `written` what came.
    pub(crate) fn new(file: File, written: Arc<AtomicU64>) -> Self {
        Self { file: BufWriter::with_capacity(BUFFER_BYTES, file), written }
    }

    /// Hands everything to the operating system and gives the file back.
    pub(crate) fn into_file(self) -> io::Result<File> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.file.stream_position()
    }
}

/// Syncs the record's current file from another thread, so that a slow disk does not hold up the run.
///
/// It follows the record from segment to segment; a segment is synced by the recorder itself when it is left.
#[derive(Debug, Clone)]
pub struct SyncHandle {
    current: Arc<Mutex<Current>>,
}

#[derive(Debug, Clone)]
struct Current {
    file: Arc<File>,
    path: PathBuf,
}

impl SyncHandle {
    pub(crate) fn new(file: &File, path: &Path) -> io::Result<Self> {
        Ok(Self { current: Arc::new(Mutex::new(Current::new(file, path)?)) })
    }

    /// Lets every clone of the handle follow to the next segment.
    pub(crate) fn follow(&self, file: &File, path: &Path) -> io::Result<()> {
        let next = Current::new(file, path)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// Returns when the disk has what was flushed before.
    pub fn sync_data(&self) -> Result<(), WriteError> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        current.file.sync_data().map_err(|cause| WriteError::file("sync", &current.path, cause))
    }
}

impl Current {
    fn new(file: &File, path: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(file.try_clone()?), path: path.to_owned() })
    }
}

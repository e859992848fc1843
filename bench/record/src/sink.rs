//! The file behind a segment: buffered, its length known from outside.
//!
//! It knows bytes and nothing of what they mean.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

//! The recorder: puts a run's events on disk as they happen, in order and without gaps.
//!
//! A record is append-only and cannot be gone back on: after the first error of the disk nothing more is taken, so
//! that what is there stays a whole beginning of the stream.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use domain::Event;

use crate::encoding::{Digest, encode};
use crate::error::{ResumeError, WriteError};
use crate::metadata::{End, Metadata};
use crate::read::Reader;
use crate::segment::{self, Segment};

/// When a chunk of the record is closed. What is in an open chunk is lost if the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Time is virtual: by size, and at the rare [`Recorder::sync`] before a command that delivers. A run that can be
    /// repeated from its seed loses nothing, and a chunk for each virtual second would cost its memory and its speed.
    Virtual,
    /// Time is real: by size, and at each [`Recorder::sync`], which is to be called three times a second: what is lost is less than one.
    Real,
}

/// A finished record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// SHA-256 over the canonical bytes of the events, each followed by a line feed, in hexadecimal.
    pub stream_sha256: String,
    /// How many events it holds.
    pub events: u64,
}

/// The sizes by which a record is cut into chunks and segments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The bytes of a chunk before compression.
    pub(crate) chunk_bytes: u64,
    /// The bytes of a segment.
    pub(crate) segment_bytes: u64,
    /// The syncs of a segment, on real clocks: an hour, three times a second.
    pub(crate) segment_flushes: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { chunk_bytes: 512 * 1024, segment_bytes: 256 * 1024 * 1024, segment_flushes: 12_000 }
    }
}

/// A record that is being written. Dropped without [`Recorder::finish`], it stays a record without an end.
pub struct Recorder {
    folder: PathBuf,
    metadata: Metadata,
    pace: Pace,
    sizes: Sizes,
    create: fn(&Path) -> io::Result<File>,
    segment: Segment,
    segments: u32,
    line: Vec<u8>,
    digest: Digest,
    failed: Option<WriteError>,
}

impl Recorder {
    /// Begins the record of a run in `folder`, which must exist and hold no record.
    pub fn create(folder: &Path, metadata: &Metadata, pace: Pace) -> Result<Self, WriteError> {
        Self::with(folder, metadata, pace, Sizes::default(), |path| File::create_new(path))
    }

    pub(crate) fn with(
        folder: &Path,
        metadata: &Metadata,
        pace: Pace,
        sizes: Sizes,
        create: fn(&Path) -> io::Result<File>,
    ) -> Result<Self, WriteError> {
        let present = segment::list(folder).map_err(|cause| WriteError::file("look into", folder, cause))?;
        if let Some(path) = present.into_iter().next() {
            return Err(WriteError::Exists { path });
        }
        let (path, file) = new_file(folder, 1, create)?;
        let segment = Segment::begin(&path, file, sizes.chunk_bytes, &metadata.to_record(1))?;
        if pace == Pace::Real {
            sync_folder(folder)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            metadata: metadata.clone(),
            pace,
            sizes,
            create,
            segment,
            segments: 1,
            line: Vec::with_capacity(1024),
            digest: Digest::default(),
            failed: None,
        })
    }

    /// Goes on with a record that has no end, in a segment of its own, behind the last event that can be read. `each` is given
    /// those that are there. Where the record was torn stays as it is.
    ///
    /// # Errors
    /// [`ResumeError`] if nothing can be read, if it has its end, or if the disk refuses.
    pub fn resume(folder: &Path, pace: Pace, mut each: impl FnMut(Event)) -> Result<Self, ResumeError> {
        let mut reader = Reader::open(folder)?;
        let metadata = reader.metadata().clone();
        let mut line = Vec::with_capacity(1024);
        let mut digest = Digest::default();
        let tail = reader.for_each(|event| {
            // An event that was read is one that was encoded.
            if encode(&event, &mut line).is_ok() {
                digest.add_lines(&line, 1);
            }
            each(event);
        })?;
        if tail.wall_seconds.is_some() {
            return Err(ResumeError::Ended { folder: folder.to_owned() });
        }
        if tail.events == 0 || digest.hex() != tail.stream_sha256 {
            return Err(ResumeError::Other { folder: folder.to_owned(), events: tail.events });
        }
        let last = segment::last_number(folder).map_err(|cause| WriteError::file("look into", folder, cause))?;
        let number = last.unwrap_or(0) + 1;
        let (path, file) = new_file(folder, number, |path| File::create_new(path))?;
        let sizes = Sizes::default();
        let segment = Segment::begin(&path, file, sizes.chunk_bytes, &metadata.to_record(number))?;
        sync_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            metadata,
            pace,
            sizes,
            create: |path| File::create_new(path),
            segment,
            segments: number,
            line,
            digest,
            failed: None,
        })
    }

    /// Puts the next event behind the others. After an error of the disk that error is returned again and nothing is
    /// taken; after [`WriteError::Event`] the record goes on with another event of the same number.
    ///
    /// # Panics
    /// If the event's number does not follow the last one's.
    pub fn append(&mut self, event: &Event) -> Result<(), WriteError> {
        assert_eq!(event.seq, self.digest.events(), "events are recorded in order of their numbers, without gaps");
        self.refuse_after_failure()?;
        encode(event, &mut self.line).map_err(|why| WriteError::Event { seq: event.seq, why })?;
        if self.segment_is_full() {
            self.next_segment().map_err(|e| self.fail(e))?;
        }
        let payload = &self.line[..self.line.len() - 1];
        match self.segment.write(event, payload) {
            Ok(()) => self.digest.add_lines(&self.line, 1),
            Err(e) => return Err(self.fail(e)),
        }
        Ok(())
    }

    /// Closes the chunk, and returns when the disk has it: what was appended survives a power failure.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        self.refuse_after_failure()?;
        self.segment.sync().map_err(|e| self.fail(e))
    }

    /// Ends the record, and returns when the disk has it.
    pub fn finish(self, wall_seconds: f64) -> Result<Finished, WriteError> {
        self.refuse_after_failure()?;
        let finished = Finished { stream_sha256: self.digest.hex(), events: self.digest.events() };
        let end = End { wall_seconds, finished: finished.clone() };
        self.segment.end(Some(&end.to_record()))?;
        sync_folder(&self.folder)?;
        Ok(finished)
    }

    fn segment_is_full(&self) -> bool {
        self.segment.bytes() >= self.sizes.segment_bytes
            || (self.pace == Pace::Real && self.segment.flushes() >= self.sizes.segment_flushes)
    }

    /// Leaves the segment whole on disk and begins the next.
    fn next_segment(&mut self) -> Result<(), WriteError> {
        let number = self.segments + 1;
        let (path, file) = new_file(&self.folder, number, self.create)?;
        let next = Segment::begin(&path, file, self.sizes.chunk_bytes, &self.metadata.to_record(number))?;
        self.segments = number;
        std::mem::replace(&mut self.segment, next).end(None)?;
        if self.pace == Pace::Real { sync_folder(&self.folder) } else { Ok(()) }
    }

    fn refuse_after_failure(&self) -> Result<(), WriteError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: WriteError) -> WriteError {
        self.failed.get_or_insert(error).clone()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("path", &self.segment.path())
            .field("pace", &self.pace)
            .field("events", &self.digest.events())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

fn new_file(folder: &Path, number: u32, create: fn(&Path) -> io::Result<File>) -> Result<(PathBuf, File), WriteError> {
    let path = folder.join(segment::file_name(number));
    match create(&path) {
        Ok(file) => Ok((path, file)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(WriteError::Exists { path }),
        Err(cause) => Err(WriteError::file("create", &path, cause)),
    }
}

/// Has the disk keep the names of new files.
fn sync_folder(folder: &Path) -> Result<(), WriteError> {
    let sync = || File::open(folder)?.sync_all();
    sync().map_err(|cause| WriteError::file("sync", folder, cause))
}

//! The files of a record: their names, and the one that is being written.
//!
//! A segment is a whole MCAP file: with its own labels, schemas, channels and summary, so that each can be looked at
//! alone. Message indexes are written because readers of other people refuse chunk indexes without them; what the
//! indexes take in memory is bounded by the segment's size.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Channel, Event, EventKind};
use mcap::records::{MessageHeader, Metadata};
use mcap::{Compression, McapError, McapResult, WriteOptions, Writer};

use crate::error::WriteError;
use crate::schema;
use crate::sink::Sink;

/// The file name of the segment with that number, from 1.
pub(crate) fn file_name(number: u32) -> String {
    if number == 1 { "record.mcap".to_owned() } else { format!("record-{number:04}.mcap") }
}

/// The files of the record in a folder, in order.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(number_of) {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The number of the last file of the record in a folder.
pub(crate) fn last_number(folder: &Path) -> io::Result<Option<u32>> {
    let last = list(folder)?.pop();
    Ok(last.and_then(|path| number_of(path.file_name()?.to_str()?)))
}

fn number_of(name: &str) -> Option<u32> {
    let number = match name.strip_prefix("record")?.strip_suffix(".mcap")? {
        "" => 1,
        rest => rest.strip_prefix('-')?.parse().ok()?,
    };
    (file_name(number) == name).then_some(number)
}

/// The segment that is being written.
pub(crate) struct Segment {
    path: PathBuf,
    writer: Writer<Sink>,
    /// The writer's file, for the disk to keep.
    file: File,
    written: Arc<AtomicU64>,
    reading_schema: u16,
    events_channel: u16,
    channels: BTreeMap<Channel, u16>,
    flushes: u32,
    open: bool,
}

impl Segment {
    /// Begins a segment in a new file.
    pub(crate) fn begin(path: &Path, file: File, chunk_bytes: u64, labels: &Metadata) -> Result<Self, WriteError> {
        let written = Arc::new(AtomicU64::new(0));
        let shared = file.try_clone().map_err(|cause| WriteError::file("share", path, cause))?;
        let sink = Sink::new(file, Arc::clone(&written));
        let begin = || -> McapResult<Self> {
            let mut writer = WriteOptions::new()
                .compression(Some(Compression::Lz4))
                .chunk_size(Some(chunk_bytes))
                .library(concat!("dosebench record ", env!("CARGO_PKG_VERSION")))
                .create(sink)?;
            writer.write_metadata(labels)?;
            // The labels get to the file before the first chunk is full.
            writer.flush()?;
            let event_schema =
                writer.add_schema(schema::EVENT_NAME, schema::SCHEMA_ENCODING, schema::EVENT.as_bytes())?;
            let reading_schema =
                writer.add_schema(schema::READING_NAME, schema::SCHEMA_ENCODING, schema::READING.as_bytes())?;
            let events_channel =
                writer.add_channel(event_schema, schema::EVENTS_TOPIC, schema::MESSAGE_ENCODING, &BTreeMap::new())?;
            Ok(Self {
                path: path.to_owned(),
                writer,
                file: shared,
                written,
                reading_schema,
                events_channel,
                channels: BTreeMap::new(),
                flushes: 0,
                open: false,
            })
        };
        begin().map_err(|e| failed("begin", path, e))
    }

    /// The segment's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes were written to it.
    pub(crate) fn bytes(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How many chunks were closed by a sync.
    pub(crate) const fn flushes(&self) -> u32 {
        self.flushes
    }

    /// Puts an event behind the others.
    pub(crate) fn write(&mut self, event: &Event, payload: &[u8]) -> Result<(), WriteError> {
        self.try_write(event, payload).map_err(|e| failed("write to", &self.path, e))
    }

    fn try_write(&mut self, event: &Event, payload: &[u8]) -> McapResult<()> {
        let channel_id = match &event.kind {
            EventKind::Reading(reading) => self.channel(&reading.channel)?,
            _ => self.events_channel,
        };
        let t_ns = event.t_ns.ns();
        // MCAP numbers messages with 32 bits; the whole number stands in the payload.
        let sequence = (event.seq & u64::from(u32::MAX)) as u32;
        self.open = true;
        self.writer.write_to_known_channel(
            &MessageHeader { channel_id, sequence, log_time: t_ns, publish_time: t_ns },
            payload,
        )
    }

    fn channel(&mut self, channel: &Channel) -> McapResult<u16> {
        if let Some(id) = self.channels.get(channel) {
            return Ok(*id);
        }
        let id = self.writer.add_channel(
            self.reading_schema,
            channel.as_str(),
            schema::MESSAGE_ENCODING,
            &BTreeMap::new(),
        )?;
        self.channels.insert(channel.clone(), id);
        Ok(id)
    }

    /// Closes the chunk, if there is one, and hands its bytes to the operating system.
    fn flush(&mut self) -> Result<(), WriteError> {
        if self.open {
            self.writer.flush().map_err(|e| failed("flush", &self.path, e))?;
            self.open = false;
            self.flushes += 1;
        }
        Ok(())
    }

    /// Flushes, and returns when the disk has it.
    pub(crate) fn sync(&mut self) -> Result<(), WriteError> {
        self.flush()?;
        self.file.sync_data().map_err(|cause| WriteError::file("sync", &self.path, cause))
    }

    /// Ends the segment, with a closing label if it is the last, and returns when the disk has it.
    pub(crate) fn end(mut self, label: Option<&Metadata>) -> Result<(), WriteError> {
        let finish = || -> McapResult<File> {
            if let Some(label) = label {
                self.writer.write_metadata(label)?;
            }
            self.writer.finish()?;
            Ok(self.writer.into_inner().into_file()?)
        };
        let file = finish().map_err(|e| failed("end", &self.path, e))?;
        file.sync_all().map_err(|cause| WriteError::file("sync", &self.path, cause))
    }
}

fn failed(doing: &'static str, path: &Path, error: McapError) -> WriteError {
    let cause = match error {
        McapError::Io(cause) => cause,
        other => io::Error::other(other),
    };
    WriteError::file(doing, path, cause)
}

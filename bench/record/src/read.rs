//! The reader: gives a record's events in order, all segments as one stream, up to where it is torn.
//!
//! What it yields is a beginning of what was written, never more and never in another order: a closed chunk is
//! checked before its first event is given away, numbers must follow each other, and damage ends the stream. Memory
//! is that of a chunk, whatever a damaged length says.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use domain::Event;
use mcap::records::op;
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use mcap::{MAGIC, McapError};

use crate::error::ReadError;
use crate::events::Events;
use crate::metadata::{Label, Metadata};
use crate::parts::{Note, Part, Parts, Stamp};
use crate::salvage;
use crate::segment;

/// No chunk and no record of ours is longer; a length beyond it is damage.
pub(crate) const LENGTH_MAX: usize = 64 * 1024 * 1024;

/// How many bytes are asked of the file at once.
const READ_BYTES: usize = 256 * 1024;

/// How much of a segment is looked at for its labels.
const HEAD_BYTES: u64 = 64 * 1024;

/// What stands behind the last event that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail {
    /// Why this may not be the whole stream, or not the one that was written: a sentence that names the file. None
    /// if the record has its end, and the events are those that the end counts.
    pub torn: Option<String>,
    /// SHA-256 over the canonical bytes of the events read, each followed by a line feed, in hexadecimal.
    pub stream_sha256: String,
    /// How many events were read.
    pub events: u64,
    /// How long the run took by the wall clock, if the record has its end.
    pub wall_seconds: Option<f64>,
}

/// A record to be read.
#[derive(Debug)]
pub struct Reader {
    paths: Vec<PathBuf>,
    metadata: Metadata,
}

impl Reader {
    /// Finds the record in a run's folder. A record that is still being written can be read as well.
    pub fn open(folder: &Path) -> Result<Self, ReadError> {
        let nothing = |found: &str| ReadError::Nothing { folder: folder.to_owned(), found: found.to_owned() };
        let paths = match segment::list(folder) {
            Ok(paths) => paths,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(nothing("no such folder")),
            Err(cause) => return Err(ReadError::file("look into", folder, cause)),
        };
        if paths.is_empty() {
            return Err(nothing("no file record.mcap"));
        }
        let mut readable = false;
        let mut metadata = None;
        for path in &paths {
            let head = Head::read(path).map_err(|cause| ReadError::file("read", path, cause))?;
            readable |= head.readable;
            metadata = metadata.or(head.metadata);
        }
        if !readable {
            return Err(nothing("only files that are empty, cut off in their first bytes or no MCAP"));
        }
        Ok(Self { paths, metadata: metadata.unwrap_or_else(Metadata::unknown) })
    }

    /// What the record says of its run.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The first event, which tells how the run was set up; `None` if there is none. No more is read than the part that it stands in.
    pub fn first(&self) -> Result<Option<Event>, ReadError> {
        let (mut stamp, mut found, mut failed) = (Stamp::default(), None, None);
        let mut events = Events::new(|event| found = found.take().or(Some(event)));
        let read = self.parts(|mut part| {
            let none_yet = part.ends.is_empty();
            stamp.stamp(&mut part);
            let next = events.take(part).unwrap_or_else(|error| {
                failed = Some(error);
                None
            });
            next.filter(|_| none_yet)
        });
        drop(events);
        failed.map_or(Ok(()), Err)?;
        read?;
        Ok(found)
    }

    /// Gives each event in order, from the first; a second call begins anew.
    pub fn for_each(&mut self, f: impl FnMut(Event)) -> Result<Tail, ReadError> {
        let (mut stamp, mut events) = (Stamp::default(), Events::new(f));
        let mut failed = None;
        let read = self.parts(|mut part| {
            stamp.stamp(&mut part);
            events.take(part).unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        events.tail(read)
    }

    /// The first of the three steps of [`Reader::for_each`], for who has a thread for each: the parts of the stream, until
    /// `give` wants no more. Each goes to a [`Stamp`], then to [`Events`], in order; the outcome to [`Events::tail`]. `give` has one
    /// for the next in return, a new one or one that was used up.
    pub fn parts(&self, give: impl FnMut(Part) -> Option<Part>) -> Result<(), ReadError> {
        let mut parts = Parts::new(give);
        let read = self.paths.iter().try_for_each(|path| {
            if parts.over {
                return Ok(());
            }
            parts.note(Note::Segment(path.clone()));
            read_segment(path, &mut parts)
        });
        parts.flush();
        read
    }
}

/// What the first bytes of a segment tell.
#[derive(Debug, Default)]
struct Head {
    readable: bool,
    metadata: Option<Metadata>,
}

impl Head {
    fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(path)?.take(HEAD_BYTES).read_to_end(&mut bytes)?;
        let mut rest = bytes.get(MAGIC.len()..).unwrap_or_default();
        let mut head = Self::default();
        while let Some((opcode, body, behind)) = salvage::split_record(rest) {
            rest = behind;
            head.readable |= (op::HEADER..=op::DATA_END).contains(&opcode);
            if opcode == op::METADATA
                && let Some(Label::Run(metadata)) = Label::parse(body)
            {
                head.metadata = Some(metadata);
                break;
            }
        }
        Ok(head)
    }
}

/// Reads one segment to its end, or to where it is torn.
fn read_segment<G: FnMut(Part) -> Option<Part>>(path: &Path, parts: &mut Parts<G>) -> Result<(), ReadError> {
    let refused = |cause| ReadError::file("read", path, cause);
    let mut file = File::open(path).map_err(refused)?;
    let size = file.metadata().map_err(refused)?.len();
    let checksum_fits = match read_closed(&mut file, size, path, parts)? {
        Closed::Whole => return Ok(()),
        Closed::Torn { checksum_fits } => checksum_fits,
    };
    if parts.over {
        return Ok(());
    }
    let Some(chunk) = salvage::open_chunk(&mut file, size).map_err(refused)? else { return Ok(()) };
    if checksum_fits {
        parts.note(Note::Open("ends inside an open chunk".to_owned()));
    }
    salvage::records(&chunk, |opcode, data| {
        parts.record(opcode, data);
        Ok(!parts.over)
    })
}

/// How a segment's records ended, open chunks aside.
enum Closed {
    Whole,
    Torn { checksum_fits: bool },
}

/// Reads the records and the closed chunks of one segment.
fn read_closed<G: FnMut(Part) -> Option<Part>>(
    file: &mut File,
    size: u64,
    path: &Path,
    parts: &mut Parts<G>,
) -> Result<Closed, ReadError> {
    let refused = |cause| ReadError::file("read", path, cause);
    let mut magic = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(refused)?;
    if magic != MAGIC {
        parts.note(Note::Damaged("its first bytes are not those of an MCAP file"));
    }
    let mut left = size.saturating_sub(magic.len() as u64);
    let mut reader = LinearReader::new_with_options(
        LinearReaderOptions::default()
            .with_skip_end_magic(true)
            .with_prevalidate_chunk_crcs(true)
            .with_validate_data_section_crc(true)
            .with_record_length_limit(LENGTH_MAX),
    );
    reader.insert(MAGIC.len()).copy_from_slice(MAGIC);
    reader.notify_read(MAGIC.len());
    while !parts.over {
        match reader.next_event() {
            Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                let count = match wanted.max(READ_BYTES).min(most) {
                    0 => 0,
                    wanted => file.read(reader.insert(wanted)).map_err(refused)?,
                };
                if count == 0 {
                    parts.tear("is cut off");
                    break;
                }
                reader.notify_read(count);
                left -= count as u64;
            }
            Some(Ok(LinearReadEvent::Record { opcode: op::DATA_END, .. })) | None => return Ok(Closed::Whole),
            Some(Ok(LinearReadEvent::Record { opcode, data })) => parts.record(opcode, data),
            Some(Err(McapError::BadDataCrc { .. })) => {
                parts.note(Note::Damaged("the checksum over all of it does not fit"));
                return Ok(Closed::Whole);
            }
            Some(Err(error)) => {
                parts.tear(&format!("is damaged ({error})"));
                return Ok(Closed::Torn { checksum_fits: !matches!(error, McapError::BadChunkCrc { .. }) });
            }
        }
    }
    Ok(Closed::Torn { checksum_fits: true })
}

//! The reader: gives a record's events in order, all segments as one stream, up to where it is torn.
//!
//! What it yields is a beginning of what was written, never more and never in another order: a closed chunk is
//! checked before its first event is given away, numbers must follow each other, and damage ends the stream. Memory
//! is that of a chunk, whatever a damaged length says.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use domain::Event;
use domain::event::FORMAT;
use mcap::records::op;
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use mcap::{MAGIC, McapError};

use crate::encoding::{Decoder, Digest};
use crate::error::ReadError;
use crate::metadata::{End, Label, Metadata};
use crate::salvage;
use crate::segment;

/// No chunk and no record of ours is longer; a length beyond it is damage.
pub(crate) const LENGTH_MAX: usize = 64 * 1024 * 1024;

/// How many bytes are asked of the file at once.
const READ_BYTES: usize = 256 * 1024;

/// How much of a segment is looked at for its labels.
const HEAD_BYTES: u64 = 64 * 1024;

/// The fields of an MCAP message before its payload.
const MESSAGE_HEADER_BYTES: usize = 2 + 4 + 8 + 8;

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

    /// Gives each event in order, from the first; a second call begins anew.
    pub fn for_each(&mut self, f: impl FnMut(Event)) -> Result<Tail, ReadError> {
        let mut stream = Stream::new(f);
        for path in &self.paths {
            stream.begin_segment(path);
            read_segment(path, &mut stream)?;
            if stream.over {
                break;
            }
        }
        Ok(stream.tail())
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
fn read_segment<F: FnMut(Event)>(path: &Path, stream: &mut Stream<'_, F>) -> Result<(), ReadError> {
    let refused = |cause| ReadError::file("read", path, cause);
    let mut file = File::open(path).map_err(refused)?;
    let size = file.metadata().map_err(refused)?.len();
    let checksum_fits = match read_closed(&mut file, size, path, stream)? {
        Closed::Whole => return Ok(()),
        Closed::Torn { checksum_fits } => checksum_fits,
    };
    if stream.over {
        return Ok(());
    }
    let Some(chunk) = salvage::open_chunk(&mut file, size).map_err(refused)? else { return Ok(()) };
    if checksum_fits {
        stream.torn = Some("ends inside an open chunk".to_owned());
    }
    salvage::records(&chunk, |opcode, data| {
        stream.record(opcode, data)?;
        Ok(!stream.over)
    })
}

/// How a segment's records ended, open chunks aside.
enum Closed {
    Whole,
    Torn { checksum_fits: bool },
}

/// Reads the records and the closed chunks of one segment.
fn read_closed<F: FnMut(Event)>(
    file: &mut File,
    size: u64,
    path: &Path,
    stream: &mut Stream<'_, F>,
) -> Result<Closed, ReadError> {
    let refused = |cause| ReadError::file("read", path, cause);
    let mut magic = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(refused)?;
    if magic != MAGIC {
        stream.damaged("its first bytes are not those of an MCAP file");
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
    while !stream.over {
        match reader.next_event() {
            Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                let count = match wanted.max(READ_BYTES).min(most) {
                    0 => 0,
                    wanted => file.read(reader.insert(wanted)).map_err(refused)?,
                };
                if count == 0 {
                    stream.tear("is cut off");
                    break;
                }
                reader.notify_read(count);
                left -= count as u64;
            }
            Some(Ok(LinearReadEvent::Record { opcode: op::DATA_END, .. })) | None => return Ok(Closed::Whole),
            Some(Ok(LinearReadEvent::Record { opcode, data })) => stream.record(opcode, data)?,
            Some(Err(McapError::BadDataCrc { .. })) => {
                stream.damaged("the checksum over all of it does not fit");
                return Ok(Closed::Whole);
            }
            Some(Err(error)) => {
                stream.tear(&format!("is damaged ({error})"));
                return Ok(Closed::Torn { checksum_fits: !matches!(error, McapError::BadChunkCrc { .. }) });
            }
        }
    }
    Ok(Closed::Torn { checksum_fits: true })
}

/// The stream as it comes out of the segments.
struct Stream<'a, F> {
    f: F,
    path: &'a Path,
    decoder: Decoder,
    digest: Digest,
    end: Option<End>,
    /// What tore the segment before; it is forgotten if the next one goes on without a gap.
    torn_before: Option<String>,
    /// What tore this segment, without the segment's name and the place.
    torn: Option<String>,
    /// Damage that lost no event.
    damage: Option<String>,
    /// No event can follow any more.
    over: bool,
}

impl<'a, F: FnMut(Event)> Stream<'a, F> {
    fn new(f: F) -> Self {
        Self {
            f,
            path: Path::new(""),
            decoder: Decoder::default(),
            digest: Digest::default(),
            end: None,
            torn_before: None,
            torn: None,
            damage: None,
            over: false,
        }
    }

    fn begin_segment(&mut self, path: &'a Path) {
        let torn = self.torn.take();
        self.torn_before = self.torn_before.take().or_else(|| torn.map(|what| self.sentence(&what)));
        self.path = path;
    }

    /// A record of the file, or of a chunk in it.
    fn record(&mut self, opcode: u8, data: &[u8]) -> Result<(), ReadError> {
        match opcode {
            op::MESSAGE => match data.get(MESSAGE_HEADER_BYTES..) {
                Some(payload) => self.payload(payload)?,
                None => self.tear("holds a message that is too short"),
            },
            op::METADATA => {
                if let Some(Label::End(end)) = Label::parse(data) {
                    self.end = Some(end);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn payload(&mut self, payload: &[u8]) -> Result<(), ReadError> {
        if self.over {
            return Ok(());
        }
        let expected = self.digest.events();
        if expected == 0
            && let Some(found) = crate::encoding::declared_format(payload)
            && found > FORMAT
        {
            return Err(ReadError::Format { path: self.path.to_owned(), found, known: FORMAT });
        }
        match self.decoder.decode(payload) {
            Ok(event) if event.seq == expected => {
                self.torn_before = None;
                self.digest.add(payload);
                (self.f)(event);
            }
            Ok(event) => {
                self.tear(&format!("goes on with event {} where event {expected} was expected", event.seq));
                self.over = true;
            }
            Err(error) => {
                self.tear(&format!("holds an event that cannot be understood ({error})"));
                self.over = true;
            }
        }
        Ok(())
    }

    /// The stream may end here; the first reason counts.
    fn tear(&mut self, what: &str) {
        self.torn.get_or_insert_with(|| what.to_owned());
    }

    /// What happened to the file, and where in the stream.
    fn sentence(&self, what: &str) -> String {
        match self.digest.events().checked_sub(1) {
            None => format!("{} {what}, before its first event", self.name()),
            Some(last) => format!("{} {what}, behind event {last}", self.name()),
        }
    }

    fn damaged(&mut self, what: &str) {
        if self.damage.is_none() {
            self.damage = Some(format!("{} is damaged: {what}", self.name()));
        }
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn tail(self) -> Tail {
        let (stream_sha256, events) = (self.digest.hex(), self.digest.events());
        let torn = self.torn_before.clone().or_else(|| self.torn.as_ref().map(|what| self.sentence(what)));
        let torn = match &self.end {
            // The end vouches for every event before it, whatever the file lost behind it.
            Some(End { finished, .. }) if finished.events == events && finished.stream_sha256 == stream_sha256 => {
                self.damage
            }
            Some(End { finished, .. }) => torn.or_else(|| {
                Some(format!(
                    "the record's end counts {} events with digest {}, but {events} with digest {stream_sha256} were read",
                    finished.events, finished.stream_sha256
                ))
            }),
            None => torn.or(self.damage).or_else(|| {
                Some("the record has no end: its run was interrupted, or has not ended yet".to_owned())
            }),
        };
        Tail { torn, stream_sha256, events, wall_seconds: self.end.map(|end| end.wall_seconds) }
    }
}

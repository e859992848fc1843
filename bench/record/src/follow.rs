//! Follows a record while it is written: the texts of its events as they get to the disk.
//!
//! Whoever watches a run reads its record and costs the run nothing. What is looked at is closed chunks; an open one is read only
//! once another segment has events behind it, because then nobody will close it any more.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mcap::MAGIC;
use mcap::records::op;

use crate::error::ReadError;
use crate::metadata::Label;
use crate::parts::{MESSAGE_HEADER_BYTES, RECORD_HEADER_BYTES};
use crate::read::LENGTH_MAX;
use crate::{salvage, segment};

/// A record that is being followed, from its first event.
#[derive(Debug)]
pub struct Follow {
    folder: PathBuf,
    segment: u32,
    /// Where in the segment the next of its records begins.
    at: u64,
    events: u64,
    ended: bool,
}

impl Follow {
    /// Follows the record in a run's folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), segment: 1, at: MAGIC.len() as u64, events: 0, ended: false }
    }

    /// Whether the record has its end, and everything before it was given.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many events were given.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Gives the events that have got to the disk since: the number of each and its canonical text, without a line feed.
    ///
    /// # Errors
    /// If the record cannot be read, or is damaged; what was given stands.
    pub fn more(&mut self, give: impl FnMut(u64, &[u8])) -> Result<(), ReadError> {
        self.more_until(|| false, give).map(drop)
    }

    /// The same until it is enough, which is asked after each chunk of them; whether all of them were given.
    ///
    /// # Errors
    /// As [`Self::more`].
    pub fn more_until(
        &mut self,
        is_enough: impl Fn() -> bool,
        mut give: impl FnMut(u64, &[u8]),
    ) -> Result<bool, ReadError> {
        while !self.ended {
            let path = self.folder.join(segment::file_name(self.segment));
            // Whether another one has begun is asked first: what is read then is all that there will be.
            let is_over = self.has_gone_on().map_err(|cause| ReadError::file("look beside", &path, cause))?;
            let refused = |cause| ReadError::file("read", &path, cause);
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
                Err(cause) => return Err(refused(cause)),
            };
            let size = file.metadata().map_err(refused)?.len();
            while let Some(record) = whole_record(&mut file, self.at, size).map_err(refused)? {
                self.at += record.len() as u64;
                self.take(&record, &mut give).map_err(|cause| ReadError::file("understand", &path, cause))?;
                if is_enough() {
                    return Ok(false);
                }
            }
            if !is_over {
                return Ok(true);
            }
            if let Some(chunk) = salvage::open_chunk(&mut file, size).map_err(refused)? {
                salvage::records(&chunk, |opcode, data| {
                    self.inner(opcode, data, &mut give);
                    Ok(true)
                })?;
            }
            (self.segment, self.at) = (self.segment + 1, MAGIC.len() as u64);
        }
        Ok(true)
    }

    /// Whether events stand in a later segment, so that nothing is added to this one. A file alone does not say that: the next
    /// one is made before the last chunk of this is closed.
    fn has_gone_on(&self) -> io::Result<bool> {
        let next = self.folder.join(segment::file_name(self.segment + 1));
        let mut file = match File::open(next) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let (size, mut at) = (file.metadata()?.len(), MAGIC.len() as u64);
        while let Some(record) = whole_record(&mut file, at, size)? {
            if matches!(record[0], op::CHUNK | op::DATA_END) {
                return Ok(true);
            }
            at += record.len() as u64;
        }
        // Whoever went on with it may have been killed as well before it had a chunk.
        Ok(self.folder.join(segment::file_name(self.segment + 2)).exists())
    }

    /// A record of the file, header included.
    fn take(&mut self, record: &[u8], give: &mut impl FnMut(u64, &[u8])) -> io::Result<()> {
        if record[0] != op::CHUNK {
            self.inner(record[0], &record[RECORD_HEADER_BYTES..], give);
            return Ok(());
        }
        let read = salvage::each_record(record, true, |opcode, data| {
            self.inner(opcode, data, give);
            true
        });
        read.map_err(io::Error::other)
    }

    fn inner(&mut self, opcode: u8, data: &[u8], give: &mut impl FnMut(u64, &[u8])) {
        match opcode {
            op::MESSAGE => {
                if let Some(text) = data.get(MESSAGE_HEADER_BYTES..) {
                    give(self.events, text);
                    self.events += 1;
                }
            }
            op::METADATA => self.ended |= matches!(Label::parse(data), Some(Label::End(_))),
            _ => {}
        }
    }
}

/// The record that begins there, if all of it is in the file.
fn whole_record(file: &mut File, at: u64, size: u64) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; RECORD_HEADER_BYTES];
    let Some(room) = size.checked_sub(at + RECORD_HEADER_BYTES as u64) else { return Ok(None) };
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut header)?;
    let (opcode, length) = salvage::parse_header(header);
    // The length of a chunk that is open stands there as the greatest number.
    let Some(length) = usize::try_from(length).ok().filter(|length| opcode != 0 && *length as u64 <= room) else {
        return Ok(None);
    };
    if length > LENGTH_MAX {
        return Err(io::Error::other("a length is beyond any of ours"));
    }
    let mut record = vec![0; RECORD_HEADER_BYTES + length];
    record[..RECORD_HEADER_BYTES].copy_from_slice(&header);
    file.read_exact(&mut record[RECORD_HEADER_BYTES..])?;
    Ok(Some(record))
}

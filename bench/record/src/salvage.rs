//! What can be saved of a chunk that was never closed, or was closed and then cut.
//!
//! Such a chunk has no checksum that could be compared, and its header may still be the placeholder. Its LZ4 frame
//! can be decoded up to the last block that is whole; the events in it are judged by their reader.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use mcap::records::op;
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};
use mcap::{MAGIC, McapResult};

use crate::error::ReadError;
use crate::parts::RECORD_HEADER_BYTES;
use crate::read::LENGTH_MAX;

/// Where the length of the compression's name stands in a chunk.
const COMPRESSION_AT: usize = 8 + 8 + 8 + 4;
/// The first bytes of an LZ4 frame.
const LZ4_MAGIC: u32 = 0x184D_2204;
/// In a block's size: the block is not compressed.
const LZ4_PLAIN: u32 = 0x8000_0000;
/// Instead of a block's size: the frame ends.
const LZ4_END: [u8; 4] = [0; 4];

/// Splits the first record off: its opcode, its body and what is behind; none if it is not whole.
pub(crate) fn split_record(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>()?;
    let (opcode, length) = parse_header(*header);
    let (body, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((opcode, body, behind))
}

pub(crate) fn parse_header(header: [u8; RECORD_HEADER_BYTES]) -> (u8, u64) {
    let [opcode, length @ ..] = header;
    (opcode, u64::from_le_bytes(length))
}

/// A chunk that ends where its bytes end.
#[derive(Debug, PartialEq)]
pub(crate) struct OpenChunk {
    compression: String,
    data: Vec<u8>,
}

/// Finds the chunk that reaches beyond the end of the file of that size, if there is one.
pub(crate) fn open_chunk(file: &mut File, size: u64) -> io::Result<Option<OpenChunk>> {
    let mut at = MAGIC.len() as u64;
    // Each turn passes over a record's header at least, so the file's size bounds the turns.
    loop {
        let Some(room) = size.checked_sub(at + RECORD_HEADER_BYTES as u64) else { return Ok(None) };
        let mut header = [0; RECORD_HEADER_BYTES];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut header)?;
        let (opcode, length) = parse_header(header);
        if length <= room && opcode != 0 {
            at += RECORD_HEADER_BYTES as u64 + length;
            continue;
        }
        if opcode != op::CHUNK {
            return Ok(None);
        }
        let mut body = Vec::new();
        file.take(room.min(LENGTH_MAX as u64)).read_to_end(&mut body)?;
        return Ok(OpenChunk::parse(&body));
    }
}

impl OpenChunk {
    fn parse(body: &[u8]) -> Option<Self> {
        let (length, rest) = body.get(COMPRESSION_AT..)?.split_first_chunk()?;
        let (compression, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        let (_compressed_size, data) = rest.split_first_chunk::<8>()?;
        let compression = str::from_utf8(compression).ok()?.to_owned();
        let data = match compression.as_str() {
            "lz4" => whole_blocks(data)?,
            "" => data.to_vec(),
            _ => return None,
        };
        Some(Self { compression, data })
    }

    /// The chunk as a record of its own, its sizes those of what is there.
    fn to_record(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.data.len() + 64);
        body.extend([0; 16]); // The times of its messages.
        body.extend(u64::MAX.to_le_bytes()); // Its size when decompressed: not known.
        body.extend([0; 4]); // No checksum.
        body.extend((self.compression.len() as u32).to_le_bytes());
        body.extend(self.compression.as_bytes());
        body.extend((self.data.len() as u64).to_le_bytes());
        body.extend(&self.data);
        let mut record = vec![op::CHUNK];
        record.extend((body.len() as u64).to_le_bytes());
        record.extend(body);
        record
    }
}

/// An LZ4 frame's blocks up to the last whole one, closed by an end mark.
fn whole_blocks(frame: &[u8]) -> Option<Vec<u8>> {
    let (magic, descriptor) = frame.split_first_chunk()?;
    let flags = descriptor.first()?;
    if u32::from_le_bytes(*magic) != LZ4_MAGIC {
        return None;
    }
    let has = |bit: u8| flags >> bit & 1 == 1;
    // Flags, block size and header checksum, between them the content's size and a dictionary's number.
    let descriptor_bytes = 3 + if has(3) { 8 } else { 0 } + if has(0) { 4 } else { 0 };
    let checksum_bytes = if has(4) { 4 } else { 0 };
    let mut end = magic.len() + descriptor_bytes;
    if end > frame.len() {
        return None;
    }
    while let Some((size, rest)) = frame.get(end..).and_then(<[u8]>::split_first_chunk) {
        let size = u32::from_le_bytes(*size);
        let bytes = (size & !LZ4_PLAIN) as usize + checksum_bytes;
        if size == 0 || bytes > rest.len() {
            break;
        }
        end += LZ4_END.len() + bytes;
    }
    Some([&frame[..end], &LZ4_END].concat())
}

/// Gives the chunk's whole records to `f`, until it says that it has enough.
pub(crate) fn records(
    chunk: &OpenChunk,
    mut f: impl FnMut(u8, &[u8]) -> Result<bool, ReadError>,
) -> Result<(), ReadError> {
    let mut failed = None;
    // An error, or a wish for more than there is, is how an open chunk ends.
    let _ = each_record(&chunk.to_record(), false, |opcode, data| {
        f(opcode, data).unwrap_or_else(|error| {
            failed = Some(error);
            false
        })
    });
    failed.map_or(Ok(()), Err)
}

/// Gives each record of a file's record, those in it if it is a chunk, until `each` says that it has enough. `checked` is
/// whether a chunk's checksum must fit before the first is given.
pub(crate) fn each_record(mut rest: &[u8], checked: bool, mut each: impl FnMut(u8, &[u8]) -> bool) -> McapResult<()> {
    let mut reader = LinearReader::new_with_options(
        LinearReaderOptions::default()
            .with_skip_start_magic(true)
            .with_skip_end_magic(true)
            .with_prevalidate_chunk_crcs(checked)
            .with_record_length_limit(LENGTH_MAX),
    );
    while let Some(event) = reader.next_event() {
        match event? {
            LinearReadEvent::ReadRequest(wanted) => {
                let count = wanted.min(rest.len());
                if count == 0 {
                    break;
                }
                let (now, later) = rest.split_at(count);
                reader.insert(count).copy_from_slice(now);
                reader.notify_read(count);
                rest = later;
            }
            LinearReadEvent::Record { opcode, data } => {
                if !each(opcode, data) {
                    break;
                }
            }
        }
    }
    Ok(())
}

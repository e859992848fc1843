//! How a message becomes bytes and back: COBS(postcard(direction, sequence number, body), CRC-32) and a zero byte.
//!
//! The direction keeps a line that echoes from turning a request into its own confirmation, or a reply into a dose.
//! It owns the frame's layout, its limits and the resynchronisation at each zero byte. It must not know what the
//! messages mean, nor which sequence number is expected (`logic::link` and the driver do).

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize};

use crate::{Reply, Request};

/// Longest frame, its closing zero byte included.
pub const FRAME_MAX: usize = 256;

const CRC_LEN: usize = 4;
// COBS adds one byte for up to 253 others, whatever they are, and the closing zero is one more.
const PAYLOAD_MAX: usize = FRAME_MAX - 3;
const TO_PUMP: u8 = b'Q';
const TO_HOST: u8 = b'R';
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Why bytes are no message, or a message no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than [`FRAME_MAX`] or than the buffer given.
    TooLong,
    /// The zero-free encoding is broken.
    Cobs,
    /// The frame was damaged on its way.
    Crc {
        /// Checksum computed over the bytes that arrived.
        expected: u32,
        /// Checksum that the frame carries.
        found: u32,
    },
    /// The frame arrived whole but holds no message that this side knows.
    Encoding {
        /// The sequence number, if that much could be read.
        seq: Option<u16>,
    },
    /// The frame was made by this side and came back: the line echoes.
    Echo,
    /// No byte for a message.
    Empty,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "frame too long, expected at most {FRAME_MAX} bytes"),
            Self::Cobs => f.write_str("frame is no COBS encoding"),
            Self::Crc { expected, found } => {
                write!(f, "frame damaged, expected CRC-32 {expected:#010x}, found {found:#010x}")
            }
            Self::Encoding { seq: Some(seq) } => write!(f, "frame {seq} holds no known message"),
            Self::Encoding { seq: None } => f.write_str("frame holds no known message"),
            Self::Echo => f.write_str("frame came back to the side that sent it, look for a loop in the line"),
            Self::Empty => f.write_str("frame is empty"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Writes a request's frame, closing zero included, and gives its length in bytes.
pub fn encode_request(seq: u16, request: &Request, out: &mut [u8]) -> Result<usize, FrameError> {
    encode(TO_PUMP, seq, request, out)
}

/// Writes a reply's frame, closing zero included, and gives its length in bytes.
pub fn encode_reply(seq: u16, reply: &Reply<'_>, out: &mut [u8]) -> Result<usize, FrameError> {
    encode(TO_HOST, seq, reply, out)
}

/// Reads a request and its sequence number from a frame without its closing zero; the frame's bytes are used up.
pub fn decode_request(frame: &mut [u8]) -> Result<(u16, Request), FrameError> {
    decode(TO_PUMP, frame)
}

/// Reads a reply and its sequence number from a frame without its closing zero; the reply's texts point into it.
pub fn decode_reply(frame: &mut [u8]) -> Result<(u16, Reply<'_>), FrameError> {
    decode(TO_HOST, frame)
}

fn encode(direction: u8, seq: u16, body: &impl Serialize, out: &mut [u8]) -> Result<usize, FrameError> {
    let mut payload = [0; PAYLOAD_MAX];
    let len = match postcard::to_slice(&(direction, seq, body), &mut payload[..PAYLOAD_MAX - CRC_LEN]) {
        Ok(used) => used.len(),
        Err(postcard::Error::SerializeBufferFull) => return Err(FrameError::TooLong),
        Err(_) => return Err(FrameError::Encoding { seq: Some(seq) }),
    };
    let checksum = CHECKSUM.checksum(&payload[..len]);
    payload[len..len + CRC_LEN].copy_from_slice(&checksum.to_le_bytes());
    let encoded = cobs::try_encode(&payload[..len + CRC_LEN], out).map_err(|_| FrameError::TooLong)?;
    *out.get_mut(encoded).ok_or(FrameError::TooLong)? = 0;
    Ok(encoded + 1)
}

fn decode<'a, T: Deserialize<'a>>(direction: u8, frame: &'a mut [u8]) -> Result<(u16, T), FrameError> {
    if frame.is_empty() {
        return Err(FrameError::Empty);
    }
    if frame.len() >= FRAME_MAX {
        return Err(FrameError::TooLong);
    }
    let decoded = cobs::decode_in_place_report(frame).map_err(|_| FrameError::Cobs)?;
    // The decoder stops at a zero byte; one inside the slice means that this is not one frame.
    if decoded.parsed_size() != frame.len() {
        return Err(FrameError::Cobs);
    }
    let payload = &frame[..decoded.frame_size()];
    let Some((body, checksum)) = payload.split_last_chunk::<CRC_LEN>() else {
        return Err(FrameError::Empty);
    };
    let expected = CHECKSUM.checksum(body);
    let found = u32::from_le_bytes(*checksum);
    if expected != found {
        return Err(FrameError::Crc { expected, found });
    }
    let Some((&from, body)) = body.split_first() else {
        return Err(FrameError::Empty);
    };
    if from != direction {
        let echo = from == TO_PUMP || from == TO_HOST;
        return Err(if echo { FrameError::Echo } else { FrameError::Encoding { seq: None } });
    }
    let (seq, body) = postcard::take_from_bytes::<u16>(body).map_err(|_| FrameError::Encoding { seq: None })?;
    match postcard::take_from_bytes::<T>(body) {
        Ok((message, [])) => Ok((seq, message)),
        _ => Err(FrameError::Encoding { seq: Some(seq) }),
    }
}

/// Collects bytes until a zero byte completes a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameBuffer {
    bytes: [u8; FRAME_MAX - 1],
    len: usize,
    complete: bool,
    overlong: bool,
    dropped: u32,
}

impl FrameBuffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { bytes: [0; FRAME_MAX - 1], len: 0, complete: false, overlong: false, dropped: 0 }
    }

    /// Takes one byte; a zero byte gives the frame before it, unless that is empty or overlong.
    pub fn push(&mut self, byte: u8) -> Option<&mut [u8]> {
        if self.complete {
            self.complete = false;
            self.len = 0;
        }
        if byte != 0 {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            } else {
                self.overlong = true;
            }
            return None;
        }
        self.complete = true;
        if self.overlong {
            self.overlong = false;
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        if self.len == 0 { None } else { self.bytes.get_mut(..self.len) }
    }

    /// Overlong frames dropped so far.
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }
}

impl Default for FrameBuffer {
    fn default() -> Self {
        Self::new()
    }
}

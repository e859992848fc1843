//! The pump board's host link: the messages and how they become bytes.
//!
//! It owns the requests, replies and log entries that host and pump exchange, their encoding (postcard) and the
//! frames around them (COBS, CRC-32). The same code runs in the firmware and in the bench's driver.
//! It must not know dosing, sequence policy, ports or time: what a request does is `logic`'s, when it is sent is the
//! host's. A change of encoding is a change of [`PROTOCOL`]; the golden bytes in `tests/golden.rs` notice it.
#![no_std]

mod alarm;
mod frame;
mod message;
mod reset;

pub use alarm::Alarm;
pub use frame::{FRAME_MAX, FrameBuffer, FrameError, decode_reply, decode_request, encode_reply, encode_request};
pub use message::{
    BolusProgress, DoseId, FLEX_STEPS_MAX, FlexStep, Identity, LOG_PAGE_MAX, LogEntry, LogEvent, LogPage, Refusal,
    Reply, Request, Status, Target, Therapy,
};
pub use reset::ResetCause;

/// Version of the messages and their encoding; a pump reports it in its [`Identity`].
pub const PROTOCOL: u8 = 2;

//! The pump's end of the host link: bytes to requests, answers to bytes, and what is said twice.
//!
//! It owns the sequence numbers: a request that comes again with the number last answered gets the same bytes again
//! and reaches the pump no second time. A broken frame is counted and never answered, because the pump does not
//! speak unasked. It must not know what a request does (`pump` does), nor where bytes come from.

use wire::{FRAME_MAX, FrameBuffer, FrameError, Refusal, Reply, Request, decode_request, encode_reply};

use crate::{Answer, Config, Input, Output, Pump, Senses};

/// What a byte completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A request for the pump; hand its answer to [`Link::answer`].
    Request {
        /// The number that the answer must carry.
        seq: u16,
        /// The request.
        request: Request,
    },
    /// The reply is in [`Link::reply`] already: the request came again, or is not understood.
    Ready,
}

/// The link's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    incoming: FrameBuffer,
    answered: Option<(u16, Request)>,
    reply: [u8; FRAME_MAX],
    reply_len: usize,
    broken: u32,
}

impl Link {
    /// A link on which nothing was said yet.
    pub const fn new() -> Self {
        Self { incoming: FrameBuffer::new(), answered: None, reply: [0; FRAME_MAX], reply_len: 0, broken: 0 }
    }

    /// Takes one byte from the line.
    pub fn receive(&mut self, byte: u8) -> Option<Received> {
        match decode_request(self.incoming.push(byte)?) {
            // Number and request: a host that starts over counts from the same numbers, and its greeting, a new
            // request, ends the memory of what was said before.
            Ok(numbered) if self.answered == Some(numbered) => Some(Received::Ready),
            Ok((seq, request)) => Some(Received::Request { seq, request }),
            Err(FrameError::Encoding { seq: Some(seq) }) => {
                self.answered = None;
                self.encode(seq, &Reply::Refused(Refusal::NotUnderstood));
                Some(Received::Ready)
            }
            Err(_) => {
                self.broken = self.broken.saturating_add(1);
                None
            }
        }
    }

    /// Turns the pump's answer into the reply's bytes and remembers them for a repetition.
    pub fn answer(&mut self, seq: u16, request: Request, answer: &Answer, config: &Config) -> &[u8] {
        self.answered = Some((seq, request));
        self.encode(seq, &answer.to_reply(config));
        self.reply()
    }

    /// The bytes of the last reply.
    pub fn reply(&self) -> &[u8] {
        &self.reply[..self.reply_len]
    }

    /// Frames that were damaged, overlong or echoes of our own.
    pub const fn broken_frames(&self) -> u32 {
        self.broken.saturating_add(self.incoming.dropped())
    }

    /// Serves bytes that arrived: each request steps the pump, each reply goes to `out`, each step's output to
    /// `outputs`, which sees it before the reply leaves.
    pub fn serve(
        &mut self,
        pump: &mut Pump,
        now_us: u64,
        senses: Senses,
        bytes: &[u8],
        out: &mut impl FnMut(&[u8]),
        outputs: &mut impl FnMut(Output),
    ) {
        for &byte in bytes {
            match self.receive(byte) {
                None => {}
                Some(Received::Ready) => out(self.reply()),
                Some(Received::Request { seq, request }) => {
                    let output = pump.step(now_us, senses, Input::Request(request));
                    outputs(output);
                    if let Some(answer) = &output.reply {
                        out(self.answer(seq, request, answer, pump.config()));
                    }
                }
            }
        }
    }

    fn encode(&mut self, seq: u16, reply: &Reply<'_>) {
        self.reply_len = encode_reply(seq, reply, &mut self.reply).expect("the longest reply fits a frame");
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

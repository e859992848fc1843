//! The stream on its way from a file to events, in parts that one thread can hand to another.
//!
//! A part is the text of some events as it stands in the file, with what is to be said of the file behind it. Nobody has looked
//! into the text yet: [`crate::Events`] does, and is the one to say where the stream ends.

use std::path::PathBuf;

use mcap::records::op;

use crate::encoding::Digest;
use crate::metadata::{End, Label};

/// How long the text of a part gets before it is handed on.
const PART_BYTES: usize = 1024 * 1024;

/// A record's opcode and length.
pub(crate) const RECORD_HEADER_BYTES: usize = 1 + 8;

/// The fields of an MCAP message before its payload.
pub(crate) const MESSAGE_HEADER_BYTES: usize = 2 + 4 + 8 + 8;

/// Some of a record, in the order in which it stands there. One that was used up is filled again: a record has many thousands, and
/// memory that comes from the system costs more than what is done with it.
#[derive(Debug, Default)]
pub struct Part {
    /// Canonical texts of events, a line feed behind each.
    pub(crate) lines: Vec<u8>,
    /// Where each ends, before its line feed.
    pub(crate) ends: Vec<usize>,
    /// What is to be said behind them.
    pub(crate) notes: Vec<Note>,
    /// The digest of everything before, once a [`Stamp`] has seen it.
    pub(crate) before: Option<Digest>,
}

impl Part {
    /// The same without what it holds.
    pub(crate) fn emptied(mut self) -> Self {
        self.lines.clear();
        self.ends.clear();
        self.notes.clear();
        self.before = None;
        self
    }
}

/// What is said of a file between its events.
#[derive(Debug)]
pub(crate) enum Note {
    /// A segment begins.
    Segment(PathBuf),
    /// The record's end stands here.
    End(End),
    /// The stream may end here; the first reason of a segment counts.
    Tear(String),
    /// The same, and this reason counts.
    Open(String),
    /// Damage that lost no event.
    Damaged(&'static str),
}

/// Gathers parts, and gives them away.
pub(crate) struct Parts<G> {
    give: G,
    part: Part,
    /// Nobody wants more.
    pub(crate) over: bool,
}

impl<G: FnMut(Part) -> Option<Part>> Parts<G> {
    pub(crate) fn new(give: G) -> Self {
        Self { give, part: Part::default(), over: false }
    }

    /// A record of the file, or of a chunk in it.
    pub(crate) fn record(&mut self, opcode: u8, data: &[u8]) {
        match opcode {
            op::MESSAGE => match data.get(MESSAGE_HEADER_BYTES..) {
                Some(payload) => self.payload(payload),
                None => self.tear("holds a message that is too short"),
            },
            op::METADATA => {
                if let Some(Label::End(end)) = Label::parse(data) {
                    self.note(Note::End(end));
                }
            }
            _ => {}
        }
    }

    fn payload(&mut self, payload: &[u8]) {
        if self.part.lines.len() >= PART_BYTES || !self.part.notes.is_empty() {
            self.flush();
        }
        let part = &mut self.part;
        if part.lines.capacity() == 0 {
            part.lines.reserve_exact(PART_BYTES + PART_BYTES / 16);
        }
        part.lines.extend_from_slice(payload);
        part.ends.push(part.lines.len());
        part.lines.push(b'\n');
    }

    /// Says something behind the events so far.
    pub(crate) fn note(&mut self, note: Note) {
        self.part.notes.push(note);
    }

    pub(crate) fn tear(&mut self, what: &str) {
        self.note(Note::Tear(what.to_owned()));
    }

    /// Gives away what was gathered.
    pub(crate) fn flush(&mut self) {
        let part = std::mem::take(&mut self.part);
        if !self.over {
            match (self.give)(part) {
                Some(empty) => self.part = empty,
                None => self.over = true,
            }
        }
    }
}

/// The digest of a stream's text, part by part in their order.
#[derive(Debug, Default)]
pub struct Stamp(Digest);

impl Stamp {
    /// Notes in a part what was before it, and takes its text.
    pub fn stamp(&mut self, part: &mut Part) {
        part.before = Some(self.0.clone());
        self.0.add_lines(&part.lines, part.ends.len() as u64);
    }
}

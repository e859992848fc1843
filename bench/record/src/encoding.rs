//! The canonical encoding of an event, and the digest of the stream.
//!
//! An event's canonical bytes are its compact JSON: fields in the order of their declaration, numbers as the shortest
//! text that reads back to the same value. The digest is SHA-256 over them, a line feed behind each.

use std::fmt::Write as _;
use std::sync::Arc;

use domain::reading::{Channel, Reading, Status};
use domain::{Event, EventKind, RunTime};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// The longest event that is written: far beyond any scenario, and what a reader must be ready to hold.
pub(crate) const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How many names a decoder remembers; a rig has a dozen channels.
const NAMES_MAX: usize = 64;

/// Replaces `line` by the event's canonical bytes and a line feed, or says why it could not be read back.
pub(crate) fn encode(event: &Event, line: &mut Vec<u8>) -> Result<(), String> {
    line.clear();
    serde_json::to_writer(&mut *line, event).map_err(|e| e.to_string())?;
    if line.len() > EVENT_BYTES_MAX {
        return Err(format!("it takes {} bytes, but at most {EVENT_BYTES_MAX} are recorded", line.len()));
    }
    match &event.kind {
        EventKind::Reading(reading) if reading.value.is_finite() => {}
        EventKind::Reading(reading) => return Err(format!("{} reads {}", reading.channel, reading.value)),
        // Not a number is written as null, and an absent number too: only reading back shows the difference.
        _ => match serde_json::from_slice::<Event>(line) {
            Ok(back) if back == *event => {}
            Ok(_) => return Err("its text reads back as another event".to_owned()),
            Err(e) => return Err(format!("its text does not read back ({e})")),
        },
    }
    line.push(b'\n');
    Ok(())
}

/// The digest of the stream so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digest {
    sha: Sha256,
    events: u64,
}

impl Digest {
    /// Takes the next event's canonical bytes, without their line feed.
    pub(crate) fn add(&mut self, payload: &[u8]) {
        self.sha.update(payload);
        self.add_line(b"\n");
    }

    /// Takes the next event's canonical bytes with their line feed.
    pub(crate) fn add_line(&mut self, line: &[u8]) {
        self.sha.update(line);
        self.events += 1;
    }

    /// How many events it covers, which is the number of the next.
    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    /// The digest in hexadecimal.
    pub(crate) fn hex(&self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.sha.clone().finalize() {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

/// The format that the stream's first event declares, whatever else it holds.
pub(crate) fn declared_format(payload: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct First {
        kind: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        opened: Opened,
    }
    #[derive(Deserialize)]
    struct Opened {
        format: u32,
    }
    serde_json::from_slice::<First>(payload).ok().map(|first| first.kind.opened.format)
}

/// Reads events from their canonical bytes. Names that come again and again are allocated once.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    stations: Names<Arc<str>>,
    channels: Names<Channel>,
}

impl Decoder {
    /// The event, or why there is none.
    pub(crate) fn decode(&mut self, payload: &[u8]) -> Result<Event, serde_json::Error> {
        match self.reading(payload) {
            Some(event) => Ok(event),
            None => serde_json::from_slice(payload),
        }
    }

    /// A reading in exactly the canonical form; anything else is left to the general reader.
    fn reading(&mut self, payload: &[u8]) -> Option<Event> {
        let mut text = Text(payload);
        text.skip(b"{\"seq\":")?;
        let seq = text.integer()?;
        text.skip(b",\"t_ns\":")?;
        let t_ns = RunTime::from_ns(text.integer()?);
        text.skip(b",\"station\":\"")?;
        let station = text.plain()?;
        text.skip(b"\",\"kind\":{\"reading\":{\"channel\":\"")?;
        let channel = text.plain()?;
        text.skip(b"\",\"at_ns\":")?;
        let at_ns = RunTime::from_ns(text.integer()?);
        text.skip(b",\"u_ns\":")?;
        let u_ns = text.integer()?;
        text.skip(b",\"value\":")?;
        let value = text.float()?;
        text.skip(b",\"status\":\"")?;
        let status = match text.plain()? {
            "ok" => Status::Ok,
            "unstable" => Status::Unstable,
            "overload" => Status::Overload,
            "suspect" => Status::Suspect,
            _ => return None,
        };
        text.skip(b"\"}}}")?;
        if !text.0.is_empty() {
            return None;
        }
        let station = self.stations.get(station, |known| known, |name| Arc::from(name));
        let channel = self.channels.get(channel, Channel::as_str, Channel::new);
        Some(Event { seq, t_ns, station, kind: EventKind::Reading(Reading { channel, at_ns, u_ns, value, status }) })
    }
}

/// Names seen before. They come in turn, so the search begins behind the last one found.
#[derive(Debug)]
struct Names<T> {
    known: Vec<T>,
    next: usize,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { known: Vec::new(), next: 0 }
    }
}

impl<T: Clone> Names<T> {
    fn get(&mut self, name: &str, text: impl Fn(&T) -> &str, new: impl Fn(&str) -> T) -> T {
        let count = self.known.len();
        for i in (self.next..count).chain(0..self.next.min(count)) {
            if text(&self.known[i]) == name {
                self.next = i + 1;
                return self.known[i].clone();
            }
        }
        let fresh = new(name);
        if count < NAMES_MAX {
            self.known.push(fresh.clone());
            self.next = count + 1;
        }
        fresh
    }
}

/// The rest of a canonical text.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    /// A whole number without leading zeros.
    fn integer(&mut self) -> Option<u64> {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let digits = self.take(count);
        if count == 0 || (count > 1 && digits[0] == b'0') {
            return None;
        }
        digits.iter().try_fold(0_u64, |n, digit| n.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
    }

    /// A number in the form that JSON and Rust share.
    fn float(&mut self) -> Option<f64> {
        let count = self.0.iter().take_while(|b| **b != b',').count();
        let text = str::from_utf8(self.take(count)).ok()?;
        let whole = text.strip_prefix('-').unwrap_or(text);
        let plain = whole.starts_with(|c: char| c.is_ascii_digit())
            && whole.ends_with(|c: char| c.is_ascii_digit())
            && (!whole.starts_with('0') || whole.starts_with("0.") || whole.len() == 1)
            && !whole.contains(".e");
        if !plain {
            return None;
        }
        text.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// A text without escapes, up to its closing quote.
    fn plain(&mut self) -> Option<&'a str> {
        let count = self.0.iter().take_while(|b| **b != b'"').count();
        let bytes = self.take(count);
        if bytes.iter().any(|b| *b == b'\\' || *b < 0x20) {
            return None;
        }
        str::from_utf8(bytes).ok()
    }
}

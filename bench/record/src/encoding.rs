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
    /// Takes the canonical bytes of the next events, a line feed behind each.
    pub(crate) fn add_lines(&mut self, lines: &[u8], events: u64) {
        self.sha.update(lines);
        self.events += events;
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
        let station = text.name(&mut self.stations, |known| known, |name| Arc::from(name))?;
        text.skip(b"\",\"kind\":{\"reading\":{\"channel\":\"")?;
        let channel = text.name(&mut self.channels, Channel::as_str, Channel::new)?;
        text.skip(b"\",\"at_ns\":")?;
        let at_ns = RunTime::from_ns(text.integer()?);
        text.skip(b",\"u_ns\":")?;
        let u_ns = text.integer()?;
        text.skip(b",\"value\":")?;
        let value = text.float()?;
        text.skip(b",\"status\":\"")?;
        let status = match text.plain()? {
            b"ok" => Status::Ok,
            b"unstable" => Status::Unstable,
            b"overload" => Status::Overload,
            b"suspect" => Status::Suspect,
            _ => return None,
        };
        text.skip(b"\"}}}")?;
        if !text.0.is_empty() {
            return None;
        }
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
    /// The name that is in turn, if the text goes on with that and a quote: then it is the whole of it.
    fn in_turn(&mut self, rest: &[u8], text: impl Fn(&T) -> &str) -> Option<T> {
        let next = if self.next < self.known.len() { self.next } else { 0 };
        let known = self.known.get(next)?;
        let behind = rest.strip_prefix(text(known).as_bytes())?;
        let found = (behind.first() == Some(&b'"')).then(|| known.clone());
        self.next = if found.is_some() { next + 1 } else { self.next };
        found
    }

    /// The name; `None` if it is no text. Bytes that are those of a known name are text without another look.
    fn get(&mut self, name: &[u8], text: impl Fn(&T) -> &str, new: impl Fn(&str) -> T) -> Option<T> {
        let count = self.known.len();
        for i in (self.next..count).chain(0..self.next.min(count)) {
            if text(&self.known[i]).as_bytes() == name {
                self.next = i + 1;
                return Some(self.known[i].clone());
            }
        }
        let fresh = new(str::from_utf8(name).ok()?);
        if count < NAMES_MAX {
            self.known.push(fresh.clone());
            self.next = count + 1;
        }
        Some(fresh)
    }
}

/// So many digits are a `u64` whatever they are.
const DIGITS_MAX: usize = 19;

/// Powers of ten that eight digits take.
const SHIFTS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The number that a text begins with, and how many digits it has; none if it has no digit, or more than [`DIGITS_MAX`].
fn digits(text: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut count) = (0_u64, 0);
    // Eight characters at once, as long as there are so many and more digits cannot be too many.
    while count + 8 <= DIGITS_MAX
        && let Some(eight) = text.get(count..count + 8)
    {
        let (value, found) = digits_of_eight(eight.try_into().ok()?);
        number = number * SHIFTS[found] + value;
        count += found;
        if found < 8 {
            return (count > 0).then_some((number, count));
        }
    }
    for byte in &text[count..] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if count == DIGITS_MAX {
            return None;
        }
        number = number * 10 + u64::from(digit);
        count += 1;
    }
    (count > 0).then_some((number, count))
}

/// The number that eight characters begin with, and how many digits it has: by pairs, then fours, then all, each of a kind at once.
const fn digits_of_eight(text: [u8; 8]) -> (u64, usize) {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGHEST: u64 = 0x8080_8080_8080_8080;
    // The first character is the lowest byte; a digit is 0 to 9 here, anything else more.
    let text = u64::from_le_bytes(text) ^ ZEROS;
    // What is above 9 gets its highest bit, and may spoil the bytes behind it, which do not count.
    let others = (text | text.wrapping_add(0x7676_7676_7676_7676)) & HIGHEST;
    let count = others.trailing_zeros() / 8;
    if count == 0 {
        return (0, 0);
    }
    // Zeros are put in front, and the characters behind the digits go.
    let ones = text << (64 - 8 * count);
    let pairs = (ones.wrapping_mul(10).wrapping_add(ones >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    let all = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xFFFF_FFFF;
    (all, count as usize)
}

/// Powers of ten that a double holds exactly, as far as a short decimal needs them.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Whole numbers up to this one are doubles.
const WHOLE_MAX: u64 = 1 << 53;

/// The decimal number that stands before a comma, and its length, if its digits are a whole number that a double holds: divided
/// by a power of ten that one holds as well, it is rounded once, and so the nearest double.
fn short_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let begin = usize::from(negative);
    let (whole, count) = digits(&text[begin..])?;
    if count > 1 && text[begin] == b'0' {
        return None;
    }
    let mut at = begin + count;
    let (mut number, mut tens) = (whole, 1.0);
    if text.get(at) == Some(&b'.') {
        let (fraction, count) = digits(&text[at + 1..])?;
        let scale = TENS.get(count)?;
        number = whole.checked_mul(*scale as u64)?.checked_add(fraction)?;
        tens = *scale;
        at += 1 + count;
    }
    if number > WHOLE_MAX || text.get(at) != Some(&b',') {
        return None;
    }
    let value = number as f64 / tens;
    Some((if negative { -value } else { value }, at))
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
        let (number, count) = digits(self.0)?;
        if count > 1 && self.0[0] == b'0' {
            return None;
        }
        self.0 = &self.0[count..];
        Some(number)
    }

    /// A number in the form that JSON and Rust share.
    fn float(&mut self) -> Option<f64> {
        if let Some((value, count)) = short_decimal(self.0) {
            self.0 = &self.0[count..];
            return Some(value);
        }
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

    /// A name, up to its closing quote.
    fn name<T: Clone>(
        &mut self,
        names: &mut Names<T>,
        text: impl Fn(&T) -> &str,
        new: impl Fn(&str) -> T,
    ) -> Option<T> {
        if let Some(name) = names.in_turn(self.0, &text) {
            self.0 = &self.0[text(&name).len()..];
            return Some(name);
        }
        names.get(self.plain()?, text, new)
    }

    /// A text without escapes, up to its closing quote.
    fn plain(&mut self) -> Option<&'a [u8]> {
        let count = self.0.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20)?;
        (self.0[count] == b'"').then(|| self.take(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_text_whatever_stands_behind_them() {
        let mut mixed = 1_u64;
        for round in 0..200_000_u32 {
            mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = mixed >> (round % 64);
            for behind in ["", ",\"station\"", ":", "/9", ".5,"] {
                let text = format!("{number}{behind}");
                let count = text.len() - behind.len();
                let expected = (count <= DIGITS_MAX).then_some((number, count));
                assert_eq!(digits(text.as_bytes()), expected, "{text}");
            }
        }
        for text in ["0000000", "00000000", "0000000000000000", "0000000000000000000"] {
            assert_eq!(digits(text.as_bytes()), Some((0, text.len())));
        }
        for (n, byte) in (0_u8..=255).flat_map(|byte| (0..8).map(move |n| (n, byte))) {
            let mut eight = *b"12345678";
            eight[n] = byte;
            let count = eight.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let plain = str::from_utf8(&eight[..count]).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
            assert_eq!(digits_of_eight(eight), (plain, count), "{eight:?}");
        }
        assert!(digits(b"").is_none() && digits(b"x1").is_none() && digits(b"12345678901234567890").is_none());
    }

    #[test]
    fn a_short_decimal_is_the_nearest_double_and_other_texts_are_left_alone() {
        let mut mixed = 1_u64;
        for round in 0..200_000_u32 {
            mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value =
                ((mixed >> 11) as f64 / f64::from(1 << (round % 30))).round() / 10_f64.powi((round % 17) as i32);
            let value = if round % 2 == 0 { value } else { -value };
            let text = format!("{value:?},");
            if let Some((found, length)) = short_decimal(text.as_bytes()) {
                assert_eq!((found.to_bits(), length), (value.to_bits(), text.len() - 1), "{text}");
            }
        }
        for (text, found) in [("12.00001,", Some(12.00001)), ("-0.0,", Some(-0.0)), ("7,", Some(7.0))] {
            assert_eq!(
                short_decimal(text.as_bytes()).map(|(value, _)| value.to_bits()),
                found.map(f64::to_bits),
                "{text}"
            );
        }
        for text in ["01.5,", "1.,", ".5,", "1.5", "1e3,", "1.5e3,", "9007199254740993.0,", "--1,", "-,", ",", ""] {
            assert_eq!(short_decimal(text.as_bytes()), None, "{text}");
        }
    }
}

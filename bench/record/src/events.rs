//! The events of a stream as they come out of its parts, up to where it is torn.
//!
//! It owns what ends a stream: a number that does not follow, a text that is no event. It reads no file.

use std::path::PathBuf;

use domain::Event;
use domain::event::FORMAT;

use crate::encoding::{Decoder, declared_format};
use crate::error::ReadError;
use crate::metadata::End;
use crate::parts::{Note, Part};
use crate::read::Tail;

/// The stream as it comes out of its parts.
pub struct Events<F> {
    f: F,
    path: PathBuf,
    decoder: Decoder,
    /// How many events were given.
    count: u64,
    /// The last part, with the digest before it, and how much of its text was given.
    last: Part,
    given: usize,
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

impl<F: FnMut(Event)> Events<F> {
    /// Gives `f` each event.
    pub fn new(f: F) -> Self {
        Self {
            f,
            path: PathBuf::new(),
            decoder: Decoder::default(),
            count: 0,
            last: Part::default(),
            given: 0,
            end: None,
            torn_before: None,
            torn: None,
            damage: None,
            over: false,
        }
    }

    /// Takes the next part, and gives back one that was used up; `None` if no other is wanted.
    ///
    /// # Panics
    /// If the part has not been stamped.
    pub fn take(&mut self, mut part: Part) -> Result<Option<Part>, ReadError> {
        assert!(part.before.is_some(), "a part is stamped before it is taken");
        if self.over {
            return Ok(None);
        }
        self.given = 0;
        for end in &part.ends {
            match self.payload(&part.lines[self.given..*end]) {
                Ok(true) => self.given = end + 1,
                taken => {
                    self.over = true;
                    self.last = part;
                    return taken.map(|_| None);
                }
            }
        }
        for note in part.notes.drain(..) {
            self.heed(note);
        }
        Ok(Some(std::mem::replace(&mut self.last, part).emptied()))
    }

    fn heed(&mut self, note: Note) {
        match note {
            Note::Segment(path) => {
                let torn = self.torn.take();
                self.torn_before = self.torn_before.take().or_else(|| torn.map(|what| self.sentence(&what)));
                self.path = path;
            }
            Note::End(end) => self.end = Some(end),
            Note::Tear(what) => self.tear(&what),
            Note::Open(what) => self.torn = Some(what),
            Note::Damaged(what) => {
                if self.damage.is_none() {
                    self.damage = Some(format!("{} is damaged: {what}", self.name()));
                }
            }
        }
    }

    /// Takes an event's text, and says whether another may follow.
    fn payload(&mut self, payload: &[u8]) -> Result<bool, ReadError> {
        let expected = self.count;
        if expected == 0
            && let Some(found) = declared_format(payload)
            && found > FORMAT
        {
            return Err(ReadError::Format { path: self.path.clone(), found, known: FORMAT });
        }
        match self.decoder.decode(payload) {
            Ok(event) if event.seq == expected => {
                self.torn_before = None;
                self.count += 1;
                (self.f)(event);
                return Ok(true);
            }
            Ok(event) => self.tear(&format!("goes on with event {} where event {expected} was expected", event.seq)),
            Err(error) => self.tear(&format!("holds an event that cannot be understood ({error})")),
        }
        Ok(false)
    }

    /// The stream may end here; the first reason counts.
    fn tear(&mut self, what: &str) {
        self.torn.get_or_insert_with(|| what.to_owned());
    }

    /// What happened to the file, and where in the stream.
    fn sentence(&self, what: &str) -> String {
        match self.count.checked_sub(1) {
            None => format!("{} {what}, before its first event", self.name()),
            Some(last) => format!("{} {what}, behind event {last}", self.name()),
        }
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What stands behind the last event. `read` is how reading the parts ended: it counts if the stream did not end before.
    pub fn tail(self, read: Result<(), ReadError>) -> Result<Tail, ReadError> {
        if !self.over {
            read?;
        }
        let mut digest = self.last.before.clone().unwrap_or_default();
        digest.add_lines(&self.last.lines[..self.given], 0);
        let (stream_sha256, events) = (digest.hex(), self.count);
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
        Ok(Tail { torn, stream_sha256, events, wall_seconds: self.end.map(|end| end.wall_seconds) })
    }
}

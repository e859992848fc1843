//! The stream of a run: events get their number and their time here, and go to engine and record in one order.
//!
//! It knows neither tasks nor ports: whoever has an input brings it here, and carries out what comes back.

use std::sync::Arc;

use domain::fault::Fault;
use domain::{Event, EventKind, RunTime};
use drivers::RunClock;
use engine::Engine;
use record::Recorder;

use crate::writer::Writer;

/// The one stream.
pub(crate) struct Stream {
    pub(crate) engine: Engine,
    pub(crate) clock: RunClock,
    station: Arc<str>,
    writer: Option<Writer>,
    seq: u64,
    now: RunTime,
    /// What kept the record from being written, once there is no writer any more.
    broken: String,
}

impl Stream {
    pub(crate) fn new(engine: Engine, clock: RunClock, station: &str, recorder: Recorder, real: bool) -> Self {
        Self {
            engine,
            clock,
            station: Arc::from(station),
            writer: Some(Writer::start(recorder, real)),
            seq: 0,
            now: RunTime::ZERO,
            broken: String::new(),
        }
    }

    /// The stream of a run that goes on: the next event's number, and the run time of the last one. Decisions that the record
    /// lacks are put behind it first.
    pub(crate) fn resume(
        (engine, missing): (Engine, Vec<EventKind>),
        clock: RunClock,
        station: &str,
        recorder: Recorder,
        (seq, now): (u64, RunTime),
    ) -> Self {
        let mut stream = Self { seq, now, ..Self::new(engine, clock, station, recorder, true) };
        for kind in missing {
            let event = stream.event(kind);
            stream.append(event);
        }
        stream
    }

    /// The run time of the last event.
    pub(crate) const fn now(&self) -> RunTime {
        self.now
    }

    /// Takes an input: it is recorded, the engine decides, and the decisions are recorded behind it.
    pub(crate) fn input(&mut self, kind: EventKind) -> Vec<EventKind> {
        // Run time in the stream never runs backwards.
        self.now = self.now.max(self.clock.now());
        let event = self.event(kind);
        let mut decisions = Vec::new();
        self.engine.apply(&event, &mut decisions);
        self.append(event);
        for kind in &decisions {
            let event = self.event(kind.clone());
            self.append(event);
        }
        if let Some(writer) = &mut self.writer {
            if decisions.iter().any(|kind| matches!(kind, EventKind::SafeStopBegan { .. })) {
                // Whoever finds the run interrupted must know that it was being ended; the safe stop does not wait for the disk.
                writer.flush();
            }
            writer.look();
        }
        decisions
    }

    /// Has what there is written, if that is due; what is to be said of the disk, as an input.
    pub(crate) fn look(&mut self) -> Option<EventKind> {
        let writer = self.writer.as_mut()?;
        writer.look();
        let took = domain::time::span(writer.slow()?);
        let text = format!(
            "the disk took {took} to take the record; what was read meanwhile would have been lost with this host"
        );
        Some(EventKind::Remarked { text, by: "dosebench".to_owned() })
    }

    /// The failure of the record as an input, once; from then on nothing is recorded.
    pub(crate) fn trouble(&mut self) -> Option<EventKind> {
        let why = self.writer.as_ref()?.failure()?.to_owned();
        self.writer = None;
        let what = format!("the record cannot be written: {why}");
        self.broken = why;
        Some(EventKind::Broke(Fault::Program { what }))
    }

    fn event(&mut self, kind: EventKind) -> Event {
        let seq = self.seq;
        self.seq += 1;
        Event { seq, t_ns: self.now, station: Arc::clone(&self.station), kind }
    }

    fn append(&mut self, event: Event) {
        if let Some(writer) = &mut self.writer {
            writer.append(event);
        }
    }

    /// Whether the intent of a command is on disk.
    pub(crate) async fn sync_intent(&mut self) -> bool {
        let Some(writer) = &mut self.writer else { return false };
        writer.sync_intent().await;
        writer.failure().is_none()
    }

    /// Closes the record with the run's wall time in s.
    pub(crate) fn finish(self, wall_seconds: f64) -> Result<(), String> {
        match self.writer {
            Some(writer) => writer.finish(wall_seconds),
            None => Err(self.broken),
        }
    }
}

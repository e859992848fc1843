//! The stream of a run: events get their number and their time here, and go to engine and record in one order.
//!
//! It knows neither tasks nor ports: whoever has an input brings it here, and carries out what comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::fault::Fault;
use domain::{Event, EventKind, RunTime};
use drivers::RunClock;
use engine::Engine;
use record::{Recorder, WriteError};

use crate::sync::{EVERY, Syncer};

/// How many events pass between two looks at the wall clock.
const LOOK_EVERY: u64 = 256;

/// The bound on waiting for the disk before a command that delivers.
const INTENT_WITHIN: Duration = Duration::from_secs(5);

/// The one stream.
pub(crate) struct Stream {
    pub(crate) engine: Engine,
    pub(crate) clock: RunClock,
    station: Arc<str>,
    recorder: Option<Recorder>,
    syncer: Syncer,
    real: bool,
    synced: Instant,
    seq: u64,
    now: RunTime,
    /// What kept the record from being written, once.
    pub(crate) broken: Option<String>,
}

impl Stream {
    pub(crate) fn new(engine: Engine, clock: RunClock, station: &str, recorder: Recorder, real: bool) -> Self {
        Self {
            engine,
            clock,
            station: Arc::from(station),
            recorder: Some(recorder),
            syncer: Syncer::start(),
            real,
            synced: Instant::now(),
            seq: 0,
            now: RunTime::ZERO,
            broken: None,
        }
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
        self.append(&event);
        for kind in &decisions {
            let event = self.event(kind.clone());
            self.append(&event);
        }
        self.look();
        decisions
    }

    /// The failure of the record as an input, once.
    pub(crate) fn trouble(&mut self) -> Option<EventKind> {
        if self.broken.is_none() {
            if let Some(why) = self.syncer.failure() {
                self.broken = Some(why);
                self.recorder = None;
            } else {
                return None;
            }
        } else if self.recorder.is_some() {
            self.recorder = None;
        } else {
            return None;
        }
        let what = format!("the record cannot be written: {}", self.broken.as_deref().unwrap_or(""));
        Some(EventKind::Broke(Fault::Program { what }))
    }

    fn event(&mut self, kind: EventKind) -> Event {
        let seq = self.seq;
        self.seq += 1;
        Event { seq, t_ns: self.now, station: Arc::clone(&self.station), kind }
    }

    fn append(&mut self, event: &Event) {
        let result = match &mut self.recorder {
            Some(recorder) if self.broken.is_none() => recorder.append(event),
            _ => return,
        };
        self.check(result);
    }

    fn check(&mut self, result: Result<(), WriteError>) {
        if let Err(error) = result {
            self.fail(error.to_string());
        }
    }

    fn fail(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    /// Once a second by the wall clock, what was written is synced.
    fn look(&mut self) {
        if (self.real || self.seq.is_multiple_of(LOOK_EVERY)) && self.synced.elapsed() >= EVERY {
            self.flush();
        }
    }

    /// Hands what was written to the system and asks for it to be synced.
    pub(crate) fn flush(&mut self) {
        self.synced = Instant::now();
        let Some(recorder) = &mut self.recorder else { return };
        // Under virtual time chunks close by size alone: closing one each second would cost memory without end.
        let result = if self.real { recorder.flush() } else { Ok(()) };
        self.syncer.request(recorder.sync_handle());
        self.check(result);
    }

    /// The intent of a command is on disk when this returns; a disk that hangs is a record that cannot be written.
    pub(crate) async fn sync_intent(&mut self) {
        let Some(recorder) = &mut self.recorder else { return };
        if !self.real {
            // Waiting here lets virtual time pass if the runtime is idle, so a virtual run waits with its thread.
            let result = recorder.sync();
            self.check(result);
            return;
        }
        let flushed = recorder.flush();
        let handle = recorder.sync_handle();
        self.check(flushed);
        let synced = tokio::task::spawn_blocking(move || handle.sync_data());
        match tokio::time::timeout(INTENT_WITHIN, synced).await {
            Ok(Ok(result)) => self.check(result),
            Ok(Err(gone)) => self.fail(gone.to_string()),
            Err(_) => self.fail("the disk did not take a command's intent in 5 s".to_owned()),
        }
    }

    /// Closes the record.
    pub(crate) fn finish(mut self, wall_seconds: f64) -> Result<(), String> {
        match (self.recorder.take(), self.broken) {
            (Some(recorder), None) => recorder.finish(wall_seconds).map(drop).map_err(|e| e.to_string()),
            (_, broken) => Err(broken.unwrap_or_else(|| "the record was lost".to_owned())),
        }
    }
}

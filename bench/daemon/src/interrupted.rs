//! A run whose process ended before it did: its station is made safe, and its record is brought to an end.
//!
//! The record is fed through the engine again, which then decides what the interruption means, as it decides everything. The
//! station comes first: it is made safe whether or not the record can be read or written.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use domain::event::SafeStopReport;
use domain::fault::Fault;
use domain::profile::{Clock, Role};
use domain::pump::PumpLogEntry;
use domain::time::{clock, span};
use domain::{EventKind, RunTime, RunVerdict};
use drivers::RunClock;
use engine::{Engine, Replay};
use jiff::Timestamp;
use record::{Pace, Reader, Recorder};
use rig::Station;

use crate::run::Finished;
use crate::runtime;
use crate::safe_stop::{self, SafeStop};
use crate::stream::Stream;

/// How long the record may take to tell the little that is asked first; then the station is made safe without that.
const GLANCE_WITHIN: Duration = Duration::from_secs(2);

/// Why nothing could be done about an interrupted run.
#[derive(Debug, thiserror::Error)]
pub enum InterruptedError {
    /// There is no runtime to work in.
    #[error(
        "expected this host to give what a connection takes, but {0}; the station was NOT made safe: go and look at the pump"
    )]
    Runtime(#[from] io::Error),
    /// The station has no pump.
    #[error("expected a station with a pump, but found none; give the rig file of the run with --rig")]
    NoPump,
}

/// What has to be known of a run before anything is done; the least, if nothing can be read.
#[derive(Default)]
struct Glance {
    /// From which entry on the pump's log was not read.
    log_from: Option<u32>,
    /// Whether its station was confirmed to be safe.
    safe: bool,
    ended: Option<(RunVerdict, Option<String>)>,
    /// Whether its record has its end.
    is_whole: bool,
}

impl Glance {
    fn at(folder: &Path) -> Self {
        let mut glance = Self::default();
        let read = Reader::open(folder).and_then(|mut reader| {
            reader.for_each(|event| match event.kind {
                EventKind::PumpLogged(entry) => glance.log_from = Some(entry.index + 1),
                EventKind::SafeStopped(report) => glance.safe = report.confirmed,
                EventKind::Ended { verdict, reason, .. } => glance.ended = Some((verdict, reason)),
                _ => {}
            })
        });
        match read {
            Ok(tail) => Self { is_whole: tail.wall_seconds.is_some(), ..glance },
            Err(_) => Self::default(),
        }
    }
}

/// A run that was interrupted, as far as its record tells, and the record that goes on behind that.
struct Past {
    recorder: Recorder,
    engine: Engine,
    /// Decisions that the record lacks.
    missing: Vec<EventKind>,
    next_seq: u64,
    last: RunTime,
    started: Option<Timestamp>,
    /// What it ended as: only the record's end is missing then.
    ended: Option<(RunVerdict, Option<String>)>,
}

impl Past {
    /// Feeds the record through the engine and opens it behind its last event.
    ///
    /// # Errors
    /// A sentence, if it cannot be read or gone on with.
    fn read(folder: &Path) -> Result<Self, String> {
        let started = Reader::open(folder).map_err(|e| e.to_string())?.metadata().started.parse::<Timestamp>().ok();
        let (mut replay, mut differs) = (Replay::new(), None);
        let (mut next_seq, mut last, mut ended) = (0, RunTime::ZERO, None);
        let recorder = Recorder::resume(folder, Pace::Real, |event| {
            (next_seq, last) = (event.seq + 1, event.t_ns);
            if let EventKind::Ended { verdict, reason, .. } = &event.kind {
                ended = Some((*verdict, reason.clone()));
            }
            if differs.is_none() {
                differs = replay.apply(&event).err();
            }
        });
        let recorder = recorder.map_err(|e| e.to_string())?;
        if let Some(why) = differs {
            return Err(why.to_string());
        }
        let (engine, missing) =
            replay.into_engine().ok_or("expected how the run was set up, but the record lacks it")?;
        for kind in &missing {
            if let EventKind::Ended { verdict, reason, .. } = kind {
                ended = Some((*verdict, reason.clone()));
            }
        }
        Ok(Self { recorder, engine, missing, next_seq, last, started, ended })
    }

    /// Has the engine decide what the interruption and the safe stop mean, and ends the record.
    fn end(
        self,
        cause: &str,
        station: &Station,
        (report, evidence): (SafeStopReport, Vec<PumpLogEntry>),
        stop_clock: RunClock,
        finished: &mut Finished,
    ) {
        let since = self.started.map(|started| Timestamp::now().duration_since(started).as_nanos());
        let since = since.and_then(|ns| u64::try_from(ns).ok()).map_or(RunTime::ZERO, RunTime::from_ns);
        // The wall clock alone counts on while a machine is off. It may have been set back.
        let now = since.max(self.last + stop_clock.now().since(RunTime::ZERO));
        let found_after = now.since(self.last);
        let what = format!(
            "the run was interrupted behind {} of run time: {cause}; that was found {} later",
            clock(self.last.since(RunTime::ZERO)),
            span(found_after)
        );
        let past = ((self.engine, self.missing), (self.next_seq, self.last));
        let run_clock = RunClock::that_reads(now);
        let mut stream = Stream::resume(past.0, run_clock, &station.profile.station, self.recorder, past.1);
        let mut done: VecDeque<EventKind> = evidence.into_iter().map(EventKind::PumpLogged).collect();
        done.push_back(EventKind::SafeStopped(report));
        let mut pending = VecDeque::new();
        if let Some(ended) = self.ended {
            // Nothing is decided any more.
            (finished.verdict, finished.reason) = ended;
        } else if stream.engine.is_stopping() {
            // It was interrupted while it made the station safe.
            pending.append(&mut done);
        } else {
            pending.push_back(EventKind::Broke(Fault::Program { what }));
        }
        while let Some(kind) = pending.pop_front() {
            for decision in stream.input(kind) {
                match decision {
                    EventKind::SafeStopBegan { .. } => pending.append(&mut done),
                    EventKind::Ended { verdict, reason, .. } => {
                        (finished.verdict, finished.reason) = (verdict, reason);
                    }
                    _ => {}
                }
            }
        }
        let lasted = stream.now().seconds();
        finished.record_trouble = stream.finish(lasted).err();
    }
}

/// Makes the station of an interrupted run safe and ends its record; nobody else may use the station meanwhile. A run whose
/// record has its end is left as it is: what comes back is what that says.
///
/// # Errors
/// If not even the safe stop could be tried.
pub fn close(folder: &Path, station: &Station, cause: &str) -> Result<Finished, InterruptedError> {
    let runtime = runtime::build(&Clock::Real)?;
    let (tell, told) = channel();
    let read_folder = folder.to_owned();
    // A disk that hangs, or a record that the engine panics at, does not hold up the safe stop.
    let reading = thread::spawn(move || {
        // Who waits no longer asks for the whole later.
        let _ = tell.send(Glance::at(&read_folder));
        Past::read(&read_folder)
    });
    let glance = told.recv_timeout(GLANCE_WITHIN).unwrap_or_default();
    if let (true, Some((verdict, reason))) = (glance.is_whole, glance.ended) {
        let (folder, safe) = (folder.to_owned(), glance.safe);
        return Ok(Finished { folder, verdict, reason, safe, record_trouble: None });
    }
    let ended = runtime.block_on(async {
        let bound = station.bind(0);
        let order =
            SafeStop::of(station, &bound.connectors, glance.log_from, folder).ok_or(InterruptedError::NoPump)?;
        let stop_clock = RunClock::new();
        let made = safe_stop::execute(&order.pump_may_be_there(), stop_clock).await;
        let past =
            reading.join().unwrap_or_else(|_| Err("reading it has panicked; please report it with the record".into()));
        Ok::<_, InterruptedError>((made, past, stop_clock))
    });
    let ((report, evidence), past, stop_clock) = ended?;
    let mut finished = Finished {
        folder: folder.to_owned(),
        verdict: RunVerdict::Error,
        reason: Some(format!("the run was interrupted: {cause}; {}", told_of(&report))),
        safe: report.confirmed,
        record_trouble: None,
    };
    match past {
        Err(why) => finished.record_trouble = Some(why),
        Ok(past) => past.end(cause, station, (report, evidence), stop_clock, &mut finished),
    }
    Ok(finished)
}

/// What was done, for people.
fn told_of(report: &SafeStopReport) -> String {
    if report.confirmed {
        "the station was made safe".to_owned()
    } else {
        format!("THE STATION COULD NOT BE CONFIRMED SAFE: {}; go and look at it", report.unconfirmed.join("; "))
    }
}

/// Whether a station's pump is there when the process that ran it is not: a simulated one has ended with it.
#[must_use]
pub fn outlives_its_run(station: &Station) -> bool {
    let simulated = |b: &rig::Binding| b.role == Role::Pump && b.port == rig::Port::Simulated;
    station.emulated.is_none() && !station.bindings.iter().any(simulated)
}

//! A run whose process ended before it did: its station is made safe, and its record is brought to an end.
//!
//! The record is fed through the engine again, which then decides what the interruption means, as it decides everything. The
//! station comes first: it is made safe whether or not the record can be read or written.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use domain::event::SafeStopReport;
use domain::fault::Fault;
use domain::profile::{Clock, Role};
use domain::pump::PumpLogEntry;
use domain::time::{clock, span};
use domain::{Event, EventKind, RunTime, RunVerdict};
use drivers::RunClock;
use engine::Replay;
use jiff::Timestamp;
use record::{Pace, Reader, Recorder};
use rig::Station;

use crate::run::Finished;
use crate::runtime;
use crate::safe_stop::{self, SafeStop};
use crate::stream::Stream;

/// Why nothing could be done about an interrupted run.
#[derive(Debug, thiserror::Error)]
pub enum InterruptedError {
    /// There is no runtime to work in.
    #[error("expected room for a runtime, but {0}; the station was NOT made safe: go and look at the pump")]
    Runtime(#[from] io::Error),
    /// The station has no pump.
    #[error("expected a station with a pump, but found none; give the rig file of the run with --rig")]
    NoPump,
}

/// A run that was interrupted, as far as its record tells.
#[derive(Default)]
struct Past {
    replay: Replay,
    /// Where record and engine differ, if they do.
    differs: Option<String>,
    next_seq: u64,
    last: RunTime,
    /// From which entry on the pump's log was not read yet.
    log_from: Option<u32>,
    /// What it ended as: only the record's end is missing then.
    ended: Option<(RunVerdict, Option<String>)>,
}

impl Past {
    fn take(&mut self, event: &Event) {
        (self.next_seq, self.last) = (event.seq + 1, event.t_ns);
        match &event.kind {
            EventKind::PumpLogged(entry) => self.log_from = Some(entry.index + 1),
            EventKind::Ended { verdict, reason, .. } => self.ended = Some((*verdict, reason.clone())),
            _ => {}
        }
        if self.differs.is_none() {
            self.differs = self.replay.apply(event).err().map(|why| why.to_string());
        }
    }
}

/// Whether a run needs to be closed: whether its record lacks its end.
///
/// # Errors
/// If nothing of the record can be read.
pub fn lacks_its_end(folder: &Path) -> Result<bool, record::ReadError> {
    Ok(Reader::open(folder)?.for_each(drop)?.wall_seconds.is_none())
}

/// Makes the station of an interrupted run safe and ends its record; nobody else may use the station meanwhile.
///
/// # Errors
/// If not even the safe stop could be tried.
pub fn close(folder: &Path, station: &Station, cause: &str) -> Result<Finished, InterruptedError> {
    let runtime = runtime::build(&Clock::Real)?;
    runtime.block_on(async {
        let mut past = Past::default();
        let started = Reader::open(folder).ok().and_then(|reader| reader.metadata().started.parse::<Timestamp>().ok());
        let recorder = Recorder::resume(folder, Pace::Real, |event| past.take(&event)).map_err(|e| e.to_string());
        let since = started.and_then(|started| u64::try_from(Timestamp::now().duration_since(started).as_nanos()).ok());
        // The wall clock alone counts on while a machine is off.
        let now = RunTime::from_ns(since.unwrap_or(0)).max(past.last);
        let run_clock = RunClock::that_reads(now);
        let bound = station.bind(0);
        let order = SafeStop::of(station, &bound.connectors, past.log_from, folder).ok_or(InterruptedError::NoPump)?;
        let order = order.after_panic();
        let what = format!(
            "the run was interrupted behind {} of run time: {cause}; that was found {} later",
            clock(past.last.since(RunTime::ZERO)),
            span(now.since(past.last))
        );
        let (next, differs, mut ended) = ((past.next_seq, past.last), past.differs.take(), past.ended.take());
        let engine = past.replay.into_engine().ok_or_else(|| "nothing says how it was set up".to_owned());
        for missing in engine.iter().flat_map(|(_, missing)| missing) {
            if let EventKind::Ended { verdict, reason, .. } = missing {
                ended = Some((*verdict, reason.clone()));
            }
        }
        let resumed = match differs {
            Some(why) => Err(why),
            None => recorder.and_then(|recorder| Ok((recorder, engine?))),
        };
        Ok(match resumed {
            Ok((recorder, engine)) => {
                let stream = Stream::resume(engine, run_clock, &station.profile.station, recorder, next);
                Ending { order, what, ended }.of(stream, folder).await
            }
            Err(why) => {
                let (report, _) = safe_stop::execute(&order, run_clock).await;
                let reason = Some(format!("{what}; {}", told(&report)));
                let record_trouble = Some(why);
                let (folder, safe) = (folder.to_owned(), report.confirmed);
                Finished { folder, verdict: RunVerdict::Error, reason, safe, record_trouble }
            }
        })
    })
}

/// What was done, for people.
fn told(report: &SafeStopReport) -> String {
    if report.confirmed {
        "the station was made safe".to_owned()
    } else {
        format!("THE STATION COULD NOT BE CONFIRMED SAFE: {}; go and look at it", report.unconfirmed.join("; "))
    }
}

/// How an interrupted run is ended.
struct Ending {
    order: SafeStop,
    what: String,
    /// What the run had ended as before its record could be ended.
    ended: Option<(RunVerdict, Option<String>)>,
}

impl Ending {
    async fn of(self, mut stream: Stream, folder: &Path) -> Finished {
        let run_clock = stream.clock;
        let mut finished = Finished {
            folder: folder.to_owned(),
            verdict: RunVerdict::Error,
            reason: Some(self.what.clone()),
            safe: false,
            record_trouble: None,
        };
        // Whatever the record says of a safe stop before: nobody has looked at the pump since.
        let (report, evidence) = safe_stop::execute(&self.order, run_clock).await;
        finished.safe = report.confirmed;
        let mut pending = VecDeque::new();
        let done = |report: SafeStopReport, evidence: Vec<PumpLogEntry>, pending: &mut VecDeque<EventKind>| {
            pending.extend(evidence.into_iter().map(EventKind::PumpLogged));
            pending.push_back(EventKind::SafeStopped(report));
        };
        let mut made = Some((report, evidence));
        if let Some(ended) = self.ended {
            (finished.verdict, finished.reason) = ended;
        } else if stream.engine.is_stopping() {
            // It was interrupted while it made the station safe.
            if let Some((report, evidence)) = made.take() {
                done(report, evidence, &mut pending);
            }
        } else {
            pending.push_back(EventKind::Broke(Fault::Program { what: self.what }));
        }
        while let Some(kind) = pending.pop_front() {
            for decision in stream.input(kind) {
                match decision {
                    EventKind::SafeStopBegan { .. } => {
                        if let Some((report, evidence)) = made.take() {
                            done(report, evidence, &mut pending);
                        }
                    }
                    EventKind::Ended { verdict, reason, .. } => {
                        (finished.verdict, finished.reason) = (verdict, reason);
                    }
                    _ => {}
                }
            }
        }
        let lasted = stream.now().seconds();
        finished.record_trouble = stream.finish(lasted).err();
        finished
    }
}

/// Whether a station's pump is there when the process that ran it is not: a simulated one has ended with it.
#[must_use]
pub fn outlives_its_run(station: &Station) -> bool {
    let simulated = |b: &rig::Binding| b.role == Role::Pump && b.port == rig::Port::Simulated;
    station.emulated.is_none() && !station.bindings.iter().any(simulated)
}

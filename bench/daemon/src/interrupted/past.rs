//! An interrupted run as its record tells of it: fed through the engine again, it is ended by the engine's decisions, or goes on
//! by them.
//!
//! It decides nothing; it brings the record, the host's clocks and the engine together.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use domain::event::{ClocksAt, Interruption, SafeStopReport};
use domain::fault::Fault;
use domain::time::{clock, duration_ns, span};
use domain::{EventKind, RunTime, RunVerdict};
use drivers::RunClock;
use engine::{Engine, Replay};
use record::{Pace, Reader, Recorder};
use rig::Station;

use crate::host_clock;
use crate::interrupted::Recovered;
use crate::pump::LastSeen;
use crate::run::{self, Beginning, Finished, Interrupted, Work};
use crate::setup::SetupError;
use crate::stream::Stream;

/// A run that was interrupted, as far as its record tells, and the record that goes on behind that.
pub(super) struct Past {
    run: String,
    recorder: Recorder,
    engine: Engine,
    /// Decisions that the record lacks.
    missing: Vec<EventKind>,
    next_seq: u64,
    last: RunTime,
    /// What the host's clocks showed, and at which run time: its beginning, or where it went on last.
    clocks: Option<ClocksAt>,
    /// How far the pump's log was read.
    log_next: Option<u32>,
    /// What the pump's clock showed, and when.
    pump_clock: Option<(u64, RunTime)>,
    /// What it ended as: only the record's end is missing then.
    ended: Option<(RunVerdict, Option<String>)>,
}

impl Past {
    /// Feeds the record through the engine and opens it behind its last event.
    ///
    /// # Errors
    /// A sentence, if it cannot be read or gone on with.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let metadata = Reader::open(folder).map_err(|e| e.to_string())?.metadata().clone();
        let (mut replay, mut differs) = (Replay::new(), None);
        let (mut next_seq, mut last, mut ended) = (0, RunTime::ZERO, None);
        let (mut log_next, mut pump_clock) = (None, None);
        let mut clocks = metadata.zero.map(|host| ClocksAt { t_ns: RunTime::ZERO, host });
        let recorder = Recorder::resume(folder, Pace::Real, |event| {
            (next_seq, last) = (event.seq + 1, event.t_ns);
            match &event.kind {
                EventKind::Ended { verdict, reason, .. } => ended = Some((*verdict, reason.clone())),
                EventKind::Resumed(interruption) => {
                    clocks = interruption.clocks.clone().or(clocks.take());
                }
                EventKind::PumpLogged(entry) => log_next = Some(entry.index + 1),
                EventKind::PumpClockRead { at_ns, pump_us, .. } => pump_clock = Some((*pump_us, *at_ns)),
                _ => {}
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
        let run = metadata.run;
        Ok(Self { run, recorder, engine, missing, next_seq, last, clocks, log_next, pump_clock, ended })
    }

    /// The moment at which the run goes on and what is known of the pump, if it may.
    ///
    /// # Errors
    /// Why it may not, as a sentence.
    pub(super) fn may_go_on(
        &self,
        station: &Station,
        cause: &str,
    ) -> Result<(RunTime, Interruption, LastSeen), String> {
        if *self.engine.profile() != *station.profile {
            return Err("expected the rig as it was when the run began, but its file has changed since".to_owned());
        }
        if station.bindings.iter().any(|binding| binding.port == rig::Port::Simulated) {
            return Err(
                "expected instruments that are still there, but simulated ones have ended with the run".to_owned()
            );
        }
        let clocks = self.clocks.as_ref().ok_or("expected the record to tell the host's clocks, but it does not")?;
        let (clocks, u, by) = host_clock::since(clocks)
            .filter(|(clocks, ..)| clocks.t_ns >= self.last)
            .ok_or("expected the host's clock to stand behind the record's last event, but it stands before it")?;
        let now = clocks.t_ns;
        self.engine.may_go_on(now)?;
        let seen = self.log_next.zip(self.pump_clock);
        let (log_next, (clock_us, at)) =
            seen.ok_or("expected the record to tell of the pump's log and clock, but it does not")?;
        let u_ns = duration_ns(u);
        let (last_ns, cause) = (self.last, cause.to_owned());
        let interruption = Interruption { last_ns, u_ns, by, cause, clocks: Some(clocks) };
        Ok((now, interruption, LastSeen { log_next, clock_us, at }))
    }

    /// Takes the run up again.
    pub(super) fn go_on(
        self,
        folder: &Path,
        station: &Station,
        (now, interruption, pump): (RunTime, Interruption, LastSeen),
    ) -> Result<Recovered, SetupError> {
        let plan = Arc::clone(self.engine.plan());
        let past = ((self.engine, self.missing), (self.next_seq, self.last));
        let run_clock = RunClock::that_reads(now);
        let stream = Stream::resume(past.0, run_clock, &station.profile.station, self.recorder, past.1);
        let handle = run::start(Work {
            folder: folder.to_owned(),
            run: self.run,
            station: station.clone(),
            seed: 0,
            first: EventKind::Resumed(interruption),
            beginning: Beginning::Interrupted(Box::new(Interrupted { stream, pump })),
        })?;
        Ok(Recovered::GoesOn(handle, plan))
    }

    /// Has the engine decide what the interruption and the safe stop mean, and ends the record.
    pub(super) fn end(
        self,
        cause: &str,
        station: &Station,
        (report, evidence): (SafeStopReport, Vec<EventKind>),
        stop_clock: RunClock,
        finished: &mut Finished,
    ) {
        let since = self.clocks.and_then(|then| host_clock::since(&then)).map(|(clocks, ..)| clocks.t_ns);
        let since = since.unwrap_or(RunTime::ZERO);
        // A clock that was set back tells nothing.
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
        let mut done: VecDeque<EventKind> = evidence.into();
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

//! The record of an interrupted run is read beside what is done about its station: a glance first, the whole behind it.
//!
//! A disk that hangs, or a record that the engine panics at, does not hold up the safe stop.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use domain::{EventKind, RunVerdict};
use engine::Replay;
use record::Reader;

use super::past::Past;

/// How long the record may take to tell the little that is asked first; then the station is made safe without that.
const GLANCE_WITHIN: Duration = Duration::from_secs(2);
/// How long it may take to be read where the run may go on: meanwhile the pump goes on as the scenario allows it to.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// What has to be known of a run before anything is done; the least, if nothing can be read.
#[derive(Default)]
pub(super) struct Glance {
    /// From which entry on the pump's log was not read.
    pub(super) log_from: Option<u32>,
    /// Whether its station was begun to be made safe.
    pub(super) stopping: bool,
    /// Whether its station was confirmed to be safe.
    pub(super) safe: bool,
    pub(super) ended: Option<(RunVerdict, Option<String>)>,
    /// Whether its record has its end.
    pub(super) is_whole: bool,
}

impl Glance {
    /// `may_resume` is told, as soon as that is known, whether the scenario allows the run to go on.
    fn at(folder: &Path, may_resume: impl Fn(bool)) -> Self {
        let mut glance = Self::default();
        let read = Reader::open(folder).and_then(|mut reader| {
            reader.for_each(|event| match event.kind {
                EventKind::Opened(opened) => may_resume(Replay::resumes_within(&opened).is_some()),
                EventKind::PumpLogged(entry) => glance.log_from = Some(entry.index + 1),
                EventKind::SafeStopBegan { .. } => glance.stopping = true,
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

/// What is told of a record while it is read.
enum Told {
    /// Whether the scenario allows the run to go on.
    MayResume(bool),
    Glance(Glance),
    Past(Result<Box<Past>, String>),
}

/// A record that is being read on a thread of its own.
pub(super) struct Reading {
    told: Receiver<Told>,
    until: Instant,
    may_resume: bool,
}

impl Reading {
    /// Begins to read. With `resume`, a run that may go on has the time that it takes to read it whole.
    pub(super) fn start(folder: &Path, resume: bool) -> Self {
        let (tell, told) = channel();
        let folder = folder.to_owned();
        thread::spawn(move || {
            // Who waits no longer asks for the whole later.
            let glance = Glance::at(&folder, |may| drop(tell.send(Told::MayResume(may))));
            drop(tell.send(Told::Glance(glance)));
            drop(tell.send(Told::Past(Past::read(&folder).map(Box::new))));
        });
        let began = Instant::now();
        let mut reading = Self { told, until: began + GLANCE_WITHIN, may_resume: false };
        if let (true, Ok(Told::MayResume(true))) = (resume, reading.told.recv_timeout(GLANCE_WITHIN)) {
            (reading.may_resume, reading.until) = (true, began + READ_WITHIN);
        }
        reading
    }

    /// Whether the scenario allows the run to go on, and that is wished.
    pub(super) const fn may_resume(&self) -> bool {
        self.may_resume
    }

    /// What has to be known first; the least, if that does not come in time.
    pub(super) fn glance(&self) -> Glance {
        loop {
            match self.told.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
                Ok(Told::Glance(glance)) => return glance,
                Ok(Told::MayResume(_)) => {}
                Ok(Told::Past(_)) | Err(_) => return Glance::default(),
            }
        }
    }

    /// The whole, if that comes in time.
    pub(super) fn past_in_time(&self) -> Option<Result<Box<Past>, String>> {
        loop {
            match self.told.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
                Ok(Told::Past(past)) => return Some(past),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// The whole, however long it takes.
    pub(super) fn past(self) -> Result<Box<Past>, String> {
        let past = self.told.iter().find_map(|told| if let Told::Past(past) = told { Some(past) } else { None });
        past.unwrap_or_else(|| Err("reading it has panicked; please report it with the record".to_owned()))
    }
}

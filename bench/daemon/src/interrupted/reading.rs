//! The record of an interrupted run is read beside what is done about its station: a glance first, the whole behind it.
//!
//! A disk that hangs, or a record that the engine panics at, does not hold up the safe stop.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use domain::event::Phase;
use domain::fault::AtStation;
use domain::{EventKind, RunVerdict};
use engine::Replay;
use record::Reader;
use scenario::StepKind;

use super::past::Past;

/// How long the record may take to tell the little that is asked first; then the station is made safe without that.
const GLANCE_WITHIN: Duration = Duration::from_secs(2);
/// How long it may take to be read where the run may go on: meanwhile the pump goes on as the scenario allows it to.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// How long it may take once the station is safe.
const WHOLE_WITHIN: Duration = Duration::from_secs(600);

/// What has to be known of a run before anything is done; the least, if nothing can be read.
#[derive(Default)]
pub(super) struct Glance {
    /// From which entry on the pump's log was not read.
    pub(super) log_from: Option<u32>,
    /// Whether it stands in a hold or in the closing weighing, as far as the record tells.
    pub(super) holds: bool,
    /// Whether it has come to its steps.
    pub(super) has_begun: bool,
    /// Whether its station was confirmed to be safe.
    pub(super) safe: bool,
    pub(super) ended: Option<(RunVerdict, Option<String>)>,
    /// Whether its record has its end.
    pub(super) is_whole: bool,
}

impl Glance {
    /// What that tells of its station; that a run was interrupted tells nothing.
    pub(super) fn at_station(&self) -> AtStation {
        let (verdict, reason) =
            self.ended.as_ref().map_or((RunVerdict::Aborted, None), |(v, why)| (*v, why.as_deref()));
        AtStation::of(self.has_begun, verdict, reason)
    }

    /// `may_resume` is told, as soon as that is known, whether the scenario allows the run to go on.
    fn at(folder: &Path, may_resume: impl Fn(bool)) -> Self {
        let (mut glance, mut plan) = (Self::default(), None);
        let read = Reader::open(folder).and_then(|mut reader| {
            reader.for_each(|event| match event.kind {
                EventKind::Opened(opened) => {
                    plan = Replay::plan_of(&opened);
                    may_resume(plan.as_ref().is_some_and(|plan| plan.resume_within.is_some()));
                }
                EventKind::StepEntered { index, .. } => {
                    let step = plan.as_ref().and_then(|plan| plan.steps.get(index as usize));
                    glance.holds = step.is_some_and(|step| matches!(step.kind, StepKind::Hold(_)));
                }
                EventKind::PhaseEntered(phase) => {
                    glance.holds = phase == Phase::ClosingWeighing;
                    glance.has_begun |= phase == Phase::Steps;
                }
                EventKind::PumpLogged(entry) => glance.log_from = Some(entry.index + 1),
                EventKind::SafeStopBegan { .. } => glance.holds = false,
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
    /// What came before it was asked for.
    early: Vec<Told>,
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
        let mut reading = Self { told, until: began + GLANCE_WITHIN, may_resume: false, early: Vec::new() };
        match reading.told.recv_timeout(GLANCE_WITHIN) {
            Ok(Told::MayResume(may)) if may && resume => {
                (reading.may_resume, reading.until) = (true, began + READ_WITHIN);
            }
            // A record that cannot be read tells that at once.
            Ok(early @ (Told::Glance(_) | Told::Past(_))) => reading.early.push(early),
            Ok(Told::MayResume(_)) | Err(_) => {}
        }
        reading
    }

    /// Whether the scenario allows the run to go on, and that is wished.
    pub(super) const fn may_resume(&self) -> bool {
        self.may_resume
    }

    /// What is told next, if that comes in time.
    fn next(&mut self) -> Option<Told> {
        if self.early.is_empty() {
            self.told.recv_timeout(self.until.saturating_duration_since(Instant::now())).ok()
        } else {
            Some(self.early.remove(0))
        }
    }

    /// What has to be known first; the least, if that does not come in time.
    pub(super) fn glance(&mut self) -> Glance {
        loop {
            match self.next() {
                Some(Told::Glance(glance)) => return glance,
                Some(Told::MayResume(_)) => {}
                Some(past @ Told::Past(_)) => {
                    self.early.push(past);
                    return Glance::default();
                }
                None => return Glance::default(),
            }
        }
    }

    /// The whole, if that comes in time.
    pub(super) fn past_in_time(&mut self) -> Option<Result<Box<Past>, String>> {
        loop {
            match self.next()? {
                Told::Past(past) => return Some(past),
                Told::MayResume(_) | Told::Glance(_) => {}
            }
        }
    }

    /// The whole, once its station is safe.
    pub(super) fn past(mut self) -> Result<Box<Past>, String> {
        self.until = Instant::now() + WHOLE_WITHIN;
        self.past_in_time().unwrap_or_else(|| {
            if Instant::now() < self.until {
                return Err("reading it has panicked; please report it with the record".to_owned());
            }
            let within = domain::time::span(WHOLE_WITHIN);
            Err(format!("expected it to be read within {within}, but it was not; look at the disk, and try again"))
        })
    }
}

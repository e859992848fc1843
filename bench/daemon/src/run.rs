//! A run from outside: it is set up, started on a thread of its own, listened to, and joined.
//!
//! Whatever happens on that thread, a panic included, the station is made safe.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::thread;
use std::time::{Duration, Instant};

use domain::event::Prompt;
use domain::fault::AtStation;
use domain::profile::{Clock, Role};
use domain::{EventKind, RigProfile, RunTime, RunVerdict};
use drivers::RunClock;
use engine::{Engine, Position};
use record::{Pace, Recorder};
use rig::Station;
use scenario::Plan;
use tokio::sync::mpsc;

use crate::beat::Beat;
use crate::control::{Listener, Outside};
use crate::drive::Loop;
use crate::pump::LastSeen;
use crate::runtime;
use crate::safe_stop::{self, SafeStop};
use crate::setup::{Prepared, Request, SetupError, prepare};
use crate::stream::Stream;

/// Where a run stands, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What is done now.
    pub position: Position,
    /// Run time.
    pub now: RunTime,
}

/// Something that people should hear of at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A line for the terminal.
    Line(String),
    /// Somebody is asked.
    Prompted(Prompt),
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Its folder.
    pub folder: PathBuf,
    /// What it ended as.
    pub verdict: RunVerdict,
    /// Why, if it is no pass.
    pub reason: Option<String>,
    /// Whether the station was confirmed to be safe.
    pub safe: bool,
    /// What kept the record from being whole, if anything did.
    pub record_trouble: Option<String>,
    /// It has not ended: its pump goes on, and so may the run, by whoever finds it interrupted. Nothing else here counts then.
    pub left: bool,
    /// What it tells of its station.
    pub at_station: AtStation,
}

impl Finished {
    /// A run of which no more is known than that it ended as an error, and why: its station may not be safe.
    #[must_use]
    pub fn error(folder: PathBuf, reason: impl Into<String>) -> Self {
        Self {
            folder,
            verdict: RunVerdict::Error,
            reason: Some(reason.into()),
            safe: false,
            record_trouble: None,
            left: false,
            at_station: AtStation::Untold,
        }
    }
}

/// A run that is under way.
pub struct Handle {
    /// Its folder.
    pub folder: PathBuf,
    /// Its id.
    pub run: String,
    /// To stop it, or to say something to it.
    pub outside: mpsc::UnboundedSender<Outside>,
    /// What people should hear of.
    pub notices: std_mpsc::Receiver<Notice>,
    /// Where it stands.
    pub progress: Arc<Mutex<Progress>>,
    beat: Option<Beat>,
    thread: thread::JoinHandle<Finished>,
}

impl Handle {
    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// For how long its loop has stood still, if that is longer than it may: then nothing in this process makes its station safe.
    /// Virtual time stands still for no harm.
    #[must_use]
    pub fn stood_still(&self) -> Option<Duration> {
        self.beat.as_ref().filter(|_| !self.is_finished())?.stood_still()
    }

    /// Waits for its end. A run that panicked has ended as an error.
    #[must_use]
    pub fn join(self) -> Finished {
        let folder = self.folder;
        self.thread
            .join()
            .unwrap_or_else(|_| Finished::error(folder, "the run's thread panicked; please report it with the record"))
    }
}

/// A run that is set up, and of which nothing has moved.
pub struct Ready {
    /// Its folder.
    pub folder: PathBuf,
    /// Its id.
    pub run: String,
    request: Request,
    opened: EventKind,
    recorder: Recorder,
    clock: Option<RunClock>,
}

/// Sets a run up: its folder and the beginning of its record.
///
/// # Errors
/// If they cannot be made; nothing is left of it then.
pub fn set_up(request: Request) -> Result<Ready, SetupError> {
    let Prepared { folder, metadata, opened, clock } = prepare(&request)?;
    let real = request.station.profile.clock.is_real();
    let recorder = Recorder::create(&folder, &metadata, if real { Pace::Real } else { Pace::Virtual });
    // A folder without a record is no run.
    let recorder = recorder.inspect_err(|_| drop(std::fs::remove_dir_all(&folder)))?;
    let folder = folder.canonicalize().unwrap_or(folder);
    Ok(Ready { folder, run: metadata.run, request, opened: EventKind::Opened(Box::new(opened)), recorder, clock })
}

/// Sets a run up and starts it.
///
/// # Errors
/// As [`set_up`] and [`Ready::start`].
pub fn spawn(request: Request) -> Result<Handle, SetupError> {
    set_up(request)?.start()
}

impl Ready {
    /// Starts it on a thread of its own.
    ///
    /// # Errors
    /// If there is no room for a thread; nothing has moved then.
    pub fn start(self) -> Result<Handle, SetupError> {
        let Self { folder, run, request, opened, recorder, clock } = self;
        let Request { plan, station, seed, .. } = request;
        let beginning = Beginning::New { plan: Arc::clone(&plan), recorder: Box::new(recorder), clock };
        start(Work { folder, run, station, seed, first: opened, beginning })
    }
}

/// What is to be run on a thread of its own.
pub(crate) struct Work {
    pub(crate) folder: PathBuf,
    pub(crate) run: String,
    pub(crate) station: Station,
    pub(crate) seed: u64,
    /// The event that begins it, or with which it goes on.
    pub(crate) first: EventKind,
    pub(crate) beginning: Beginning,
}

/// What a run begins with.
pub(crate) enum Beginning {
    /// Nothing yet; run time is a clock's, or the runtime's own.
    New { plan: Arc<Plan>, recorder: Box<Recorder>, clock: Option<RunClock> },
    /// What there was before it was interrupted.
    Interrupted(Box<Interrupted>),
}

/// What there is of a run that was interrupted, for it to go on.
pub(crate) struct Interrupted {
    pub(crate) stream: Stream,
    pub(crate) pump: LastSeen,
}

impl Beginning {
    fn steps(&self) -> usize {
        match self {
            Self::New { plan, .. } => plan.steps.len(),
            Self::Interrupted(before) => before.stream.engine.plan().steps.len(),
        }
    }

    /// Its stream, and what was last seen of the pump, if anything was. Called within the run's runtime, whose time may be virtual.
    pub(crate) fn stream(self, profile: &Arc<RigProfile>) -> (Stream, Option<LastSeen>) {
        match self {
            Self::New { plan, recorder, clock } => {
                let clock = clock.unwrap_or_else(RunClock::new);
                let engine = Engine::new(plan, Arc::clone(profile));
                (Stream::new(engine, clock, &profile.station, *recorder, profile.clock.is_real()), None)
            }
            Self::Interrupted(before) => (before.stream, Some(before.pump)),
        }
    }
}

/// Starts a run on a thread of its own.
pub(crate) fn start(work: Work) -> Result<Handle, SetupError> {
    let Work { folder, run, station, seed, first, beginning } = work;
    let (outside, from_outside) = mpsc::unbounded_channel();
    let (notify, notices) = std_mpsc::channel();
    let position = Position { now: "starting".to_owned(), step: None, steps: beginning.steps() };
    let progress = Arc::new(Mutex::new(Progress { position, now: RunTime::ZERO }));
    let to_control = outside.clone();
    let profile = &station.profile;
    let beat = profile.clock.is_real().then(|| Beat::new(profile.safe.within));
    let job = Job {
        station,
        seed,
        folder: folder.clone(),
        first,
        progress: Arc::clone(&progress),
        notify,
        beat: beat.clone(),
    };
    let thread = thread::Builder::new()
        .name(format!("run-{run}"))
        .spawn(move || job.run(beginning, from_outside, to_control))
        .map_err(|error| SetupError::Io { path: folder.display().to_string(), error })?;
    Ok(Handle { folder, run, outside, notices, progress, beat, thread })
}

/// All that a run's thread needs.
pub(crate) struct Job {
    pub(crate) station: Station,
    pub(crate) seed: u64,
    pub(crate) folder: PathBuf,
    /// The event that begins it, or with which it goes on.
    pub(crate) first: EventKind,
    pub(crate) progress: Arc<Mutex<Progress>>,
    pub(crate) notify: std_mpsc::Sender<Notice>,
    /// In real time: that its loop goes on.
    pub(crate) beat: Option<Beat>,
}

impl Job {
    fn run(
        self,
        beginning: Beginning,
        outside: mpsc::UnboundedReceiver<Outside>,
        to_control: mpsc::UnboundedSender<Outside>,
    ) -> Finished {
        let began = Instant::now();
        let runtime = match runtime::build(&self.station.profile.clock) {
            Ok(runtime) => runtime,
            Err(error) => {
                return Finished::error(self.folder, format!("the run's runtime could not be built: {error}"));
            }
        };
        let listener = Listener::start(&self.folder, to_control);
        if let Err(error) = &listener {
            drop(self.notify.send(Notice::Line(format!("answers and notes are not possible: {error}"))));
        }
        let folder = self.folder.clone();
        let (station, seed) = (self.station.clone(), self.seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async { Loop::begin(self, beginning, outside).drive(began).await })
        }));
        match result {
            Ok(finished) => finished,
            Err(_) => {
                let how = after_panic(&station, seed, &folder);
                Finished::error(folder, format!("the run panicked, please report it with the record; {how}"))
            }
        }
    }
}

/// Makes a station safe after a panic, with a runtime and connections of its own. What was done, as a sentence.
fn after_panic(station: &Station, seed: u64, folder: &Path) -> String {
    let real = |b: &rig::Binding| b.role == Role::Pump && b.port != rig::Port::Simulated;
    if !station.bindings.iter().any(real) {
        return "the simulated pump ended with the run".to_owned();
    }
    let Ok(runtime) = runtime::build(&Clock::Real) else {
        return "the station was not made safe: no runtime could be built; go and look at the pump".to_owned();
    };
    let done = runtime.block_on(async {
        let bound = station.bind(seed);
        let order = SafeStop::of(station, &bound.connectors, None, folder)?;
        Some(safe_stop::execute(&order.pump_may_be_there(), RunClock::new()).await)
    });
    let Some((report, _)) = done else { return "the station has no pump to be made safe".to_owned() };
    let last = report.actions.last().map_or("nothing was done", String::as_str);
    if report.confirmed {
        format!("the station was made safe: {last}")
    } else {
        format!("the station was NOT made safe: {last}; go and look at the pump")
    }
}

//! A run from outside: it is set up, started on a thread of its own, listened to, and joined.
//!
//! Whatever happens on that thread, a panic included, the station is made safe.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::thread;
use std::time::Instant;

use domain::event::Prompt;
use domain::profile::{Clock, Role};
use domain::{EventKind, RunTime, RunVerdict};
use drivers::RunClock;
use engine::Position;
use record::{Pace, Recorder};
use tokio::sync::mpsc;

use crate::control::{Listener, Outside};
use crate::drive::Loop;
use crate::runtime;
use crate::safe_stop::{self, SafeStop};
use crate::setup::{Prepared, Request, SetupError, prepare};

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
    thread: thread::JoinHandle<Finished>,
}

impl Handle {
    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end. A run that panicked has ended as an error.
    #[must_use]
    pub fn join(self) -> Finished {
        let folder = self.folder;
        self.thread.join().unwrap_or_else(|_| Finished {
            folder,
            verdict: RunVerdict::Error,
            reason: Some("the run's thread panicked; please report it with the record".to_owned()),
            safe: false,
            record_trouble: None,
        })
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
}

/// Sets a run up: its folder and the beginning of its record.
///
/// # Errors
/// If they cannot be made; nothing is left of it then.
pub fn set_up(request: Request) -> Result<Ready, SetupError> {
    let Prepared { folder, metadata, opened } = prepare(&request)?;
    let real = request.station.profile.clock.is_real();
    let recorder = Recorder::create(&folder, &metadata, if real { Pace::Real } else { Pace::Virtual });
    // A folder without a record is no run.
    let recorder = recorder.inspect_err(|_| drop(std::fs::remove_dir_all(&folder)))?;
    let folder = folder.canonicalize().unwrap_or(folder);
    Ok(Ready { folder, run: metadata.run, request, opened: EventKind::Opened(Box::new(opened)), recorder })
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
        let Self { folder, run, request, opened, recorder } = self;
        let (outside, from_outside) = mpsc::unbounded_channel();
        let (notify, notices) = std_mpsc::channel();
        let steps = request.plan.steps.len();
        let position = Position { now: "starting".to_owned(), step: None, steps };
        let progress = Arc::new(Mutex::new(Progress { position, now: RunTime::ZERO }));
        let to_control = outside.clone();
        let job = Job { request, folder: folder.clone(), opened, progress: Arc::clone(&progress), notify };
        let thread = thread::Builder::new()
            .name(format!("run-{run}"))
            .spawn(move || job.run(recorder, from_outside, to_control))
            .map_err(|error| SetupError::Io { path: folder.display().to_string(), error })?;
        Ok(Handle { folder, run, outside, notices, progress, thread })
    }
}

/// All that a run's thread needs.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) folder: PathBuf,
    pub(crate) opened: EventKind,
    pub(crate) progress: Arc<Mutex<Progress>>,
    pub(crate) notify: std_mpsc::Sender<Notice>,
}

impl Job {
    fn run(
        self,
        recorder: Recorder,
        outside: mpsc::UnboundedReceiver<Outside>,
        to_control: mpsc::UnboundedSender<Outside>,
    ) -> Finished {
        let began = Instant::now();
        let broken = |what: String, folder: PathBuf| Finished {
            folder,
            verdict: RunVerdict::Error,
            reason: Some(what),
            safe: false,
            record_trouble: None,
        };
        let runtime = match runtime::build(&self.request.station.profile.clock) {
            Ok(runtime) => runtime,
            Err(error) => return broken(format!("the run's runtime could not be built: {error}"), self.folder),
        };
        let listener = Listener::start(&self.folder, to_control);
        if let Err(error) = &listener {
            drop(self.notify.send(Notice::Line(format!("answers and notes are not possible: {error}"))));
        }
        let folder = self.folder.clone();
        let (station, seed) = (self.request.station.clone(), self.request.seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async { Loop::begin(self, recorder, outside).drive(began).await })
        }));
        match result {
            Ok(finished) => finished,
            Err(_) => {
                let how = after_panic(&station, seed, &folder);
                broken(format!("the run panicked, please report it with the record; {how}"), folder)
            }
        }
    }
}

/// Makes a station safe after a panic, with a runtime and connections of its own. What was done, as a sentence.
fn after_panic(station: &rig::Station, seed: u64, folder: &Path) -> String {
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

//! The queue: whichever job is next at a station begins, and one whose process has ended before its time is brought to an end.
//!
//! One thread, which looks once a second and whenever it is woken. All it knows is in the store: a daemon that was killed is
//! followed by one that goes on with the same jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use domain::verdict::{BENCH_ERROR, STOPPED};
use rustix::process::Signal;
use store::{Job, JobState, Requeued, Store, StoreError, Use, Wanted};
use tracing::{error, info, warn};

use crate::health::{Checks, Health};
use crate::queue::frozen::Beats;
use crate::queue::interrupted::Recovery;
use crate::work::{self, Task};
use crate::{Config, Ending, supervisor};

mod ending;
mod frozen;
mod interrupted;
mod left;

/// How often it looks unasked.
const LOOK: Duration = Duration::from_secs(1);
/// A run that has gone on for so long since does so for good.
const GOES_ON: Duration = Duration::from_secs(300);
/// A process that has told nothing for so long may stand still.
const STANDS: Duration = Duration::from_secs(15);
/// The pause after a process could not be started.
const START_AGAIN: Duration = Duration::from_secs(30);
/// The pause after a process was refused its station.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);

/// What the queue is told.
enum Told {
    Look,
    End(Ending),
}

/// The queue's thread.
pub(crate) struct Queue {
    tell: Sender<Told>,
    thread: JoinHandle<Vec<String>>,
    /// When it last looked.
    looked: Arc<Mutex<Instant>>,
}

/// Has the queue look now.
#[derive(Clone)]
pub(crate) struct Waker(Sender<Told>);

impl Waker {
    pub(crate) fn wake(&self) {
        // A queue that has ended looks at nothing any more.
        drop(self.0.send(Told::Look));
    }
}

impl Queue {
    pub(crate) fn start(config: Arc<Config>, store: Store) -> Self {
        let (tell, told) = channel();
        let looked = Arc::new(Mutex::new(Instant::now()));
        let beat = Arc::clone(&looked);
        let thread = thread::spawn(move || {
            let (children, recoveries) = (BTreeMap::new(), BTreeMap::new());
            Work {
                config,
                store,
                children,
                left: BTreeMap::new(),
                recoveries,
                asked: BTreeSet::new(),
                leaves: false,
                pauses: BTreeMap::new(),
                checks: Checks::default(),
                beats: Beats::default(),
                needed: BTreeMap::new(),
                looked: beat,
            }
            .go_on(&told)
        });
        Self { tell, thread, looked }
    }

    /// When it last looked, for whoever watches it.
    pub(crate) fn looked(&self) -> Arc<Mutex<Instant>> {
        Arc::clone(&self.looked)
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker(self.tell.clone())
    }

    /// Stops all work, or leaves what may go on, and waits for its end; what may not be safe by then, a phrase each.
    pub(crate) fn stop(self, ending: Ending) -> Vec<String> {
        drop(self.tell.send(Told::End(ending)));
        self.thread.join().unwrap_or_else(|_| vec!["the queue, which has panicked".to_owned()])
    }
}

struct Work {
    config: Arc<Config>,
    store: Store,
    /// What this daemon has started: they are to be waited for.
    children: BTreeMap<i64, Child>,
    /// The processes that bring runs to their ends which somebody has begun by hand, by the runs' folders.
    left: BTreeMap<String, Child>,
    /// The open runs that are to be gone on with, by their ids.
    recoveries: BTreeMap<String, Recovery>,
    /// The processes of cancelled jobs that were asked to stop: once each.
    asked: BTreeSet<(i64, u32)>,
    /// It ends, and what may go on is left.
    leaves: bool,
    /// Stations where nothing could be started, and when that is tried again.
    pauses: BTreeMap<String, Instant>,
    checks: Checks,
    /// When the processes of jobs told that they go on.
    beats: Beats,
    /// At this look: what the jobs need that were looked at before, which are those that run and those that have waited longer.
    needed: BTreeMap<String, Vec<(i64, Use)>>,
    looked: Arc<Mutex<Instant>>,
}

impl Work {
    /// Goes on until it is told to stop; the jobs whose stations may not be safe then.
    fn go_on(mut self, told: &Receiver<Told>) -> Vec<String> {
        loop {
            self.look(true);
            supervisor::is_alive();
            match told.recv_timeout(LOOK) {
                Ok(Told::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Told::End(ending)) => return self.end(ending),
                Err(RecvTimeoutError::Disconnected) => return self.end(Ending::Stop),
            }
        }
    }

    /// Looks at every station; one that fails does not keep others waiting.
    fn look(&mut self, begins: bool) {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let is_over = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        let over: Vec<i64> = self.children.iter_mut().filter_map(|(id, child)| is_over(child).then_some(*id)).collect();
        self.children.retain(|id, _| !over.contains(id));
        let open = match self.store.open_jobs(&self.config.rig) {
            Ok(open) => open,
            Err(why) => return error!(%why, "cannot look at the jobs"),
        };
        for job in open.iter().filter(|job| job.state == JobState::Queued && over.contains(&job.id)) {
            // Its process was refused what the queue took to be free: it is not begun again and again.
            self.pauses.insert(job.station.clone(), Instant::now() + REFUSED_AGAIN);
        }
        self.beats.keep(|id| open.iter().any(|job| job.id == id && job.state == JobState::Running));
        let mut seen = BTreeSet::new();
        self.needed.clear();
        // The first of each station is the one that runs, or the one that is next.
        for job in open.iter().filter(|job| seen.insert(job.station.as_str())) {
            let done = match job.state {
                JobState::Running => self.running(job),
                _ if begins => self.next(job),
                _ => Ok(()),
            };
            if let Err(why) = done {
                error!(station = job.station, job = job.id, %why, "cannot go on");
            }
        }
        for station in self.config.stations.clone().keys().filter(|_| begins) {
            if let Err(why) = self.recover_left(station) {
                error!(station, %why, "cannot look whether a run was left there");
            }
        }
        let waited_for: Vec<&String> = open.iter().map(|job| &job.station).collect();
        for station in self.config.stations.clone().keys().filter(|station| begins && !waited_for.contains(station)) {
            if let Err(why) = self.ask_again(station) {
                error!(station, %why, "cannot be asked again");
            }
        }
    }

    /// A station that a check keeps apart is asked again though nobody waits for it.
    fn ask_again(&mut self, station: &str) -> Result<(), StoreError> {
        let config = Arc::clone(&self.config);
        let idle = self.checks.is_asking(station) || self.taken(&config.stations[station])?.is_none();
        if idle && self.store.is_quarantined_by_check(&config.rig, station)? {
            let folder = self.store.work_folder("health")?;
            if self.checks.of(&config, station, &folder)? == Health::Good {
                self.store.check_passed(&config.rig, station)?;
            }
        }
        Ok(())
    }

    /// A job that is said to run.
    fn running(&mut self, job: &Job) -> Result<(), StoreError> {
        self.keep_for(job);
        if !self.children.contains_key(&job.id) && !self.store.job_is_alive(job.id)? {
            return if self.is_left(job) { Ok(()) } else { self.settle(job) };
        }
        if job.cancelled_by.is_some() {
            self.ask(job, Signal::TERM);
        }
        let stood = self.end_if_frozen(job)?;
        // A run that has gone on for so long may be interrupted again.
        if let Some(last) = job.runs.last()
            && stood < STANDS
            && self.recoveries.get(&last.run).is_some_and(|known| known.next.elapsed() > GOES_ON)
        {
            self.recoveries.remove(&last.run);
        }
        Ok(())
    }

    /// The next job of a station where none runs: it makes its runs, or those that it has not made.
    fn next(&mut self, job: &Job) -> Result<(), StoreError> {
        if !job.runs.is_empty() && work::budget_left_s(job) == Some(0.0) {
            return self.store.cut_job_short(job.id, STOPPED, "its time was over");
        }
        let config = Arc::clone(&self.config);
        let Some(ports) = config.stations.get(&job.station) else {
            let known: Vec<&str> = config.stations.keys().map(String::as_str).collect();
            let why = format!(
                "expected its station in the rig file ({}), but found none called '{}' any more; cancel it",
                known.join(", "),
                job.station
            );
            return self.store.set_job_waiting(job.id, Some(&why));
        };
        if let Some(why) = self.hindrance(job, ports)? {
            return self.store.set_job_waiting(job.id, Some(&why));
        }
        if self.pauses.get(&job.station).is_some_and(|until| Instant::now() < *until) {
            return Ok(());
        }
        let Some((job, lock)) = self.store.claim_next_job(&config.rig, &job.station)? else { return Ok(()) };
        let folder = self.store.work_folder(&job.id.to_string())?;
        let task = match serde_json::from_str::<Task>(&job.task) {
            Ok(task) => task,
            Err(why) => {
                let why = format!("expected a task that this version knows, but {why}; submit it again");
                return self.store.cut_job_short(job.id, BENCH_ERROR, &format!("{why}; it ended"));
            }
        };
        self.checks.forget(&job.station);
        match work::run(&config, &job, &task, &folder, lock) {
            Ok(child) => {
                let (made, process) = (job.runs.len(), child.id());
                info!(job = job.id, station = job.station, scenario = job.title, made, process, "begins");
                self.children.insert(job.id, child);
            }
            Err(why) => {
                // Nothing was begun: there may be room for it later.
                self.pauses.insert(job.station.clone(), Instant::now() + START_AGAIN);
                let why = format!("its process could not be started: {why}");
                self.store.requeue_job(job.id, Requeued::Waits(&why))?;
            }
        }
        Ok(())
    }

    /// Why a job's runs cannot be made at its station now, if they cannot.
    fn hindrance(&mut self, job: &Job, ports: &BTreeMap<String, Use>) -> Result<Option<String>, StoreError> {
        // A check of ours uses them; it may have to be ended.
        let asks = self.checks.is_asking(&job.station);
        if let Some(why) = if asks { None } else { self.taken(ports)? } {
            return Ok(Some(why.to_string()));
        }
        if let Some(why) = self.kept_apart(job, ports)? {
            if self.store.quarantined(&self.config.place(&job.station))?.is_none() {
                // It is only being asked whether it answers.
                self.keep_for(job);
            }
            return Ok(Some(why));
        }
        // Last: what cannot begin for another reason keeps nobody else from what it needs.
        self.set_otherwise(job)
    }

    /// Why no job begins at a station that nobody uses: it is in quarantine, or its instruments are being asked.
    fn kept_apart(&mut self, job: &Job, ports: &BTreeMap<String, Use>) -> Result<Option<String>, StoreError> {
        let (config, station) = (Arc::clone(&self.config), job.station.as_str());
        let quarantined = self.store.quarantined(&config.place(station))?;
        let by_check = self.store.is_quarantined_by_check(&config.rig, station)?;
        let waits = |(why, since): (String, String)| format!("the station is in quarantine since {since}: {why}");
        // What a person must look at no check releases, and simulated instruments need none.
        if ports.is_empty() || (quarantined.is_some() && !by_check) {
            return Ok(quarantined.map(waits));
        }
        let folder = self.store.work_folder("health")?;
        match self.checks.of(&config, station, &folder)? {
            Health::Good => {
                self.store.check_passed(&config.rig, station)?;
                Ok(None)
            }
            Health::Unknown => Ok(Some(
                quarantined.map_or_else(|| "its instruments are being asked whether they answer".to_owned(), waits),
            )),
            Health::Bad(why) => {
                warn!(station, %why, "its health check failed");
                self.store.quarantine_by_check(&config.rig, station, &why)?;
                Ok(self.store.quarantined(&config.place(station))?.map(waits))
            }
        }
    }

    /// Why what a job's runs need cannot be had as they need it, if it cannot: a job that runs or has waited longer needs it
    /// otherwise, or somebody else has it so.
    fn set_otherwise(&mut self, job: &Job) -> Result<Option<String>, StoreError> {
        let other = |(resource, of): (&String, &Use)| {
            let other = |id: i64, wanted: &Use| id != job.id && (wanted != of || *of == Use::Alone);
            let (first, wanted) = self.needed.get(resource)?.iter().find(|(id, wanted)| other(*id, wanted))?;
            let at = wanted.setting().map_or_else(|| "alone".to_owned(), |setting| format!("at {setting}"));
            Some(format!("job {first} comes first, and needs {resource} {at}; wait for it, or cancel it"))
        };
        let why = match job.needs.iter().find_map(other) {
            Some(why) => Some(why),
            None => self.taken(&job.needs)?.map(|why| why.to_string()),
        };
        self.keep_for(job);
        Ok(why)
    }

    /// Nobody who comes behind a job gets otherwise what that needs.
    fn keep_for(&mut self, job: &Job) {
        for (resource, of) in &job.needs {
            self.needed.entry(resource.clone()).or_default().push((job.id, of.clone()));
        }
    }

    /// Why ports cannot be had now, if they cannot.
    fn taken(&mut self, ports: &BTreeMap<String, Use>) -> Result<Option<StoreError>, StoreError> {
        if ports.is_empty() {
            return Ok(None);
        }
        let wanted = Wanted { resources: ports, holder: "", reason: "", lease: None };
        self.store.refusal(&wanted)
    }
}

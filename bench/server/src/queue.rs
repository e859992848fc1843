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

use domain::RunVerdict;
use domain::verdict::exit_code_of;
use rustix::process::Signal;
use store::{Job, JobState, Store, StoreError, Use, Wanted};
use tracing::{error, info, warn};

use crate::health::{Checks, Health};
use crate::work::{self, Task};
use crate::{Config, Ending, supervisor};

mod ending;

/// How often it looks unasked.
const LOOK: Duration = Duration::from_secs(1);
/// After so many tries, an interrupted run is left to people.
const RECOVERIES_MAX: u32 = 3;
/// The pause before the next one.
const RECOVER_AGAIN: Duration = Duration::from_secs(5);
/// A run that has gone on for so long since does so for good.
const GOES_ON: Duration = Duration::from_secs(300);
/// The pause after a process could not be started.
const START_AGAIN: Duration = Duration::from_secs(30);
/// The pause after a process was refused its station.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);
/// Exit code of a stop that was asked for.
const STOPPED: u8 = RunVerdict::Aborted.exit_code();
/// Exit code of what the bench is to blame for.
const BENCH_ERROR: u8 = RunVerdict::Error.exit_code();

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
                recoveries,
                asked: BTreeSet::new(),
                leaves: false,
                pauses: BTreeMap::new(),
                checks: Checks::default(),
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

/// An interrupted run that is to be brought to its end.
struct Recovery {
    tries: u32,
    /// Not again before.
    next: Instant,
}

struct Work {
    config: Arc<Config>,
    store: Store,
    /// What this daemon has started: they are to be waited for.
    children: BTreeMap<i64, Child>,
    recoveries: BTreeMap<i64, Recovery>,
    /// The processes of cancelled jobs that were asked to stop: once each.
    asked: BTreeSet<(i64, u32)>,
    /// It ends, and what may go on is left.
    leaves: bool,
    /// Stations where nothing could be started, and when that is tried again.
    pauses: BTreeMap<String, Instant>,
    checks: Checks,
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
        let worked = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        let over: Vec<i64> = self.children.iter_mut().filter_map(|(id, child)| worked(child).then_some(*id)).collect();
        self.children.retain(|id, _| !over.contains(id));
        let open = match self.store.open_jobs(&self.config.rig) {
            Ok(open) => open,
            Err(why) => return error!(%why, "cannot look at the jobs"),
        };
        for job in open.iter().filter(|job| job.state == JobState::Queued && over.contains(&job.id)) {
            // Its process was refused what the queue took to be free: it is not begun again and again.
            self.pauses.insert(job.station.clone(), Instant::now() + REFUSED_AGAIN);
        }
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
        // A run that has gone on for so long may be interrupted again.
        let stable = |known: &mut Recovery| known.next.elapsed() > GOES_ON;
        self.recoveries.retain(|id, known| *id != job.id || !stable(known));
        Ok(())
    }

    /// The next job of a station where none runs.
    fn next(&mut self, job: &Job) -> Result<(), StoreError> {
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
        // A check of ours uses them; it may have to be ended.
        let asks = self.checks.is_asking(&job.station);
        if let Some(why) = if asks { None } else { self.taken(ports)? } {
            return self.store.set_job_waiting(job.id, Some(&why.to_string()));
        }
        if let Some(why) = self.kept_apart(job, ports)? {
            if self.store.quarantined(&config.rig, &job.station)?.is_none() {
                // It is only being asked whether it answers.
                self.keep_for(job);
            }
            return self.store.set_job_waiting(job.id, Some(&why));
        }
        // Last: what cannot begin for another reason keeps nobody else from what it needs.
        if let Some(why) = self.set_otherwise(job)? {
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
                return self.store.end_job(job.id, BENCH_ERROR, Some(&why));
            }
        };
        self.checks.forget(&job.station);
        match work::run(&config, &job, &task, &folder, lock) {
            Ok(child) => {
                info!(job = job.id, station = job.station, scenario = job.title, process = child.id(), "begins");
                self.children.insert(job.id, child);
            }
            Err(why) => {
                // Nothing was begun: there may be room for it later.
                self.pauses.insert(job.station.clone(), Instant::now() + START_AGAIN);
                self.store.requeue_job(job.id, Some(&format!("its process could not be started: {why}")))?;
            }
        }
        Ok(())
    }

    /// Why no job begins at a station that nobody uses: it is in quarantine, or its instruments are being asked.
    fn kept_apart(&mut self, job: &Job, ports: &BTreeMap<String, Use>) -> Result<Option<String>, StoreError> {
        let (config, station) = (Arc::clone(&self.config), job.station.as_str());
        let quarantined = self.store.quarantined(&config.rig, station)?;
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
                Ok(self.store.quarantined(&config.rig, station)?.map(waits))
            }
        }
    }

    /// Why what a job's runs need cannot be had as they need it, if it cannot: a job that runs or has waited longer needs it
    /// otherwise, or somebody else has it so.
    fn set_otherwise(&mut self, job: &Job) -> Result<Option<String>, StoreError> {
        let other = |(resource, of): (&String, &Use)| {
            let other = |wanted: &Use| wanted != of || *of == Use::Alone;
            let (first, wanted) = self.needed.get(resource)?.iter().find(|(_, wanted)| other(wanted))?;
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

    /// A job that runs, but nobody works on it: its process has ended before its time, or everything is done but to say so.
    fn settle(&mut self, job: &Job) -> Result<(), StoreError> {
        let Some(last) = job.runs.last() else { return self.store.requeue_job(job.id, None) };
        if last.verdict.is_none() {
            return self.recover(job, &last.run, &last.folder);
        }
        // A run of which nobody could say how it ended is no pass.
        let mut codes: Vec<u8> = job.runs.iter().map(|run| run.exit_code.unwrap_or(BENCH_ERROR)).collect();
        let done = job.runs.len();
        let missing = job.planned.filter(|planned| *planned as usize > done);
        // A stop takes the rest with it; anything else leaves runs undone.
        if missing.is_some() && !codes.contains(&STOPPED) {
            codes.push(BENCH_ERROR);
        }
        let quarantined = self.store.quarantined(&self.config.rig, &job.station)?.map(|(why, _)| why);
        if quarantined.is_some() {
            // The code of a stop says that the station was left safe.
            codes.retain(|code| *code != STOPPED);
            codes.push(BENCH_ERROR);
        }
        let missing = missing.map(|planned| format!("its process was interrupted after {done} of {planned} runs"));
        self.recoveries.remove(&job.id);
        self.store.end_job(job.id, exit_code_of(codes), quarantined.or(missing).as_deref())
    }

    /// Brings an interrupted run to its end, as soon as its station can be had.
    fn recover(&mut self, job: &Job, run: &str, run_folder: &str) -> Result<(), StoreError> {
        let recovery = self.recoveries.entry(job.id).or_insert(Recovery { tries: 0, next: Instant::now() });
        if Instant::now() < recovery.next {
            return Ok(());
        }
        if recovery.tries >= RECOVERIES_MAX {
            let why = format!(
                "run {run} was interrupted and could not be brought to an end; go and look at the pump, then try `dosebench \
                 recover {run_folder}`"
            );
            self.store.quarantine(&self.config.rig, &job.station, &why)?;
            return self.store.end_job(job.id, BENCH_ERROR, Some(&why));
        }
        let ports = self.config.stations.get(&job.station).cloned();
        if let Some(why) = ports.as_ref().map(|ports| self.taken(ports)).transpose()?.flatten() {
            // A run begins with a stop and ends safe. A lease says nothing of what the pump does meanwhile.
            let what = format!("run {run} was interrupted, and its pump may deliver: {why}");
            if matches!(why, StoreError::Leased { .. }) {
                self.store.quarantine(&self.config.rig, &job.station, &what)?;
            }
            warn!(job = job.id, station = job.station, "{what}");
            self.later(job.id, 0);
            return Ok(());
        }
        let Some(lock) = self.store.lock_job(job.id)? else { return Ok(()) };
        self.later(job.id, 1);
        let folder = self.store.work_folder(&job.id.to_string())?;
        // What failed once is not gone on with again, but closed.
        let close = job.cancelled_by.is_some() || self.recoveries.get(&job.id).is_some_and(|known| known.tries > 1);
        match work::recover(&self.config, job, run_folder, &folder, (lock, close)) {
            Ok(child) => drop(self.children.insert(job.id, child)),
            Err(why) => error!(job = job.id, run, %why, "its run cannot be gone on with or brought to an end"),
        }
        Ok(())
    }

    fn later(&mut self, id: i64, tries: u32) {
        if let Some(recovery) = self.recoveries.get_mut(&id) {
            recovery.tries += tries;
            recovery.next = Instant::now() + RECOVER_AGAIN;
        }
    }
}

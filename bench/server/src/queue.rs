//! The queue: whichever job is next at a station begins, and one whose process has ended before its time is brought to an end.
//!
//! One thread, which looks once a second and whenever it is woken. All it knows is in the store: a daemon that was killed is
//! followed by one that goes on with the same jobs.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use domain::RunVerdict;
use domain::verdict::exit_code_of;
use rustix::process::{Pid, Signal, kill_process};
use store::{Job, JobState, Store, StoreError, Wanted};

use crate::Config;
use crate::work::{self, Task};

/// How often it looks unasked.
const LOOK: Duration = Duration::from_secs(1);
/// How long work that was stopped may take: a safe stop of 10 s, and the report of a long run.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
/// How often the end of that is looked for.
const STOPPING: Duration = Duration::from_millis(50);
/// So often an interrupted run is tried to be brought to its end.
const RECOVERIES_MAX: u32 = 3;
/// Exit code of what the bench is to blame for.
const BENCH_ERROR: u8 = 4;

/// What the queue is told.
enum Told {
    Look,
    Stop,
}

/// The queue's thread.
pub(crate) struct Queue {
    tell: Sender<Told>,
    thread: JoinHandle<()>,
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
        let thread = thread::spawn(move || {
            Work { config, store, children: BTreeMap::new(), recoveries: BTreeMap::new() }.go_on(&told);
        });
        Self { tell, thread }
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker(self.tell.clone())
    }

    /// Stops all work and waits for its end.
    pub(crate) fn stop(self) {
        drop(self.tell.send(Told::Stop));
        drop(self.thread.join());
    }
}

struct Work {
    config: Arc<Config>,
    store: Store,
    /// What this daemon has started: they are to be waited for.
    children: BTreeMap<i64, Child>,
    /// How often bringing a job's run to its end has been tried.
    recoveries: BTreeMap<i64, u32>,
}

impl Work {
    fn go_on(mut self, told: &Receiver<Told>) {
        loop {
            if let Err(why) = self.look() {
                crate::tell(&format!("error: {why}"));
            }
            match told.recv_timeout(LOOK) {
                Ok(Told::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return self.stop(),
            }
        }
    }

    fn look(&mut self) -> Result<(), StoreError> {
        self.children.retain(|_, child| matches!(child.try_wait(), Ok(None)));
        let config = Arc::clone(&self.config);
        let open = self.store.open_jobs(&config.rig)?;
        for (station, ports) in &config.stations {
            let mut of_station = open.iter().filter(|job| job.station == *station);
            let Some(first) = of_station.next() else { continue };
            if first.state == JobState::Running {
                if !self.children.contains_key(&first.id) && !self.store.job_is_alive(first.id)? {
                    self.settle(first)?;
                }
                continue;
            }
            let wanted = Wanted { resources: ports, holder: "", reason: "", lease: None };
            let refusal = if ports.is_empty() { None } else { self.store.refusal(&wanted)? };
            if let Some(why) = refusal {
                self.store.job_waits(first.id, Some(&why.to_string()))?;
            } else if let Some((job, lock)) = self.store.begin_next(&config.rig, station)? {
                let started = serde_json::from_str::<Task>(&job.task)
                    .map_err(|why| why.to_string())
                    .and_then(|task| work::run(&config, &job, &task, lock).map_err(|why| why.to_string()));
                self.keep(job.id, started)?;
            }
        }
        Ok(())
    }

    /// Keeps what was started; what could not be started is over.
    fn keep(&mut self, id: i64, started: Result<Child, String>) -> Result<(), StoreError> {
        match started {
            Ok(child) => {
                self.store.job_process(id, child.id())?;
                self.children.insert(id, child);
                Ok(())
            }
            Err(why) => {
                self.store.end_job(id, BENCH_ERROR, Some(&format!("expected to start a process for it, but {why}")))
            }
        }
    }

    /// A job that runs, but nobody works on it: its process has ended before its time, or everything is done but to say so.
    fn settle(&mut self, job: &Job) -> Result<(), StoreError> {
        let Some(last) = job.runs.last() else { return self.store.put_back_job(job.id, None) };
        if last.verdict.is_none() {
            let tried = self.recoveries.entry(job.id).or_default();
            *tried += 1;
            if *tried > RECOVERIES_MAX {
                let why = format!(
                    "its process was interrupted, and run {} could not be brought to an end; go and look at the pump, then \
                     try `dosebench recover {}`",
                    last.run, last.folder
                );
                return self.store.end_job(job.id, BENCH_ERROR, Some(&why));
            }
            let Some(lock) = self.store.lock_job(job.id)? else { return Ok(()) };
            let started = work::recover(&self.config, job, &last.folder, lock).map_err(|why| why.to_string());
            return self.keep(job.id, started);
        }
        let verdicts = job.runs.iter().filter_map(|run| run.verdict.as_deref());
        let mut codes: Vec<u8> = verdicts.map(code_of).collect();
        let done = job.runs.len();
        let missing = job.planned.filter(|planned| *planned as usize > done);
        if missing.is_some() {
            codes.push(BENCH_ERROR);
        }
        let reason = missing.map(|planned| format!("its process was interrupted after {done} of {planned} runs"));
        self.recoveries.remove(&job.id);
        self.store.end_job(job.id, exit_code_of(codes), reason.as_deref())
    }

    /// Stops all work of this rig, and waits until the stations are safe and the records whole.
    fn stop(mut self) {
        let until = Instant::now() + STOPPED_WITHIN;
        let open = self.store.open_jobs(&self.config.rig).unwrap_or_default();
        for job in open.iter().filter(|job| job.state == JobState::Running) {
            if self.store.job_is_alive(job.id).unwrap_or(false) {
                terminate(job.process);
            }
        }
        let alive = |work: &mut Self| {
            work.children.retain(|_, child| matches!(child.try_wait(), Ok(None)));
            open.iter().any(|job| work.store.job_is_alive(job.id).unwrap_or(false))
        };
        while alive(&mut self) && Instant::now() < until {
            thread::sleep(STOPPING);
        }
    }
}

/// The exit code of a verdict; what is none is the bench's fault.
fn code_of(verdict: &str) -> u8 {
    RunVerdict::ALL.into_iter().find(|v| v.name() == verdict).map_or(BENCH_ERROR, RunVerdict::exit_code)
}

/// Asks a process to stop.
pub(crate) fn terminate(process: Option<u32>) {
    let process = process.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(process) = process {
        // It may just have ended.
        let _ = kill_process(process, Signal::TERM);
    }
}

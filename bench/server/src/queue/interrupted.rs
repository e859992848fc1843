//! Jobs whose processes have ended before their time: a run that was interrupted is gone on with or closed; the runs that were not
//! made yet wait in the queue again.
//!
//! Each try is a process of its own, as with a job that begins.

use std::time::{Duration, Instant};

use domain::verdict::exit_code_of;
use store::{Job, JobRun, Requeued, StoreError};
use tracing::{error, warn};

use super::Work;
use crate::work;

/// After so many tries, an interrupted run is left to people.
pub(super) const RECOVERIES_MAX: u32 = 3;
/// The pause before the next one.
const RECOVER_AGAIN: Duration = Duration::from_secs(5);
/// The tries to bring an interrupted run to its end.
pub(super) struct Recovery {
    pub(super) tries: u32,
    /// Not again before.
    pub(super) next: Instant,
}

impl Recovery {
    fn new() -> Self {
        Self { tries: 0, next: Instant::now() }
    }

    fn wait(&mut self) {
        self.next = Instant::now() + RECOVER_AGAIN;
    }

    /// Counts a try; whether there was an earlier one, which has failed.
    pub(super) fn begin_try(&mut self) -> bool {
        self.wait();
        self.tries += 1;
        self.tries > 1
    }
}

impl Work {
    /// A job that runs, but nobody works on it: its process has ended before its time, or everything is done but to say so.
    pub(super) fn settle(&mut self, job: &Job) -> Result<(), StoreError> {
        match job.runs.last() {
            Some(last) if last.verdict.is_none() => return self.recover(job, &last.run, &last.folder),
            Some(last) => drop(self.recoveries.remove(&last.run)),
            None => {}
        }
        if job.misses_runs() {
            return self.store.requeue_job(job.id, Requeued::Ended);
        }
        self.store.end_job(job.id, code_of(job), None)
    }

    /// Brings an interrupted run to its end, as soon as its station can be had.
    fn recover(&mut self, job: &Job, run: &str, run_folder: &str) -> Result<(), StoreError> {
        let recovery = self.recovery(run);
        if Instant::now() < recovery.next {
            return Ok(());
        }
        if recovery.tries >= RECOVERIES_MAX {
            let why = format!(
                "run {run} was interrupted and could not be brought to an end; go and look at the pump, then try `dosebench \
                 recover {run_folder}`"
            );
            self.store.quarantine(&self.config.place(&job.station), &why)?;
            return self.store.end_job(job.id, code_of(job), Some(&why));
        }
        let ports = self.config.stations.get(&job.station).cloned();
        if let Some(why) = ports.as_ref().map(|ports| self.taken(ports)).transpose()?.flatten() {
            // A run begins with a stop and ends safe. A lease says nothing of what the pump does meanwhile.
            let what = format!("run {run} was interrupted, and its pump may deliver: {why}");
            if matches!(why, StoreError::Leased { .. }) {
                self.store.quarantine(&self.config.place(&job.station), &what)?;
            }
            warn!(job = job.id, station = job.station, "{what}");
            self.recovery(run).wait();
            return Ok(());
        }
        let Some(lock) = self.store.lock_job(job.id)? else { return Ok(()) };
        // What failed once is not gone on with again, but closed.
        let close = self.recovery(run).begin_try() || job.cancelled_by.is_some();
        let folder = self.store.work_folder(&job.id.to_string())?;
        match work::recover(&self.config, job, run_folder, &folder, (lock, close)) {
            Ok(child) => drop(self.children.insert(job.id, child)),
            Err(why) => error!(job = job.id, run, %why, "its run cannot be gone on with or brought to an end"),
        }
        Ok(())
    }

    pub(super) fn recovery(&mut self, run: &str) -> &mut Recovery {
        self.recoveries.entry(run.to_owned()).or_insert_with(Recovery::new)
    }
}

/// The exit code that a job's runs call for.
fn code_of(job: &Job) -> u8 {
    exit_code_of(job.runs.iter().map(JobRun::code))
}

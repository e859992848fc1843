//! Jobs whose processes have ended before their time: a run that was interrupted is gone on with or closed, and the runs that were
//! not made yet are made.
//!
//! Each try is a process of its own, as with a job that begins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::RunVerdict;
use domain::verdict::exit_code_of;
use store::{Job, JobRun, StoreError};
use tracing::{error, info, warn};

use super::{BENCH_ERROR, Work};
use crate::work::{self, Task};

/// After so many tries, an interrupted run or job is left to people.
const RECOVERIES_MAX: u32 = 3;
/// The pause before the next one.
const RECOVER_AGAIN: Duration = Duration::from_secs(5);
/// Exit code of a stop that was asked for.
const STOPPED: u8 = RunVerdict::Aborted.exit_code();

/// An interrupted job that is to be gone on with.
pub(super) struct Recovery {
    /// How many of its runs were made when it was tried first.
    done: usize,
    tries: u32,
    /// Not again before.
    pub(super) next: Instant,
}

impl Work {
    /// A job that runs, but nobody works on it: its process has ended before its time, or everything is done but to say so.
    pub(super) fn settle(&mut self, job: &Job, begins: bool) -> Result<(), StoreError> {
        let Some(last) = job.runs.last() else { return self.store.requeue_job(job.id, None) };
        if last.verdict.is_none() {
            return self.recover(job, &last.run, &last.folder);
        }
        if waits_for_its_rest(job) && (!begins || self.goes_on_with_the_rest(job)?) {
            return Ok(());
        }
        // A run of which nobody could say how it ended is no pass.
        let mut codes: Vec<u8> = job.runs.iter().map(|run| run.exit_code.unwrap_or(BENCH_ERROR)).collect();
        let done = job.runs.len();
        let missing = job.planned.filter(|planned| *planned as usize > done);
        // A stop takes the rest with it; anything else leaves runs undone.
        let is_late = work::budget_left_s(job).is_some_and(|left_s| left_s <= 0.0);
        if missing.is_some() && !codes.contains(&STOPPED) {
            codes.push(if job.cancelled_by.is_some() || is_late { STOPPED } else { BENCH_ERROR });
        }
        let quarantined = self.store.quarantined(&self.config.rig, &job.station)?.map(|(why, _)| why);
        if quarantined.is_some() {
            // The code of a stop says that the station was left safe.
            codes.retain(|code| *code != STOPPED);
            codes.push(BENCH_ERROR);
        }
        let what = match &job.cancelled_by {
            Some(by) => format!("cancelled by {by}"),
            None if is_late => "its time was over".to_owned(),
            None => "its process was interrupted".to_owned(),
        };
        let missing = missing.map(|planned| format!("{what} after {done} of {planned} runs"));
        self.recoveries.remove(&job.id);
        self.store.end_job(job.id, exit_code_of(codes), quarantined.or(missing).as_deref())
    }

    /// Has the runs made that an interrupted job has not made yet, as soon as its station can be had; false if that is given up.
    fn goes_on_with_the_rest(&mut self, job: &Job) -> Result<bool, StoreError> {
        let config = Arc::clone(&self.config);
        let done = job.runs.len();
        let Some(recovery) = self.is_due(job) else { return Ok(true) };
        if recovery.tries >= RECOVERIES_MAX || work::budget_left_s(job).is_some_and(|left_s| left_s <= 0.0) {
            return Ok(false);
        }
        let (Some(ports), Ok(task)) = (config.stations.get(&job.station), serde_json::from_str::<Task>(&job.task))
        else {
            return Ok(false);
        };
        let by_check = self.store.is_quarantined_by_check(&config.rig, &job.station)?;
        if !by_check && self.store.quarantined(&config.rig, &job.station)?.is_some() {
            return Ok(false);
        }
        if let Some(why) = self.hindrance(job, ports)? {
            self.store.set_job_waiting(job.id, Some(&format!("{done} of its runs are made; {why}")))?;
            return Ok(true);
        }
        let Some(lock) = self.store.lock_job(job.id)? else { return Ok(true) };
        self.checks.forget(&job.station);
        let folder = self.store.work_folder(&job.id.to_string())?;
        match work::run(&config, job, &task, &folder, lock) {
            Ok(child) => {
                info!(job = job.id, station = job.station, done, process = child.id(), "goes on with the rest");
                self.store.set_job_waiting(job.id, None)?;
                self.children.insert(job.id, child);
                self.later(job.id, 1);
            }
            Err(why) => {
                // There may be room for it later.
                self.store.set_job_waiting(job.id, Some(&format!("the rest of its runs cannot be begun: {why}")))?;
                self.later(job.id, 0);
            }
        }
        Ok(true)
    }

    /// Brings an interrupted run to its end, as soon as its station can be had.
    fn recover(&mut self, job: &Job, run: &str, run_folder: &str) -> Result<(), StoreError> {
        let Some(recovery) = self.is_due(job) else { return Ok(()) };
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

    /// What is known of the tries to go on with a job, if the next one is due. Each run has its own.
    fn is_due(&mut self, job: &Job) -> Option<&Recovery> {
        let done = job.runs.iter().filter(|run| run.verdict.is_some()).count();
        let new = || Recovery { done, tries: 0, next: Instant::now() };
        let known = self.recoveries.entry(job.id).or_insert_with(new);
        if known.done != done {
            *known = new();
        }
        (known.next <= Instant::now()).then_some(&*known)
    }

    fn later(&mut self, id: i64, tries: u32) {
        if let Some(recovery) = self.recoveries.get_mut(&id) {
            recovery.tries += tries;
            recovery.next = Instant::now() + RECOVER_AGAIN;
        }
    }
}

/// Whether an interrupted job has runs that it has not made yet, and is to make: a stop takes them with it.
pub(super) fn waits_for_its_rest(job: &Job) -> bool {
    let is_over = |run: &JobRun| run.verdict.is_some() && run.exit_code != Some(STOPPED);
    let is_missing = job.planned.is_some_and(|planned| planned as usize > job.runs.len());
    is_missing && job.cancelled_by.is_none() && job.runs.iter().all(is_over)
}

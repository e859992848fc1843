//! A job's process that stands still as a whole: stopped by somebody, or held by a disk. It is ended, and its run is interrupted.
//!
//! Once it has its scenario, it tells each second that it goes on, by the time on its job's lock. What holds the loop of a run alone
//! it finds out itself.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use store::{Job, StoreError};
use tracing::error;

use super::Work;
use super::ending::signal;

/// A lock's time is later than its job's beginning by so much only if a process of the job has set it. One of an earlier version, which
/// an earlier daemon has started, does not.
const SET: Duration = Duration::from_secs(2);

/// When each job's process told that it goes on, and since when that has been seen here: the clock of that is one that does not
/// count while the host sleeps, nor is set.
#[derive(Default)]
pub(super) struct Beats(BTreeMap<i64, (SystemTime, Instant)>);

impl Beats {
    /// For how long a job's process has told nothing, where it last told at that time.
    fn stood(&mut self, id: i64, told: SystemTime) -> Duration {
        let (seen, since) = self.0.entry(id).or_insert((told, Instant::now()));
        if *seen != told {
            (*seen, *since) = (told, Instant::now());
        }
        since.elapsed()
    }

    /// Forgets all but jobs that run: another process may work on one when it runs again.
    pub(super) fn keep(&mut self, runs: impl Fn(i64) -> bool) {
        self.0.retain(|id, _| runs(*id));
    }
}

impl Work {
    /// Ends a job's process that has not told that it goes on for as long as the queue itself may stand still.
    /// For how long it has not.
    pub(super) fn end_if_frozen(&mut self, job: &Job) -> Result<Duration, StoreError> {
        let told = self.store.job_beat(job.id)?;
        let began = job.started.as_ref().and_then(|at| at.parse::<jiff::Timestamp>().ok()).map(SystemTime::from);
        let ours = self.children.get(&job.id).map(Child::id);
        let tells = ours.is_some() || began.is_some_and(|began| told > began + SET);
        let stood = self.beats.stood(job.id, told);
        let Some(process) = ours.or(job.process).filter(|_| tells && stood > self.config.watchdog) else {
            return Ok(stood);
        };
        if !self.store.can_beat() {
            error!(
                job = job.id,
                station = job.station,
                process,
                "whether its process stands still cannot be told; look at the disk"
            );
            return Ok(stood);
        }
        // The lock tells that it is still the same process.
        if self.store.job_is_alive(job.id)? {
            let stood_s = stood.as_secs();
            error!(job = job.id, station = job.station, process, stood_s, "its process stands still, and is ended");
            signal(process, Signal::KILL);
            self.beats.0.remove(&job.id);
        }
        Ok(stood)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_told_something_new_has_not_stood() {
        let (mut beats, told) = (Beats::default(), SystemTime::now());
        assert!(beats.stood(1, told) < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(30));
        assert!(beats.stood(1, told) >= Duration::from_millis(30));
        // Whatever the clock on the wall says.
        assert!(beats.stood(1, told - Duration::from_secs(3600)) < Duration::from_millis(30));
        assert!(beats.stood(2, told) < Duration::from_millis(30), "each has its own");
        std::thread::sleep(Duration::from_millis(30));
        // It has waited in the queue meanwhile, and another process works on it now.
        beats.keep(|id| id != 2);
        assert!(beats.stood(2, told) < Duration::from_millis(30));
    }
}

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

/// Where a process can set the time of a file, it has so long to do it once more before it is ended: a disk that hung may have held it.
const AGAIN: Duration = Duration::from_secs(3);

/// What is known of a process that tells when it goes on.
struct Beat {
    process: Option<u32>,
    told: SystemTime,
    /// Since when that has been seen here, by a clock that does not count while the host sleeps, nor is set.
    since: Instant,
    /// When it was found that it could have told something new.
    could: Option<Instant>,
}

/// When each job's process told that it goes on.
#[derive(Default)]
pub(super) struct Beats {
    told: BTreeMap<i64, Beat>,
    /// The processes of jobs that were ended, and may not have heard it.
    ended: BTreeMap<i64, u32>,
}

impl Beats {
    /// What is known of that process, which works on a job and last told at that time.
    fn of(&mut self, id: i64, process: Option<u32>, told: SystemTime) -> &mut Beat {
        let new = || Beat { process, told, since: Instant::now(), could: None };
        let known = self.told.entry(id).or_insert_with(new);
        if (known.process, known.told) != (process, told) {
            *known = new();
        }
        known
    }

    /// Forgets all but jobs that run.
    pub(super) fn keep(&mut self, runs: impl Fn(i64) -> bool) {
        self.told.retain(|id, _| runs(*id));
        self.ended.retain(|id, _| runs(*id));
    }

    /// A job's process is ended; whether it was before, which not even the kernel could do then.
    fn is_ended_again(&mut self, id: i64, process: u32) -> bool {
        self.told.remove(&id);
        self.ended.insert(id, process) == Some(process)
    }
}

impl Work {
    /// Ends a job's process that has not told that it goes on for as long as the queue itself may stand still. For how long it has not.
    pub(super) fn end_if_frozen(&mut self, job: &Job) -> Result<Duration, StoreError> {
        let told = self.store.job_beat(job.id)?;
        let began = job.started.as_ref().and_then(|at| at.parse::<jiff::Timestamp>().ok()).map(SystemTime::from);
        let ours = self.children.get(&job.id).map(Child::id);
        let tells = ours.is_some() || began.is_some_and(|began| told > began + SET);
        let process = ours.or(job.process);
        let known = self.beats.of(job.id, process, told);
        let stood = known.since.elapsed();
        let Some(process) = process.filter(|_| tells && stood > self.config.watchdog) else {
            return Ok(stood);
        };
        match known.could {
            None if self.store.can_beat() => known.could = Some(Instant::now()),
            None => {
                let station = &job.station;
                error!(
                    job = job.id,
                    station, process, "whether its process stands still cannot be told; look at the disk"
                );
                self.beats.told.remove(&job.id);
            }
            // The lock tells that it is still the same process.
            Some(could) if could.elapsed() > AGAIN && self.store.job_is_alive(job.id)? => {
                let (station, stood_s) = (&job.station, stood.as_secs());
                error!(job = job.id, station, process, stood_s, "its process stands still, and is ended");
                signal(process, Signal::KILL);
                if self.beats.is_ended_again(job.id, process) {
                    let why = format!(
                        "process {process} of job {} stands still there and cannot be ended, as one that waits for a disk; look at \
                         the pump, then at this host",
                        job.id
                    );
                    self.store.quarantine(&self.config.place(station), &why)?;
                }
            }
            Some(_) => {}
        }
        Ok(stood)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_told_something_new_or_is_new_has_not_stood() {
        let (mut beats, told, own) = (Beats::default(), SystemTime::now(), Some(17));
        let first = beats.of(1, own, told).since;
        let mut stands = |id, process, told| beats.of(id, process, told).since == first;
        assert!(stands(1, own, told), "it has told nothing since");
        assert!(!stands(2, own, told), "each job has its own");
        // Whatever the clock on the wall says.
        assert!(!stands(1, own, told - Duration::from_secs(3600)));
        let second = beats.of(1, own, told).since;
        assert!(beats.of(1, Some(18), told).since > second, "another process works on it now");
        beats.keep(|id| id != 1);
        assert!(!beats.told.contains_key(&1));
    }

    #[test]
    fn a_process_that_is_ended_twice_did_not_end() {
        let mut beats = Beats::default();
        assert!(!beats.is_ended_again(1, 17));
        assert!(!beats.is_ended_again(2, 18), "each job has its own");
        assert!(!beats.is_ended_again(1, 19), "another process works on it now");
        assert!(beats.is_ended_again(1, 19));
        beats.keep(|id| id != 1);
        assert!(!beats.is_ended_again(1, 19), "its job is over");
    }
}

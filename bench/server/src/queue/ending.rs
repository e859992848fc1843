//! The end of the queue: what runs is stopped, or left to its pump where the host restarts.
//!
//! It begins no job. What it leaves, the next daemon finds.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use store::{Job, JobState};

use super::Work;
use crate::{Ending, supervisor};

/// How long work that was stopped may take: a safe stop of 10 s, and the report of a long run.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
/// How often the end of that is looked for.
const STOPPING: Duration = Duration::from_millis(50);

impl Work {
    /// Asks a job's process to stop, or to leave its run, once: as soon as it is known and alive.
    pub(super) fn ask(&mut self, job: &Job, by: Signal) {
        let Some(process) = job.process.filter(|process| !self.asked.contains(&(job.id, *process))) else { return };
        // What cannot be told now is asked again at the next look.
        if self.store.job_is_alive(job.id).unwrap_or(false) {
            // What cannot be left is stopped.
            signal(process, if catches(process, by) { by } else { Signal::TERM });
            self.asked.insert((job.id, process));
        }
    }

    /// Stops all work of this rig, or has it leave its runs, and waits until the stations are safe and the records whole, or left. What
    /// is not by then is named. What was interrupted otherwise meanwhile is gone on with or brought to its end as ever.
    pub(super) fn end(mut self, ending: Ending) -> Vec<String> {
        self.leaves = ending == Ending::Leave;
        let until = Instant::now() + STOPPED_WITHIN;
        let mut left = vec!["what runs, which the store does not tell".to_owned()];
        let by = if self.leaves { Signal::USR1 } else { Signal::TERM };
        let mut asks = true;
        loop {
            self.look(false);
            // A store that fails now may tell at the next look.
            if let Ok(open) = self.store.open_jobs(&self.config.rig) {
                let running: Vec<Job> = open.into_iter().filter(|job| job.state == JobState::Running).collect();
                let not_over = running.iter().filter(|job| !self.is_left(job));
                left = not_over.map(|job| format!("job {} at station {}", job.id, job.station)).collect();
                // Bringing a run to its end does not hear it. Nobody wants a cancelled one to go on.
                for job in &running {
                    let leaves = self.leaves && job.cancelled_by.is_none();
                    self.ask(job, if leaves { Signal::USR1 } else { Signal::TERM });
                }
            }
            left.extend(self.end_left(by, std::mem::take(&mut asks)));
            if left.is_empty() || Instant::now() > until {
                return left;
            }
            supervisor::is_alive();
            thread::sleep(STOPPING);
        }
    }

    /// Whether a job's run is left to its pump, as this ending wants it, and nobody works on it any more.
    pub(super) fn is_left(&mut self, job: &Job) -> bool {
        // Asked behind that: its process says so before it ends.
        let is_worked_on = self.children.contains_key(&job.id) || self.store.job_is_alive(job.id).unwrap_or(true);
        self.leaves && !is_worked_on && self.store.job(job.id).is_ok_and(|job| job.is_left)
    }
}

/// Whether a process has a handler for a signal: one of an earlier version has none for the newer ones, and would end at once.
fn catches(process: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    caught >> (signal.as_raw() - 1) & 1 == 1
}

/// Sends a process a signal.
pub(super) fn signal(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(process) = process {
        // It may just have ended.
        let _ = kill_process(process, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::{Signal, catches};

    #[test]
    fn a_process_without_a_handler_is_known() {
        let own = std::process::id();
        // The runtime itself handles the one, to tell of a stack that is full; nobody here the other.
        assert!(catches(own, Signal::SEGV) && !catches(own, Signal::USR1));
        assert!(!catches(u32::MAX, Signal::USR1), "there is no such process");
    }
}

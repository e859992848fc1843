//! A job as it is told of: what was wanted, where it is, what came of it.
//!
//! How it gets from one state to the next is `queue`'s; what its task says is not known here.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::verdict::{BENCH_ERROR, STOPPED};
use rusqlite::Row;
use serde::Serialize;

use crate::hold::Use;
use crate::store::shown;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission<'a> {
    /// The rig whose daemon is to do it.
    pub rig: &'a str,
    /// The station.
    pub station: &'a str,
    /// What people call it.
    pub title: &'a str,
    /// What is to be done, for whoever does it.
    pub task: &'a str,
    /// What its runs need beside the station's ports, such as a bath at a temperature.
    pub needs: &'a BTreeMap<String, Use>,
    /// Higher goes first; of equals the one that was submitted first.
    pub priority: i32,
    /// How long it may run.
    pub budget: Option<Duration>,
    /// Who wants it.
    pub submitter: &'a str,
    /// A name of the submitter's own, for this rig: what was submitted with it is not submitted again.
    pub key: Option<&'a str>,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its station, to make its runs or those that it has not made.
    Queued,
    /// A process works on it.
    Running,
    /// It is over.
    Ended,
}

/// A run that a job has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobRun {
    /// Its id.
    pub run: String,
    /// Its folder.
    pub folder: String,
    /// What it ended as, once it has.
    pub verdict: Option<String>,
    /// What a process whose only run it was would have exited with: it knows more than the verdict's name.
    pub exit_code: Option<u8>,
}

impl JobRun {
    /// The exit code that it calls for.
    #[must_use]
    pub fn code(&self) -> u8 {
        code_of(self.exit_code)
    }
}

/// A run of which nobody could say how it ended is no pass.
pub(crate) fn code_of(exit_code: Option<u8>) -> u8 {
    exit_code.unwrap_or(BENCH_ERROR)
}

/// Why a job is queued again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeued<'a> {
    /// It could not begin, for this reason; it has lost nothing.
    Waits(&'a str),
    /// Its process was asked to stop, but nobody has cancelled the job.
    Stopped,
    /// Its process has ended before its time, which is not tried for ever.
    Ended,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// The rig.
    pub rig: String,
    /// The station.
    pub station: String,
    /// What people call it.
    pub title: String,
    /// What is to be done.
    #[serde(skip)]
    pub task: String,
    /// What its runs need beside the station's ports.
    #[serde(skip)]
    pub needs: BTreeMap<String, Use>,
    /// Higher goes first.
    pub priority: i32,
    /// How long it may run, in s.
    pub budget_s: Option<f64>,
    /// Who wants it.
    pub submitter: String,
    /// When it was submitted.
    pub submitted: String,
    /// Where it is.
    pub state: JobState,
    /// How often its process was begun since it has begun a run.
    pub attempts: u32,
    /// When it was begun: the last time, if it has made no run yet, else the time that made its first.
    pub started: Option<String>,
    /// When it ended.
    pub ended: Option<String>,
    /// The process that works on it.
    pub process: Option<u32>,
    /// What `run` would have exited with, once it has ended.
    pub exit_code: Option<u8>,
    /// Why it waits, or why it ended as it did, if there is more to say than the verdicts.
    pub reason: Option<String>,
    /// Who has cancelled it.
    pub cancelled_by: Option<String>,
    /// Who has taken note of how it ended, if somebody has.
    pub acknowledged_by: Option<String>,
    /// Whether its process has left its run as it was, for whoever finds it to go on with.
    #[serde(skip)]
    pub is_left: bool,
    /// The SHA-256 of the board's image that its runs have, in hexadecimal: empty where there is none, nothing where nobody knows.
    #[serde(skip)]
    pub image_sha256: Option<String>,
    /// How many runs it is to make, once that is known.
    pub planned: Option<u32>,
    /// Its runs, in order.
    pub runs: Vec<JobRun>,
}

/// What became of a wish to cancel a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not begun, and never will.
    Ended,
    /// It runs, and is to be stopped.
    Asked,
    /// It had ended before.
    Over,
}

/// What [`Job::of`] takes, in its order.
pub(crate) const FIELDS: &str = "id, rig, station, title, task, priority, budget_ms, submitter, submitted_ms, state, attempts, started_ms, \
                      ended_ms, process, exit_code, reason, cancelled_by, planned, needs, is_left, acknowledged_by, image_sha256";

impl Job {
    /// Whether it is to make more runs than it has begun: how many is known once it has begun one.
    #[must_use]
    pub fn misses_runs(&self) -> bool {
        self.planned.is_none_or(|planned| planned as usize > self.runs.len())
    }

    /// Whether it has ended in a way of which somebody should take note, and nobody has said yet that he knows: it has not passed. That
    /// somebody has cancelled it he knows; what had come of it by then he may not.
    #[must_use]
    pub fn is_unacknowledged(&self) -> bool {
        let is_quiet = |code: u8| code == 0 || (code == STOPPED && self.cancelled_by.is_some());
        let is_told = self.exit_code.is_none_or(is_quiet) && self.runs.iter().map(JobRun::code).all(is_quiet);
        self.state == JobState::Ended && !is_told && self.acknowledged_by.is_none()
    }

    pub(crate) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get(9)?;
        let moment = |at: Option<i64>| at.map(shown);
        Ok(Self {
            id: row.get(0)?,
            rig: row.get(1)?,
            station: row.get(2)?,
            title: row.get(3)?,
            task: row.get(4)?,
            priority: row.get(5)?,
            budget_s: row.get::<_, Option<i64>>(6)?.map(|ms| ms as f64 * 1e-3),
            submitter: row.get(7)?,
            submitted: shown(row.get(8)?),
            state: match state.as_str() {
                "queued" => JobState::Queued,
                "running" => JobState::Running,
                _ => JobState::Ended,
            },
            attempts: row.get(10)?,
            started: moment(row.get(11)?),
            ended: moment(row.get(12)?),
            process: row.get(13)?,
            exit_code: row.get(14)?,
            reason: row.get(15)?,
            cancelled_by: row.get(16)?,
            planned: row.get(17)?,
            // What this version cannot read holds nobody up: the process asks for it once more.
            needs: serde_json::from_str(&row.get::<_, String>(18)?).unwrap_or_default(),
            is_left: row.get(19)?,
            acknowledged_by: row.get(20)?,
            image_sha256: row.get(21)?,
            runs: Vec::new(),
        })
    }
}

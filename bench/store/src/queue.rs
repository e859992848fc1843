//! The queue of jobs: what is to be done at a station, one after the other.
//!
//! A job is queued, runs, and has ended. It runs as long as its process has the job's lock, which the kernel takes from it however
//! it ends; a job that runs without its lock was interrupted. Whoever finds that out brings its open run to an end, and queues it
//! again for the runs that it has not made.

use std::fs::File;

use domain::fault::AtStation;
use domain::verdict::{BENCH_ERROR, STOPPED, exit_code_of};
use rusqlite::{OptionalExtension, Row, params};
use serde_json::json;

use crate::alive::lock;
use crate::error::StoreError;
use crate::job::{Cancelled, FIELDS, Job, JobRun, Requeued, Submission, code_of};
use crate::station::noted_of;
use crate::store::{Change, Store};

/// So often a job's process is begun at most that ends before it has begun another run.
const ATTEMPTS_MAX: u32 = 3;

impl Store {
    /// Queues a job. One that has the key of an earlier one is that one.
    ///
    /// # Errors
    /// [`StoreError::Key`] if the earlier one was something else.
    pub fn submit(&mut self, submission: &Submission<'_>) -> Result<Job, StoreError> {
        let id = self.change(|change| {
            let Submission { rig, station, title, task, needs, priority, budget, submitter, key } = submission;
            let budget_ms = budget.map(|budget| i64::try_from(budget.as_millis()).unwrap_or(i64::MAX));
            let needs = json!(needs).to_string();
            let known = "SELECT id, station = ?4 AND task = ?5 AND priority = ?6 AND budget_ms IS ?7 FROM jobs \
                         WHERE rig = ?1 AND submitter = ?2 AND key = ?3";
            let of = params![rig, submitter, key, station, task, priority, budget_ms];
            let known = change.transaction.query_row(known, of, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            if let Some((job, is_same)) = known {
                let key = key.unwrap_or_default().to_owned();
                return if is_same { Ok(job) } else { Err(StoreError::Key { key, job }) };
            }
            change.transaction.execute(
                "INSERT INTO jobs (rig, station, title, task, priority, budget_ms, submitter, key, submitted_ms, needs) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![rig, station, title, task, priority, budget_ms, submitter, key, change.now_ms(), needs],
            )?;
            let id = change.transaction.last_insert_rowid();
            let detail = json!({"rig": rig, "station": station, "title": title, "priority": priority,
                "budget_ms": budget_ms, "submitter": submitter});
            change.note("job.submitted", id, &detail)?;
            Ok(id)
        })?;
        self.job(id)
    }

    /// A job of a rig.
    ///
    /// # Errors
    /// [`StoreError::NoJob`] if it has none of that number.
    pub fn job_of(&self, rig: &str, id: i64) -> Result<Job, StoreError> {
        self.jobs_where("id = ?1 AND rig = ?2", &[&id, &rig])?.pop().ok_or(StoreError::NoJob(id))
    }

    /// A job.
    ///
    /// # Errors
    /// [`StoreError::NoJob`] if there is none of that number.
    pub fn job(&self, id: i64) -> Result<Job, StoreError> {
        self.jobs_where("id = ?1", &[&id])?.pop().ok_or(StoreError::NoJob(id))
    }

    /// The jobs of a rig that have not ended: those that run, then those that wait in their order.
    ///
    /// # Errors
    /// If the store fails.
    pub fn open_jobs(&self, rig: &str) -> Result<Vec<Job>, StoreError> {
        self.jobs_where("rig = ?1 AND state <> 'ended' ORDER BY state DESC, priority DESC, id", &[&rig])
    }

    /// The last jobs of a rig that have ended, the last one first.
    ///
    /// # Errors
    /// If the store fails.
    pub fn ended_jobs(&self, rig: &str, most: u32) -> Result<Vec<Job>, StoreError> {
        self.jobs_where("rig = ?1 AND state = 'ended' ORDER BY ended_ms DESC, id DESC LIMIT ?2", &[&rig, &most])
    }

    /// The jobs of a rig of which somebody should take note, as [`Job::is_unacknowledged`] says, that have ended since, in ms since 1970.
    ///
    /// # Errors
    /// If the store fails.
    pub fn unacknowledged_jobs(&self, rig: &str, since_ms: i64) -> Result<Vec<Job>, StoreError> {
        let may_be_so = "rig = ?1 AND state = 'ended' AND exit_code <> 0 AND acknowledged_by IS NULL AND ended_ms >= ?2 \
                         ORDER BY ended_ms, id";
        let mut jobs = self.jobs_where(may_be_so, &[&rig, &since_ms])?;
        jobs.retain(Job::is_unacknowledged);
        Ok(jobs)
    }

    /// The job that has made a run.
    ///
    /// # Errors
    /// If the store fails.
    pub fn job_of_run(&self, run: &str) -> Result<Option<Job>, StoreError> {
        Ok(self.jobs_where("id = (SELECT job FROM job_runs WHERE run = ?1)", &[&run])?.pop())
    }

    fn jobs_where(&self, what: &str, with: &[&dyn rusqlite::ToSql]) -> Result<Vec<Job>, StoreError> {
        let mut found = self.connection.prepare(&format!("SELECT {FIELDS} FROM jobs WHERE {what}"))?;
        let mut jobs: Vec<Job> = found.query_map(with, Job::of)?.collect::<Result<_, _>>()?;
        let mut of = self
            .connection
            .prepare("SELECT run, folder, verdict, exit_code FROM job_runs WHERE job = ?1 ORDER BY number")?;
        let run = |row: &Row<'_>| {
            Ok(JobRun { run: row.get(0)?, folder: row.get(1)?, verdict: row.get(2)?, exit_code: row.get(3)? })
        };
        for job in &mut jobs {
            job.runs = of.query_map([job.id], run)?.collect::<Result<_, _>>()?;
        }
        Ok(jobs)
    }

    /// How many jobs of a rig have ended, by their exit code.
    ///
    /// # Errors
    /// If the store fails.
    pub fn ended_job_counts(&self, rig: &str) -> Result<Vec<(u8, u32)>, StoreError> {
        let sql = "SELECT exit_code, count(*) FROM jobs WHERE rig = ?1 AND state = 'ended' GROUP BY exit_code ORDER BY exit_code";
        let mut all = self.connection.prepare(sql)?;
        Ok(all.query_map([rig], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Lets the job begin that is next at a station, if none runs there and the station is in no quarantine. The file is the
    /// job's lock: the job runs as long as somebody has it open.
    ///
    /// # Errors
    /// If the store fails.
    pub fn claim_next_job(&mut self, rig: &str, station: &str) -> Result<Option<(Job, File)>, StoreError> {
        let folder = self.jobs_folder();
        let begun = self.change(|change| {
            let next = "SELECT id FROM jobs WHERE rig = ?1 AND station = ?2 AND state = 'queued' AND NOT EXISTS \
                        (SELECT 1 FROM jobs WHERE rig = ?1 AND station = ?2 AND state = 'running') AND NOT EXISTS \
                        (SELECT 1 FROM quarantines WHERE rig = ?1 AND station = ?2) \
                        ORDER BY priority DESC, id LIMIT 1";
            let next: Option<i64> =
                change.transaction.query_row(next, params![rig, station], |row| row.get(0)).optional()?;
            let Some(id) = next else { return Ok(None) };
            // Whoever looks whether it is alive has the lock for a moment; then the next look begins it.
            let Some(lock) = lock(&folder, &id.to_string())? else { return Ok(None) };
            change.transaction.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, process = NULL, reason = NULL, started_ms = \
                 CASE WHEN EXISTS (SELECT 1 FROM job_runs WHERE job = ?1) THEN started_ms ELSE ?2 END WHERE id = ?1",
                params![id, change.now_ms()],
            )?;
            change.note("job.begun", id, &json!({}))?;
            Ok(Some((id, lock)))
        })?;
        begun.map(|(id, lock)| Ok((self.job(id)?, lock))).transpose()
    }

    /// Notes which process works on a job; who has cancelled it meanwhile, if somebody has.
    ///
    /// # Errors
    /// If the store fails.
    pub fn set_job_process(&mut self, id: i64, process: u32) -> Result<Option<String>, StoreError> {
        self.change(|change| {
            let set = "UPDATE jobs SET process = ?2, is_left = 0 WHERE id = ?1 RETURNING cancelled_by";
            Ok(change.transaction.query_row(set, params![id, process], |row| row.get(0))?)
        })
    }

    /// Notes that a job has begun a run, before anything moves, how many it is to make, and the board's image that they have.
    ///
    /// # Errors
    /// If the store fails.
    pub fn add_job_run(
        &mut self,
        id: i64,
        (run, folder): (&str, &str),
        planned: u32,
        image_sha256: Option<&str>,
    ) -> Result<(), StoreError> {
        self.change(|change| {
            let set = "UPDATE jobs SET planned = ?2, image_sha256 = ?3, attempts = 0 WHERE id = ?1";
            change.transaction.execute(set, params![id, planned, image_sha256])?;
            change.transaction.execute(
                "INSERT INTO job_runs (job, number, run, folder) \
                 SELECT ?1, count(*) + 1, ?2, ?3 FROM job_runs WHERE job = ?1",
                params![id, run, folder],
            )?;
            change.note("job.run", id, &json!({"run": run, "folder": folder, "image_sha256": image_sha256}))
        })
    }

    /// Notes what a run ended as, and what that tells of its station; why nothing begins there any more, if that is so for it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn end_job_run(
        &mut self,
        id: i64,
        run: &str,
        (verdict, exit_code): (&str, u8),
        told: &AtStation,
    ) -> Result<Option<String>, StoreError> {
        self.change(|change| {
            let set = "UPDATE job_runs SET verdict = ?3, exit_code = ?4 WHERE job = ?1 AND run = ?2";
            change.transaction.execute(set, params![id, run, verdict, exit_code])?;
            change.note("job.run.ended", id, &json!({"run": run, "verdict": verdict, "exit_code": exit_code}))?;
            let find = "SELECT rig, station FROM jobs WHERE id = ?1";
            let at = change.transaction.query_row(find, [id], |row| Ok((row.get(0)?, row.get(1)?)));
            let (rig, station): (String, String) = at?;
            noted_of(change, &rig, &station, told)
        })
    }

    /// Notes that a job's process leaves its run as it is: whoever finds it goes on with it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn leave_job(&mut self, id: i64) -> Result<(), StoreError> {
        self.change(|change| {
            change.transaction.execute("UPDATE jobs SET is_left = 1 WHERE id = ?1 AND state = 'running'", [id])?;
            change.note("job.left", id, &json!({}))
        })
    }

    /// Ends a job; one that has ended stays as it is.
    ///
    /// # Errors
    /// If the store fails.
    pub fn end_job(&mut self, id: i64, exit_code: u8, reason: Option<&str>) -> Result<(), StoreError> {
        self.change(|change| end(change, id, exit_code, reason))
    }

    /// Ends a job before it has made all its runs. What those came to that it has made stands, beside the code of what ended it;
    /// `why` is a clause, which is told with how far it got.
    ///
    /// # Errors
    /// If the store fails.
    pub fn cut_job_short(&mut self, id: i64, exit_code: u8, why: &str) -> Result<(), StoreError> {
        self.change(|change| cut_short(change, id, exit_code, why))
    }

    /// Queues a job again that has made none of its runs, or not all: unless somebody has cancelled it, or its process has ended too
    /// often.
    ///
    /// # Errors
    /// If the store fails.
    pub fn requeue_job(&mut self, id: i64, why: Requeued<'_>) -> Result<(), StoreError> {
        self.change(|change| {
            let state = "SELECT attempts, cancelled_by FROM jobs WHERE id = ?1";
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let (attempts, cancelled): (u32, Option<String>) = change.transaction.query_row(state, [id], read)?;
            if let Some(by) = cancelled {
                return cut_short(change, id, STOPPED, &format!("cancelled by {by}"));
            }
            if why == Requeued::Ended && attempts >= ATTEMPTS_MAX {
                let why = format!("its process ended {attempts} times without another run, see its log;");
                return cut_short(change, id, BENCH_ERROR, &format!("{why} it was given up"));
            }
            // It goes on behind a run that was cut off, which nobody wanted: that is the bench's, and hides nothing that comes.
            let set = "UPDATE job_runs SET exit_code = ?2 WHERE job = ?1 AND exit_code = ?3";
            change.transaction.execute(set, params![id, BENCH_ERROR, STOPPED])?;
            let attempts = if why == Requeued::Ended { attempts } else { attempts.saturating_sub(1) };
            let reason = if let Requeued::Waits(why) = why { Some(why) } else { None };
            let set = "UPDATE jobs SET state = 'queued', process = NULL, is_left = 0, reason = ?2, attempts = ?3 \
                       WHERE id = ?1 AND state = 'running'";
            change.transaction.execute(set, params![id, reason, attempts])?;
            change.note("job.requeued", id, &json!({"because": reason}))
        })
    }

    /// Why a job waits, for people; nothing is changed by it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn set_job_waiting(&mut self, id: i64, reason: Option<&str>) -> Result<(), StoreError> {
        self.change(|change| {
            let set = "UPDATE jobs SET reason = ?2 WHERE id = ?1 AND state = 'queued' AND reason IS NOT ?2";
            change.transaction.execute(set, params![id, reason])?;
            Ok(())
        })
    }

    /// Somebody has taken note of how a job ended; the first who does stays the one. Whether it has ended.
    ///
    /// # Errors
    /// [`StoreError::NoJob`] if there is none of that number.
    pub fn acknowledge_job(&mut self, rig: &str, id: i64, by: &str) -> Result<bool, StoreError> {
        self.change(|change| {
            let find = "SELECT state = 'ended', acknowledged_by IS NULL FROM jobs WHERE id = ?1 AND rig = ?2";
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let found = change.transaction.query_row(find, params![id, rig], read).optional()?;
            let (has_ended, is_new): (bool, bool) = found.ok_or(StoreError::NoJob(id))?;
            if has_ended && is_new {
                change.transaction.execute("UPDATE jobs SET acknowledged_by = ?2 WHERE id = ?1", params![id, by])?;
                change.note("job.acknowledged", id, &json!({"by": by}))?;
            }
            Ok(has_ended)
        })
    }

    /// Somebody does not want a job any more.
    ///
    /// # Errors
    /// [`StoreError::NoJob`] if there is none of that number.
    pub fn cancel_job(&mut self, rig: &str, id: i64, by: &str) -> Result<Cancelled, StoreError> {
        self.change(|change| {
            let find = "SELECT state FROM jobs WHERE id = ?1 AND rig = ?2";
            let found = change.transaction.query_row(find, params![id, rig], |row| row.get(0)).optional()?;
            let state: String = found.ok_or(StoreError::NoJob(id))?;
            if state == "ended" {
                return Ok(Cancelled::Over);
            }
            let set = "UPDATE jobs SET cancelled_by = ?2 WHERE id = ?1";
            change.transaction.execute(set, params![id, by])?;
            change.note("job.cancelled", id, &json!({"by": by}))?;
            if state == "queued" {
                cut_short(change, id, STOPPED, &format!("cancelled by {by}"))?;
                return Ok(Cancelled::Ended);
            }
            Ok(Cancelled::Asked)
        })
    }
}

fn cut_short(change: &Change<'_>, id: i64, exit_code: u8, why: &str) -> Result<(), StoreError> {
    let planned = "SELECT planned FROM jobs WHERE id = ?1";
    let planned: Option<u32> = change.transaction.query_row(planned, [id], |row| row.get(0))?;
    let mut made = change.transaction.prepare("SELECT exit_code FROM job_runs WHERE job = ?1")?;
    let made: Vec<u8> = made.query_map([id], |row| row.get(0).map(code_of))?.collect::<Result<_, _>>()?;
    let reason = match planned {
        Some(planned) if !made.is_empty() => format!("{why} after {} of {planned} runs", made.len()),
        _ => format!("{why} before it began"),
    };
    end(change, id, exit_code_of(made.into_iter().chain([exit_code])), Some(&reason))
}

fn end(change: &Change<'_>, id: i64, exit_code: u8, reason: Option<&str>) -> Result<(), StoreError> {
    let set = "UPDATE jobs SET state = 'ended', ended_ms = ?2, exit_code = ?3, reason = ?4, process = NULL \
               WHERE id = ?1 AND state <> 'ended'";
    if change.transaction.execute(set, params![id, change.now_ms(), exit_code, reason])? > 0 {
        change.note("job.ended", id, &json!({"exit_code": exit_code, "reason": reason}))?;
    }
    Ok(())
}

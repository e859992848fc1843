//! The daemon's job that this process works on: what becomes of it is noted in the host's store as it happens.
//!
//! The daemon may have ended meanwhile, or be another one: nothing here needs it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use daemon::Request;
use domain::fault::AtStation;
use domain::verdict::{BENCH_ERROR, STOPPED};
use rig::Station;
use store::{JobRun, Place, Requeued, Store};

use crate::signals::Signals;
use crate::{Failure, load, runs, station};

/// Why nothing was run, or not to its end.
pub(crate) enum Refused {
    /// The station is somebody else's.
    Taken(Failure),
    /// The job stays as it is, for its run has no end, or that its station is not safe could not be noted: whoever finds it looks at
    /// its record.
    Unsettled(Failure),
    /// Its run was left as it is: whoever finds the job goes on with it.
    Left(Failure),
    /// Anything else.
    For(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::For(failure)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Taken(failure) | Refused::Unsettled(failure) | Refused::Left(failure) | Refused::For(failure) => {
                failure
            }
        }
    }
}

/// Whether this process works on a job.
static WORKS: AtomicBool = AtomicBool::new(false);
/// When that beat last.
static BEAT: Mutex<Option<Instant>> = Mutex::new(None);
/// How often it does.
const EVERY: Duration = Duration::from_secs(1);

/// Whether this process works on a job.
pub(crate) fn works() -> bool {
    WORKS.load(Ordering::Relaxed)
}

/// Tells whoever looks that this process goes on, by the time on its job's lock, which is its standard input; not more than once a
/// second. A process that works on no job tells nobody.
pub(crate) fn beat() {
    let mut last = BEAT.lock().unwrap_or_else(PoisonError::into_inner);
    if works() && last.is_none_or(|last| last.elapsed() >= EVERY) {
        *last = Some(Instant::now());
        // A disk that does not take it now may a second later.
        drop(store::beat(std::io::stdin()));
    }
}

/// A job under work.
pub(crate) struct Work {
    store: Store,
    id: i64,
    /// Why its station is in quarantine, if it is.
    left_unsafe: Option<String>,
    /// Why its station is kept apart though it is safe, if it is: its other runs wait.
    kept_apart: Option<String>,
    /// The board's image that its next run has, as the store notes it.
    image_sha256: Option<String>,
}

impl Work {
    /// Works on the job of that number from now on; who has cancelled it, if somebody has.
    pub(crate) fn on(id: i64) -> Result<(Self, Option<String>), Failure> {
        let mut store = station::store()?;
        let cancelled_by = store.set_job_process(id, std::process::id()).map_err(station::failure)?;
        WORKS.store(true, Ordering::Relaxed);
        beat();
        Ok((Self { store, id, left_unsafe: None, kept_apart: None, image_sha256: None }, cancelled_by))
    }

    /// The exit codes of the runs that it has made already, before its process was interrupted. They must be the first of those that
    /// are wanted, at `at` as the rig file has it now: a scenario that was changed meanwhile would have some combination run twice, and
    /// another never.
    pub(crate) fn codes_of_made_runs(&self, wanted: &[Request], at: &Station) -> Result<Vec<u8>, Refused> {
        let job = self.store.job(self.id).map_err(station::failure)?;
        let other_count = job.planned.filter(|planned| !job.runs.is_empty() && *planned as usize != wanted.len());
        let differs = match other_count {
            Some(planned) => Some(format!("{planned} runs, as when it began, but now there are {}", wanted.len())),
            None => job.runs.iter().zip(wanted).find_map(|(made, request)| other_than_made(made, request, at)),
        };
        if let Some(differs) = differs {
            return Err(Refused::For(Failure::bench(format!("expected {differs}; submit it again"))));
        }
        if let Some(run) = job.runs.iter().find(|run| run.verdict.is_none()) {
            let why =
                format!("expected its runs to be over, but {} has no verdict; the queue brings it to its end", run.run);
            return Err(Refused::Unsettled(Failure::bench(why)));
        }
        Ok(job.runs.iter().map(JobRun::code).collect())
    }

    /// Its next run has that image of the board, if any. One that was built anew since its first run would be another device; a run of an
    /// earlier version did not note what it had.
    pub(crate) fn has_image(&mut self, sha256: Option<String>) -> Result<(), Refused> {
        let job = self.store.job(self.id).map_err(station::failure)?;
        let found = sha256.unwrap_or_default();
        if let Some(first) = job.image_sha256.filter(|first| !job.runs.is_empty() && *first != found) {
            let shown = |sha256: &str| if sha256.is_empty() { "none".to_owned() } else { format!("SHA-256 {sha256}") };
            let (first, found) = (shown(&first), shown(&found));
            return Err(Refused::For(Failure::bench(format!(
                "expected the board's image that its first run had ({first}), but found another ({found}); submit it again"
            ))));
        }
        self.image_sha256 = Some(found);
        Ok(())
    }

    /// It has set up a run, of which nothing has moved.
    pub(crate) fn runs(&mut self, run: &str, folder: &Path, planned: usize) -> Result<(), Failure> {
        let planned = u32::try_from(planned).unwrap_or(u32::MAX);
        let (folder, image) = (folder.display().to_string(), self.image_sha256.as_deref());
        self.store.add_job_run(self.id, (run, &folder), planned, image).map_err(station::failure)
    }

    /// That run is over; whether its station is kept apart for what its end tells of it.
    pub(crate) fn run_ended(&mut self, run: &str, ended: (&str, u8), told: &AtStation) -> Result<bool, Failure> {
        self.kept_apart = self.store.end_job_run(self.id, run, ended, told).map_err(station::failure)?;
        Ok(self.kept_apart.is_some())
    }

    /// Its station could not be confirmed safe: nothing begins there until somebody has looked.
    pub(crate) fn left_unsafe(&mut self, at: &Station, why: &str) -> Result<(), Refused> {
        let reason = format!("job {} has left it, and it could not be confirmed safe: {why}", self.id);
        let job = self.store.job(self.id);
        let ports = station::ports(at);
        let noted = job.and_then(|job| {
            self.store.quarantine(&Place { rig: &job.rig, station: &job.station, ports: &ports }, &reason)
        });
        noted.map_err(|why| Refused::Unsettled(station::failure(why)))?;
        self.left_unsafe = Some(reason);
        Ok(())
    }

    /// Its run is left as it is.
    pub(crate) fn left(&mut self) -> Result<(), Failure> {
        self.store.leave_job(self.id).map_err(station::failure)
    }

    /// It was cancelled before this process began.
    pub(crate) fn cancelled(mut self, by: &str) -> Result<u8, Failure> {
        self.store.cut_job_short(self.id, STOPPED, &format!("cancelled by {by}")).map_err(station::failure)?;
        Ok(STOPPED)
    }

    /// It is over; or it waits again, if the station is somebody else's, or if this process was stopped and has not made all its
    /// runs: whoever stops the daemon cancels nothing.
    pub(crate) fn end(mut self, done: Result<u8, Refused>) -> Result<u8, Failure> {
        let job = self.store.job(self.id).map_err(station::failure)?;
        let (is_asked, misses_runs) = (Signals::stopped() || Signals::leaves(), job.misses_runs());
        let noted = match &done {
            Ok(_) if let Some(why) = &self.left_unsafe => {
                self.store.cut_job_short(self.id, BENCH_ERROR, &format!("{why}; it ended"))
            }
            Ok(_) if is_asked && misses_runs => self.store.requeue_job(self.id, Requeued::Stopped),
            Ok(_)
                if let Some(why) = &self.kept_apart
                    && misses_runs =>
            {
                self.store.requeue_job(self.id, Requeued::Waits(why))
            }
            Ok(code) if misses_runs => self.store.cut_job_short(self.id, *code, "it ended"),
            Ok(code) => self.store.end_job(self.id, *code, None),
            Err(Refused::Taken(why)) => self.store.requeue_job(self.id, Requeued::Waits(why.sentence())),
            // It stays as it is, and its run without a verdict.
            Err(Refused::Unsettled(_)) => Ok(()),
            Err(Refused::Left(_)) => self.store.leave_job(self.id),
            Err(Refused::For(why)) if job.runs.is_empty() => {
                self.store.end_job(self.id, why.code, Some(why.sentence()))
            }
            // What its runs came to before it was interrupted stands.
            Err(Refused::For(why)) => {
                self.store.cut_job_short(self.id, BENCH_ERROR, &format!("{}; it ended", why.sentence()))
            }
        };
        noted.map_err(station::failure)?;
        Ok(done?)
    }
}

/// What a run of a job was made with that is otherwise now, after "expected".
fn other_than_made(made: &JobRun, request: &Request, at: &Station) -> Option<String> {
    let (folder, run) = (Path::new(&made.folder), &made.run);
    let changed = |what: &str| Some(format!("the {what} that run {run} was made with, but it was changed since"));
    let Some(opened) = runs::opened(folder) else {
        // What was cut off before it had told how it was set up is no pass of anything.
        return (made.code() != BENCH_ERROR).then(|| format!("the record of run {run}, but it cannot be read"));
    };
    if opened.scenario_yaml != request.plan.resolved_yaml {
        return changed("scenario");
    }
    if opened.profile != *request.station.profile {
        return changed("rig file's station");
    }
    let rig = load::rig_source(&folder.join("rig.yaml").display().to_string()).and_then(|source| load::rig(&source));
    let Ok(rig) = rig else { return Some(format!("the rig.yaml of run {run}, but it cannot be read")) };
    let as_it_was = rig.station(Some(&at.profile.station));
    if as_it_was.is_ok_and(|as_it_was| as_it_was.is_simulated_as(at)) { None } else { changed("rig file's simulation") }
}

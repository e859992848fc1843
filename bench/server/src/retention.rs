//! Old runs are removed by policy: those that passed, of a purpose that the policy names, once they are older than it says.
//!
//! What did not pass is evidence of a fault, and what was made for verification is a submission's: no policy removes either. Each
//! removal stands in the audit log, with the digests by which a copy elsewhere can be told to be the one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{JobState, Store, StoreError};
use tracing::{error, info};

use crate::{Config, place};

/// How often the daemon looks.
const EVERY: Duration = Duration::from_secs(3600);
const LOOK: Duration = Duration::from_millis(200);
/// What a folder is called that is being removed: it is no run any more, and a removal that was interrupted is gone on with.
const REMOVED: &str = "removed-";
/// The purposes that a policy may name.
pub const PURPOSES: [&str; 2] = ["engineering", "nightly"];

/// How long runs of a purpose are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// One of [`PURPOSES`].
    pub purpose: String,
    /// For so long after they ended.
    pub lasts: Duration,
}

/// A run that is older than it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Old {
    /// Its id.
    pub run: String,
    /// What it was for.
    pub purpose: String,
    /// When it began.
    pub started: String,
    folder: PathBuf,
    /// What the audit log says of it.
    detail: Value,
}

/// The runs in a folder that a policy does not keep, in the order of their ids.
///
/// # Errors
/// If the folder cannot be read.
pub fn old(runs: &Path, keep: &[Keep]) -> std::io::Result<Vec<Old>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(runs)?.flatten() {
        let Ok(run) = entry.file_name().into_string() else { continue };
        if let Some(folder) = place::run(runs, &run) {
            found.extend(look(run, folder, keep));
        }
    }
    found.sort_by(|a, b| a.run.cmp(&b.run));
    Ok(found)
}

/// A run that is to be removed; whatever is not understood is kept.
fn look(run: String, folder: PathBuf, keep: &[Keep]) -> Option<Old> {
    // It is written last: without it the run is unfinished.
    let manifest = fs::read(folder.join("manifest.json")).ok()?;
    let summary: Value = serde_json::from_slice(&fs::read(folder.join("summary.json")).ok()?).ok()?;
    let text = |key: &str| summary[key].as_str().map(str::to_owned);
    let (purpose, started) = (text("purpose")?, text("started")?);
    let kept = keep.iter().filter(|keep| keep.purpose == purpose && PURPOSES.contains(&keep.purpose.as_str()));
    let lasts = kept.map(|keep| keep.lasts).max()?;
    // From its end on: a run of days is not old when it ends.
    let lasted = Duration::try_from_secs_f64(summary["rig_seconds"].as_f64()?).ok()?;
    let ended = started.parse::<Timestamp>().ok()?.checked_add(lasted).ok()?;
    let age = Timestamp::now().duration_since(ended).as_nanos();
    let is_old = u128::try_from(age).is_ok_and(|age| age > lasts.as_nanos());
    if !is_old || text("verdict")? != domain::RunVerdict::Pass.name() {
        return None;
    }
    let digest: String = Sha256::digest(&manifest).iter().map(|byte| format!("{byte:02x}")).collect();
    let detail = json!({
        "purpose": purpose, "started": started, "scenario": summary["scenario"], "manifest_sha256": digest,
        "stream_sha256": summary["stream_sha256"], "kept_for_s": lasts.as_secs(),
    });
    Some(Old { run, purpose, started, folder, detail })
}

/// Removes a run, unless its job has not ended: whoever makes the rest of that looks at what it has made. Whether it did; it is in the
/// audit log before anything of it is gone.
///
/// # Errors
/// If the store or the disk fails.
pub fn remove(old: &Old, store: &mut Store) -> Result<bool, StoreError> {
    if store.job_of_run(&old.run)?.is_some_and(|job| job.state != JobState::Ended) {
        return Ok(false);
    }
    let failed = |path: &Path, error| StoreError::Io { path: path.to_owned(), error };
    let gone = old.folder.with_file_name(format!(".{REMOVED}{}", old.run));
    // One that cannot be moved is noted not at all, rather than each hour.
    fs::rename(&old.folder, &gone).map_err(|error| failed(&old.folder, error))?;
    if let Err(why) = store.run_removed(&old.run, &old.detail) {
        drop(fs::rename(&gone, &old.folder));
        return Err(why);
    }
    fs::remove_dir_all(&gone).map_err(|error| failed(&gone, error))?;
    Ok(true)
}

/// Goes on with removals that were interrupted.
pub fn sweep(runs: &Path) {
    let begins = format!(".{REMOVED}");
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&begins) {
            // It is tried again at the next look.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// The daemon's thread that removes old runs.
pub(crate) struct Retention {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Retention {
    pub(crate) fn start(config: &Arc<Config>) -> Result<Self, StoreError> {
        let over = Arc::new(AtomicBool::new(false));
        if config.keep.is_empty() {
            return Ok(Self { over, thread: None });
        }
        let mut store = Store::open(&config.state, config.actor.clone())?;
        let (config, is_over) = (Arc::clone(config), Arc::clone(&over));
        let thread = thread::spawn(move || {
            let mut next = Instant::now();
            while !is_over.load(Ordering::Relaxed) {
                if Instant::now() >= next {
                    tidy(&config, &mut store);
                    next = Instant::now() + EVERY;
                }
                thread::sleep(LOOK);
            }
        });
        Ok(Self { over, thread: Some(thread) })
    }

    pub(crate) fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        // One that has panicked has said so.
        drop(self.thread.map(JoinHandle::join));
    }
}

fn tidy(config: &Config, store: &mut Store) {
    sweep(&config.runs);
    let found = match old(&config.runs, &config.keep) {
        Ok(found) => found,
        Err(why) => return error!(%why, "cannot look for old runs"),
    };
    for run in found {
        match remove(&run, store) {
            Ok(false) => {}
            Ok(true) => info!(run = run.run, purpose = run.purpose, "removed: it was older than it is kept"),
            Err(why) => error!(run = run.run, %why, "cannot remove it"),
        }
    }
}

//! Runs on disk: a folder, or an id under `--runs`.
//!
//! A folder is a run's if it holds a record.

use std::path::{Path, PathBuf};

use domain::EventKind;
use domain::event::Opened;
use record::Reader;

use crate::Failure;

/// The id of the run in a folder, which is the folder's name.
pub(crate) fn id(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The one path of a run's folder, from wherever and through whatever link it is named.
pub(crate) fn whole_path(folder: &Path) -> PathBuf {
    std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}

/// The folder of a run.
pub(crate) fn find(run: &str, runs: &Path) -> Result<PathBuf, Failure> {
    let candidates = [PathBuf::from(run), runs.join(run)];
    candidates.into_iter().find(|folder| is_run(folder)).ok_or_else(|| {
        let runs = runs.display();
        Failure::input(format!(
            "expected the folder of a run or an id under {runs}, but found '{run}'; see `dosebench list runs`"
        ))
    })
}

/// How a run was set up, if its record tells that.
pub(crate) fn opened(folder: &Path) -> Option<Opened> {
    match Reader::open(folder).ok()?.first().ok()??.kind {
        EventKind::Opened(opened) => Some(*opened),
        _ => None,
    }
}

/// Whether a folder holds a record.
pub(crate) fn is_run(folder: &Path) -> bool {
    folder.join("record.mcap").is_file()
}

/// The runs under a folder, the oldest first.
pub(crate) fn all(runs: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(runs).map(|entries| entries.filter_map(Result::ok).map(|e| e.path()).collect());
    let mut folders: Vec<PathBuf> = entries.unwrap_or_default();
    folders.retain(|folder| is_run(folder));
    folders.sort();
    folders
}

//! What comes of a `dosebench run` for people and for CI: lines on the terminal, and one JUnit file for all its runs.
//!
//! Runs that were not made stand in that file as well. It judges nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::BENCH_ERROR;
use crate::output::{say, tell};
use crate::signals::Signals;

/// Prints a run's result.
pub(crate) fn print_result(summary: &Value) {
    let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
    say!("{}  {}  {}", text(&summary["verdict"]), text(&summary["scenario"]), text(&summary["folder"]));
    if let Some(reason) = summary["reason"].as_str() {
        say!("  {reason}");
    }
    for check in summary["checks"].as_array().into_iter().flatten() {
        let unit = reports::unit(&text(&check["unit"]));
        let expanded = check["expanded_uncertainty"].as_f64();
        let value = match check["value"].as_f64().map(|v| reports::uncertain(v, expanded)) {
            Some((value, Some(u))) => format!("{value} ± {u} {unit}"),
            Some((value, None)) => format!("{value} {unit}"),
            None => "no value".to_owned(),
        };
        let value = value.trim_end();
        say!("  {:12}  {}: {value}", text(&check["verdict"]), text(&check["name"]));
    }
}

/// Writes the JUnit file, if one is wanted; the exit code of what went wrong.
pub(super) fn junit(path: Option<&Path>, folders: &[PathBuf], planned: usize) -> Option<u8> {
    let path = path?;
    // A signal behind the last run has stopped nothing.
    let unfinished = (folders.len() < planned && (Signals::stopped() || Signals::leaves()))
        .then(|| format!("stopped by a signal after {} of {planned} runs", folders.len()));
    let why = write_junit(path, folders, unfinished.as_deref()).err()?;
    tell!("error: {why}");
    Some(BENCH_ERROR)
}

/// One JUnit file for all runs.
fn write_junit(path: &Path, folders: &[PathBuf], unfinished: Option<&str>) -> Result<(), String> {
    let xml = reports::combined_junit(folders, unfinished).map_err(|e| e.to_string())?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    std::fs::write(path, xml).map_err(|e| format!("{}: {e}", path.display()))
}

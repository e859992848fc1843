//! What a job asks for, and the processes that do it.
//!
//! A process has the job's lock as its standard input: it lets go of it when it ends, however that happens, and whether or not a
//! daemon is there to see it.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use store::Job;

use crate::{Config, place};

/// Where jobs have their files, in the state folder.
const WORK: &str = "work";
/// What a job's processes say.
const LOG: &str = "log";

/// What a job asks for, as it is kept in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// A name of the library, or what the sender calls the file.
    pub(crate) scenario: String,
    /// The file's text.
    pub(crate) text: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) accept_overdue: Option<String>,
    pub(crate) purpose: String,
    pub(crate) set: Vec<(String, String)>,
    pub(crate) seed: u64,
    pub(crate) operator: String,
}

impl Task {
    /// What it asks for in a folder, into which the scenario's text is written; the argument that names it.
    pub(crate) fn scenario_in(&self, folder: &Path) -> io::Result<String> {
        let Some(text) = &self.text else { return Ok(self.scenario.clone()) };
        let name = place::scenario(&self.scenario);
        std::fs::write(folder.join(&name), text)?;
        Ok(name)
    }

    /// The parameters, as arguments.
    pub(crate) fn sets(&self) -> impl Iterator<Item = String> + '_ {
        self.set.iter().flat_map(|(name, value)| ["--set".to_owned(), format!("{name}={value}")])
    }
}

/// The folder of a job's files.
pub(crate) fn folder(config: &Config, id: i64) -> PathBuf {
    config.state.join(WORK).join(id.to_string())
}

/// The last words of a job's processes, for people.
pub(crate) fn said(config: &Config, id: i64) -> String {
    std::fs::read_to_string(folder(config, id).join(LOG)).unwrap_or_default()
}

/// A folder that goes away again.
pub(crate) struct Scratch {
    pub(crate) path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays of it is cleared away with the state folder.
        drop(std::fs::remove_dir_all(&self.path));
    }
}

/// A new folder of one's own.
pub(crate) fn scratch(config: &Config) -> io::Result<Scratch> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = config.state.join(WORK).join(format!("check-{}-{number}", std::process::id()));
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path)?;
    Ok(Scratch { path })
}

/// This program, in a folder, with nobody's terminal.
pub(crate) fn program(config: &Config, folder: &Path) -> Command {
    let mut command = Command::new(&config.program);
    command.current_dir(folder).env("DOSEBENCH_STATE", &config.state).env_remove("DOSEBENCH_LEASE");
    command
}

/// Starts what a job asks for.
pub(crate) fn run(config: &Config, job: &Job, task: &Task, lock: File) -> io::Result<Child> {
    let folder = folder(config, job.id);
    std::fs::create_dir_all(&folder)?;
    let scenario = task.scenario_in(&folder)?;
    let mut command = program(config, &folder);
    command.args(["run", "--rig", &config.rig, "--station", &job.station, "--purpose", &task.purpose]);
    command.args(["--seed", &task.seed.to_string(), "--operator", &task.operator, "--job", &job.id.to_string()]);
    command.arg("--runs").arg(&config.runs).args(task.sets());
    let optional = [("--device", &task.device), ("--accept-overdue", &task.accept_overdue)];
    for (name, value) in optional {
        if let Some(value) = value {
            // Whatever the value begins with, it is no option.
            command.arg(format!("{name}={value}"));
        }
    }
    if let Some(budget_s) = job.budget_s {
        command.arg(format!("--budget={budget_s} s"));
    }
    command.arg("--").arg(scenario);
    start(command, &folder, lock)
}

/// Starts bringing a job's interrupted run to its end.
pub(crate) fn recover(config: &Config, job: &Job, run_folder: &str, lock: File) -> io::Result<Child> {
    let folder = folder(config, job.id);
    std::fs::create_dir_all(&folder)?;
    let mut command = program(config, &folder);
    command.args(["recover", "--rig", &config.rig, "--job", &job.id.to_string(), "--", run_folder]);
    start(command, &folder, lock)
}

fn start(mut command: Command, folder: &Path, lock: File) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join(LOG))?;
    command.stdin(Stdio::from(lock)).stdout(Stdio::null()).stderr(Stdio::from(log)).process_group(0).spawn()
}

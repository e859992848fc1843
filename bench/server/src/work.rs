//! What a job asks for, and the processes that do it.
//!
//! A process has the job's lock as its standard input: it lets go of it when it ends, however that happens, and whether or not a
//! daemon is there to see it.

use std::fs::{File, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::Job;

use crate::{Config, place};

/// What a job's processes say.
const LOG: &str = "log";
/// How much of the end of that is shown, in bytes.
const LOG_SHOWN: u64 = 256 * 1024;
/// The most that is taken of what a process says, in bytes.
const SAID_MAX: u64 = 256 * 1024;
/// The group of the state folder works on it together.
const LOG_MODE: u32 = 0o664;
/// How often the end of a process is looked for.
const LOOK: Duration = Duration::from_millis(10);

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
        self.set.iter().map(|(name, value)| format!("--set={name}={value}"))
    }
}

/// What a job's processes have said, for people: the end of it.
pub(crate) fn said(folder: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut log = File::open(folder.join(LOG))?;
        let from = log.metadata()?.len().saturating_sub(LOG_SHOWN);
        log.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        log.take(LOG_SHOWN).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    // A job that has not begun has said nothing.
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
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

/// The name of a new folder of one's own.
pub(crate) fn scratch() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("check-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Lets a process work for so long, and tells how it ended and what it said on stderr; `None` if it took longer. Its stdout goes
/// where the command says.
pub(crate) fn bounded(mut command: Command, within: Duration) -> io::Result<Option<(ExitStatus, String)>> {
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let stderr = child.stderr.take();
    let said = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = stderr.map(|stderr| stderr.take(SAID_MAX).read_to_end(&mut text));
        read.map(|_| String::from_utf8_lossy(&text).trim().to_owned()).unwrap_or_default()
    });
    let until = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some((status, said.join().unwrap_or_default())));
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// This program, in a folder, with nobody's terminal.
pub(crate) fn program(config: &Config, folder: &Path) -> Command {
    let mut command = Command::new(&config.program);
    command.current_dir(folder).env("DOSEBENCH_STATE", &config.state).env_remove("DOSEBENCH_LEASE");
    command
}

/// What is left of a job's budget, in s: it counts from its beginning, whoever works on it.
pub(crate) fn budget_left_s(job: &Job) -> Option<f64> {
    job.budget_s.map(|budget_s| (budget_s - since(job)).max(0.0))
}

/// Starts what a job asks for, or the rest of its runs.
pub(crate) fn run(config: &Config, job: &Job, task: &Task, folder: &Path, lock: File) -> io::Result<Child> {
    let scenario = task.scenario_in(folder)?;
    let mut command = program(config, folder);
    command.args(["run", "--rig", &config.rig, "--station", &job.station, "--purpose", &task.purpose]);
    command.args(["--seed", &task.seed.to_string(), "--job", &job.id.to_string()]);
    // Whatever a text of others begins with, it is no option.
    command.arg(format!("--operator={}", task.operator));
    command.arg("--runs").arg(&config.runs).args(task.sets());
    let optional = [("--device", &task.device), ("--accept-overdue", &task.accept_overdue)];
    for (name, value) in optional {
        if let Some(value) = value {
            command.arg(format!("{name}={value}"));
        }
    }
    let left_s = if job.runs.is_empty() { job.budget_s } else { budget_left_s(job) };
    if let Some(left_s) = left_s {
        command.arg(format!("--budget={left_s} s"));
    }
    command.arg("--").arg(scenario);
    start(command, folder, lock)
}

/// Starts going on with a job's interrupted run, or bringing it to its end.
pub(crate) fn recover(
    config: &Config,
    job: &Job,
    run_folder: &str,
    folder: &Path,
    (lock, close): (File, bool),
) -> io::Result<Child> {
    let mut command = program(config, folder);
    command.args(["recover", "--job", &job.id.to_string(), "--station", &job.station]);
    if close {
        command.arg("--close");
    }
    if let Some(left_s) = budget_left_s(job) {
        command.arg(format!("--budget={left_s} s"));
    }
    if config.stations.contains_key(&job.station) {
        // Its ports may have changed since; of a station that the rig has no more, the run's own file tells.
        command.args(["--rig", &config.rig]);
    }
    command.arg("--").arg(run_folder);
    start(command, folder, lock)
}

/// Starts going on with a run that somebody has begun by hand and left, or bringing it to its end.
pub(crate) fn recover_left(
    config: &Config,
    station: &str,
    run_folder: &str,
    folder: &Path,
    close: bool,
) -> io::Result<Child> {
    let mut command = program(config, folder);
    command.args(["recover", "--rig", &config.rig, "--station", station]);
    if close {
        command.arg("--close");
    }
    command.arg("--").arg(run_folder);
    start(command, folder, Stdio::null())
}

/// How long ago a job was begun, in s.
fn since(job: &Job) -> f64 {
    let began = job.started.as_ref().and_then(|started| started.parse::<jiff::Timestamp>().ok());
    began.map_or(0.0, |began| jiff::Timestamp::now().duration_since(began).as_secs_f64())
}

fn start(mut command: Command, folder: &Path, input: impl Into<Stdio>) -> io::Result<Child> {
    let path = folder.join(LOG);
    let is_new = !path.exists();
    let log = File::options().create(true).append(true).open(&path)?;
    if is_new {
        log.set_permissions(Permissions::from_mode(LOG_MODE))?;
    }
    command.stdin(input).stdout(Stdio::null()).stderr(Stdio::from(log)).process_group(0).spawn()
}

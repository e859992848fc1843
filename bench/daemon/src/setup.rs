//! Setting a run up: its id and folder, its first event, the files that say what is run.
//!
//! Nothing has moved when this is done.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::event::{FORMAT, Opened};
use domain::profile::Clock;
use domain::stated::{OverdueAccepted, Stated};
use drivers::RunClock;
use jiff::{SignedDuration, Timestamp};
use record::Metadata;
use rig::Station;
use scenario::Plan;
use sha2::{Digest as _, Sha256};

use crate::host_clock;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Request {
    /// The name by which the scenario was called.
    pub scenario: String,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The station.
    pub station: Station,
    /// The rig file, in the program's own hand.
    pub rig_yaml: String,
    /// The seed of everything random in the simulators.
    pub seed: u64,
    /// The serial number that the device must have.
    pub device: Option<String>,
    /// Who runs it although a certificate falls due, and why.
    pub overdue_accepted: Option<OverdueAccepted>,
    /// What the run is for.
    pub purpose: String,
    /// Who runs it, if anybody is known.
    pub operator: Option<String>,
    /// Where runs' folders are made.
    pub runs: PathBuf,
    /// The tool's version.
    pub version: String,
}

/// Why a run could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A folder or file could not be made.
    #[error("expected to write {path}, but {error}; choose another folder with --runs")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// The rig file's epoch is no moment.
    #[error("expected a moment in the rig file's 'virtual from', but found '{0}'")]
    Epoch(String),
    /// The record could not be begun.
    #[error(transparent)]
    Record(#[from] record::WriteError),
}

/// A run that is set up.
pub(crate) struct Prepared {
    pub(crate) folder: PathBuf,
    pub(crate) metadata: Metadata,
    pub(crate) opened: Opened,
    /// Run time, where it is the time of a clock.
    pub(crate) clock: Option<RunClock>,
}

pub(crate) fn prepare(request: &Request) -> Result<Prepared, SetupError> {
    let now = Timestamp::now();
    // Run time and what the host's clocks show then are read side by side.
    let clock = request.station.profile.clock.is_real().then(|| (RunClock::new(), host_clock::now()));
    let (clock, zero) = clock.unzip();
    let opened = opened(request, now)?;
    let (run, folder) = new_folder(request, now)?;
    let parameters: Vec<String> = request.plan.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let header =
        format!("# dosebench {}; seed {}; parameters: {}\n", request.version, request.seed, parameters.join(", "));
    let files = [("scenario.yaml", &request.plan.resolved_yaml), ("rig.yaml", &request.rig_yaml)];
    for (name, text) in files {
        // Whoever goes on behind a power cut reads it; a virtual run is made again.
        let written = write(&folder.join(name), &format!("{header}{text}"), clock.is_some());
        written.inspect_err(|_| drop(fs::remove_dir_all(&folder)))?;
    }
    let metadata = Metadata {
        run,
        started: format!("{now:.0}"),
        purpose: request.purpose.clone(),
        operator: request.operator.clone(),
        tool: format!("dosebench {}", request.version),
        host: host(),
        zero,
    };
    Ok(Prepared { folder, metadata, opened, clock })
}

/// This machine's name.
#[must_use]
pub fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "unknown".to_owned(), |h| h.trim().to_owned())
}

fn opened(request: &Request, now: Timestamp) -> Result<Opened, SetupError> {
    let plan = &request.plan;
    let profile = &request.station.profile;
    let (begins, dose_base) = match &profile.clock {
        Clock::Virtual { epoch } => {
            (epoch.parse::<Timestamp>().map_err(|_| SetupError::Epoch(epoch.clone()))?, request.seed << 20)
        }
        // A real pump remembers the doses of the run before: every run has ids of its own.
        Clock::Real => (now, u64::try_from(now.as_millisecond()).unwrap_or(0) << 20),
    };
    // A bath may take all of its time.
    let longest = plan.duration() + plan.bath.as_ref().map_or(std::time::Duration::ZERO, |bath| bath.within);
    let lasts = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
    let ends = begins.checked_add(lasts).unwrap_or(Timestamp::MAX);
    Ok(Opened {
        format: FORMAT,
        version: request.version.clone(),
        seed: request.seed,
        title: plan.title.clone(),
        protocol: plan.protocol.clone(),
        method: plan.method.clone(),
        requirements: plan.requirements.clone(),
        parameters: plan.parameters.clone(),
        scenario_yaml: plan.resolved_yaml.clone(),
        pattern_sha256: Some(sha256(&plan.pattern_yaml)),
        scenario: request.scenario.clone(),
        device_expected: request.device.clone(),
        ends_on: ends.strftime("%Y-%m-%d").to_string(),
        dose_base,
        profile: (**profile).clone(),
        evaporation_changes_at_most_ug_per_s: plan.weighing.change_at_most,
        flagged_at_most: plan.weighing.flagged_at_most,
        decision_rule: plan.decision_rule,
        stated: Stated { test: plan.stated.clone(), site: request.station.stated.clone() },
        overdue_accepted: request.overdue_accepted.clone(),
        bath_c: plan.bath.as_ref().map(|bath| bath.at_c),
        checks: plan.checks.clone(),
    })
}

/// In hexadecimal.
fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder of its own for the run: its id is the moment, the scenario, and a number if that is taken.
fn new_folder(request: &Request, now: Timestamp) -> Result<(String, PathBuf), SetupError> {
    fs::create_dir_all(&request.runs).map_err(|error| io_error(&request.runs, error))?;
    let stem =
        Path::new(&request.scenario).file_stem().map_or_else(|| "run".into(), |s| s.to_string_lossy().into_owned());
    let slug: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let base = format!("{}-{slug}", now.strftime("%Y%m%dT%H%M%SZ"));
    for number in 1..=10_000_u32 {
        let run = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        let folder = request.runs.join(&run);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok((run, folder)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io_error(&folder, error)),
        }
    }
    Err(io_error(&request.runs.join(base), io::ErrorKind::AlreadyExists.into()))
}

fn write(path: &Path, text: &str, syncs: bool) -> Result<(), SetupError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        if syncs { file.sync_all() } else { Ok(()) }
    });
    written.map_err(|error| io_error(path, error))
}

fn io_error(path: &Path, error: io::Error) -> SetupError {
    SetupError::Io { path: path.display().to_string(), error }
}

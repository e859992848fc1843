//! Health checks: before a job begins at a station its instruments are asked whether they answer, by `dosebench doctor` in a
//! process of its own.
//!
//! A station that fails is in quarantine until a check passes or a person has looked. One that passed is not asked again for a
//! minute.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use store::StoreError;

use crate::{Config, work};

/// A station that passed within this is not asked again.
const FRESH: Duration = Duration::from_secs(60);
/// One that failed is asked again after this.
const AGAIN: Duration = Duration::from_secs(30);
/// The exit code of a check that could not ask: somebody uses the station.
const NOT_ASKED: i32 = domain::RunVerdict::Inconclusive.exit_code() as i32;
/// How long a check may take.
const WITHIN: Duration = Duration::from_secs(60);

/// What is known of a station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// A job may begin.
    Good,
    /// It is being asked, or was asked just now and failed.
    Unknown,
    /// The check has just ended, and what is wrong.
    Bad(String),
}

/// The checks of a rig's stations.
#[derive(Default)]
pub(crate) struct Checks(BTreeMap<String, Check>);

enum Check {
    Asking { child: Child, until: Instant, said: PathBuf },
    Passed(Instant),
    Failed(Instant),
}

impl Checks {
    /// What is known of a station now; it is asked where that is too old. `folder` takes what the check says.
    pub(crate) fn of(&mut self, config: &Config, station: &str, folder: &Path) -> Result<Health, StoreError> {
        match self.0.get_mut(station) {
            Some(Check::Passed(at)) if at.elapsed() < FRESH => return Ok(Health::Good),
            Some(Check::Failed(at)) if at.elapsed() < AGAIN => return Ok(Health::Unknown),
            Some(Check::Asking { child, until, said }) => {
                let ended = child.try_wait().map_err(|error| io(folder, error))?;
                let late = Instant::now() > *until;
                if ended.is_none() && !late {
                    return Ok(Health::Unknown);
                }
                if late && ended.is_some() {
                    // Nobody has looked at it since: what it has found is old.
                    self.0.remove(station);
                    return Ok(Health::Unknown);
                }
                if ended.and_then(|status| status.code()) == Some(NOT_ASKED) {
                    self.0.remove(station);
                    return Ok(Health::Unknown);
                }
                if ended.is_some_and(|status| status.success()) {
                    self.0.insert(station.to_owned(), Check::Passed(Instant::now()));
                    return Ok(Health::Good);
                }
                let why = match ended {
                    Some(_) => wrong(said),
                    None => {
                        // It holds the station's ports until it is gone.
                        drop(child.kill());
                        drop(child.wait());
                        format!("the instruments were asked, and that did not end within {} s", WITHIN.as_secs())
                    }
                };
                self.0.insert(station.to_owned(), Check::Failed(Instant::now()));
                return Ok(Health::Bad(why));
            }
            Some(Check::Passed(_) | Check::Failed(_)) | None => {}
        }
        let plain: String = station.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let said = folder.join(format!("station-{plain}"));
        let child = start(config, station, folder, &said).map_err(|error| io(&said, error))?;
        self.0.insert(station.to_owned(), Check::Asking { child, until: Instant::now() + WITHIN, said });
        Ok(Health::Unknown)
    }

    /// Whether a station is being asked now.
    pub(crate) fn is_asking(&self, station: &str) -> bool {
        matches!(self.0.get(station), Some(Check::Asking { .. }))
    }

    /// What passed before says nothing any more: a job has used the station since.
    pub(crate) fn forget(&mut self, station: &str) {
        if matches!(self.0.get(station), Some(Check::Passed(_))) {
            self.0.remove(station);
        }
    }
}

fn start(config: &Config, station: &str, folder: &Path, said: &Path) -> std::io::Result<Child> {
    let mut command = work::program(config, folder);
    command.args(["doctor", "--rig", &config.rig, "--ask"]).arg(format!("--station={station}"));
    command.arg("--runs").arg(&config.runs);
    let said = File::create(said)?;
    command.stdin(Stdio::null()).stderr(said.try_clone()?).stdout(said).spawn()
}

/// What a check has found wrong, in a line.
fn wrong(said: &Path) -> String {
    let said = std::fs::read_to_string(said).unwrap_or_default();
    let found = |begins: &'static str| {
        let lines: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix(begins)).map(str::trim).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    };
    found("WRONG")
        .or_else(|| found("error:"))
        .unwrap_or_else(|| "the health check failed and did not say why".to_owned())
}

fn io(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), error }
}

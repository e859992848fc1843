//! What somebody wants to be run: whether it can be meant, and whether the rig can run it.
//!
//! What is wrong is told before the job waits, in the words of `dosebench check`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::Config;
use crate::work::{self, Task};

/// The longest text of a field but the scenario's.
pub(super) const TEXT_MAX: usize = 1000;
/// A job may have no more time than this, and no less than a second.
const BUDGET_MAX_S: f64 = 31.0 * 86_400.0;

/// What is to be run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewJob {
    /// A name of the library, or what the sender calls the file whose text is given.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) scenario: String,
    /// The scenario file's text; at most 1 MiB.
    #[serde(default)]
    pub(super) text: Option<String>,
    /// The station; the rig's first unless given.
    #[serde(default)]
    pub(super) station: Option<String>,
    /// The serial number that the device must have.
    #[serde(default)]
    pub(super) device: Option<String>,
    /// What the run is for.
    #[serde(default)]
    pub(super) purpose: Purpose,
    /// Parameters as name and value, in order.
    #[serde(default)]
    pub(super) set: Vec<(String, String)>,
    /// The seed of everything random in simulators.
    #[serde(default = "one")]
    #[schema(minimum = 0)]
    pub(super) seed: u64,
    /// Run although a certificate falls due before the planned end, for this reason.
    #[serde(default)]
    pub(super) accept_overdue: Option<String>,
    /// Higher goes first; of equals the one that was submitted first.
    #[serde(default)]
    pub(super) priority: i32,
    /// How long it may run, in s.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_678_400)]
    pub(super) budget_s: Option<f64>,
    /// Who wants it; nobody has verified that.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) submitter: String,
    /// A name of the submitter's own: what was submitted with it is not submitted again, and the answer is the job that it
    /// made.
    #[serde(default)]
    pub(super) key: Option<String>,
}

fn one() -> u64 {
    1
}

/// What a run is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// Work on the device or the bench.
    #[default]
    Engineering,
    /// The nightly round.
    Nightly,
    /// Evidence for a regulator.
    Verification,
}

impl Purpose {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Engineering => "engineering",
            Self::Nightly => "nightly",
            Self::Verification => "verification",
        }
    }
}

/// Whether the fields can be meant.
pub(super) fn sensible(new: &NewJob) -> Result<(), Problem> {
    let texts = [
        ("scenario", Some(&new.scenario)),
        ("submitter", Some(&new.submitter)),
        ("device", new.device.as_ref()),
        ("accept_overdue", new.accept_overdue.as_ref()),
        ("key", new.key.as_ref()),
    ];
    let all = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let sets = new.set.iter().flat_map(|(name, value)| [("set", name), ("set", value)]);
    for (name, text) in all.chain(sets) {
        if text.trim().is_empty() || text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
            return Err(Problem::input(format!(
                "{name}: expected 1 to {TEXT_MAX} characters that can be seen, but found {} with others",
                text.chars().count()
            )));
        }
    }
    if new.set.iter().any(|(name, _)| name.contains('=')) {
        return Err(Problem::input("set: expected a parameter's name, but found one with '='"));
    }
    match new.budget_s {
        Some(budget) if !(1.0..=BUDGET_MAX_S).contains(&budget) => {
            Err(Problem::input(format!("budget_s: expected 1 to {BUDGET_MAX_S} s, but found {budget}")))
        }
        _ => Ok(()),
    }
}

/// Whether a task can run on the rig, as `dosebench check` says.
pub(super) fn check(config: &Config, station: &str, task: &Task) -> Result<(), Problem> {
    // A name that ends as a file's would be one of ours.
    let is_file = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.ends_with(".yaml") || name.ends_with(".yml")
    };
    if task.text.is_none() && is_file(&task.scenario) {
        return Err(Problem::input("expected the text of the scenario's file beside its name, but found none"));
    }
    let folder = work::scratch(config).map_err(Problem::ours)?;
    let checked = (|| {
        let scenario = task.scenario_in(&folder.path)?;
        let mut command = work::program(config, &folder.path);
        command.args(["check", "--rig", &config.rig, "--station", station]).args(task.sets()).arg("--").arg(scenario);
        command.stdin(std::process::Stdio::null()).output()
    })();
    let output = checked.map_err(|why| Problem::ours(format!("the scenario cannot be checked: {why}")))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(2) => Err(Problem::input(said)),
        _ => Err(Problem::ours(format!("the check ended with {}: {said}", output.status))),
    }
}

//! What somebody wants to be run: whether it can be meant, and whether the rig can run it.
//!
//! What is wrong is told before the job waits, in the words of `dosebench check`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use serde::Deserialize;
use store::{Use, needs_of_all};
use utoipa::ToSchema;

use super::HELPER_WITHIN;
use super::problem::Problem;
use crate::Config;
use crate::work::{self, Task};

/// The longest text of a field but the scenario's.
const TEXT_MAX: usize = 1000;
/// So many parameters at most, of so many characters in all: they go into a command line.
const SETS_MAX: usize = 256;
const SETS_LENGTH_MAX: usize = 65_536;
/// A job may have no more time than this, and no less than a second.
const BUDGET_MAX_S: f64 = 31.0 * 86_400.0;

/// What is to be run.
#[derive(Debug, Clone, Deserialize, ToSchema)]
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
    /// Parameters as name and value, in order; 256 at most, of 65 536 characters in all.
    #[serde(default)]
    #[schema(max_items = 256)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
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

/// Whether a text is one that people can read: it goes into terminals, logs and command lines.
pub(super) fn visible(name: &str, text: &str) -> Result<(), Problem> {
    let length = text.chars().count();
    let found = if text.trim().is_empty() {
        "none".to_owned()
    } else if length > TEXT_MAX {
        format!("{length}")
    } else if text.chars().any(|c| c.is_control() || is_unseen(c)) {
        "one that cannot be seen".to_owned()
    } else {
        return Ok(());
    };
    Err(Problem::input(format!("{name}: expected 1 to {TEXT_MAX} characters that can be seen, but found {found}")))
}

/// Whether a character has no shape, or turns the direction of others: a name of them looks like another or like none.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
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
        visible(name, text)?;
    }
    let (sets, length) = (new.set.len(), new.set.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>());
    if sets > SETS_MAX || length > SETS_LENGTH_MAX {
        return Err(Problem::input(format!(
            "set: expected {SETS_MAX} parameters of {SETS_LENGTH_MAX} characters in all at most, but found {sets} of {length}"
        )));
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

/// What a task's runs need, as a line of `dosebench check --json` tells it.
#[derive(Deserialize)]
struct Checked {
    #[serde(default)]
    needs: BTreeMap<String, Use>,
}

/// Whether a task can run on the rig, as `dosebench check` says, and what it needs of what stations share; in a folder that goes
/// away again.
pub(super) fn check(
    config: &Config,
    station: &str,
    task: &Task,
    folder: PathBuf,
) -> Result<BTreeMap<String, Use>, Problem> {
    // A name that ends as a file's would be one of ours.
    let is_file = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.ends_with(".yaml") || name.ends_with(".yml")
    };
    let folder = work::Scratch { path: folder };
    if task.text.is_none() && is_file(&task.scenario) {
        return Err(Problem::input("expected the text of the scenario's file beside its name, but found none"));
    }
    let told = folder.path.join("checked.jsonl");
    let checked = task.scenario_in(&folder.path).and_then(|scenario| {
        let mut command = work::program(config, &folder.path);
        command.args(["check", "--json", "--rig", &config.rig, "--station", station]).args(task.sets());
        command.arg("--").arg(scenario).stdout(File::create(&told)?);
        work::bounded(command, HELPER_WITHIN)
    });
    let checked = checked.map_err(|why| Problem::ours(format!("the scenario cannot be checked: {why}")))?;
    let Some((status, said)) = checked else {
        let most = HELPER_WITHIN.as_secs();
        return Err(Problem::input(format!(
            "expected a scenario that is checked within {most} s, but it takes longer; submit fewer steps or variants at once"
        )));
    };
    match status.code() {
        Some(0) => {
            let told = std::fs::read_to_string(&told).map_err(Problem::ours)?;
            let lines = told.lines().map(serde_json::from_str::<Checked>);
            let runs: Vec<Checked> = lines.collect::<Result<_, _>>().map_err(Problem::ours)?;
            Ok(needs_of_all(runs.into_iter().map(|run| run.needs)))
        }
        Some(2) => Err(Problem::input(said)),
        _ => Err(Problem::ours(format!("the check ended with {status}: {said}"))),
    }
}

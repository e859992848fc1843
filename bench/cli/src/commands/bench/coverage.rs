//! `dosebench bench coverage`: whether stated intervals hold what they state, run against the simulators' sealed truth.
//!
//! Many seeded virtual runs with plants drawn anew; a second set has effects that no budget knows. `cargo xtask coverage`
//! calls it in release. Beside tests nothing else opens a truth file.

mod effect;
mod gate;
mod plant;
mod table;
mod tally;
mod trial;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use effect::{EFFECTS, Effect, NONE};
use plant::Declarations;
use table::Set;
use tally::Coverage;
use trial::Trial;

use crate::Failure;
use crate::output::{say, tell};

/// Exit code of a study that found a defect.
const DEFECT: u8 = 1;
/// A line of progress comes after each of so many parts of a set.
const PARTS: u64 = 10;

/// Arguments of the study.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Coverage: how many runs of plants as declared
    #[arg(long, default_value_t = 2_000)]
    runs: u64,
    /// Coverage: how many runs of each effect that no budget knows
    #[arg(long, default_value_t = 100)]
    effects: u64,
    /// Coverage: these effects alone, by the beginning of their names; all unless given
    #[arg(long, value_name = "EFFECT")]
    only: Vec<String>,
    /// Coverage: the seed of the first run
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Coverage: how many runs at a time; as many as there are cores unless given
    #[arg(long)]
    jobs: Option<u64>,
    /// Coverage: the document whose tables are written anew
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Coverage: print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Makes the study and prints it.
pub(super) fn run(args: &Options, folder: &Path) -> Result<u8, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let study = Study { declarations: Declarations::read()?, jobs: args.jobs.unwrap_or(cores).max(1), folder };
    let main = study.set(&NONE, args.first_seed, args.runs)?;
    let mut effects = Vec::new();
    let mut seed = args.first_seed + args.runs;
    let wanted = |effect: &Effect| args.only.is_empty() || args.only.iter().any(|name| effect.name.starts_with(name));
    for effect in EFFECTS.iter().filter(|effect| args.effects > 0 && wanted(effect)) {
        effects.push(study.set(effect, seed, args.effects)?);
        seed += args.effects;
    }
    let how = format!(
        "`cargo xtask coverage --runs {} --effects {} --first-seed {}`, dosebench {}, seeds {} to {}.",
        args.runs,
        args.effects,
        args.first_seed,
        env!("CARGO_PKG_VERSION"),
        args.first_seed,
        seed - 1
    );
    let tables = table::markdown(&how, &main, &effects);
    if args.json {
        say!("{}", table::json(&main, &effects));
    } else {
        say!("{tables}");
    }
    if let Some(path) = &args.write {
        table::write(path, &tables)?;
    }
    let tallies = main.tallies();
    let defect =
        tallies.iter().any(|t| t.coverage() == Coverage::Defect || t.accepted().iter().any(|(.., kept)| !kept));
    Ok(if defect { DEFECT } else { 0 })
}

/// What all sets share.
struct Study<'a> {
    declarations: Declarations,
    jobs: u64,
    folder: &'a Path,
}

impl Study<'_> {
    /// So many runs with an effect, from a seed on; in the order of their seeds, whoever made them when.
    fn set(&self, effect: &Effect, first_seed: u64, runs: u64) -> Result<Set, Failure> {
        let scenario = effect.scenario()?;
        let next = AtomicU64::new(0);
        let done = Mutex::new(Vec::new());
        let job = |number: u64| -> Result<(), Failure> {
            let folder = self.folder.join(format!("job-{number}"));
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                if run >= runs {
                    return Ok(());
                }
                let seed = first_seed + run;
                let trial = trial::run(&scenario, &self.declarations.draw(seed)?, seed, &folder)?;
                let mut done = done.lock().expect("no job panics while it holds the trials");
                done.push((seed, trial));
                let count = done.len() as u64;
                if (count * PARTS / runs) > ((count - 1) * PARTS / runs) {
                    tell!("{}: {count} of {runs} runs", effect.name);
                }
            }
        };
        std::thread::scope(|scope| {
            let jobs: Vec<_> = (0..self.jobs).map(|number| scope.spawn(move || job(number))).collect();
            jobs.into_iter().try_for_each(|job| job.join().expect("a job returns what went wrong"))
        })?;
        let mut done: Vec<(u64, Trial)> = done.into_inner().expect("no job panicked");
        done.sort_by_key(|(seed, _)| *seed);
        Ok(Set { name: effect.name, trials: done.into_iter().map(|(_, trial)| trial).collect() })
    }
}

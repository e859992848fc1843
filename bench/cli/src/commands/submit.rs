//! `dosebench submit`: a scenario for the daemon to run.
//!
//! With `--wait` it behaves like a local `run`: the same lines, the same exit codes, and the same files beside the caller.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::verdict::exit_code_of;
use serde_json::{Value, json};

use crate::client::{Client, TRIES, Which, patiently};
use crate::commands::run::print_result;
use crate::commands::run_options::RunOptions;
use crate::fetched::fetch;
use crate::output::{say, tell};
use crate::signals::Signals;
use crate::watched::Watched;
use crate::{BENCH_ERROR, Failure, load};

/// How often a job is asked for that has no run yet.
const LOOK: Duration = Duration::from_millis(250);
/// So often a daemon that is away is asked again; whoever submits may just have none.
const SUBMIT_TRIES: u32 = 2;

/// Arguments of `submit`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The scenario: a file, or a name of the library
    scenario: String,
    #[command(flatten)]
    wanted: RunOptions,
    /// Higher goes first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// A name of your own: what was submitted with it is not submitted again
    #[arg(long)]
    key: Option<String>,
    /// Wait for its end, print its results, and fetch its files; a signal cancels it
    #[arg(long)]
    wait: bool,
    /// Where the files of its runs go
    #[arg(long, default_value = "runs", requires = "wait")]
    runs: PathBuf,
    /// Print JSON: the job, and with --wait one object a run
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Which,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let signals = Signals::catch().map_err(|e| Failure::bench(format!("signals cannot be caught: {e}")))?;
    let client = Client::of(&args.daemon)?;
    let text = if load::is_file(&args.scenario) { Some(load::file(&args.scenario)?.text().to_owned()) } else { None };
    let RunOptions { station, device, accept_overdue, purpose, set, seed, budget } = &args.wanted;
    let new = json!({
        "scenario": args.scenario, "text": text, "station": station, "device": device, "accept_overdue": accept_overdue,
        "purpose": purpose, "set": set, "seed": seed, "priority": args.priority,
        "budget_s": budget.map(|budget| budget.as_secs_f64()),
        "submitter": crate::user(), "key": args.key.clone().unwrap_or_else(own_key),
    });
    // It has a key: an answer that was lost is asked for again, and nothing is submitted twice.
    let job = patiently(SUBMIT_TRIES, || client.post("/api/v1/jobs", &new))?;
    let id = number(&job)?;
    if !args.wait {
        if args.json {
            say!("{job}");
        } else {
            say!("{id}");
        }
        return Ok(0);
    }
    tell!("job {id}: {}", args.scenario);
    let waiting = Waiting { client: &client, id, runs: &args.runs, json: args.json };
    waiting.to_the_end(&signals)
}

/// A key that nobody else has.
fn own_key() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}-{}", daemon::host(), std::process::id(), since.as_nanos())
}

fn number(job: &Value) -> Result<i64, Failure> {
    job["id"]
        .as_i64()
        .ok_or_else(|| Failure::bench(format!("expected a job's number from the daemon, but found {job}")))
}

/// A job that is waited for.
struct Waiting<'a> {
    client: &'a Client,
    id: i64,
    runs: &'a Path,
    json: bool,
}

impl Waiting<'_> {
    /// Follows a job to its end, fetches what came of it, and exits as `run` would have.
    fn to_the_end(&self, signals: &Signals) -> Result<u8, Failure> {
        let (mut told, mut stopping, mut wanted) = (0, false, None);
        let mut waits = String::new();
        loop {
            if let Some(name) = signals.next() {
                wanted = Some(name);
            }
            if let Some(name) = wanted {
                tell!("cancelling job {} for {name}", self.id);
                let by = format!("{} ({name})", crate::user());
                let cancelled = patiently(TRIES, || {
                    self.client.post(&format!("/api/v1/jobs/{}/cancel", self.id), &json!({"by": by}))
                });
                // One that has ended this moment is refused; then its end is told below. What was not answered is asked again.
                stopping = !cancelled.as_ref().is_err_and(Failure::is_bench);
                wanted = wanted.filter(|_| !stopping);
                if let Err(why) = cancelled {
                    tell!("{}", why.sentence());
                }
            }
            let job = patiently(TRIES, || self.client.get(&format!("/api/v1/jobs/{}", self.id)))?;
            let runs: Vec<&str> =
                job["runs"].as_array().into_iter().flatten().filter_map(|r| r["run"].as_str()).collect();
            if let Some(run) = runs.get(told) {
                if let Err(why) = Watched::new(run).follow(self.client, &|| Signals::stopped() && !stopping) {
                    // It goes on, whether it can be watched or not.
                    tell!("{}", why.sentence());
                }
                // Whoever was called away from it by a signal comes back.
                told += usize::from(stopping || !Signals::stopped());
                continue;
            }
            if job["state"] == "ended" {
                return self.concluded(&job, &runs);
            }
            let reason = job["reason"].as_str().unwrap_or("");
            if !reason.is_empty() && reason != waits {
                tell!("job {} waits: {reason}", self.id);
                reason.clone_into(&mut waits);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Fetches the files of every run and prints what they say.
    fn concluded(&self, job: &Value, runs: &[&str]) -> Result<u8, Failure> {
        let code = job["exit_code"].as_u64().and_then(|code| u8::try_from(code).ok()).unwrap_or(BENCH_ERROR);
        let mut codes = vec![code];
        for run in runs {
            let folder = match fetch(self.client, run, self.runs) {
                Ok(folder) => folder,
                Err(why) => {
                    // Whatever the run was, it is not here.
                    tell!("error: run {run} cannot be fetched: {}", why.sentence());
                    codes.push(BENCH_ERROR);
                    continue;
                }
            };
            let summary = File::open(folder.join("summary.json")).ok();
            let summary: Option<Value> = summary.and_then(|file| serde_json::from_reader(file).ok());
            let Some(mut summary) = summary else {
                tell!("error: run {run} has no summary; look at {}", folder.display());
                codes.push(BENCH_ERROR);
                continue;
            };
            // It is here now.
            summary["folder"] = json!(folder.display().to_string());
            if self.json {
                say!("{summary}");
            } else {
                print_result(&summary);
            }
        }
        if let Some(reason) = job["reason"].as_str() {
            tell!("job {}: {reason}", self.id);
        }
        // What was bad input when it began has no place among the codes of runs.
        Ok(if codes.len() == 1 { code } else { exit_code_of(codes) })
    }
}

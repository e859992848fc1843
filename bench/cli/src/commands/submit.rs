//! `dosebench submit`, `status`, `watch` and `cancel`: the daemon's clients.
//!
//! `submit --wait` and `watch` behave like a local `run`: the same lines, the same exit codes, and the same files beside the caller.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::verdict::exit_code_of;
use serde_json::{Value, json};

use crate::client::{Client, Which};
use crate::commands::run;
use crate::fetched::fetch;
use crate::output::{say, tell};
use crate::signals::Signals;
use crate::watched::Watched;
use crate::{BENCH_ERROR, Failure, load};

/// How often a job is asked for that has no run yet.
const LOOK: Duration = Duration::from_millis(250);
/// The pause before a stream that broke off is asked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// So often a daemon that is away is asked again: it may be starting anew.
const TRIES: u32 = 30;
/// The same for a submission, whose sender may just have no daemon.
const SUBMIT_TRIES: u32 = 2;

/// Arguments of `submit`.
#[derive(clap::Args)]
pub(crate) struct SubmitArgs {
    /// The scenario: a file, or a name of the library
    scenario: String,
    /// The rig's station; its first unless given
    #[arg(long)]
    station: Option<String>,
    /// The serial number that the device must have
    #[arg(long, value_name = "SERIAL")]
    device: Option<String>,
    /// Run although a certificate falls due before the planned end, for this reason; it stands in the record and the report
    #[arg(long, value_name = "REASON")]
    accept_overdue: Option<String>,
    /// What the run is for
    #[arg(long, default_value = "engineering", value_parser = ["engineering", "nightly", "verification"])]
    purpose: String,
    /// Sets a parameter
    #[arg(long, value_name = "NAME=VALUE", value_parser = load::assignment)]
    set: Vec<(String, String)>,
    /// The seed of everything random in simulators
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Higher goes first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Stop the job after this time, as in '2 h'
    #[arg(long, value_name = "TIME", value_parser = load::time)]
    budget: Option<Duration>,
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

pub(crate) fn submit(args: &SubmitArgs) -> Result<u8, Failure> {
    let signals = Signals::catch().map_err(|e| Failure::bench(format!("signals cannot be caught: {e}")))?;
    let client = Client::of(&args.daemon)?;
    let text = if load::is_file(&args.scenario) { Some(load::file(&args.scenario)?.text().to_owned()) } else { None };
    let new = json!({
        "scenario": args.scenario, "text": text, "station": args.station, "device": args.device,
        "accept_overdue": args.accept_overdue, "purpose": args.purpose, "set": args.set, "seed": args.seed,
        "priority": args.priority, "budget_s": args.budget.map(|budget| budget.as_secs_f64()),
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
                run::print_result(&summary);
            }
        }
        if let Some(reason) = job["reason"].as_str() {
            tell!("job {}: {reason}", self.id);
        }
        // What was bad input when it began has no place among the codes of runs.
        Ok(if codes.len() == 1 { code } else { exit_code_of(codes) })
    }
}

/// Asks again while the daemon is away, for a while.
fn patiently<T>(most: u32, ask: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut tries = 0;
    loop {
        match ask() {
            Err(failure) if failure.is_bench() && tries < most => {
                tries += 1;
                std::thread::sleep(AGAIN);
            }
            done => return done,
        }
    }
}

/// Arguments of `status`.
#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    daemon: Which,
}

pub(crate) fn status(args: &StatusArgs) -> Result<u8, Failure> {
    let client = Client::of(&args.daemon)?;
    let status = client.get("/api/v1/status")?;
    if args.json {
        say!("{status}");
        return Ok(0);
    }
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    for station in status["stations"].as_array().into_iter().flatten() {
        let taken = station["quarantined"].as_str().map(|why| format!("in quarantine {why}"));
        let taken = taken.or_else(|| station["taken"].as_str().map(str::to_owned));
        let does = match (station["job"].as_i64(), station["run"].as_str(), taken) {
            (Some(job), Some(run), _) => format!("job {job}, run {run}"),
            (Some(job), None, _) => format!("job {job} begins"),
            (None, _, Some(taken)) => taken,
            (None, _, None) => "free".to_owned(),
        };
        say!("station {}  {does}", text(&station["station"]));
    }
    for job in status["jobs"].as_array().into_iter().flatten() {
        let reason = job["reason"].as_str().map(|reason| format!("  ({reason})")).unwrap_or_default();
        let (id, state, scenario) = (&job["id"], text(&job["state"]), text(&job["scenario"]));
        let (station, submitter) = (text(&job["station"]), text(&job["submitter"]));
        say!("job {id}  {state:8}  {scenario}  station {station}  priority {}  {submitter}{reason}", job["priority"]);
    }
    Ok(0)
}

/// The id of a run that is named by it or by its folder.
fn run_id(run: &str) -> Result<&str, Failure> {
    let name = Path::new(run).file_name().and_then(|name| name.to_str()).filter(|name| server::is_run_id(name));
    name.ok_or_else(|| Failure::input(format!("expected the id of a run, or its folder, but found '{run}'")))
}

/// Arguments of `watch`.
#[derive(clap::Args)]
pub(crate) struct WatchArgs {
    /// The run: its id, or its folder
    run: String,
    #[command(flatten)]
    daemon: Which,
}

pub(crate) fn watch(args: &WatchArgs) -> Result<u8, Failure> {
    let client = Client::of(&args.daemon)?;
    let id = run_id(&args.run)?;
    client.get(&format!("/api/v1/runs/{id}"))?;
    Watched::new(id).follow(&client, &|| false)?;
    loop {
        let run = patiently(TRIES, || client.get(&format!("/api/v1/runs/{id}")))?;
        if run["finished"] == true {
            run::print_result(&run["summary"]);
            return Ok(run["summary"]["verdict"].as_str().and_then(run::code_of).unwrap_or(BENCH_ERROR));
        }
        let job = run["job"].as_i64().map(|job| client.get(&format!("/api/v1/jobs/{job}"))).transpose()?;
        if job.is_some_and(|job| job["state"] == "ended") {
            return Err(Failure::bench(format!("run {id} has no whole files; see the log of its job")));
        }
        std::thread::sleep(LOOK);
    }
}

/// Arguments of `release`.
#[derive(clap::Args)]
pub(crate) struct ReleaseArgs {
    /// The station
    station: String,
    /// What was found there; it stands in the audit log
    #[arg(long)]
    because: String,
    #[command(flatten)]
    daemon: Which,
}

pub(crate) fn release(args: &ReleaseArgs) -> Result<u8, Failure> {
    let client = Client::of(&args.daemon)?;
    let body = json!({"by": crate::user(), "because": args.because});
    client.post(&format!("/api/v1/stations/{}/release", args.station), &body)?;
    Ok(0)
}

/// Arguments of `cancel` and `acknowledge`.
#[derive(clap::Args)]
pub(crate) struct OneArgs {
    /// The run: its id, or its folder; or the job's number
    run: String,
    #[command(flatten)]
    daemon: Which,
}

/// The number of a job, as it is named: by its number, or by a run of its.
fn job_of(client: &Client, named: &str) -> Result<i64, Failure> {
    if let Ok(job) = named.parse::<i64>() {
        return Ok(job);
    }
    let run = client.get(&format!("/api/v1/runs/{}", run_id(named)?))?;
    let job = run["job"].as_i64();
    job.ok_or_else(|| Failure::input(format!("expected a run of the daemon's, but nobody has submitted {named}")))
}

pub(crate) fn acknowledge(args: &OneArgs) -> Result<u8, Failure> {
    let client = Client::of(&args.daemon)?;
    let job = job_of(&client, &args.run)?;
    let done = client.post(&format!("/api/v1/jobs/{job}/acknowledge"), &json!({"by": crate::user()}))?;
    say!("job {job}  acknowledged by {}", done["acknowledged_by"].as_str().unwrap_or("somebody"));
    Ok(0)
}

pub(crate) fn cancel(args: &OneArgs) -> Result<u8, Failure> {
    let client = Client::of(&args.daemon)?;
    let job = job_of(&client, &args.run)?;
    let done = client.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({"by": crate::user()}))?;
    let does = if done["state"] == "ended" { "cancelled" } else { "is being stopped" };
    say!("job {job}  {does}");
    Ok(0)
}

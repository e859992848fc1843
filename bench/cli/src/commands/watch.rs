//! `dosebench status` and `watch`: what the daemon does.
//!
//! `watch` behaves like a local `run`: the same lines and the same exit codes.

use std::time::Duration;

use serde_json::Value;

use crate::Failure;
use crate::client::{Client, TRIES, Which, patiently, run_id};
use crate::commands::run;
use crate::output::say;
use crate::watched::Watched;

/// How often a run is asked for whose files are being made.
const LOOK: Duration = Duration::from_millis(250);

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
        let does = match station["state"].as_str() {
            Some("running") if station["run"].is_null() => format!("job {}, between runs", station["job"]),
            Some("running") => format!("job {}, run {}", station["job"], text(&station["run"])),
            Some("quarantined") => format!("in quarantine {}", text(&station["quarantined"])),
            Some("taken") => text(&station["taken"]),
            _ => text(&station["state"]),
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
        let job = run["job"].as_i64().map(|job| client.get(&format!("/api/v1/jobs/{job}"))).transpose()?;
        let of_job = job.iter().flat_map(|job| job["runs"].as_array().into_iter().flatten()).find(|of| of["run"] == id);
        // Its job knows more than the verdict's name tells, once the run is over for it as well.
        let code = of_job.map_or_else(
            || run["summary"]["verdict"].as_str().and_then(run::code_of),
            |of| of["exit_code"].as_u64().and_then(|code| u8::try_from(code).ok()),
        );
        if let (true, Some(code)) = (run["finished"] == true, code) {
            run::print_result(&run["summary"]);
            return Ok(code);
        }
        if job.is_some_and(|job| job["state"] == "ended") {
            return Err(Failure::bench(format!("run {id} has no whole files; see the log of its job")));
        }
        std::thread::sleep(LOOK);
    }
}

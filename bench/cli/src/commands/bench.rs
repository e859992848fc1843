//! `dosebench bench`, hidden: this program's own speed as JSON on stdout, and how honest its intervals are.
//!
//! `cargo xtask metrics` and `cargo xtask coverage` call it in release. No figure of theirs fails them, but a count of
//! what must never happen that is not 0.

mod coverage;
mod faults;
mod holds;
mod jobs;
mod kills;
mod link;
mod log;
mod recorded;
mod served;
mod stamps;
mod watchers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use daemon::Request;
use domain::{Channel, Event, EventKind, Reading, RunTime, Status};
use record::{Metadata, Pace, Reader, Recorder};
use scenario::Document;
use serde_json::json;
use text::Source;

use crate::output::{say, tell};
use crate::{BENCH_ERROR, Failure, load};

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is measured
    of: Of,
    /// How many steps, readings, stamps, jobs or watchers, or rounds of faults, holds or kills
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,
    /// Where files go, removed afterwards but for a log or a record; the system's folder for such unless given
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The seed of a log's or a record's noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    coverage: coverage::Options,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    /// Readings from event through engine and recorder to file
    Readings,
    /// Steps that do nothing
    Steps,
    /// Detection of each instrument's faults on a served rig, beyond its deadline
    Faults,
    /// Errors of the time stamps of a 100 Hz channel over a pseudo-terminal
    Stamps,
    /// Round trips on the host link of the image on its emulated core
    Link,
    /// No measurement: a log in Parquet for `analyze`, which stays
    Log,
    /// No measurement: a record for `report`, which stays
    Record,
    /// Jobs of a daemon on a served rig, whose processes are killed at random
    Kills,
    /// A daemon with so many jobs in its queue: its memory while it runs them
    Jobs,
    /// A daemon that does nothing, and a run that so many watch
    Watchers,
    /// One port that many processes want, while they are killed at random
    Holds,
    /// One of those processes
    HoldClient,
    /// Stated intervals against the simulators' truth
    Coverage,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    if matches!(args.of, Of::Log | Of::Record) {
        let folder = args.folder.as_ref().ok_or_else(|| Failure::input("bench: expected --folder for what stays"))?;
        std::fs::create_dir_all(folder).map_err(Failure::bench)?;
        let written = match args.of {
            Of::Log => log::write(folder, args.count, args.seed),
            _ => recorded::write(folder, args.count, args.seed, &request(folder, &held())?),
        };
        return written.map(|written| print(&written));
    }
    if let (Of::HoldClient, Some(folder)) = (args.of, &args.folder) {
        return holds::work(folder, args.seed).map(|figures| print(&figures));
    }
    // A folder of our own below the one given: only that is removed again.
    let folder = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    // What is started there has another folder to begin from.
    let folder = std::path::absolute(folder.join(format!("bench-{}", std::process::id()))).map_err(Failure::bench)?;
    std::fs::create_dir_all(&folder).map_err(Failure::bench)?;
    let result = match args.of {
        Of::Readings => readings(args.count, &folder),
        Of::Steps => steps(args.count, &folder),
        Of::Coverage => coverage::run(&args.coverage, &folder),
        Of::Faults => faults::measure(&folder, args.count).map(|figures| print(&figures)),
        Of::Stamps => stamps::measure(args.count).map(|figures| print(&figures)),
        Of::Link => link::measure(args.count).map(|figures| print(&figures)),
        Of::Holds => holds::measure(&folder, args.count, args.seed).map(|figures| without(&figures, &holds::NEVER)),
        Of::Jobs => jobs::measure(&folder, args.count).map(|figures| without(&figures, &jobs::NEVER)),
        Of::Watchers => watchers::measure(&folder, args.count).map(|figures| without(&figures, &watchers::NEVER)),
        Of::Kills => kills::measure(&folder, args.count, args.seed).map(|figures| without(&figures, &kills::NEVER)),
        Of::HoldClient => Err(Failure::input("bench: expected --folder for what others share")),
        Of::Log | Of::Record => unreachable!("they are written above"),
    };
    let soaks = matches!(args.of, Of::Holds | Of::Jobs | Of::Watchers | Of::Kills);
    if soaks && !matches!(result, Ok(0)) {
        // What shows how it came to that stays.
        tell!("note: what it left is in {}", folder.display());
    } else {
        drop(std::fs::remove_dir_all(&folder));
    }
    result
}

fn print(figures: &serde_json::Value) -> u8 {
    say!("{figures}");
    0
}

/// The same of figures among which some must be none.
fn without(figures: &serde_json::Value, none: &[&str]) -> u8 {
    let found = none.iter().filter(|name| figures[**name] != 0);
    let found = found.inspect(|name| tell!("error: {name}: expected 0, but found {}", figures[**name])).count();
    print(figures);
    if found == 0 { 0 } else { BENCH_ERROR }
}

fn request(folder: &Path, scenario: &str) -> Result<Request, Failure> {
    let rig = load::rig(&load::rig_source("virtual")?)?;
    let station = rig.station(None).map_err(Failure::input)?.clone();
    let source = Source::new("bench.yaml", scenario.as_bytes().to_vec()).map_err(Failure::input)?;
    let document = Document::parse(source.clone()).map_err(|p| load::rendered(&p, &source))?;
    let plan = scenario::resolve(&document, &[], &station.profile).map_err(|p| load::rendered(&p, &source))?;
    Ok(Request {
        scenario: "bench".to_owned(),
        plan: Arc::new(plan),
        station,
        rig_yaml: String::new(),
        seed: 1,
        device: None,
        overdue_accepted: None,
        purpose: "engineering".to_owned(),
        operator: None,
        runs: folder.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

const HEAD: &str =
    "scenario: bench\nweighing: {before: 14 s, after: 14 s, evaporation changes at most: 1 ug/s}\nsteps:\n";

/// A run of so many holds of no length, from beginning to end, against the same run with one.
fn steps(count: u64, folder: &Path) -> Result<u8, Failure> {
    let mut seconds = Vec::new();
    for repeats in [1, count] {
        let scenario = HEAD.to_owned() + &"  - hold: {for: 0 s}\n".repeat(usize::try_from(repeats).unwrap_or(1));
        let request = request(folder, &scenario)?;
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let handle = daemon::spawn(request.clone()).map_err(Failure::bench)?;
            let finished = handle.join();
            // The record's own figure: from the first event to the last, without the wait for the disk behind it.
            let tail =
                Reader::open(&finished.folder).and_then(|mut reader| reader.for_each(drop)).map_err(Failure::bench)?;
            best = best.min(tail.wall_seconds.unwrap_or(f64::INFINITY));
            drop(std::fs::remove_dir_all(finished.folder));
        }
        seconds.push(best);
    }
    let per_step_ms = (seconds[1] - seconds[0]) / (count.max(2) - 1) as f64 * 1e3;
    say!("{}", json!({"steps": count, "seconds": seconds[1], "per_step_ms": per_step_ms}));
    Ok(0)
}

/// A scenario of one step.
fn held() -> String {
    format!("{HEAD}  - hold: {{for: 1 h}}\n")
}

fn metadata() -> Metadata {
    Metadata {
        run: "bench".to_owned(),
        started: String::new(),
        purpose: String::new(),
        operator: None,
        tool: String::new(),
        host: String::new(),
        zero: None,
    }
}

/// So many readings through engine and recorder.
fn readings(count: u64, folder: &Path) -> Result<u8, Failure> {
    let request = request(folder, &held())?;
    let mut recorder = Recorder::create(folder, &metadata(), Pace::Virtual).map_err(Failure::bench)?;
    let mut engine = engine::Engine::new(request.plan, request.station.profile);
    let channel = Channel::new("balance.mass");
    let station: Arc<str> = Arc::from("1");
    let mut decisions = Vec::new();
    let began = Instant::now();
    for seq in 0..count {
        let t = RunTime::from_ns(seq * 1_000_000_000);
        let value = 25.0 + (seq % 1000) as f64 * 1e-5;
        let reading = Reading { channel: channel.clone(), at_ns: t, u_ns: 10_000_000, value, status: Status::Ok };
        let event = Event { seq, t_ns: t, station: Arc::clone(&station), kind: EventKind::Reading(reading) };
        engine.apply(&event, &mut decisions);
        recorder.append(&event).map_err(Failure::bench)?;
    }
    drop(recorder.finish(0.0).map_err(Failure::bench)?);
    let seconds = began.elapsed().as_secs_f64();
    say!("{}", json!({"readings": count, "seconds": seconds, "per_second": count as f64 / seconds}));
    Ok(0)
}

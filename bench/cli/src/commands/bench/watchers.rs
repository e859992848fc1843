//! What a daemon costs that does nothing, and what it costs a run to be watched by many: how far its readings come from the grid of
//! their polls, with nobody watching and with many who each take every event.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use domain::EventKind;
use record::Reader;
use serde_json::{Value, json};
use store::{Actor, JobState, Store};

use super::served::{self, Server};
use crate::Failure;
use crate::client::{Client, Which};

/// What must be none of what is counted.
pub(super) const NEVER: [&str; 1] = ["missed"];
/// A run in real time that is read for as long as it takes to tell.
const SCENARIO: &str = "scenario: Watched
weighing: {before: 13 s, after: 13 s, evaporation changes at most: 100 ug/s}
steps:
  - start: {continuous: 20 mL/day}
  - hold: {name: delivered, for: 30 s}
";
/// For so long the daemon has nothing to do.
const IDLE: Duration = Duration::from_secs(30);
const ENDED_WITHIN: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(50);
/// Ticks of a process's time in a second, as Linux has them.
const TICKS_PER_S: f64 = 100.0;
const POLL_NS: u64 = 1_000_000_000;

/// So many watch.
pub(super) fn measure(folder: &Path, count: u64) -> Result<Value, Failure> {
    let server = Server::start(folder)?;
    fs::write(folder.join("watched.yaml"), SCENARIO).map_err(Failure::bench)?;
    let daemon = served::daemon(folder, &server.rig)?;
    thread::sleep(Duration::from_secs(2));
    let before_s = busy_s(daemon.id())?;
    thread::sleep(IDLE);
    let idle = (busy_s(daemon.id())? - before_s) / IDLE.as_secs_f64();
    let memory_mib = daemon.resident_mib()?;
    let alone = one(folder, &daemon.line, 0)?;
    let watched = one(folder, &daemon.line, count)?;
    Ok(json!({
        "idle_share_of_a_core": idle, "idle_mib": memory_mib, "watchers": count,
        "alone_p50_ms": alone.0[0], "alone_p99_ms": alone.0[1], "watched_p50_ms": watched.0[0], "watched_p99_ms": watched.0[1],
        "events": watched.1, "missed": watched.2,
    }))
}

/// A run with so many who watch it: how late its readings came at the median and at the 99th percentile, in ms, the number of its
/// events, and how many of them were missed by all watchers together.
fn one(folder: &Path, url: &str, count: u64) -> Result<([f64; 2], u64, u64), Failure> {
    let client = Arc::new(Client::of(&Which::named(url))?);
    let task = json!({"scenario": "watched.yaml", "text": SCENARIO, "submitter": "bench"});
    let id = client.post("/api/v1/jobs", &task)?["id"].as_i64().unwrap_or(0);
    let store = Store::open(&folder.join("state"), Actor("bench".to_owned())).map_err(Failure::bench)?;
    let run = loop {
        if let Some(run) = store.job(id).map_err(Failure::bench)?.runs.last() {
            break run.clone();
        }
        thread::sleep(LOOK);
    };
    let seen = Arc::new(AtomicU64::new(0));
    let watchers: Vec<_> = (0..count).map(|_| watch(Arc::clone(&client), run.run.clone(), Arc::clone(&seen))).collect();
    let until = Instant::now() + ENDED_WITHIN;
    while store.job(id).map_err(Failure::bench)?.state != JobState::Ended {
        if Instant::now() > until {
            return Err(Failure::bench("expected the watched run to end in time, but it did not"));
        }
        thread::sleep(LOOK);
    }
    for watcher in watchers {
        watcher.join().map_err(|_| Failure::bench("a watcher panicked"))??;
    }
    let (mut late_ms, mut events) = (Vec::new(), 0);
    let mut reader = Reader::open(Path::new(&run.folder)).map_err(Failure::bench)?;
    reader
        .for_each(|event| {
            events += 1;
            if let EventKind::Reading(reading) = event.kind
                && reading.channel.as_str() == "balance.mass"
            {
                late_ms.push((reading.at_ns.ns() % POLL_NS) as f64 * 1e-6);
            }
        })
        .map_err(Failure::bench)?;
    late_ms.sort_by(f64::total_cmp);
    let at = |share: f64| late_ms.get((late_ms.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    Ok(([at(0.5), at(0.99)], events, events * count - seen.load(Ordering::Relaxed)))
}

/// Somebody who takes each event of a run, readings as well.
fn watch(client: Arc<Client>, run: String, seen: Arc<AtomicU64>) -> thread::JoinHandle<Result<(), Failure>> {
    thread::spawn(move || {
        client.every_event(&run, |sent| {
            if sent.kind.is_empty() && sent.id.is_some() {
                seen.fetch_add(1, Ordering::Relaxed);
            }
            sent.kind.is_empty()
        })
    })
}

/// How long a process has worked, in s.
fn busy_s(process: u32) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).map_err(Failure::bench)?;
    // Its name, in brackets, may hold anything.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks: f64 = behind.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_S)
}

//! What a daemon has in memory while it brings one job after the other to its end, all of them queued at once, and somebody looks at
//! the rig as the page does.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::{Actor, Store};

use super::served;
use crate::Failure;
use crate::client::{Client, Which};

/// What must be none of what is counted.
pub(super) const NEVER: [&str; 1] = ["not_passed"];
/// What each job runs: all simulated, done in a moment.
const SCENARIO: &str = "smoke/short-bolus";
/// The stations of that rig.
const STATIONS: [&str; 2] = ["1", "2"];
/// How often somebody looks.
const LOOK: Duration = Duration::from_secs(2);
/// No job may take longer, whatever else the machine does.
const ENDED_WITHIN: Duration = Duration::from_secs(60);
/// How many times the memory is told.
const PARTS: usize = 10;

/// So many jobs.
pub(super) fn measure(folder: &Path, count: u64) -> Result<Value, Failure> {
    let daemon = served::daemon(folder, "virtual")?;
    let client = Client::of(&Which::named(&daemon.line))?;
    let idle_mib = daemon.resident_mib()?;
    for station in (0..count as usize).map(|number| STATIONS[number % STATIONS.len()]) {
        client.post("/api/v1/jobs", &json!({"scenario": SCENARIO, "station": station, "submitter": "bench"}))?;
    }
    let store = Store::open(&folder.join("state"), Actor("bench".to_owned())).map_err(Failure::bench)?;
    let (began, mut last, mut over, mut mib) = (Instant::now(), Instant::now(), 0, Vec::new());
    while over < count {
        client.get("/api/v1/status")?;
        let counts = store.ended_job_counts("virtual").map_err(Failure::bench)?;
        let now_over = counts.iter().map(|(_, jobs)| u64::from(*jobs)).sum();
        if now_over > over {
            (over, last) = (now_over, Instant::now());
        }
        while mib.len() < PARTS && over * PARTS as u64 >= count * (mib.len() as u64 + 1) {
            mib.push(daemon.resident_mib()?);
        }
        if last.elapsed() > ENDED_WITHIN {
            return Err(Failure::bench(format!("expected {count} jobs to end, but behind {over} nothing goes on")));
        }
        thread::sleep(LOOK);
    }
    let passed = store.ended_job_counts("virtual").map_err(Failure::bench)?;
    let passed: u32 = passed.iter().filter(|(code, _)| *code == 0).map(|(_, jobs)| jobs).sum();
    Ok(json!({
        "jobs": count, "not_passed": count - u64::from(passed), "idle_mib": idle_mib, "mib": mib,
        "first_mib": mib.first(), "last_mib": mib.last(),
        "jobs_per_min": count as f64 / began.elapsed().as_secs_f64() * 60.0,
    }))
}

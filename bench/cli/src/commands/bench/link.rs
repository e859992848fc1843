//! How long a question on the host link takes, with the image running on its core: status and answer, over the
//! pseudo-terminal and by the driver that a run uses.

use std::time::Instant;

use domain::profile::Role;
use drivers::RunClock;
use drivers::pump_link::PumpLink;
use serde_json::{Value, json};

use crate::Failure;
use crate::served::ServedRig;

/// The round trips of so many questions.
pub(super) fn measure(count: u64) -> Result<Value, Failure> {
    let served = ServedRig::start("emulated", 1)?;
    let station = served.file.station(None).map_err(Failure::bench)?;
    let pump = station.bindings.iter().find(|b| b.role == Role::Pump);
    let pump = pump.ok_or_else(|| Failure::bench("the emulated rig has no pump"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
    let round_trips: Result<Vec<f64>, Failure> = runtime.block_on(async {
        let bound = station.bind(1);
        let connect = &*bound.connectors[&pump.instrument];
        let attached = PumpLink::attach(connect, RunClock::new(), pump.setup.settings).await;
        let (mut link, _) = attached.map_err(Failure::bench)?;
        let mut round_trips = Vec::new();
        for _ in 0..count.max(1) {
            let asked = Instant::now();
            link.status().await.map_err(Failure::bench)?;
            round_trips.push(asked.elapsed().as_secs_f64() * 1e6);
        }
        Ok(round_trips)
    });
    let mut round_trips_us = round_trips?;
    round_trips_us.sort_by(f64::total_cmp);
    let quantile = |q: f64| round_trips_us[((round_trips_us.len() - 1) as f64 * q).round() as usize];
    Ok(json!({"round_trips": round_trips_us.len(), "p50_us": quantile(0.5), "p99_us": quantile(0.99)}))
}

//! Figures for Prometheus, as they are when it asks: jobs, stations, certificates, room, watchers, people who could not be told.
//!
//! They are what the store and the host say; nothing is counted here that a restart would forget.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Zoned;
use jiff::civil::Date;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustix::fs::statvfs;
use store::{JobState, Store};

use super::problem::Problem;
use super::status::{StationState, StationView};
use super::{Shared, WATCHERS_MAX};
use crate::Config;

/// Names and values of labels.
type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, std::sync::atomic::AtomicU64>>;

/// The media type of the answer.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Figures for Prometheus
#[utoipa::path(get, path = "/api/v1/metrics", tag = "rig", responses(
    (status = 200, description = "The figures, in the OpenMetrics format", body = String,
     content_type = "application/openmetrics-text"),
    (status = 403, description = "The request was not meant for this daemon", body = Problem)
))]
pub(crate) async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Problem> {
    let config = std::sync::Arc::clone(&shared.config);
    let watchers = WATCHERS_MAX.saturating_sub(shared.watchers.available_permits());
    let text = shared.with(move |store| gathered(&config, store, watchers)).await?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}

fn gathered(config: &Config, store: &mut Store, watchers: usize) -> Result<String, Problem> {
    let mut registry = Registry::with_prefix("dosebench");
    let mut gauges = |name: &str, help: &str| {
        let family = Gauges::default();
        registry.register(name, help, family.clone());
        family
    };
    let set = |of: &Gauges, labels: Labels, value: f64| _ = of.get_or_create(&labels).set(value);
    let about = gauges("build", "The version of the daemon; always 1");
    set(&about, vec![("version", config.version.clone()), ("rig", config.rig_name.clone())], 1.0);
    let open = store.open_jobs(&config.rig)?;
    let jobs = gauges("jobs_open", "Jobs that have not ended");
    let states = gauges("station_state", "1 for the state that a station is in");
    for (station, ports) in &config.stations {
        let of_station = || open.iter().filter(|job| job.station == *station);
        for (name, state) in [("queued", JobState::Queued), ("running", JobState::Running)] {
            let count = of_station().filter(|job| job.state == state).count();
            set(&jobs, vec![("station", station.clone()), ("state", name.to_owned())], count as f64);
        }
        let now = StationView::of(store, &config.rig, (station, ports), &open)?.state;
        for (state, name) in StationState::ALL {
            let labels = vec![("station", station.clone()), ("state", name.to_owned())];
            set(&states, labels, f64::from(u8::from(state == now)));
        }
    }
    let due = gauges("certificate_due_days", "Days until a certificate falls due; negative once it has");
    let today = Zoned::now().date();
    for of in &config.instruments {
        let day = of.due.as_ref().and_then(|due| due.parse::<Date>().ok());
        if let Some(left) = day.map(|day| (day - today).get_days()) {
            set(&due, vec![("station", of.station.clone()), ("instrument", of.instrument.clone())], f64::from(left));
        }
    }
    if let Ok(of) = statvfs(&config.runs) {
        let room = gauges("runs_free_bytes", "Room on the disk of the runs");
        set(&room, Vec::new(), of.f_bavail as f64 * of.f_frsize as f64);
    }
    let watched = gauges("watchers", "Clients that follow runs now");
    set(&watched, Vec::new(), watchers as f64);
    let untold = gauges("notices_failing", "Notices that could not be sent yet, by recipient");
    for (recipient, count) in store.failing_notices()? {
        set(&untold, vec![("recipient", recipient)], f64::from(count));
    }
    let ended = Family::<Labels, Counter>::default();
    for (code, count) in store.ended_job_counts(&config.rig)? {
        ended.get_or_create(&vec![("exit_code", code.to_string())]).inc_by(u64::from(count));
    }
    registry.register("jobs_ended", "Jobs that have ended, by what `dosebench run` would have exited with", ended);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(Problem::ours)?;
    Ok(text)
}

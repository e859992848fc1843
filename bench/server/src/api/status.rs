//! How the rig stands, and what the API is.
//!
//! It is what the store says, and holds nothing of its own.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use store::{JobState, Wanted};
use utoipa::ToSchema;

use super::jobs::JobView;
use super::problem::Problem;
use super::{Shared, description};

/// The rig as it stands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Status {
    /// This program's version.
    version: String,
    /// The rig's name.
    rig: String,
    /// Its stations, in the order of their names.
    stations: Vec<StationView>,
    /// The jobs that have not ended, in the order in which they run.
    jobs: Vec<JobView>,
}

/// A station.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct StationView {
    /// Its name.
    station: String,
    /// The job that runs there.
    job: Option<i64>,
    /// The run that goes on there.
    run: Option<String>,
    /// Who else has it, if somebody has: a sentence.
    taken: Option<String>,
}

/// How the rig stands
#[utoipa::path(get, path = "/api/v1/status", tag = "rig", responses(
    (status = 200, description = "The rig, its stations and its queue", body = Status),
    (status = 403, description = "The request was not meant for this daemon", body = Problem)
))]
pub(crate) async fn status(State(shared): State<Shared>) -> Result<Json<Status>, Problem> {
    let config = std::sync::Arc::clone(&shared.config);
    let status = shared.with(move |store| {
        let jobs: Vec<JobView> = store.open_jobs(&config.rig)?.into_iter().map(JobView::of).collect();
        let mut stations = Vec::new();
        for (station, ports) in &config.stations {
            let running = jobs.iter().find(|job| job.station == *station && job.state == JobState::Running.into());
            let wanted = Wanted { resources: ports, holder: "", reason: "", lease: None };
            let taken = match running {
                None if !ports.is_empty() => store.refusal(&wanted)?.map(|why| why.to_string()),
                _ => None,
            };
            stations.push(StationView {
                station: station.clone(),
                job: running.map(|job| job.id),
                run: running.and_then(|job| job.runs.last()).map(|run| run.run.clone()),
                taken,
            });
        }
        Ok(Status { version: config.version.clone(), rig: config.rig_name.clone(), stations, jobs })
    });
    Ok(Json(status.await?))
}

/// This description
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "rig", responses(
    (status = 200, description = "The API's description as OpenAPI", body = String, content_type = "application/json")
))]
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], description())
}

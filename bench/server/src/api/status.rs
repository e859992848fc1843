//! How the rig stands, and what the API is.
//!
//! It is what the store says, and holds nothing of its own.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use store::{Job, JobState, Place, Store, StoreError, Use, Wanted};
use utoipa::ToSchema;

use super::jobs::JobView;
use super::new_job::visible;
use super::object::Object;
use super::problem::Problem;
use super::{Shared, description};
use crate::caller::Caller;

/// The rig as it stands.
#[derive(Debug, Serialize, ToSchema)]
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
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StationView {
    /// Its name.
    station: String,
    /// What it does.
    pub(crate) state: StationState,
    /// The job that runs there.
    job: Option<i64>,
    /// The run that goes on there.
    run: Option<String>,
    /// Who else has it, if somebody has: a sentence.
    taken: Option<String>,
    /// Why nothing begins there until a person has looked, if that is so.
    quarantined: Option<String>,
}

impl StationView {
    /// As the store tells of it; `open` are the rig's jobs that have not ended.
    pub(crate) fn of(
        store: &mut Store,
        rig: &str,
        (station, ports): (&String, &BTreeMap<String, Use>),
        open: &[Job],
    ) -> Result<Self, StoreError> {
        let job = open.iter().find(|job| job.station == *station && job.state == JobState::Running);
        let quarantined = store.quarantined(&Place { rig, station, ports })?;
        let wanted = Wanted { resources: ports, holder: "", reason: "", lease: None };
        let taken = match job {
            None if !ports.is_empty() => store.refusal(&wanted)?.map(|why| why.to_string()),
            _ => None,
        };
        Ok(Self {
            station: station.clone(),
            state: match (&quarantined, job, &taken) {
                (Some(_), ..) => StationState::Quarantined,
                (None, Some(_), _) => StationState::Running,
                (None, None, Some(_)) => StationState::Taken,
                (None, None, None) => StationState::Free,
            },
            job: job.map(|job| job.id),
            run: job.and_then(|job| job.runs.last()).filter(|run| run.verdict.is_none()).map(|run| run.run.clone()),
            taken,
            quarantined: quarantined.map(|(why, since)| format!("since {since}: {why}")),
        })
    }
}

/// What a station does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StationState {
    /// Nothing: a job may begin.
    Free,
    /// A job's runs.
    Running,
    /// Somebody else has it.
    Taken,
    /// It is kept apart until a person has looked, or a check passes.
    Quarantined,
}

impl StationState {
    /// All, each with its name.
    pub(crate) const ALL: [(Self, &str); 4] =
        [(Self::Free, "free"), (Self::Running, "running"), (Self::Taken, "taken"), (Self::Quarantined, "quarantined")];
}

/// How the rig stands
#[utoipa::path(get, path = "/api/v1/status", tag = "rig", responses(
    (status = 200, description = "The rig, its stations and its queue", body = Status),
    (status = 403, description = "The request was not meant for this daemon", body = Problem)
))]
pub(crate) async fn status(State(shared): State<Shared>) -> Result<Json<Status>, Problem> {
    let config = std::sync::Arc::clone(&shared.config);
    let status = shared.with(move |store| {
        let open = store.open_jobs(&config.rig)?;
        let of = |(station, ports)| StationView::of(store, &config.rig, (station, ports), &open);
        let stations = config.stations.iter().map(of).collect::<Result<_, _>>()?;
        let jobs = open.into_iter().map(JobView::of).collect();
        Ok(Status { version: config.version.clone(), rig: config.rig_name.clone(), stations, jobs })
    });
    Ok(Json(status.await?))
}

/// Who has looked at a station.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    /// Who; nobody has verified that.
    #[schema(min_length = 1, max_length = 1000)]
    by: String,
    /// What was found.
    #[schema(min_length = 1, max_length = 1000)]
    because: String,
}

/// Lets jobs begin again at a station that is in quarantine
#[utoipa::path(post, path = "/api/v1/stations/{station}/release", tag = "rig", request_body = Release,
    params(("station" = String, Path, description = "Its name")), responses(
        (status = 204, description = "Jobs begin there again"),
        (status = 400, description = "No JSON", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "It is in no quarantine", body = Problem),
        (status = 413, description = "Too much", body = Problem),
        (status = 415, description = "Not said to be JSON", body = Problem),
        (status = 422, description = "A field is wrong", body = Problem)
    )
)]
pub(crate) async fn release(
    State(shared): State<Shared>,
    caller: Caller,
    station: Result<Path<String>, PathRejection>,
    release: Object<Release>,
) -> Result<StatusCode, Problem> {
    let (Path(station), Object(Release { by, because })) = (station?, release);
    visible("by", &by)?;
    visible("because", &because)?;
    let (name, config) = (by.clone(), std::sync::Arc::clone(&shared.config));
    let by = caller.signed(&by);
    shared.with_as((&caller, &name), move |store| Ok(store.release(&config.place(&station), &by, &because)?)).await?;
    shared.waker.wake();
    Ok(StatusCode::NO_CONTENT)
}

/// This description
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "rig", responses(
    (status = 200, description = "The API's description as OpenAPI", body = String, content_type = "application/json")
))]
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], description())
}

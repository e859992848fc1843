//! Jobs: submitted, shown, cancelled.
//!
//! What they do is the queue's; here are their views and the wishes of those who submit them.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use store::{Cancelled, Job, JobRun, JobState, Submission};
use utoipa::{IntoParams, ToSchema};

use super::new_job::{NewJob, check, sensible, visible};
use super::object::Object;
use super::problem::Problem;
use super::{Shared, blocking, in_turn};
use crate::caller::Caller;
use crate::work::{self, Task};

/// How many jobs that have ended are listed unless asked otherwise.
const LISTED: u32 = 50;
/// The same, at most.
const LISTED_MAX: u32 = 1000;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateView {
    /// It waits for its station, to make its runs or those that it has not made.
    Queued,
    /// A process works on it.
    Running,
    /// It is over.
    Ended,
}

impl From<JobState> for StateView {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Queued => Self::Queued,
            JobState::Running => Self::Running,
            JobState::Ended => Self::Ended,
        }
    }
}

/// A run that a job has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct JobRunView {
    /// Its id.
    pub(crate) run: String,
    /// What it ended as, once it has: pass, fail, inconclusive, error, `not_run` or aborted.
    pub(crate) verdict: Option<String>,
    /// What a process whose only run it was would have exited with: it knows more than the verdict's name.
    pub(crate) exit_code: Option<u8>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Its number.
    pub(crate) id: i64,
    /// The station.
    pub(crate) station: String,
    /// The scenario, as it was named.
    pub(crate) scenario: String,
    /// Higher goes first.
    pub(crate) priority: i32,
    /// How long it may run, in s.
    pub(crate) budget_s: Option<f64>,
    /// Who wants it.
    pub(crate) submitter: String,
    /// When it was submitted.
    pub(crate) submitted: String,
    /// Where it is.
    pub(crate) state: StateView,
    /// When it was begun: the last time, if it has made no run yet, else the time that made its first.
    pub(crate) started: Option<String>,
    /// When it ended.
    pub(crate) ended: Option<String>,
    /// What `dosebench run` would have exited with, once it has ended.
    pub(crate) exit_code: Option<u8>,
    /// Why it waits, or why it ended as it did.
    pub(crate) reason: Option<String>,
    /// Who has cancelled it.
    pub(crate) cancelled_by: Option<String>,
    /// Who has taken note of how it ended.
    pub(crate) acknowledged_by: Option<String>,
    /// Whether it has ended in a way of which somebody should take note, and nobody has yet.
    pub(crate) unacknowledged: bool,
    /// How many runs it is to make, once that is known.
    pub(crate) planned: Option<u32>,
    /// Its runs, in order.
    pub(crate) runs: Vec<JobRunView>,
}

impl JobView {
    pub(crate) fn of(job: Job) -> Self {
        let unacknowledged = job.is_unacknowledged();
        let run = |run: JobRun| JobRunView { run: run.run, verdict: run.verdict, exit_code: run.exit_code };
        Self {
            id: job.id,
            station: job.station,
            scenario: job.title,
            priority: job.priority,
            budget_s: job.budget_s,
            submitter: job.submitter,
            submitted: job.submitted,
            state: job.state.into(),
            started: job.started,
            ended: job.ended,
            exit_code: job.exit_code,
            reason: job.reason,
            cancelled_by: job.cancelled_by,
            acknowledged_by: job.acknowledged_by,
            unacknowledged,
            planned: job.planned,
            runs: job.runs.into_iter().map(run).collect(),
        }
    }
}

/// Which jobs are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listed {
    /// How many that have ended, at most; 50 unless given.
    #[param(minimum = 0, maximum = 1000)]
    ended: Option<u32>,
}

/// Jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Jobs {
    /// Those that have not ended, in the order in which they run.
    open: Vec<JobView>,
    /// Those that have, the last one first.
    ended: Vec<JobView>,
}

/// The rig's jobs
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", params(Listed), responses(
    (status = 200, description = "The jobs", body = Jobs),
    (status = 400, description = "No such number", body = Problem),
    (status = 403, description = "The request was not meant for this daemon", body = Problem)
))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    listed: Result<Query<Listed>, QueryRejection>,
) -> Result<Json<Jobs>, Problem> {
    let most = listed?.ended.unwrap_or(LISTED);
    if most > LISTED_MAX {
        return Err(Problem::request(format!("expected 'ended' to be {LISTED_MAX} at most, but found {most}")));
    }
    let rig = shared.config.rig.clone();
    let jobs = shared.with(move |store| {
        let view = |jobs: Vec<Job>| jobs.into_iter().map(JobView::of).collect();
        Ok(Jobs { open: view(store.open_jobs(&rig)?), ended: view(store.ended_jobs(&rig, most)?) })
    });
    Ok(Json(jobs.await?))
}

/// Submits a job
///
/// The scenario is checked against the rig before it is queued.
#[utoipa::path(post, path = "/api/v1/jobs", tag = "jobs", request_body = NewJob, responses(
    (status = 201, description = "The job", body = JobView),
    (status = 400, description = "No JSON", body = Problem),
    (status = 403, description = "The request was not meant for this daemon", body = Problem),
    (status = 409, description = "The key was used for something else", body = Problem),
    (status = 413, description = "Too much", body = Problem),
    (status = 415, description = "Not said to be JSON", body = Problem),
    (status = 422, description = "The scenario cannot run on this rig, or a field is wrong", body = Problem)
))]
pub(crate) async fn submit(
    State(shared): State<Shared>,
    caller: Caller,
    new: Object<NewJob>,
) -> Result<impl IntoResponse, Problem> {
    let Object(new) = new;
    sensible(&new)?;
    let first = shared.config.stations.keys().next().cloned().unwrap_or_default();
    let station = new.station.clone().unwrap_or(first);
    if !shared.config.stations.contains_key(&station) {
        let known: Vec<&str> = shared.config.stations.keys().map(String::as_str).collect();
        return Err(Problem::input(format!(
            "expected a station of the rig ({}), but found '{station}'",
            known.join(", ")
        )));
    }
    let task = Task {
        scenario: new.scenario.clone(),
        text: new.text,
        device: new.device,
        accept_overdue: new.accept_overdue,
        purpose: new.purpose.name().to_owned(),
        set: new.set,
        seed: new.seed,
        operator: caller.signed(&new.submitter),
    };
    let (config, of_station) = (std::sync::Arc::clone(&shared.config), station.clone());
    let folder = shared.with(|store| Ok(store.work_folder(&work::scratch())?)).await?;
    let checked =
        in_turn(&shared.checks, move || check(&config, &of_station, &task, folder).map(|needs| (task, needs)));
    let (task, needs) = checked.await?;
    let rig = shared.config.rig.clone();
    let (name, submitter) = (new.submitter.clone(), caller.signed(&new.submitter));
    let job = shared.with_as((&caller, &name), move |store| {
        let text = serde_json::to_string(&task).map_err(Problem::ours)?;
        let submission = Submission {
            rig: &rig,
            station: &station,
            title: &task.scenario,
            task: &text,
            needs: &needs,
            priority: new.priority,
            budget: new.budget_s.map(Duration::from_secs_f64),
            submitter: &submitter,
            key: new.key.as_deref(),
        };
        Ok(JobView::of(store.submit(&submission)?))
    });
    let job = job.await?;
    shared.waker.wake();
    let place = format!("/api/v1/jobs/{}", job.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(job)))
}

/// A job
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The job", body = JobView),
        (status = 400, description = "No number", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such job", body = Problem)
    )
)]
pub(crate) async fn show(
    State(shared): State<Shared>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<JobView>, Problem> {
    let Path(id) = id?;
    let rig = shared.config.rig.clone();
    Ok(Json(JobView::of(shared.with(move |store| Ok(store.job_of(&rig, id)?)).await?)))
}

/// Who does not want a job any more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    /// Who; nobody has verified that.
    #[schema(min_length = 1, max_length = 1000)]
    by: String,
}

/// Cancels a job
///
/// One that waits ends at once. One that runs is stopped and its station left safe; it has ended when its state says so.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs", request_body = Cancel,
    params(("id" = i64, Path, description = "Its number")), responses(
        (status = 202, description = "It ends", body = JobView),
        (status = 400, description = "No number or no JSON", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such job", body = Problem),
        (status = 409, description = "It has ended already", body = Problem),
        (status = 413, description = "Too much", body = Problem),
        (status = 415, description = "Not said to be JSON", body = Problem),
        (status = 422, description = "A field is wrong", body = Problem)
    )
)]
pub(crate) async fn cancel(
    State(shared): State<Shared>,
    caller: Caller,
    id: Result<Path<i64>, PathRejection>,
    cancel: Object<Cancel>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let (Path(id), Object(Cancel { by })) = (id?, cancel);
    visible("by", &by)?;
    let (name, rig) = (by.clone(), shared.config.rig.clone());
    let by = caller.signed(&by);
    let job = shared.with_as((&caller, &name), move |store| {
        // What runs is stopped by the queue.
        if store.cancel_job(&rig, id, &by)? == Cancelled::Over {
            return Err(Problem::conflict(format!(
                "expected a job that has not ended, but job {id} has; see its exit code"
            )));
        }
        Ok(JobView::of(store.job(id)?))
    });
    let job = job.await?;
    shared.waker.wake();
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Who has taken note of how a job ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// Who; nobody has verified that.
    #[schema(min_length = 1, max_length = 1000)]
    by: String,
}

/// Takes note of how a job ended
///
/// Of one that did not pass, nobody else is told from then on. The first who takes note stays the one.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/acknowledge", tag = "jobs", request_body = Acknowledge,
    params(("id" = i64, Path, description = "Its number")), responses(
        (status = 200, description = "The job", body = JobView),
        (status = 400, description = "No number or no JSON", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such job", body = Problem),
        (status = 409, description = "It has not ended yet", body = Problem),
        (status = 413, description = "Too much", body = Problem),
        (status = 415, description = "Not said to be JSON", body = Problem),
        (status = 422, description = "A field is wrong", body = Problem)
    )
)]
pub(crate) async fn acknowledge(
    State(shared): State<Shared>,
    caller: Caller,
    id: Result<Path<i64>, PathRejection>,
    acknowledge: Object<Acknowledge>,
) -> Result<Json<JobView>, Problem> {
    let (Path(id), Object(Acknowledge { by })) = (id?, acknowledge);
    visible("by", &by)?;
    let (name, rig) = (by.clone(), shared.config.rig.clone());
    let by = caller.signed(&by);
    let job = shared.with_as((&caller, &name), move |store| {
        if !store.acknowledge_job(&rig, id, &by)? {
            return Err(Problem::conflict(format!(
                "expected a job that has ended, but job {id} has not; cancel it, or wait for it"
            )));
        }
        Ok(JobView::of(store.job(id)?))
    });
    Ok(Json(job.await?))
}

/// What a job's processes said
#[utoipa::path(get, path = "/api/v1/jobs/{id}/log", tag = "jobs", params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "Their lines", body = String, content_type = "text/plain"),
        (status = 400, description = "No number", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such job", body = Problem)
    )
)]
pub(crate) async fn log(State(shared): State<Shared>, id: Result<Path<i64>, PathRejection>) -> Result<String, Problem> {
    let Path(id) = id?;
    let rig = shared.config.rig.clone();
    let folder = shared.with(move |store| {
        let job = store.job_of(&rig, id)?;
        Ok(store.work_folder(&job.id.to_string())?)
    });
    let folder = folder.await?;
    blocking(move || Ok(work::said(&folder))).await
}

//! Runs: what came of them, and a word to those under way.
//!
//! They are read from their folders; what is said to one goes the way that people's words go.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::new_job::visible;
use super::object::Object;
use super::problem::Problem;
use super::{HELPER_WITHIN, Shared, blocking, in_turn};
use crate::caller::Caller;
use crate::{place, work};

/// More than any prompt asks for.
const ENTRIES_MAX: usize = 64;

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunView {
    /// Its id.
    run: String,
    /// The job that has made it, if one has.
    job: Option<i64>,
    /// Whether it is over and its files are whole.
    finished: bool,
    /// Its `summary.json`, once there is one.
    #[schema(value_type = Option<Object>)]
    summary: Option<Value>,
}

/// Runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Runs {
    /// Their ids, the last one first.
    runs: Vec<String>,
}

/// A run's folder, looked for on a thread that may wait.
pub(crate) async fn folder(shared: &Shared, run: &str) -> Result<PathBuf, Problem> {
    let (runs, id) = (shared.config.runs.clone(), run.to_owned());
    blocking(move || {
        place::run(&runs, &id).ok_or_else(|| {
            Problem::missing("expected the id of a run of this daemon's, but found none of that name; see /api/v1/runs")
        })
    })
    .await
}

/// The runs that this daemon's folder holds
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", responses(
    (status = 200, description = "Their ids", body = Runs),
    (status = 403, description = "The request was not meant for this daemon", body = Problem)
))]
pub(crate) async fn list(State(shared): State<Shared>) -> Result<Json<Runs>, Problem> {
    let folder = shared.config.runs.clone();
    blocking(move || {
        let entries = std::fs::read_dir(&folder).map_err(Problem::ours)?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut runs: Vec<String> = names.filter(|id| place::run(&folder, id).is_some()).collect();
        runs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Json(Runs { runs }))
    })
    .await
}

/// A run
#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "runs", params(("run" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The run", body = RunView),
        (status = 400, description = "No such path", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such run", body = Problem)
    )
)]
pub(crate) async fn show(
    State(shared): State<Shared>,
    run: Result<Path<String>, PathRejection>,
) -> Result<Json<RunView>, Problem> {
    let Path(run) = run?;
    let folder = folder(&shared, &run).await?;
    let id = run.clone();
    let job = shared.with(move |store| Ok(store.job_of_run(&id)?)).await?;
    blocking(move || {
        let finished = folder.join("manifest.json").is_file();
        let summary = std::fs::read(folder.join("summary.json")).ok();
        let summary = summary.filter(|_| finished).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Json(RunView { run, job: job.map(|job| job.id), finished, summary }))
    })
    .await
}

/// An answer to an operator's step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// The prompt's name.
    #[schema(min_length = 1)]
    prompt: String,
    /// One value, or `name=value, name=value`.
    #[serde(default)]
    value: String,
    /// Or each entry's value by its name, as it stands.
    #[serde(default)]
    entries: BTreeMap<String, String>,
    /// Who answers; nobody has verified that.
    #[schema(min_length = 1)]
    by: String,
}

/// A remark.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// The remark.
    #[schema(min_length = 1)]
    text: String,
    /// Who remarks; nobody has verified that.
    #[schema(min_length = 1)]
    by: String,
}

/// Answers an operator's step
#[utoipa::path(post, path = "/api/v1/runs/{run}/answers", tag = "runs", request_body = Answer,
    params(("run" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It was taken"),
        (status = 400, description = "No JSON", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such run", body = Problem),
        (status = 503, description = "The run does not listen", body = Problem),
        (status = 409, description = "The run does not take it: nobody asks that now, or the value does not fit", body = Problem),
        (status = 413, description = "Too much", body = Problem),
        (status = 415, description = "Not said to be JSON", body = Problem),
        (status = 422, description = "A field is wrong", body = Problem)
    )
)]
pub(crate) async fn answer(
    State(shared): State<Shared>,
    caller: Caller,
    run: Result<Path<String>, PathRejection>,
    answer: Object<Answer>,
) -> Result<StatusCode, Problem> {
    let (Path(run), Object(Answer { prompt, value, entries, by })) = (run?, answer);
    visible("prompt", &prompt)?;
    visible("by", &by)?;
    if !value.is_empty() {
        visible("value", &value)?;
    }
    if entries.len() > ENTRIES_MAX {
        return Err(Problem::input(format!("entries: expected {ENTRIES_MAX} at most, but found {}", entries.len())));
    }
    // As options, so that nothing that is said begins one.
    let mut before = vec!["answer".to_owned(), format!("--by={}", caller.signed(&by))];
    for (name, value) in entries {
        visible("entries", &name)?;
        visible("entries", &value)?;
        if name.contains('=') {
            return Err(Problem::input("entries: expected an entry's name, but found one with '='"));
        }
        before.push(format!("--entry={name}={value}"));
    }
    before.push("--".to_owned());
    say(&shared, &run, before, vec![prompt, value]).await
}

/// Adds a remark to the record
#[utoipa::path(post, path = "/api/v1/runs/{run}/notes", tag = "runs", request_body = Note,
    params(("run" = String, Path, description = "Its id")), responses(
        (status = 204, description = "It was taken"),
        (status = 400, description = "No JSON", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such run", body = Problem),
        (status = 409, description = "The run has ended", body = Problem),
        (status = 503, description = "The run does not listen", body = Problem),
        (status = 413, description = "Too much", body = Problem),
        (status = 415, description = "Not said to be JSON", body = Problem),
        (status = 422, description = "A field is wrong", body = Problem)
    )
)]
pub(crate) async fn note(
    State(shared): State<Shared>,
    caller: Caller,
    run: Result<Path<String>, PathRejection>,
    note: Object<Note>,
) -> Result<StatusCode, Problem> {
    let (Path(run), Object(Note { text, by })) = (run?, note);
    visible("text", &text)?;
    visible("by", &by)?;
    say(&shared, &run, vec!["note".into(), format!("--by={}", caller.signed(&by)), "--".into()], vec![text]).await
}

/// Has this program say something to a run, as people do.
async fn say(shared: &Shared, run: &str, before: Vec<String>, behind: Vec<String>) -> Result<StatusCode, Problem> {
    let folder = folder(shared, run).await?;
    let config = std::sync::Arc::clone(&shared.config);
    in_turn(&shared.words, move || {
        let mut command = work::program(&config, &config.runs);
        command.args(before).arg(folder).args(behind);
        command.stdout(Stdio::null());
        match work::bounded(command, HELPER_WITHIN).map_err(Problem::ours)? {
            Some((status, _)) if status.success() => Ok(StatusCode::NO_CONTENT),
            Some((_, said)) => Err(Problem::conflict(said.trim_start_matches("error: "))),
            None => Err(Problem::busy("expected the run to listen, but it does not; try again later")),
        }
    })
    .await
}

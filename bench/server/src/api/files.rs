//! A run's files, to be fetched.
//!
//! Nothing outside of the run's folder has a name here.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use super::problem::Problem;
use super::{Shared, blocking, runs};
use crate::place;

/// The name of the file that is written last.
const MANIFEST: &str = "manifest.json";
/// Deeper than any folder of a run.
const DEPTH_MAX: usize = 4;

/// A file of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileView {
    /// Its name from the run's folder.
    name: String,
    /// How long it is.
    bytes: u64,
}

/// The files of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Files {
    /// Each, in the order of names; `manifest.json`, which holds the SHA-256 of the others, is last.
    files: Vec<FileView>,
}

/// A run's files
#[utoipa::path(get, path = "/api/v1/runs/{run}/files", tag = "runs",
    params(("run" = String, Path, description = "Its id")), responses(
        (status = 200, description = "Their names", body = Files),
        (status = 400, description = "No such path", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such run", body = Problem)
    )
)]
pub(crate) async fn list(
    State(shared): State<Shared>,
    run: Result<Path<String>, PathRejection>,
) -> Result<Json<Files>, Problem> {
    let Path(run) = run?;
    let folder = runs::folder(&shared, &run).await?;
    blocking(move || {
        let mut files = Vec::new();
        gather(&folder, "", DEPTH_MAX, &mut files).map_err(Problem::ours)?;
        files.sort_by(|a, b| (a.name == MANIFEST, &a.name).cmp(&(b.name == MANIFEST, &b.name)));
        Ok(Json(Files { files }))
    })
    .await
}

/// The regular files of a folder and of those in it.
fn gather(folder: &std::path::Path, before: &str, depth: usize, files: &mut Vec<FileView>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, Ok(name)) = (entry.file_type()?, entry.file_name().into_string()) else { continue };
        let name = format!("{before}{name}");
        if kind.is_file() {
            files.push(FileView { name, bytes: entry.metadata()?.len() });
        } else if kind.is_dir() && depth > 0 {
            gather(&entry.path(), &format!("{name}/"), depth - 1, files)?;
        }
    }
    Ok(())
}

/// A file of a run
#[utoipa::path(get, path = "/api/v1/runs/{run}/files/{*name}", tag = "runs",
    params(
        ("run" = String, Path, description = "The run's id"),
        ("name" = String, Path, description = "The file's name from the run's folder; it may hold slashes")
    ), responses(
        (status = 200, description = "Its bytes", body = Vec<u8>, content_type = "*/*"),
        (status = 400, description = "No such path", body = Problem),
        (status = 403, description = "The request was not meant for this daemon", body = Problem),
        (status = 404, description = "No such run or file", body = Problem)
    )
)]
pub(crate) async fn fetch(
    State(shared): State<Shared>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((run, name)) = path?;
    let folder = runs::folder(&shared, &run).await?;
    let kind = kind_of(&name);
    let path = blocking(move || {
        place::file(&folder, &name)
            .ok_or_else(|| Problem::missing("expected the name of a file of the run, see its files"))
    });
    let path = path.await?;
    let file = tokio::fs::File::open(path).await.map_err(Problem::ours)?;
    let length = file.metadata().await.map_err(Problem::ours)?.len();
    // A file that grows meanwhile is given as long as it was.
    let body = Body::from_stream(ReaderStream::new(tokio::io::AsyncReadExt::take(file, length)));
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        // A report is shown beside the API's own pages: it may do nothing in their name.
        (header::CONTENT_SECURITY_POLICY, "sandbox allow-scripts".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// The media type of a file.
fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("xml") => "application/xml",
        Some("pdf") => "application/pdf",
        Some("yaml" | "md" | "hex") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

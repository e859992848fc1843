//! A run's files, fetched from a daemon to the caller's own folder.
//!
//! Each is held against the manifest, and none gets outside of that folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Failure;
use crate::client::Client;

/// Fetches a run into a folder of its own under `runs`; files that are there already and are the same stay.
pub(crate) fn fetch(client: &Client, run: &str, runs: &Path) -> Result<PathBuf, Failure> {
    let folder = runs.join(run);
    let listed = client.get(&format!("/api/v1/runs/{run}/files"))?;
    let names: Vec<&str> =
        listed["files"].as_array().into_iter().flatten().filter_map(|f| f["name"].as_str()).collect();
    for name in &names {
        // The daemon says where files go: nowhere but below the run's folder.
        let is_plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !is_plain {
            return Err(Failure::bench(format!("expected the name of a file of run {run}, but found '{name}'")));
        }
        get(client, run, name, &folder.join(name))?;
    }
    let manifest = fs::read(folder.join("manifest.json")).ok();
    let manifest: Value = manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null);
    for (name, wanted) in manifest["files"].as_object().into_iter().flatten() {
        let found =
            fs::read(folder.join(name)).map(|bytes| HEXLOWER.encode(&Sha256::digest(&bytes))).unwrap_or_default();
        if wanted.as_str().is_some_and(|wanted| wanted != found) {
            return Err(Failure::bench(format!(
                "expected {name} of run {run} as its manifest has it, but found another; fetch it again"
            )));
        }
    }
    Ok(folder.canonicalize().unwrap_or(folder))
}

/// Fetches a file beside its place, and puts it there when it is whole.
fn get(client: &Client, run: &str, name: &str, to: &Path) -> Result<(), Failure> {
    let io = |why: std::io::Error| Failure::bench(format!("expected to write {}, but {why}", to.display()));
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = File::create(&part).map_err(io)?;
    client.fetch(&format!("/api/v1/runs/{run}/files/{name}"), &mut file)?;
    file.sync_all().map_err(io)?;
    fs::rename(&part, to).map_err(io)
}

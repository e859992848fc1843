//! A run's files, fetched from a daemon to the caller's own folder.
//!
//! Each is held against the manifest, which comes last, and none gets outside of that folder.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Failure;
use crate::client::Client;

/// The file that has the SHA-256 of the others, and is there when the run is whole.
const MANIFEST: &str = "manifest.json";

/// Fetches a run into a folder of its own under `runs`. What is there already as the manifest has it stays.
pub(crate) fn fetch(client: &Client, run: &str, runs: &Path) -> Result<PathBuf, Failure> {
    // The daemon says where files go: nowhere but below the run's folder.
    if !server::is_run_id(run) {
        return Err(Failure::bench(format!("expected the id of a run from the daemon, but found '{run}'")));
    }
    let folder = runs.join(run);
    let mut bytes = Vec::new();
    client.fetch(&format!("/api/v1/runs/{run}/files/{MANIFEST}"), &mut bytes)?;
    let manifest: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let files = manifest["files"].as_object().filter(|files| !files.is_empty()).ok_or_else(|| {
        Failure::bench(format!(
            "expected the manifest of run {run} with its files, but found none; see the daemon's copy"
        ))
    })?;
    for (name, sha256) in files {
        let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let Some(sha256) = sha256.as_str().filter(|_| is_plain && !name.is_empty()) else {
            return Err(Failure::bench(format!("expected a file of run {run} and its SHA-256, but found '{name}'")));
        };
        get(client, run, name, sha256, &folder.join(name))?;
    }
    put(&folder.join(MANIFEST), |file| file.write_all(&bytes).map_err(|why| unwritten(&folder, &why)))?;
    Ok(folder.canonicalize().unwrap_or(folder))
}

/// Fetches a file, unless it is there.
fn get(client: &Client, run: &str, name: &str, sha256: &str, to: &Path) -> Result<(), Failure> {
    let is_there = || hash(to).is_some_and(|found| found == sha256);
    if is_there() {
        return Ok(());
    }
    put(to, |file| client.fetch(&format!("/api/v1/runs/{run}/files/{name}"), file).map(drop))?;
    if is_there() {
        return Ok(());
    }
    Err(Failure::bench(format!(
        "expected {name} of run {run} as its manifest has it, but found another; fetch it again"
    )))
}

/// The SHA-256 of a file, in hexadecimal.
fn hash(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let (mut digest, mut bytes) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut bytes).ok()? {
            0 => return Some(HEXLOWER.encode(&digest.finalize())),
            count => digest.update(&bytes[..count]),
        }
    }
}

/// Writes a file beside its place, and puts it there when it is whole.
fn put(to: &Path, write: impl FnOnce(&mut File) -> Result<(), Failure>) -> Result<(), Failure> {
    let io = |why: std::io::Error| unwritten(to, &why);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = File::create(&part).map_err(io)?;
    let done = write(&mut file).and_then(|()| file.sync_all().and_then(|()| fs::rename(&part, to)).map_err(io));
    // What is half there is nothing.
    done.inspect_err(|_| drop(fs::remove_file(&part)))
}

fn unwritten(path: &Path, why: &std::io::Error) -> Failure {
    Failure::bench(format!("expected to write {}, but {why}; choose another folder with --runs", path.display()))
}

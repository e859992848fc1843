//! Files of a run's folder: written whole or not at all, and listed with their hashes in `manifest.json`.
//!
//! The manifest goes away before the first derived file changes and comes back last, so that a folder with a manifest
//! is a finished one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ReportError;

/// The manifest's name in the run's folder.
pub(crate) const MANIFEST: &str = "manifest.json";

/// How many bytes are gathered before the operating system gets them.
const BUFFER_BYTES: usize = 256 * 1024;

/// Ending of a file that is being written.
const UNFINISHED: &str = ".unfinished";

/// The tool that wrote the derived files.
pub(crate) const TOOL: &str = concat!("dosebench ", env!("CARGO_PKG_VERSION"));

/// `manifest.json`: what a finished run's folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of this object's shape.
    pub(crate) schema: u32,
    /// The tool that wrote the derived files.
    pub(crate) tool: String,
    /// SHA-256 of the device's firmware image; null if there was none.
    pub(crate) firmware_sha256: Option<String>,
    /// SHA-256 of each other file, by its path in the folder, parts joined by `/`.
    pub(crate) files: BTreeMap<String, String>,
    /// The size of each of them, in bytes.
    pub(crate) sizes: BTreeMap<String, u64>,
}

/// Replaces a file as a whole: a reader sees the old one or the new one.
///
/// # Errors
/// If the system refuses; the old file is still there then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    replace_by(path, |file| file.write_all(bytes).map_err(|why| ReportError::file("write", path, why)))
}

/// The same for a file that is written piece by piece.
///
/// # Errors
/// As [`replace`], and whatever `write` says.
pub(crate) fn replace_by(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let refused = |why| ReportError::file("write", path, why);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    let beside = path.with_file_name(name);
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(&beside).map_err(refused)?);
    write(&mut file)?;
    let file = file.into_inner().map_err(|why| refused(why.into_error()))?;
    file.sync_data().map_err(refused)?;
    fs::rename(&beside, path).map_err(refused)
}

/// Takes the manifest away: from now on the folder is unfinished.
///
/// # Errors
/// If it is there and cannot be removed.
pub(crate) fn open_folder(folder: &Path) -> Result<(), ReportError> {
    remove(&folder.join(MANIFEST))
}

/// Removes a file that may not be there.
///
/// # Errors
/// If it is there and cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<(), ReportError> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(ReportError::file("remove", path, why)),
        _ => Ok(()),
    }
}

/// Hashes of files that stay as they are, by their names.
pub(crate) type Hashes = BTreeMap<String, (String, u64)>;

/// A manifest over every other file of the folder as it is now. Of files whose hash is `known` only the size is looked at.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn manifest(
    folder: &Path,
    firmware_sha256: Option<String>,
    known: &Hashes,
) -> Result<Manifest, ReportError> {
    let mut manifest =
        Manifest { schema: 1, tool: TOOL.to_owned(), firmware_sha256, files: BTreeMap::new(), sizes: BTreeMap::new() };
    list(folder, "", known, &mut manifest)?;
    Ok(manifest)
}

/// Writes the manifest over every other file of the folder: the run is finished.
///
/// # Errors
/// If a file cannot be read, or the manifest not be written.
pub(crate) fn close_folder(folder: &Path, firmware_sha256: Option<String>, known: &Hashes) -> Result<(), ReportError> {
    let manifest = manifest(folder, firmware_sha256, known)?;
    let mut text = serde_json::to_string_pretty(&manifest).map_err(|why| ReportError::made(MANIFEST, &why))?;
    text.push('\n');
    replace(&folder.join(MANIFEST), text.as_bytes())
}

/// The files that the run itself left, each with its SHA-256, by name: its record, what was run, and a simulator's truth.
///
/// # Errors
/// If one cannot be read.
pub(crate) fn raw(folder: &Path) -> Result<Hashes, ReportError> {
    let listing = |why| ReportError::file("list", folder, why);
    let mut hashes = Hashes::new();
    for entry in fs::read_dir(folder).map_err(listing)? {
        let name = entry.map_err(listing)?.file_name().to_string_lossy().into_owned();
        let is_raw = name.ends_with(".mcap") || matches!(name.as_str(), "scenario.yaml" | "rig.yaml");
        if is_raw {
            let hashed = hash(&folder.join(&name))?;
            hashes.insert(name, hashed);
        }
    }
    Ok(hashes)
}

fn list(folder: &Path, prefix: &str, known: &Hashes, manifest: &mut Manifest) -> Result<(), ReportError> {
    let listing = |why| ReportError::file("list", folder, why);
    for entry in fs::read_dir(folder).map_err(listing)? {
        let entry = entry.map_err(listing)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(listing)?;
        if kind.is_dir() {
            list(&entry.path(), &format!("{name}/"), known, manifest)?;
        } else if kind.is_file() && is_listed(&name) {
            let bytes = entry.metadata().map_err(listing)?.len();
            let (hash, size) = match known.get(&name).filter(|(_, size)| *size == bytes) {
                Some(known) => known.clone(),
                None => hash(&entry.path())?,
            };
            manifest.files.insert(name.clone(), hash);
            manifest.sizes.insert(name, size);
        }
    }
    Ok(())
}

/// Locks and files that were being written when the machine went down are no part of the run; nor are sockets and
/// links, which are no plain files.
fn is_listed(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name != MANIFEST && last != "lock" && !last.ends_with(".lock") && !last.ends_with(UNFINISHED)
}

/// A file's SHA-256, and how many bytes it has; it is read piece by piece.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn hash(path: &Path) -> Result<(String, u64), ReportError> {
    let reading = |why| ReportError::file("read", path, why);
    let mut file = File::open(path).map_err(reading)?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(reading)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
        size += n as u64;
    }
    Ok((hex(&hasher.finalize()), size))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_lists_every_other_file_and_no_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        fs::create_dir(folder.path().join("plots")).expect("a folder");
        write("record.mcap", "abc");
        write("plots/dose.svg", "");
        write("run.lock", "17");
        write("report.html.unfinished", "half");
        write(MANIFEST, "old");
        let known = raw(folder.path()).expect("hashes");
        assert_eq!(known.keys().collect::<Vec<_>>(), ["record.mcap"]);
        close_folder(folder.path(), None, &known).expect("closed");

        let text = fs::read_to_string(folder.path().join(MANIFEST)).expect("a manifest");
        let manifest: Manifest = serde_json::from_str(&text).expect("a manifest");
        let names: Vec<&String> = manifest.files.keys().collect();
        assert_eq!(names, ["plots/dose.svg", "record.mcap"]);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(manifest.files["record.mcap"], abc);
        assert_eq!(manifest.sizes["record.mcap"], 3);
        assert!(text.contains("\"firmware_sha256\": null"));
        open_folder(folder.path()).expect("opened");
        assert!(!folder.path().join(MANIFEST).exists());
    }
}

//! Finds the script that the crate `charming` carries, and puts it where the page's source includes it.
//!
//! The crate has it for a renderer that drags in a whole JavaScript engine; the file alone is what a page needs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

const CRATE: &str = "charming";
const SCRIPT: &str = "echarts-5.5.1.min.js";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../Cargo.lock");
    let variable = |name: &str| env::var(name).unwrap_or_else(|why| panic!("expected cargo to set {name}, but {why}"));
    let metadata = metadata(&variable("CARGO"), &variable("TARGET"), &variable("CARGO_MANIFEST_DIR"));
    let script = folder(&metadata).join("src/asset").join(SCRIPT);
    let to = Path::new(&variable("OUT_DIR")).join("echarts.min.js");
    fs::copy(&script, &to).unwrap_or_else(|why| {
        panic!("expected {} in the crate {CRATE}, but {why}; look at its version", script.display())
    });
}

/// What cargo knows of the crates of this platform, which are all here by now; without a network first.
fn metadata(cargo: &str, target: &str, folder: &str) -> Value {
    let ask = |arguments: &[&str]| {
        let fixed = ["metadata", "--format-version", "1", "--locked", "--filter-platform", target];
        let output = Command::new(cargo).args(fixed).args(arguments).current_dir(folder).output();
        let output = output.unwrap_or_else(|why| panic!("expected to start {cargo}, but {why}"));
        output.status.success().then_some(output.stdout)
    };
    let text = ask(&["--offline"]).or_else(|| ask(&[])).unwrap_or_else(|| panic!("cargo tells nothing of its crates"));
    serde_json::from_slice(&text).unwrap_or_else(|why| panic!("expected JSON of cargo, but found {why}"))
}

fn folder(metadata: &Value) -> PathBuf {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let package = packages.iter().find(|package| package["name"] == CRATE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.unwrap_or_else(|| panic!("expected the crate {CRATE} among cargo's, but found none"));
    Path::new(manifest).parent().map(Path::to_owned).unwrap_or_default()
}

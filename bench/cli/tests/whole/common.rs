//! What the whole-run tests share: running the program, its rigs with faults, and reading what it left.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::server::{PATIENCE, eventually};
use domain::{Event, EventKind};
use serde_json::Value;
use store::{Actor, Store, Submission};
use tempfile::TempDir;

/// A folder for runs, removed when it is dropped.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

/// A run that was made.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) summary: Value,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with its runs in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dosebench"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        // What the tests' rigs are used for is nothing of this host.
        command.env("DOSEBENCH_STATE", self.path("state")).env_remove("DOSEBENCH_LEASE");
        command
    }

    /// This folder's store, as a host has one.
    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("state"), Actor("a test".to_owned())).expect("a store")
    }

    /// The virtual rig in real time, whose first pump falls silent after 2 s, as a file.
    pub(crate) fn mute_rig(&self, change: impl Fn(String) -> String) -> String {
        let text = include_str!("../../../../fixtures/rigs/virtual.yaml")
            .replace("clock: {virtual from: \"2026-01-05T08:00:00Z\"}", "clock: real")
            .replace(
                "simulation: {delivered too much: 1.2 %}",
                "simulation: {faults: [{device: pump, fault: silent, from: 2 s}]}",
            );
        self.write("mute.yaml", &change(text))
    }

    /// Another program in this folder, for what it does with this one.
    pub(crate) fn within(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("DOSEBENCH_STATE", self.path("state")).env_remove("DOSEBENCH_LEASE");
        command.output().expect("it starts")
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs a scenario and takes its summary.
    pub(crate) fn run(&self, scenario: &str, arguments: &[&str]) -> Done {
        let output = self.output(&[&["run", scenario, "--json"], arguments].concat());
        done(&output)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    /// The virtual rig with other simulation figures, as a file.
    pub(crate) fn rig(&self, name: &str, simulation: &str) -> String {
        let text = include_str!("../../../../fixtures/rigs/virtual.yaml");
        let text = text.replace("simulation: {delivered too much: 1.2 %}", simulation);
        assert!(text.contains(simulation), "the rig has the line that is replaced");
        self.write(name, &text)
    }
}

/// A job of the host's store as if a daemon had begun it, and its lock: the job runs as long as somebody has that.
pub(crate) fn begun_job(store: &mut Store, rig: &str) -> (i64, File) {
    let (station, needs) = ("1", BTreeMap::new());
    let wanted = Submission {
        rig,
        station,
        title: "a job",
        task: "",
        needs: &needs,
        priority: 0,
        budget: None,
        submitter: "anna",
        key: None,
    };
    let id = store.submit(&wanted).expect("queued").id;
    let (_, lock) = store.claim_next_job(rig, station).expect("looked").expect("it is next");
    (id, lock)
}

pub(crate) fn done(output: &Output) -> Done {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = serde_json::from_str(stdout.trim()).unwrap_or_else(|e| panic!("{e} in {stdout}\n{stderr}"));
    Done { code: output.status.code().unwrap_or(-1), summary, stderr }
}

impl Done {
    pub(crate) fn folder(&self) -> PathBuf {
        PathBuf::from(self.summary["folder"].as_str().expect("a folder"))
    }

    pub(crate) fn check(&self, name: &str) -> &Value {
        let checks = self.summary["checks"].as_array().expect("checks");
        checks.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("no check '{name}' in {checks:?}"))
    }
}

/// Every event of a record, and whether its end is missing.
pub(crate) fn events(folder: &Path) -> (Vec<Event>, Option<String>) {
    let mut reader = record::Reader::open(folder).expect("a record");
    let mut events = Vec::new();
    let tail = reader.for_each(|event| events.push(event)).expect("readable");
    (events, tail.torn)
}

/// Every event so far of a run that goes on: its folder is there a moment before its record is.
pub(crate) fn events_so_far(folder: &Path) -> Vec<Event> {
    match record::Reader::open(folder) {
        Err(record::ReadError::Nothing { .. }) => Vec::new(),
        _ => events(folder).0,
    }
}

/// The only run of a folder, if there is one by now.
pub(crate) fn only_run(runs: &Path) -> Option<PathBuf> {
    std::fs::read_dir(runs).ok()?.flatten().next().map(|entry| entry.path())
}

/// The folder with what `cargo xtask firmware` has built.
pub(crate) fn firmware() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_dosebench")).parent().and_then(Path::parent).expect("a target folder");
    let image = beside.join("firmware/pump-board.elf");
    let shown = image.display();
    assert!(image.exists(), "expected the board's image at {shown}, but found none; run `cargo xtask firmware`");
    beside.join("firmware")
}

/// Waits until the only run of a folder has commanded its pump.
pub(crate) fn commands(runs: &Path) {
    let commanded = |event: &Event| matches!(event.kind, EventKind::Commanded { .. });
    eventually("it commands", PATIENCE, || only_run(runs).is_some_and(|of| events_so_far(&of).iter().any(commanded)));
}

/// Every message of the simulators' truth: run time in s and volume delivered in uL.
pub(crate) fn truth(folder: &Path) -> Vec<(f64, f64)> {
    let bytes = std::fs::read(folder.join("truth.mcap")).expect("a truth");
    let stream = mcap::MessageStream::new(&bytes).expect("MCAP");
    let mut truth = Vec::new();
    for message in stream {
        let message = message.expect("a message");
        let value: Value = serde_json::from_slice(&message.data).expect("JSON");
        if let (Some(t), Some(v)) = (value["t_ns"].as_f64(), value["delivered_ul"].as_f64()) {
            truth.push((t * 1e-9, v));
        }
    }
    truth
}

/// What was really delivered until a moment.
pub(crate) fn delivered(truth: &[(f64, f64)], until_s: f64) -> f64 {
    truth.iter().take_while(|(t, _)| *t <= until_s).last().map_or(0.0, |(_, v)| *v)
}

/// When a mark was set, in s of run time.
pub(crate) fn mark(folder: &Path, name: &str) -> f64 {
    let (events, _) = events(folder);
    let marked = events.iter().find(|e| matches!(&e.kind, EventKind::Marked { mark } if mark == name));
    marked.expect("marked").t_ns.seconds()
}

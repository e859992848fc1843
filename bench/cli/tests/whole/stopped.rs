//! Signals at any moment, torn records, and ports that are not there.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{Bench, done, events};
use domain::EventKind;

fn signal(child: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.to_string()]).status().expect("kill");
    assert!(status.success());
}

#[test]
fn a_signal_at_any_moment_leaves_the_station_safe_and_the_record_closed() {
    for (n, name) in ["INT", "TERM", "HUP", "INT", "TERM"].into_iter().enumerate() {
        let bench = Bench::new();
        let mut command = bench.command(&["run", "endurance/basal-72h", "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(120 + 170 * n as u64));
        signal(child.id(), name);
        let done = done(&child.wait_with_output().expect("ended"));
        assert_eq!((done.code, done.summary["verdict"].as_str()), (5, Some("aborted")), "{}", done.stderr);
        let (events, torn) = events(&done.folder());
        assert_eq!(torn, None);
        assert!(events.iter().any(|e| matches!(&e.kind, EventKind::SafeStopped(report) if report.confirmed)));
        assert!(matches!(events.last().map(|e| &e.kind), Some(EventKind::Ended { .. })));
    }
}

#[test]
fn a_killed_run_is_interrupted_and_its_record_readable() {
    let bench = Bench::new();
    let mut command = bench.command(&["run", "endurance/basal-72h", "--runs", "runs"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    std::thread::sleep(Duration::from_millis(900));
    signal(child.id(), "KILL");
    child.wait().expect("ended");
    let run = std::fs::read_dir(bench.path("runs")).expect("runs").next().expect("a run").expect("an entry").path();
    assert!(!run.join("manifest.json").exists(), "without a manifest the run is unfinished");
    let listed = String::from_utf8(bench.output(&["list", "runs"]).stdout).expect("UTF-8");
    assert!(listed.contains("unfinished    Basal infusion over 72 hours"), "{listed}");
    let output = bench.output(&["report", &run.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("summary.json")).expect("a summary")).expect("JSON");
    assert_eq!((summary["verdict"].as_str(), summary["reason"].as_str()), (Some("error"), Some("interrupted")));
}

#[test]
fn a_record_cut_anywhere_is_reported_up_to_the_cut() {
    let bench = Bench::new();
    let done = bench.run("smoke/short-bolus", &[]);
    let whole = std::fs::read(done.folder().join("record.mcap")).expect("a record");
    for part in 1..12 {
        let folder = bench.path(&format!("cut-{part}"));
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("record.mcap"), &whole[..whole.len() * part / 12]).expect("a record");
        let output = bench.output(&["report", &folder.display().to_string()]);
        let code = output.status.code();
        assert!(code == Some(0) || code == Some(4), "cut {part}: {code:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    }
    let output = bench.output(&["report", &bench.path("no-such-run").display().to_string()]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_port_that_is_not_there_is_a_bench_error_before_anything_moves() {
    let bench = Bench::new();
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml")
        .replace("clock: {virtual from: \"2026-01-05T08:00:00Z\"}", "clock: real")
        .replace("    operator: {script: {fluid lot: simulated}}\n", "")
        .replacen(
            "driver: mt-sics\n      port: simulated",
            "driver: mt-sics\n      port: {serial: /dev/no-such-port}",
            1,
        );
    let rig = bench.write("rig.yaml", &rig);
    let done = bench.run("smoke/short-bolus", &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("error")));
    let reason = done.summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("instrument balance: port /dev/no-such-port is not there"), "{reason}");
    assert!(!events(&done.folder()).0.iter().any(|e| matches!(&e.kind, EventKind::Commanded { .. })));
}

#[test]
fn truth_is_not_needed_by_any_report() {
    let bench = Bench::new();
    let done = bench.run("smoke/short-bolus", &[]);
    let before = std::fs::read(done.folder().join("summary.json")).expect("a summary");
    std::fs::remove_file(done.folder().join("truth.mcap")).expect("there was one");
    let output = bench.output(&["report", &done.folder().display().to_string()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(std::fs::read(done.folder().join("summary.json")).expect("a summary"), before);
}

#[test]
fn a_reader_that_goes_away_does_not_end_a_run() {
    let bench = Bench::new();
    let program = env!("CARGO_BIN_EXE_dosebench");
    for (redirect, code) in [("2>/dev/full", 0), (">/dev/full", 0), ("2>&1 | true", 0), ("2>&-", 0)] {
        let line = format!("'{program}' run smoke/short-bolus {redirect}; exit ${{PIPESTATUS[0]}}");
        let status = Command::new("bash").args(["-c", &line]).current_dir(bench.folder.path()).status().expect("bash");
        assert_eq!(status.code(), Some(code), "{redirect}");
    }
}

#[test]
fn what_is_no_scenario_is_refused_before_it_is_read() {
    let bench = Bench::new();
    let huge = bench.path("huge.yaml");
    std::fs::File::create(&huge).and_then(|f| f.set_len(100 << 20)).expect("a sparse file");
    std::fs::create_dir(bench.path("folder.yaml")).expect("a folder");
    bench.write("binary.yaml", "scenario: \u{0}\u{1}\u{2}\n");
    for name in ["huge.yaml", "folder.yaml", "binary.yaml", "/dev/zero.yaml", "missing.yaml"] {
        for command in ["run", "check"] {
            let output = bench.output(&[command, name]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{command} {name}: {said}");
            assert!(said.contains("expected"), "{command} {name}: {said}");
        }
    }
    assert!(!bench.path("runs").exists(), "no run's folder is left");
}

//! Signals at any moment, torn records, and ports that are not there.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use std::sync::Arc;

use crate::common::{Bench, commands, done, events, events_so_far, only_run};
use crate::resumed::GOES_ON;
use crate::server::{PATIENCE, eventually, signal};
use domain::event::{Opened, SafeStopReport};
use domain::fault::Fault;
use domain::profile::SafePump;
use domain::{Event, EventKind, RunVerdict};
use engine::Engine;

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
    let run = || only_run(&bench.path("runs"));
    eventually("it is recorded", PATIENCE, || run().is_some_and(|run| !events_so_far(&run).is_empty()));
    signal(child.id(), "KILL");
    child.wait().expect("ended");
    let run = run().expect("a run");
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

/// A terminal that somebody holds, or a pipe that nobody empties.
#[test]
fn a_screen_that_takes_nothing_keeps_no_signal_from_a_run() {
    let bench = Bench::new();
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml")
        .replace("clock: {virtual from: \"2026-01-05T08:00:00Z\"}", "clock: real");
    let (rig, scenario) = (bench.write("real.yaml", &rig), bench.write("goes-on.yaml", GOES_ON));
    let (reader, mut screen) = std::io::pipe().expect("a pipe");
    // It holds as much: the next byte waits.
    screen.write_all(&[b'.'; 65_536]).expect("room");
    let mut command = bench.command(&["run", &scenario, "--rig", &rig, "--runs", "runs"]);
    let mut child = command.stdout(Stdio::null()).stderr(screen).spawn().expect("started");
    drop(command);
    commands(&bench.path("runs"));
    signal(child.id(), "TERM");
    let mut code = None;
    eventually("it stops", PATIENCE, || {
        code = child.try_wait().expect("looked").map(|status| status.code());
        code.is_some()
    });
    assert_eq!(code, Some(Some(5)));
    drop(reader);
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

fn engine_of(opened: &Opened) -> Engine {
    let source = text::Source::new("scenario.yaml", opened.scenario_yaml.clone().into_bytes()).expect("text");
    let document = scenario::Document::parse(source).expect("a scenario");
    let plan = scenario::resolve(&document, &opened.parameters, &opened.profile).expect("a plan");
    Engine::new(Arc::new(plan), Arc::new(opened.profile.clone()))
}

/// Ends a run as it stands by that input: the safe stop must begin, once, and what it ends as follows.
fn end(engine: &Engine, at: &Event, kind: EventKind, place: &str) -> Option<RunVerdict> {
    let mut engine = engine.clone();
    let mut decisions = Vec::new();
    engine.apply(&Event { kind, ..at.clone() }, &mut decisions);
    let begins = decisions.iter().filter(|d| matches!(d, EventKind::SafeStopBegan { .. })).count();
    assert_eq!(begins, 1, "{place}: {decisions:?}");
    assert_eq!(engine.due(), None, "{place}: nothing is waited for but the safe stop");
    decisions.clear();
    let (actions, unconfirmed) = (Vec::new(), Vec::new());
    let wanted = SafePump::Stopped;
    let report = SafeStopReport { wanted, actions, log_read: true, confirmed: true, unconfirmed, took_ms: 1 };
    engine.apply(&Event { kind: EventKind::SafeStopped(report), ..at.clone() }, &mut decisions);
    decisions.iter().find_map(|d| match d {
        EventKind::Ended { verdict, .. } => Some(*verdict),
        _ => None,
    })
}

#[test]
fn the_safe_stop_is_reachable_from_every_state_of_every_step() {
    let bench = Bench::new();
    let operator = bench.write(
        "operator.yaml",
        "scenario: operator\nweighing: {before: 60 s, after: 60 s, evaporation changes at most: 10 ug/s}\nsteps:\n  \
         - operator: {do: fill, enter: {fluid lot: text}, within: 30 min, else: not run}\n  - stop: {}\n",
    );
    let mut kinds = BTreeSet::new();
    // What is done to the firmware is run on an emulated core, and stopped there.
    // A matrix is many runs of one kind.
    let library =
        scenario::library::SCENARIOS.iter().map(|(name, _)| *name).filter(|name| !name.starts_with("conditions/"));
    // A matrix is many runs of one kind.
    let here =
        library.filter(|name| !["endurance/", "firmware/", "conditions/"].iter().any(|topic| name.starts_with(topic)));
    for name in here.chain([operator.as_str()]) {
        kinds.extend(stops_from_everywhere(&bench.run(name, &[]).folder()));
    }
    let known = scenario::steps::REGISTRY.iter().map(|spec| spec.variant.key.to_owned());
    let here: BTreeSet<String> = known.filter(|key| !PROBED.contains(&key.as_str())).collect();
    assert_eq!(kinds, here, "the steps seen are of every kind");
}

/// The step kinds that need a debug probe.
pub(crate) const PROBED: [&str; 6] = ["flash", "reset", "halt", "run core", "poke", "peek"];

/// Stops the run of a record after each of its inputs that led somewhere new, by a signal and by a fault; each must end with
/// the station made safe. The kinds of its steps.
pub(crate) fn stops_from_everywhere(folder: &Path) -> BTreeSet<String> {
    let (events, _) = events(folder);
    let EventKind::Opened(opened) = &events[0].kind else { panic!("{}: opened first", folder.display()) };
    let mut engine = engine_of(opened);
    let (mut seen, mut stopping) = (BTreeSet::new(), false);
    for event in &events {
        stopping |= matches!(event.kind, EventKind::SafeStopBegan { .. });
        if !event.kind.is_input() {
            continue;
        }
        engine.apply(event, &mut Vec::new());
        let name = &opened.scenario;
        let place = format!("{name}: {:?} after {:?}", engine.position(), core::mem::discriminant(&event.kind));
        if stopping || !seen.insert(place.clone()) {
            continue;
        }
        // What the engine has decided for this input may have ended the run already.
        let ended = engine.position().now == "making the station safe" || engine.position().now == "done";
        if ended {
            break;
        }
        let asked = EventKind::StopAsked { cause: "SIGINT".to_owned() };
        assert_eq!(end(&engine, event, asked, &place), Some(RunVerdict::Aborted), "{place}");
        let broke = EventKind::Broke(Fault::Program { what: "a test".to_owned() });
        assert_eq!(end(&engine, event, broke, &place), Some(RunVerdict::Error), "{place}");
    }
    let resolved: serde_yaml::Value = serde_yaml::from_str(&opened.scenario_yaml).expect("the resolved scenario");
    let steps = resolved["steps"].as_sequence().expect("steps");
    let key = |step: &serde_yaml::Value| Some(step.as_mapping()?.keys().next()?.as_str()?.to_owned());
    steps.iter().filter_map(key).collect()
}

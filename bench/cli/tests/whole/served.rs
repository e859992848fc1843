//! The real path: simulators on pseudo-terminals in one process, the bench in another, in real time.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{Bench, commands, done, events, events_so_far, only_run};
use crate::server::{PATIENCE, SHOWN_WITHIN, Server, eventually, signal};
use domain::profile::Role;
use domain::{EventKind, Order};
use text::Source;

#[test]
fn the_smoke_scenario_passes_over_pseudo_terminals() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let done = bench.run("smoke/short-bolus", &["--rig", &server.rig()]);
    assert_eq!(done.code, 0, "{}\n{}", done.summary, done.stderr);
    assert_eq!(done.summary["tier"], "served");
    assert!(done.summary["wall_seconds"].as_f64().is_some_and(|s| s < 60.0), "under a minute");
    assert!(!done.folder().join("truth.mcap").exists(), "the bench knows no truth");
    server.stop();
}

#[test]
fn a_stopped_run_leaves_a_served_pump_stopped() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let scenario = bench.write(
        "basal.yaml",
        "scenario: basal\nweighing: {before: 13 s, after: 13 s, evaporation changes at most: 50 ug/s}\n\
         steps:\n  - start: {continuous: 20 mL/day}\n  - hold: {for: 1 h}\n",
    );
    let rig = server.rig();
    let mut command = bench.command(&["run", &scenario, "--rig", &rig, "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    eventually("therapy runs", PATIENCE, || server.state()["therapy"] == "Continuous");
    signal(child.id(), "INT");
    let asked = Instant::now();
    let done = done(&child.wait_with_output().expect("ended"));
    assert!(asked.elapsed() < Duration::from_secs(15));
    assert_eq!((done.code, done.summary["verdict"].as_str()), (5, Some("aborted")), "{}", done.stderr);
    eventually("the pump stands still", SHOWN_WITHIN, || server.state()["therapy"] == "Stopped");
    server.stop();
}

#[test]
fn a_server_that_goes_away_is_a_bench_error_and_a_killed_client_locks_no_port() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let _kept = server.kept_names();
    let rig = std::fs::read_to_string(&server.rig).expect("a rig file");
    let impatient = bench.write("impatient.yaml", &rig.replace("away at most: 10 min", "away at most: 2 s"));
    let mut command = bench.command(&["run", "smoke/short-bolus", "--rig", &impatient, "--runs", "killed"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let attached = |runs: &str| {
        let run = only_run(&bench.path(runs));
        run.is_some_and(|r| events_so_far(&r).iter().any(|e| matches!(e.kind, EventKind::Reading(_))))
    };
    eventually("the bench reads", PATIENCE, || attached("killed"));
    signal(child.id(), "KILL");
    child.wait().expect("ended");
    let left = only_run(&bench.path("killed")).expect("a run").display().to_string();
    assert_eq!(bench.output(&["recover", &left]).status.code(), Some(4));
    let mut command = bench.command(&["run", "smoke/short-bolus", "--rig", &impatient, "--runs", "second", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    eventually("the bench reads again", PATIENCE, || attached("second"));
    server.stop();
    let gone = Instant::now();
    let done = done(&child.wait_with_output().expect("ended"));
    assert!(gone.elapsed() < Duration::from_secs(20), "the deadlines hold: {:?}", gone.elapsed());
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("error")), "{}", done.stderr);
    assert_eq!(events(&done.folder()).1, None, "the record is closed");
}

#[test]
fn a_person_answers_a_prompt_and_leaves_a_note_while_the_run_goes_on() {
    let bench = Bench::new();
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml")
        .replace("clock: {virtual from: \"2026-01-05T08:00:00Z\"}", "clock: real")
        .replace("    operator: {script: {fluid lot: simulated}}\n", "");
    let rig = bench.write("rig.yaml", &rig);
    let scenario = bench.write(
        "operator.yaml",
        "scenario: operator\nweighing: {before: 13 s, after: 13 s, evaporation changes at most: 50 ug/s}\nsteps:\n  \
         - operator: {name: fill, do: fill the syringe, enter: {syringe: 5 g to 60 g}, within: 1 min, else: not run}\n",
    );
    let mut command = bench.command(&["run", &scenario, "--rig", &rig, "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut run = None;
    eventually("there is a run", PATIENCE, || {
        run = only_run(&bench.path("runs"));
        run.as_ref().is_some_and(|r| r.join("control.sock").exists())
    });
    let run = run.expect("found").display().to_string();
    assert_eq!(bench.output(&["note", &run, "a bubble was seen"]).status.code(), Some(0));
    eventually("the answer is taken", PATIENCE, || {
        bench.output(&["answer", &run, "fill", "12.5 g"]).status.code() == Some(0)
    });
    let done = done(&child.wait_with_output().expect("ended"));
    assert_eq!(done.code, 0, "{}", done.stderr);
    let kinds: Vec<EventKind> = events(&done.folder()).0.into_iter().map(|e| e.kind).collect();
    assert!(kinds.iter().any(|k| matches!(k, EventKind::Remarked { text, .. } if text == "a bubble was seen")));
    assert!(kinds.iter().any(|k| matches!(k, EventKind::Answered(a) if a.entries[0].1 == "12.5 g" && !a.simulated)));
    assert!(!done.folder().join("control.sock").exists());
    // Nobody is listening any more.
    assert_eq!(bench.output(&["note", &run, "too late"]).status.code(), Some(2));
}

#[test]
fn a_stop_that_leaves_the_station_unsafe_is_no_plain_stop() {
    let bench = Bench::new();
    let unpowered = |rig: String| rig.replace("supply off: if the pump does not confirm, within: 10 s", "within: 2 s");
    let rig = bench.mute_rig(unpowered);
    let mut command = bench.command(&["run", "smoke/short-bolus", "--rig", &rig, "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    commands(&bench.path("runs"));
    signal(child.id(), "TERM");
    let done = done(&child.wait_with_output().expect("ended"));
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("error")), "{}", done.stderr);
    assert!(done.stderr.contains("THE STATION COULD NOT BE CONFIRMED SAFE"), "{}", done.stderr);
}

/// Orders something of an instrument of a served rig, as a run that was killed afterwards would have.
fn leave(server: &Server, role: Role, order: &Order) {
    let source = Source::new(&server.rig(), std::fs::read(&server.rig).expect("a rig file")).expect("text");
    let rig = rig::RigFile::parse(&source).expect("a rig");
    let station = rig.station(Some("1")).expect("a station");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let bound = station.bind(1);
        let binding = station.bindings.iter().find(|b| b.role == role).expect("bound");
        let (connect, clock) = (&*bound.connectors[&binding.instrument], drivers::RunClock::new());
        let attach = binding.entry.attach.expect("an instrument");
        let (mut instrument, _) = attach(connect, clock, &binding.setup).await.expect("attached");
        instrument.order(order).await.expect("done");
    });
}

#[test]
fn a_closed_valve_and_a_dead_supply_that_were_left_behind_are_put_right_before_the_run() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    leave(&server, Role::Valve, &Order::Valve { closed: true });
    leave(&server, Role::Supply, &Order::Supply { voltage_v: None, output: false });
    eventually("the pump is dead", Duration::from_secs(5), || server.state()["supply"]["1"][1] == false);
    let scenario = bench.write(
        "nothing.yaml",
        "scenario: nothing\nweighing: {before: 13 s, after: 13 s, evaporation changes at most: 50 ug/s}\n\
         steps:\n  - hold: {for: 1 s}\n",
    );
    let done = bench.run(&scenario, &["--rig", &server.rig()]);
    assert_eq!(done.code, 0, "{}\n{}", done.summary, done.stderr);
    assert_eq!(server.state()["supply"]["1"][1], true);
    server.stop();
}

//! The whole rig over pseudo-terminals and sockets: instruments unplugged, silenced and renamed while a run goes on,
//! two stations side by side, and what a stopped run leaves of a rig.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Bench, done, events};
use crate::server::{PATIENCE, SHOWN_WITHIN, Server, eventually, signal};
use domain::{EventKind, LinkFault};

fn start(bench: &Bench, scenario: &str, rig: &str, more: &[&str]) -> Child {
    let arguments = [&["run", scenario, "--rig", rig, "--json"], more].concat();
    let mut command = bench.command(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
}

/// A run that only lasts, with an occlusion valve that is closed for a part of it if that is wanted.
fn lasting(bench: &Bench, seconds: u32) -> String {
    bench.write(
        "lasting.yaml",
        &format!(
            "scenario: lasting\nweighing: {{before: 13 s, after: 13 s, evaporation changes at most: 50 ug/s}}\n\
             steps:\n  - start: {{continuous: 1 mL/day}}\n  - hold: {{for: {seconds} s}}\n"
        ),
    )
}

#[test]
fn a_short_occlusion_passes_over_real_ports() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let done = bench.run("smoke/short-occlusion", &["--rig", &server.rig()]);
    assert_eq!(done.code, 0, "{}\n{}", done.summary, done.stderr);
    assert_eq!(done.summary["tier"], "served");
    eventually("valve open, pump stopped", SHOWN_WITHIN, || {
        let state = server.state();
        state["valve_closed"] == false && state["therapy"] == "Stopped"
    });
    server.stop();
}

#[test]
fn instruments_come_and_go_and_the_run_goes_on_with_gaps() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let places: [(&str, &str, &[&str]); 4] = [
        ("balance", "vanish", &["stations", "1", "balance"]),
        ("flow", "vanish", &["stations", "1", "flow"]),
        ("io", "vanish", &["stations", "1", "line"]),
        ("supply", "vanish", &["shared", "supply"]),
    ];
    let before: Vec<String> = places.iter().map(|(_, _, place)| server.port(place)).collect();
    let child = start(&bench, &lasting(&bench, 20), &server.rig(), &[]);
    eventually("therapy runs", PATIENCE, || server.state()["therapy"] == "Continuous");
    for (device, fault, _) in places {
        server.fault(device, fault, true);
    }
    server.fault("climate", "silent", true);
    server.fault("pump", "silent", true);
    std::thread::sleep(Duration::from_secs(3));
    for (device, fault, _) in places {
        server.fault(device, fault, false);
    }
    server.fault("climate", "silent", false);
    server.fault("pump", "silent", false);
    eventually("new names", SHOWN_WITHIN, || {
        places.iter().zip(&before).all(|((_, _, place), before)| server.port(place) != *before)
    });
    let done = done(&child.wait_with_output().expect("ended"));
    assert_eq!(done.code, 0, "{}\n{}", done.summary, done.stderr);
    let kinds: Vec<EventKind> = events(&done.folder()).0.into_iter().map(|e| e.kind).collect();
    for name in ["balance", "flow", "line", "supply"] {
        let lost = |k: &EventKind| matches!(k, EventKind::Lost { instrument, fault: LinkFault::Vanished { .. }, .. } if instrument == name);
        assert!(kinds.iter().any(lost), "{name} vanished");
    }
    let silent = |k: &EventKind| matches!(k, EventKind::Lost { instrument, fault: LinkFault::Silent { .. }, .. } if instrument == "pump");
    assert!(kinds.iter().any(silent), "the pump was silent");
    for name in ["balance", "flow", "line", "valve", "fluid", "supply", "pump"] {
        let attached = |k: &&EventKind| matches!(k, EventKind::Attached { instrument, .. } if instrument == name);
        assert!(kinds.iter().filter(attached).count() >= 2, "{name} came back");
    }
    server.stop();
}

#[test]
fn two_stations_of_one_rig_do_not_disturb_each_other() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let first = start(&bench, "smoke/short-occlusion", &rig, &["--station", "1", "--runs", "first"]);
    let second = start(&bench, "smoke/short-bolus", &rig, &["--station", "2", "--runs", "second"]);
    let (first, second) = (first.wait_with_output().expect("ended"), second.wait_with_output().expect("ended"));
    let (first, second) = (done(&first), done(&second));
    assert_eq!(first.code, 0, "{}\n{}", first.summary, first.stderr);
    assert_eq!(second.code, 0, "{}\n{}", second.summary, second.stderr);
    assert_eq!((first.summary["station"].as_str(), second.summary["station"].as_str()), (Some("1"), Some("2")));
    let lost =
        |done: &crate::common::Done| events(&done.folder()).0.iter().any(|e| matches!(e.kind, EventKind::Lost { .. }));
    assert!(!lost(&first) && !lost(&second), "nobody takes the other's port");
    server.stop();
}

#[test]
fn a_run_stopped_against_a_closed_valve_leaves_it_open_and_the_pump_still() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let scenario = bench.write(
        "occluded.yaml",
        "scenario: occluded\nweighing: {before: 13 s, after: 13 s, evaporation changes at most: 50 ug/s}\n\
         steps:\n  - start: {continuous: 0.5 mL/day}\n  - close: occlusion valve\n  - hold: {for: 10 min}\n",
    );
    let child = start(&bench, &scenario, &server.rig(), &[]);
    eventually("the valve is closed", PATIENCE, || server.state()["valve_closed"] == true);
    signal(child.id(), "INT");
    let asked = Instant::now();
    let done = done(&child.wait_with_output().expect("ended"));
    assert!(asked.elapsed() < Duration::from_secs(12));
    assert_eq!((done.code, done.summary["verdict"].as_str()), (5, Some("aborted")), "{}", done.stderr);
    eventually("safe", SHOWN_WITHIN, || {
        let state = server.state();
        state["valve_closed"] == false && state["therapy"] == "Stopped" && state["motor_running"] == false
    });
    server.stop();
}

/// What is ordered behind a reconnection goes to the port that is there, not to the one that was.
#[test]
fn orders_reach_what_came_back_under_another_name() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let scenario = bench.write(
        "orders.yaml",
        "scenario: orders\nweighing: {before: 13 s, after: 13 s, evaporation changes at most: 50 ug/s}\n\
         steps:\n  - start: {continuous: 1 mL/day}\n  - hold: {for: 20 s}\n  - change dose: {continuous: 3 mL/day}\n\
         \x20 - close: occlusion valve\n  - supply: {voltage: 2.9 V}\n  - hold: {name: changed, for: 20 s}\n  - open: occlusion valve\n",
    );
    let child = start(&bench, &scenario, &server.rig(), &[]);
    eventually("therapy runs", PATIENCE, || server.state()["therapy"] == "Continuous");
    let devices = ["pump", "io", "supply"];
    devices.iter().for_each(|device| server.fault(device, "vanish", true));
    std::thread::sleep(Duration::from_secs(3));
    devices.iter().for_each(|device| server.fault(device, "vanish", false));
    eventually("all three have done it", PATIENCE, || {
        let state = server.state();
        let rate = &state["stations"]["1"]["rate_nl_per_h"];
        state["valve_closed"] == true && *rate == 125_000 && state["supply"]["1"][0].as_f64() == Some(2.9)
    });
    let done = done(&child.wait_with_output().expect("ended"));
    assert_eq!(done.code, 0, "{}\n{}", done.summary, done.stderr);
    server.stop();
}

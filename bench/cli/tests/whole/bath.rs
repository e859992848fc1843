//! A bath that stations share: it is brought to what a run needs, watched, and had by all who need the same.

use std::collections::BTreeMap;

use crate::common::{Bench, events};
use crate::daemon::{Daemon, delivers_nothing, id_of};
use crate::resumed::{begun, killed_in, recover};
use crate::server::{PATIENCE, Server, eventually};
use domain::event::Phase;
use domain::{EventKind, Order};
use serde_json::Value;
use store::{Actor, Hold, Store, Use, Wanted};

/// It needs the bath, and delivers for a while.
fn scenario(at: &str, lasts: &str) -> String {
    format!(
        "scenario: In a bath
parameters: {{bath: {{default: {at} ± 0.5 °C}}}}
needs: {{bath: {{at: $bath, within: 20 min}}}}
weighing: {{before: 13 s, after: 13 s, evaporation changes at most: 100 ug/s}}
steps:
  - start: {{continuous: 24 mL/day}}
  - hold: {{name: delivered, for: {lasts}}}
  - stop: {{}}
  - check: {{volume during: delivered, tolerance: ±50 % of commanded, because: that is coarse}}
"
    )
}

/// The library's rig with something else said of its first station's plant.
fn rig(bench: &Bench, name: &str, simulation: &str) -> String {
    let text = include_str!("../../../../fixtures/rigs/virtual-bath.yaml");
    let first = "simulation: {delivered too much: 1.2 %";
    bench.write(name, &text.replacen(first, &format!("{first}, {simulation}"), 1))
}

#[test]
fn nothing_is_weighed_before_the_bath_is_where_it_must_be() {
    let bench = Bench::new();
    let file = bench.write("bath.yaml", &scenario("37", "30 min"));
    let run = bench.run(&file, &["--rig", "virtual-bath"]);
    assert_eq!(run.code, 0, "{}", run.summary);
    let (all, _) = events(&run.folder());
    let position = |of: &dyn Fn(&EventKind) -> bool| all.iter().position(|event| of(&event.kind)).expect("an event");
    let ordered = position(&|kind| matches!(kind, EventKind::Ordered { what: Order::Bath { .. }, .. }));
    let weighed = position(&|kind| matches!(kind, EventKind::PhaseEntered(Phase::OpeningWeighing)));
    // From 23 to 36.5 °C with a time constant of 2 min, and 30 s within the range.
    let took_s = all[weighed].t_ns.since(all[ordered].t_ns).as_secs_f64();
    assert!((400.0..470.0).contains(&took_s), "{took_s}");
    let reads = |channel: &str| {
        let behind = all[weighed..].iter().filter_map(|event| match &event.kind {
            EventKind::Reading(reading) if reading.channel.as_str() == channel => Some(reading.value),
            _ => None,
        });
        behind.collect::<Vec<f64>>()
    };
    for channel in ["bath.temperature", "bath.set_point", "fluid.temperature"] {
        let values = reads(channel);
        assert!(values.len() > 100 && values.iter().all(|c| (c - 37.0).abs() < 0.6), "{channel}: {values:?}");
    }
    // A matrix has the temperature as one of its parameters.
    let matrix = bench.run(&file, &["--rig", "virtual-bath", "--set", "bath=39 ± 0.5 °C"]);
    assert_eq!(matrix.code, 0, "{}", matrix.summary);
}

#[test]
fn a_bath_that_is_not_there_or_cannot_is_told_before_anything_moves() {
    let bench = Bench::new();
    let file = bench.write("bath.yaml", &scenario("37", "30 min"));
    let refused = |arguments: &[&str]| {
        let output = bench.output(&[&["check", &file], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refused(&["--rig", "virtual"]);
    assert!(said.contains("bath: expected a rig with a bath, but rig 'virtual' has none"), "{said}");
    let said = refused(&["--rig", "virtual-bath", "--set", "bath=50 ± 0.5 °C"]);
    assert!(
        said.contains("at: expected a set-point from 15 °C to 45 °C, which the bath of rig 'virtual-bath'"),
        "{said}"
    );
    let said = refused(&["--rig", "virtual-bath", "--set", "bath=37 °C"]);
    assert!(said.contains("expected a range around the set-point, as in 37 ± 0.5 °C, but found '37 °C'"), "{said}");
    let slow = rig(&bench, "slow.yaml", "bath follows in: 5 h");
    let run = bench.run(&file, &["--rig", &slow]);
    assert_eq!((run.code, &run.summary["verdict"]), (4, &"not_run".into()), "{}", run.summary);
    let reason = run.summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("expected bath to be at 37 ± 0.5 °C for 30 s within 20 min, but found 23.9"), "{reason}");
}

/// A run whose bath nobody can tell for a while; its summary.
fn lost_for_a_while(text: &str) -> Value {
    let bench = Bench::new();
    let file = bench.write("bath.yaml", text);
    let faults = "faults: [{device: bath, fault: overload, from: 40 min, until: 60 min}]";
    let run = bench.run(&file, &["--rig", &rig(&bench, "lost.yaml", faults)]);
    assert_eq!((run.code, &run.summary["verdict"]), (3, &"inconclusive".into()), "{}", run.summary);
    run.summary
}

/// A scenario that measures nothing is judged by its alarms, at a temperature that it has to have had.
#[test]
fn a_bath_that_leaves_its_range_makes_no_pass_of_an_alarm_either() {
    let check = "  - check: {volume during: delivered, tolerance: ±50 % of commanded, because: that is coarse}\n";
    let summary = lost_for_a_while(&scenario("37", "2 h").replace(check, ""));
    let check = summary["checks"].as_array().into_iter().flatten().find(|c| c["name"] == "bath kept its temperature");
    assert_eq!(check.expect("the check")["verdict"], "inconclusive", "{summary}");
}

#[test]
fn a_bath_that_leaves_its_range_makes_no_pass() {
    let summary = lost_for_a_while(&scenario("37", "2 h"));
    let reason = summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("expected bath.temperature from 36.5 to 37.5 °C as the scenario needs"), "{reason}");
}

#[test]
fn runs_that_need_the_same_go_side_by_side_and_one_that_needs_another_waits_its_turn() {
    let bench = Bench::new();
    let served = rig(&bench, "quick.yaml", "bath follows in: 1 s");
    let server = Server::start(&bench, &served);
    let daemon = Daemon::start(&bench, &server.rig());
    let submit = |at: &str, station: &str, lasts: &str| {
        let file = bench.write(&format!("at-{at}-{station}.yaml"), &scenario(at, lasts));
        id_of(&daemon.tell(&bench, &["submit", &file, "--station", station]))
    };
    let (first, beside) = (submit("37", "1", "50 s"), submit("37", "2", "20 s"));
    // Behind the second at its station, and before whoever comes later at the other.
    let (colder, later) = (submit("35", "2", "1 s"), submit("37", "1", "1 s"));
    let waits = |id: i64, why: &str| daemon.job(id)["reason"].as_str().is_some_and(|reason| reason.contains(why));
    let ended = daemon.wait(beside);
    eventually("it waits for the bath", PATIENCE, || waits(colder, "at 37 °C"));
    assert_eq!((&ended["exit_code"], &daemon.job(first)["state"]), (&0.into(), &"running".into()), "side by side");
    let ended = daemon.wait(first);
    assert_eq!(ended["exit_code"], 0, "nobody has set the bath to something else: {ended}");
    eventually("who has waited longer begins", PATIENCE, || daemon.job(colder)["state"] == "running");
    eventually("who came later does not pass it by", PATIENCE, || {
        waits(later, &format!("job {colder} comes first, and needs the set-point"))
    });
    for id in [later, colder] {
        daemon.tell(&bench, &["cancel", &id.to_string()]);
        daemon.wait(id);
    }
    daemon.stop();
    server.stop();
}

/// A run that was killed in a hold would go on; but whoever has set the bath to something else meanwhile keeps it so.
#[test]
fn a_run_whose_bath_somebody_has_otherwise_by_now_does_not_go_on() {
    let bench = Bench::new();
    let server = Server::start(&bench, &rig(&bench, "quick.yaml", "bath follows in: 1 s"));
    let text = scenario("37", "10 min").replace("weighing:", "resume: {within: 5 min}\nweighing:");
    let folder = killed_in(&bench, begun(&bench, &server.rig(), &text), "delivered");
    let needs = format!("the set-point of unit 1 at {}", server.port(&["shared", "bath"]));
    let resources = BTreeMap::from([(needs.clone(), Use::At("35 °C".to_owned()))]);
    let wanted = Wanted { resources: &resources, holder: "anna", reason: "another run", lease: None };
    let store = Store::open(&bench.path("state"), Actor("a test".to_owned())).expect("the store");
    let _hold = Hold::take(store, &wanted).expect("nobody has it any more");
    let (output, summary) = recover(&bench, &folder, &server.rig());
    assert_eq!(output.status.code(), Some(4), "{summary}");
    let reason = summary["reason"].as_str().expect("a reason");
    assert!(reason.contains(&format!("it could not go on: expected {needs} to be had at 37 °C")), "{reason}");
    assert!(reason.contains("anna needs it at 35 °C"), "{reason}");
    delivers_nothing(&server, "1");
    server.stop();
}

//! The library's scenarios of the whole rig: what should pass does, what should fail does, for the stated reason.
//!
//! Whose fault a silence is, decided over the whole program.

use crate::common::{Bench, Done, delivered, truth};
use crate::replay::replayed;

fn verdict(done: &Done) -> (i32, &str) {
    (done.code, done.summary["verdict"].as_str().unwrap_or("none"))
}

#[test]
fn the_whole_library_passes_on_the_virtual_rig() {
    let bench = Bench::new();
    for (name, _) in scenario::library::SCENARIOS
        .iter()
        .filter(|(n, _)| !["firmware/", "conditions/", "endurance/basal-72h"].iter().any(|topic| n.starts_with(topic)))
    {
        let done = bench.run(name, &[]);
        assert_eq!(verdict(&done), (0, "pass"), "{name}: {}\n{}", done.summary, done.stderr);
        assert!(replayed(&done.folder()) >= 5, "{name} replays");
    }
}

#[test]
fn a_pump_that_never_alarms_fails_by_the_alarm_that_did_not_come() {
    let bench = Bench::new();
    for (scenario, check) in [
        ("occlusion/complete-during-basal", "alarm occlusion"),
        ("occlusion/partial-during-bolus", "alarm occlusion"),
        ("power/low-battery", "alarm elective replacement"),
        ("motor/stall", "alarm motor stall"),
        ("reservoir/low-and-empty", "alarm low reservoir"),
        ("smoke/short-occlusion", "alarm occlusion"),
    ] {
        let done = bench.run(scenario, &["--rig", "virtual-mute"]);
        assert_eq!(verdict(&done), (1, "fail"), "{scenario}: {}\n{}", done.summary, done.stderr);
        assert!(replayed(&done.folder()) >= 5, "{scenario} replays");
        let reason = done.check(check)["verdict"].as_str();
        assert_eq!(reason, Some("fail"), "{scenario}: {}", done.summary);
        assert!(done.summary["reason"].as_str().is_some_and(|r| r.contains("but it did not come")), "{scenario}");
    }
}

#[test]
fn a_pump_that_delivers_too_much_fails_by_the_volume() {
    let bench = Bench::new();
    for (scenario, check) in [
        ("occlusion/complete-during-basal", "volume during baseline"),
        ("occlusion/partial-during-bolus", "volume during narrowed"),
        ("power/low-battery", "volume during at replacement"),
        ("motor/stall", "volume during afterwards"),
        ("reservoir/low-and-empty", "volume during running"),
        ("bolus/patient-lockout", "volume during the button"),
        ("therapy/dose-change-by-telemetry", "volume during before to after"),
        ("therapy/flex-day", "volume during evening to afternoon"),
    ] {
        let done = bench.run(scenario, &["--rig", "virtual-leaky"]);
        assert_eq!(verdict(&done), (1, "fail"), "{scenario}: {}\n{}", done.summary, done.stderr);
        assert!(replayed(&done.folder()) >= 5, "{scenario} replays");
        assert_eq!(done.check(check)["verdict"], "fail", "{scenario}");
    }
}

#[test]
fn the_released_volume_is_the_truth_within_its_uncertainty() {
    let bench = Bench::new();
    let mut covered = 0;
    for seed in 1..=10 {
        let done = bench.run("smoke/short-occlusion", &["--seed", &seed.to_string()]);
        assert_eq!(done.code, 0, "{}\n{}", done.summary, done.stderr);
        let check = done.check("excess volume during on release");
        let (value, expanded) =
            (check["value"].as_f64().expect("a value"), check["expanded_uncertainty"].as_f64().expect("known"));
        let truth = truth(&done.folder());
        let opened = crate::common::mark(&done.folder(), "on release.begin");
        let closed = crate::common::mark(&done.folder(), "on release.end");
        // What the valve took back did not reach the vessel; the check adds it again.
        let really = delivered(&truth, closed) - delivered(&truth, opened) + 0.1;
        covered += u32::from((value - really).abs() <= expanded);
        assert!(really > 0.5, "an occluded line releases something: {really} uL");
    }
    assert!(covered >= 9, "only {covered} of 10 seeds are covered");
}

/// A rig whose pump falls silent for good after ten minutes, with this beside it.
fn silent(bench: &Bench, beside: &str) -> Done {
    let faults = format!("simulation: {{faults: [{{device: pump, fault: silent, from: 20 min}}{beside}]}}");
    let rig = bench.rig("silent.yaml", &faults);
    let scenario = bench.write(
        "basal.yaml",
        "scenario: basal\nweighing: {before: 10 min, after: 10 min, evaporation changes at most: 1 ug/s}\n\
         steps:\n  - start: {continuous: 0.5 mL/day}\n  - hold: {for: 2 h}\n",
    );
    bench.run(&scenario, &["--rig", &rig])
}

#[test]
fn silence_of_a_powered_board_is_the_devices_and_anything_else_the_benchs() {
    let bench = Bench::new();
    let device = silent(&bench, "");
    assert_eq!(verdict(&device), (1, "fail"), "{}", device.summary);
    assert_eq!(device.check("device answers")["verdict"], "fail");
    for beside in [
        ", {device: pump, fault: vanish, from: 20 min, until: 21 min}",
        ", {device: supply, fault: silent, from: 19 min, until: 22 min}",
    ] {
        let done = silent(&bench, beside);
        assert_eq!(verdict(&done), (4, "error"), "{beside}: {}", done.summary);
    }
    let rig = bench.rig("broken.yaml", "simulation: {faults: [{device: pump, fault: broken_frames, from: 20 min}]}");
    let done = bench.run("bolus/patient-lockout", &["--rig", &rig]);
    assert_eq!(verdict(&done), (4, "error"), "{}", done.summary);
}

#[test]
fn a_board_that_never_comes_up_after_a_brown_out_is_the_devices_fault() {
    let bench = Bench::new();
    let rig = bench.rig("dead.yaml", "simulation: {faults: [{device: pump, fault: silent, from: 12 min}]}");
    let scenario = bench.write(
        "brown-out.yaml",
        "scenario: brown-out\nweighing: {before: 10 min, after: 10 min, evaporation changes at most: 1 ug/s}\n\
         steps:\n  - start: {continuous: 0.5 mL/day}\n  - hold: {for: 1 min}\n\
         \x20 - supply: {voltage: 1.5 V, pump silent for at most: 2 min}\n  - hold: {for: 30 s}\n\
         \x20 - supply: {voltage: 3 V}\n  - expect: {reset: brown-out, within: 10 min, because: specified}\n",
    );
    let done = bench.run(&scenario, &["--rig", &rig]);
    assert_eq!(verdict(&done), (1, "fail"), "{}", done.summary);
    assert_eq!(done.check("device answers")["verdict"], "fail");
}

#[test]
fn a_loss_after_the_release_cannot_hide_it() {
    let bench = Bench::new();
    let rig = bench.rig(
        "loss.yaml",
        "simulation: {delivered too much: 1.2 %, faults: [{device: balance, fault: step, from: 43 s, mass: -5 mg}]}",
    );
    let done = bench.run("smoke/short-occlusion", &["--rig", &rig]);
    assert_ne!(verdict(&done).0, 0, "{}", done.summary);
    assert_eq!(done.check("excess volume during on release")["verdict"], "inconclusive", "{}", done.summary);
}

#[test]
fn an_instrument_that_never_gives_a_reading_is_away() {
    let bench = Bench::new();
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml").replacen(
        "line: {driver: modbus-io, port: simulated,",
        "line: {driver: modbus-io, port: simulated, registers: {pressure: {input: 5000, holds: f32, from: 0 kPa, to: 1 kPa}},",
        1,
    );
    let rig = bench.write("blind.yaml", &rig);
    let done = bench.run("occlusion/complete-during-basal", &["--rig", &rig]);
    assert_eq!(verdict(&done), (4, "error"), "{}", done.summary);
}

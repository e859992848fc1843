//! Instruments that misbehave, under virtual time: a gap within what is allowed goes on record, a longer one is a
//! bench error, and the station is safe in every case.

use crate::common::{Bench, Done, events};
use domain::EventKind;

/// A scenario that leaves room for faults: two hours of basal between two weighings.
const BASAL: &str = "
scenario: basal with faults
weighing: {before: 10 min, after: 10 min, evaporation changes at most: 1 ug/s}
steps:
  - start: {continuous: 1 mL/day}
  - hold: {name: judged, for: 2 h, rounded to: whole pulse cycles}
  - stop: {}
  - check: {volume during: judged, tolerance: ±14.5 % of commanded, because: test}
";

fn run(bench: &Bench, faults: &str) -> Done {
    let scenario = bench.write("basal.yaml", BASAL);
    let rig = bench.rig("rig.yaml", &format!("simulation: {{faults: [{faults}]}}"));
    bench.run(&scenario, &["--rig", &rig])
}

fn safe(done: &Done) -> bool {
    let (events, torn) = events(&done.folder());
    assert_eq!(torn, None, "the record is closed");
    events
        .iter()
        .any(|e| matches!(&e.kind, EventKind::SafeStopped(report) if report.confirmed && report.took_ms <= 10_000))
}

#[test]
fn a_balance_that_is_away_for_too_long_is_a_bench_error() {
    let bench = Bench::new();
    for fault in ["silent", "garbage", "half_line", "vanish"] {
        let done = run(&bench, &format!("{{device: balance, fault: {fault}, from: 1 h}}"));
        assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("error")), "{fault}");
        let reason = done.summary["reason"].as_str().expect("a reason");
        assert!(reason.contains("instrument balance was away for longer than 10 min"), "{reason}");
        // From the fault to the end: what is allowed, and no more than seconds beside it.
        let lasted = done.summary["rig_seconds"].as_f64().expect("a time");
        assert!((3599.0 + 600.0..3600.0 + 620.0).contains(&lasted), "{fault}: {lasted} s");
        assert_eq!(done.check("volume during judged")["verdict"], "not_run");
        assert!(safe(&done), "{fault}: the station is left safe");
    }
}

#[test]
fn a_balance_that_comes_back_in_time_leaves_a_gap_on_record() {
    let bench = Bench::new();
    for fault in ["silent", "garbage", "half_line", "vanish"] {
        let done = run(&bench, &format!("{{device: balance, fault: {fault}, from: 1 h, until: 65 min}}"));
        assert_eq!(done.code, 0, "{fault}: {}", done.summary);
        assert!(safe(&done), "{fault}: the station is left safe");
        let lost = events(&done.folder()).0.iter().filter(|e| matches!(e.kind, EventKind::Lost { .. })).count();
        assert!(lost >= 1, "{fault}: the gap is on record");
    }
}

#[test]
fn a_gap_over_a_weighing_makes_the_check_inconclusive() {
    let bench = Bench::new();
    // The judged hold ends a little after 2 h 10 min.
    let done = run(&bench, "{device: balance, fault: silent, from: 128 min, until: 132 min}");
    assert_eq!((done.code, done.summary["verdict"].as_str()), (3, Some("inconclusive")), "{}", done.summary);
    let done = run(&bench, "{device: balance, fault: overload, from: 128 min, until: 132 min}");
    assert_eq!(done.code, 3, "{}", done.summary);
}

#[test]
fn a_silent_pump_is_the_benchs_fault_while_nothing_shows_that_it_is_the_devices() {
    let bench = Bench::new();
    // The supply is silent as well: nobody knows whether the board was powered.
    let done = run(
        &bench,
        "{device: pump, fault: silent, from: 1 h, until: 70 min}, {device: supply, fault: silent, from: 64 min, until: 66 min}",
    );
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("error")), "{}", done.summary);
    // A pump that does not hear cannot confirm; the record says so instead of calling the station safe.
    assert!(!safe(&done));
    let done = run(&bench, "{device: pump, fault: broken_frames, from: 1 h, until: 62 min}");
    assert_eq!(done.code, 0, "{}", done.summary);
}

#[test]
fn a_motor_that_stalls_fails_the_device_by_its_alarm() {
    let bench = Bench::new();
    let done = run(&bench, "{device: pump, fault: stall, from: 1 h}");
    assert_eq!((done.code, done.summary["verdict"].as_str()), (1, Some("fail")), "{}", done.summary);
    let check = done.check("no unexpected alarm or reset");
    assert!(check["verdict"] == "fail", "{check}");
    assert!(done.summary["reason"].as_str().is_some_and(|r| r.contains("the alarm 'motor stall'")));
    assert!(safe(&done));
}

/// A scenario in which the motor must stall within that time.
fn stall_expected(bench: &Bench, within: &str) -> String {
    let text = format!(
        "scenario: motor stall\nweighing: {{before: 60 s, after: 60 s, evaporation changes at most: 10 ug/s}}\nsteps:\n  \
         - start: {{continuous: 24 mL/day}}\n  - expect: {{alarm: motor stall, within: {within}, because: test}}\n"
    );
    bench.write("stall.yaml", &text)
}

#[test]
fn an_alarm_that_is_expected_passes_in_time_and_fails_when_it_does_not_come() {
    let bench = Bench::new();
    let scenario = stall_expected(&bench, "10 min");
    let rig = bench.rig("rig.yaml", "simulation: {faults: [{device: pump, fault: stall, from: 5 min}]}");
    let done = bench.run(&scenario, &["--rig", &rig]);
    assert_eq!(done.code, 0, "{}", done.summary);
    let took = done.check("alarm motor stall")["value"].as_f64().expect("a time");
    assert!((230.0..245.0).contains(&took), "{took} s after the step began");
    let done = bench.run(&scenario, &[]);
    assert_eq!(done.code, 1, "{}", done.summary);
    assert_eq!(done.check("alarm motor stall")["verdict"], "fail");
}

#[test]
fn a_calibration_that_falls_due_and_a_wrong_device_are_not_run() {
    let bench = Bench::new();
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml").replace("due: 2027-01-31", "due: 2026-01-04");
    let rig = bench.write("due.yaml", &rig);
    let done = bench.run("smoke/short-bolus", &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("not_run")));
    let done = bench.run("smoke/short-bolus", &["--device", "4711"]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("not_run")));
    assert!(done.summary["reason"].as_str().is_some_and(|r| r.contains("serial number 4711")));
    let commanded = |e: &domain::Event| matches!(&e.kind, EventKind::Commanded { .. });
    assert!(!events(&done.folder()).0.iter().any(commanded), "nothing was commanded");
}

#[test]
fn an_operators_step_is_answered_by_the_script_or_not_run() {
    let scenario = "
scenario: operator
weighing: {before: 60 s, after: 60 s, evaporation changes at most: 10 ug/s}
steps:
  - operator: {do: fill, enter: {syringe before: 5 g to 60 g, fluid lot: text}, within: 30 min, else: not run}
";
    let bench = Bench::new();
    let scenario = bench.write("operator.yaml", scenario);
    let done = bench.run(&scenario, &[]);
    assert_eq!(done.code, 0, "{}", done.summary);
    let answered = events(&done.folder()).0.into_iter().find_map(|e| match e.kind {
        EventKind::Answered(answer) => Some(answer),
        _ => None,
    });
    let answer = answered.expect("answered");
    assert!(answer.simulated);
    assert_eq!(answer.entries[0], ("syringe before".to_owned(), "32.5 g".to_owned()));
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml")
        .replace("    operator: {script: {fluid lot: simulated}}\n", "");
    let rig = bench.write("nobody.yaml", &rig);
    let done = bench.run(&scenario, &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("not_run")), "{}", done.summary);
}

#[test]
fn an_alarm_that_only_the_safe_stop_finds_in_the_log_fails_the_device() {
    let bench = Bench::new();
    // Polls so rare that the stall of the last pulses is not seen before the checks are settled.
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml").replacen("poll: 1 s", "poll: 10 s", 1).replace(
        "simulation: {delivered too much: 1.2 %}",
        "simulation: {faults: [{device: pump, fault: stall, from: 22.6 s}]}",
    );
    let rig = bench.write("rare.yaml", &rig);
    let done = bench.run("smoke/short-bolus", &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (1, Some("fail")), "{}", done.summary);
}

#[test]
fn a_jump_of_the_mass_that_hides_a_leak_is_no_pass() {
    let bench = Bench::new();
    let faults =
        "simulation: {delivered too much: 20 %, faults: [{device: balance, fault: step, from: 25 s, mass: -2 mg}]}";
    let rig = bench.rig("jump.yaml", faults);
    let done = bench.run("smoke/short-bolus", &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (3, Some("inconclusive")), "{}", done.summary);
    assert!(done.summary["reason"].as_str().is_some_and(|r| r.contains("no flow explains it")), "{}", done.summary);
}

#[test]
fn a_vessel_that_gains_mass_with_the_pump_stopped_is_no_pass() {
    let bench = Bench::new();
    let scenario = bench.write("basal.yaml", BASAL);
    let rig = bench.rig("seeping.yaml", "simulation: {evaporation: -1 ug/s}");
    let done = bench.run(&scenario, &["--rig", &rig]);
    assert_eq!(done.code, 3, "{}", done.summary);
    assert!(done.summary["reason"].as_str().is_some_and(|r| r.contains("look for seepage")), "{}", done.summary);
}

#[test]
fn a_guard_sees_an_overload_and_forgives_no_silence() {
    let bench = Bench::new();
    let guarded = |otherwise: &str| {
        format!("{BASAL}throughout:\n  - {{channel: balance.mass, at most: 100 g, else: {otherwise}, because: test}}\n")
    };
    let fails = bench.write("fails.yaml", &guarded("fail"));
    let stops = bench.write("stops.yaml", &guarded("stop safely"));
    let overload = bench
        .rig("overload.yaml", "simulation: {faults: [{device: balance, fault: overload, from: 1 h, until: 61 min}]}");
    assert_eq!(bench.run(&fails, &["--rig", &overload]).code, 3);
    assert_eq!(bench.run(&stops, &["--rig", &overload]).code, 4);
    let silent =
        bench.rig("silent.yaml", "simulation: {faults: [{device: balance, fault: silent, from: 1 h, until: 61 min}]}");
    let done = bench.run(&fails, &["--rig", &silent]);
    assert_eq!(done.code, 3, "{}", done.summary);
    assert_eq!(bench.run(&fails, &[]).code, 0);
}

#[test]
fn a_balance_that_never_comes_back_is_the_benchs_fault_even_in_a_short_run() {
    let bench = Bench::new();
    let rig = bench.rig("gone.yaml", "simulation: {faults: [{device: balance, fault: vanish, from: 20 s}]}");
    let done = bench.run("smoke/short-bolus", &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("error")), "{}", done.summary);
}

#[test]
fn junit_holds_every_run_and_is_green_for_nothing_but_zero() {
    let bench = Bench::new();
    let junit = bench.path("junit.xml").display().to_string();
    let arguments = ["run", "smoke/short-bolus", "bolus/train-of-25", "--rig", "virtual-stalling", "--junit", &junit];
    assert_eq!(bench.output(&arguments).status.code(), Some(1));
    let xml = std::fs::read_to_string(&junit).expect("JUnit");
    assert_eq!(xml.matches("<testsuite ").count(), 2, "{xml}");
    assert!(xml.contains("<failure"), "{xml}");
    // What is inconclusive is told apart, and what is the bench's fault is no failure of the device; neither is a pass.
    let scenario = bench.write("basal.yaml", BASAL);
    for (fault, code) in [("from: 128 min, until: 132 min", 3), ("from: 1 h", 4)] {
        let rig =
            bench.rig("rig.yaml", &format!("simulation: {{faults: [{{device: balance, fault: silent, {fault}}}]}}"));
        assert_eq!(bench.output(&["run", &scenario, "--rig", &rig, "--junit", &junit]).status.code(), Some(code));
        let xml = std::fs::read_to_string(&junit).expect("JUnit");
        assert_eq!((xml.contains("type=\"inconclusive\""), xml.contains("<error")), (code == 3, code == 4), "{xml}");
        assert_eq!(xml.matches("<failure").count(), usize::from(code == 3), "{xml}");
    }
    assert_eq!(bench.output(&["run", "no/such", "--junit", &junit]).status.code(), Some(2));
    assert!(!bench.path("junit.xml").exists(), "yesterday's results are gone");
}

#[test]
fn an_alarm_that_a_silent_link_may_have_hidden_is_not_held_against_the_device() {
    let bench = Bench::new();
    let scenario = stall_expected(&bench, "3 min");
    let faults = "{device: pump, fault: stall, from: 90 s}, {device: pump, fault: silent, from: 91 s, until: 345 s}";
    let rig = bench.rig("deaf.yaml", &format!("simulation: {{faults: [{faults}]}}"));
    let done = bench.run(&scenario, &["--rig", &rig]);
    assert_ne!(done.check("alarm motor stall")["verdict"], "fail", "{}", done.summary);
    assert_ne!(done.summary["verdict"], "pass", "{}", done.summary);
}

#[test]
fn a_pump_that_answers_too_late_is_not_silent_and_one_that_dies_on_a_command_is() {
    let bench = Bench::new();
    let done = run(&bench, "{device: pump, fault: slow, delay: 600 ms, from: 1 h}");
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("error")), "{}", done.summary);
    let heard = |e: &domain::Event| {
        let EventKind::Lost { instrument, fault: domain::LinkFault::Silent { received, .. }, .. } = &e.kind else {
            return false;
        };
        instrument == "pump" && *received > 0
    };
    assert!(events(&done.folder()).0.iter().any(heard), "what came too late is on record");
    // The therapy starts a little after ten minutes, between two polls.
    let done = run(&bench, "{device: pump, fault: silent, from: 600.05 s}");
    assert_eq!((done.code, done.summary["verdict"].as_str()), (1, Some("fail")), "{}", done.summary);
    assert_eq!(done.check("device answers")["verdict"], "fail", "{}", done.summary);
    let started = |e: &domain::Event| {
        matches!(&e.kind, EventKind::Commanded { request: domain::pump::PumpRequest::Start { .. }, .. })
    };
    assert!(events(&done.folder()).0.iter().any(started), "it died on the command");
}

#[test]
fn a_valve_that_closes_by_itself_is_the_benchs_fault_before_the_pump_alarms() {
    let bench = Bench::new();
    let scenario = bench.write(
        "drift.yaml",
        "scenario: drift\nweighing: {before: 10 min, after: 10 min, evaporation changes at most: 1 ug/s}\n\
         steps:\n  - start: {continuous: 24 mL/day}\n  - stimulate: {valve moves by itself: on}\n  - hold: {for: 1 h}\n",
    );
    let done = bench.run(&scenario, &[]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("error")), "{}", done.summary);
    let reason = done.summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("expected the valve to stay open"), "{reason}");
    assert!(safe(&done));
}

#[test]
fn a_room_that_is_not_as_declared_is_no_pass() {
    let bench = Bench::new();
    let warm = "climate: {driver: modbus-io, port: simulated, registers: {temperature: {input: 0, holds: f32, at zero: 3 °C, \
                from: -10 °C, to: 80 °C}, pressure: {input: 2, holds: f32, from: 500 hPa, to: 1100 hPa}, humidity: \
                {input: 4, holds: f32, from: 0 %, to: 100 %}},";
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml")
        .replace("climate: {driver: modbus-io, port: simulated,", warm);
    let rig = bench.write("warm.yaml", &rig);
    let scenario = bench.write("basal.yaml", BASAL);
    let done = bench.run(&scenario, &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (3, Some("inconclusive")), "{}", done.summary);
    let reason = done.summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("expected climate.temperature from 22 to 24 °C as the rig file declares"), "{reason}");
}

#[test]
fn an_alarm_that_comes_before_its_stimulus_fails_the_device() {
    let bench = Bench::new();
    let scenario = bench.write(
        "chain.yaml",
        "scenario: chain\nweighing: {before: 10 min, after: 10 min, evaporation changes at most: 1 ug/s}\nsteps:\n  \
         - start: {continuous: 24 mL/day}\n  - supply: {voltage: 2.55 V}\n  \
         - expect: {alarm: elective replacement, within: 20 min, because: specified}\n  - stimulate: {stall: on}\n  \
         - expect: {alarm: motor stall, within: 10 min, because: specified}\n",
    );
    let done = bench.run(&scenario, &[]);
    assert_eq!(done.code, 0, "{}", done.summary);
    // The supply goes down at ten minutes, and the alarm of the battery takes longer than the stall that comes by itself.
    let rig = bench.rig("early.yaml", "simulation: {faults: [{device: pump, fault: stall, from: 605 s}]}");
    let done = bench.run(&scenario, &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (1, Some("fail")), "{}", done.summary);
    assert_eq!(done.check("no unexpected alarm or reset")["verdict"], "fail", "{}", done.summary);
}

/// When a run commanded the third bolus, in s.
fn third_bolus(done: &Done) -> f64 {
    let boluses = events(&done.folder())
        .0
        .into_iter()
        .filter(|e| matches!(&e.kind, EventKind::Commanded { request: domain::pump::PumpRequest::Bolus { .. }, .. }));
    boluses.map(|e| e.t_ns.seconds()).nth(2).expect("three boluses")
}

#[test]
fn a_glitch_while_a_command_is_under_way_costs_neither_the_run_nor_the_device() {
    let bench = Bench::new();
    let scenario = bench.write(
        "train.yaml",
        "scenario: train\nweighing: {before: 10 min, after: 10 min, evaporation changes at most: 1 ug/s}\nsteps:\n  \
         - bolus: {name: train, volume: 10 uL, over: 1 min, times: 5, every: 10 min}\n  \
         - check: {each bolus of: train, tolerance: ±14.5 % of commanded, because: labelled accuracy}\n",
    );
    let calm = bench.run(&scenario, &[]);
    assert_eq!(calm.code, 0, "{}", calm.summary);
    let at = third_bolus(&calm);
    for fault in ["silent", "vanish", "broken_frames", "half_line"] {
        // From just before the command on, and from just after it: the reply alone is lost.
        for (offset_ms, lasts_s) in [(-1.0, 6.0), (1.0, 6.0), (1.0, 60.0)] {
            let (from, until) = (at + offset_ms * 1e-3, at + lasts_s);
            let rig =
                format!("simulation: {{faults: [{{device: pump, fault: {fault}, from: {from} s, until: {until} s}}]}}");
            let done = bench.run(&scenario, &["--rig", &bench.rig("glitch.yaml", &rig)]);
            // A pump that did not hear in time gives its bolus late, and it may come into the next one's span.
            let whole = lasts_s < 10.0;
            let what = format!("{fault} from {offset_ms} ms for {lasts_s} s: {}", done.summary);
            assert!(done.code == 0 || (!whole && done.code == 3), "{what}");
            assert_eq!(done.check("device answers")["verdict"], "pass", "{what}");
            let given = events(&done.folder()).0.into_iter().filter(
                |e| matches!(&e.kind, EventKind::PumpLogged(entry) if format!("{entry:?}").contains("began a bolus")),
            );
            assert_eq!(given.count(), 5, "{what}");
        }
    }
}

#[test]
fn what_an_alarm_has_ended_is_not_held_against_the_device() {
    let bench = Bench::new();
    let scenario = bench.write(
        "idle.yaml",
        "scenario: idle\nweighing: {before: 10 min, after: 10 min, evaporation changes at most: 1 ug/s}\nsteps:\n  \
         - start: {continuous: 24 mL/day}\n  - close: occlusion valve\n  \
         - expect: {alarm: occlusion, within: 10 min, because: specified}\n  - hold: {name: idle, for: 10 min}\n  \
         - check: {volume during: idle, tolerance: ±14.5 % of commanded, because: labelled accuracy}\n  \
         - open: occlusion valve\n",
    );
    let done = bench.run(&scenario, &[]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (3, Some("inconclusive")), "{}", done.summary);
    let reason = done.summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("an alarm ended therapy"), "{reason}");
}

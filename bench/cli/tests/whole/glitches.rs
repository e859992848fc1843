//! Whose fault is it when a link, a supply's answer or a valve's position is lost at the worst moment? Each of these once
//! failed a good device, or lost a run that had passed.

use crate::common::{Bench, Done};

const WEIGHING: &str = "weighing: {before: 10 min, after: 10 min, evaporation changes at most: 1 ug/s}";

fn run(bench: &Bench, steps: &str, faults: &str) -> Done {
    let scenario = bench.write("plan.yaml", &format!("scenario: plan\n{WEIGHING}\n{steps}"));
    let rig = bench.rig("rig.yaml", &format!("simulation: {{faults: [{faults}]}}"));
    bench.run(&scenario, &["--rig", &rig])
}

fn verdict(done: &Done) -> (&str, &str) {
    let text = |key: &str| done.summary[key].as_str().unwrap_or("");
    (text("verdict"), text("reason"))
}

const OCCLUDED: &str = "steps:\n  - close: occlusion valve\n  - start: {continuous: 24 mL/day}\n  \
                        - expect: {alarm: occlusion, within: 15 min, because: specified}\n  - open: occlusion valve\n";

#[test]
fn an_alarm_that_was_expected_is_so_though_the_reply_to_its_cause_was_lost() {
    let bench = Bench::new();
    // From before the command to long after it, so that the reply alone, the command, or both are lost.
    for from_s in ["602.5", "603.0078", "603.5"] {
        let fault = format!("{{device: pump, fault: silent, from: {from_s} s, until: 700 s}}");
        let done = run(&bench, OCCLUDED, &fault);
        assert_eq!(verdict(&done), ("pass", ""), "silent from {from_s} s");
    }
}

#[test]
fn an_alarm_that_was_waited_for_when_the_bench_broke_fails_nobody() {
    let bench = Bench::new();
    let done = run(&bench, OCCLUDED, "{device: pump, fault: vanish, from: 604 s, until: 907 s}");
    let (verdict, reason) = verdict(&done);
    assert_eq!((done.code, verdict), (4, "error"), "{reason}");
    assert!(!reason.contains("expected no alarm"), "{reason}");
}

#[test]
fn a_reset_that_was_ordered_is_expected_however_slowly_the_supply_answers() {
    let bench = Bench::new();
    for hold_s in ["30.55", "30.85", "31.15"] {
        let steps = format!(
            "steps:\n  - start: {{continuous: 1 mL/day}}\n  - supply: {{output: off, pump silent for at most: 2 min}}\n  \
             - hold: {{for: {hold_s} s}}\n  - supply: {{voltage: 3 V}}\n  \
             - expect: {{reset: brown-out, within: 1 min, because: specified}}\n"
        );
        let done = run(&bench, &steps, "{device: supply, fault: slow, delay: 200 ms, from: 1 s}");
        assert_eq!(verdict(&done), ("pass", ""), "held for {hold_s} s");
        // What the step allowed is no silence to be judged.
        let answers = done.check("device answers");
        assert!(answers["value"].as_f64() <= answers["limit_high"].as_f64(), "{answers}");
    }
}

#[test]
fn a_row_of_presses_or_boluses_moves_on_after_a_glitch() {
    let bench = Bench::new();
    let presses = "steps:\n  - patient: {volume: 20 uL, over: 2 min, lockout: 30 min, daily maximum: 4}\n  \
                   - hold: {for: 5 min}\n  \
                   - press: {times: 4, every: 10 min, given: [1, 4], because: a lockout of 30 min}\n";
    for fault in ["silent", "vanish"] {
        let done = run(&bench, presses, &format!("{{device: pump, fault: {fault}, from: 900 s, until: 904 s}}"));
        assert_eq!(verdict(&done), ("pass", ""), "{fault}");
    }
    let train = "steps:\n  - bolus: {name: train, volume: 20 uL, over: 1 min, times: 8, every: 2 min}\n";
    let done = run(&bench, train, "{device: pump, fault: silent, from: 721 s, until: 975 s}");
    assert_eq!(verdict(&done), ("pass", ""), "nothing is given in a burst");
}

#[test]
fn a_valve_that_moves_while_it_is_away_or_out_of_range_is_the_benchs_fault() {
    let bench = Bench::new();
    let steps = "steps:\n  - start: {continuous: 24 mL/day}\n  - hold: {for: 1 s}\n  \
                 - stimulate: {valve moves by itself: on}\n  - hold: {for: 1 h}\n";
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml").replace(
        "valve: {driver: modbus-io, port: simulated, poll: 1 s, deadline: 250 ms, away at most: 10 s}",
        "valve: {driver: modbus-io, port: simulated, poll: 1 s, deadline: 250 ms, away at most: 1 min}",
    );
    let away = rig.replacen(
        "simulation: {delivered too much: 1.2 %}",
        "simulation: {faults: [{device: io, fault: silent, from: 603.5 s}]}",
        1,
    );
    assert!(away.contains("603.5 s") && away.contains("away at most: 1 min}\n    fluid"), "the rig was changed");
    let scenario = bench.write("moves.yaml", &format!("scenario: moves\n{WEIGHING}\n{steps}"));
    let done = bench.run(&scenario, &["--rig", &bench.write("away.yaml", &away)]);
    let (verdict, reason) = verdict(&done);
    assert_eq!((done.code, verdict), (4, "error"), "{reason}");
    assert!(reason.contains("the valve was away"), "{reason}");
}

#[test]
fn a_guard_that_a_valve_has_broken_fails_nobody() {
    let bench = Bench::new();
    let steps = "steps:\n  - start: {continuous: 24 mL/day}\n  - hold: {for: 5 min}\n  \
                 - stimulate: {valve moves by itself: on}\n  - hold: {for: 30 min}\nthroughout:\n  \
                 - {channel: line.pressure, at most: 30 kPa, else: fail, because: the line holds no more}\n";
    let done = run(&bench, steps, "");
    let (verdict, reason) = verdict(&done);
    assert_eq!((done.code, verdict), (4, "error"), "{reason}");
    assert!(reason.contains("expected the valve to stay open"), "{reason}");
}

#[test]
fn an_answer_that_is_lost_after_everything_was_judged_costs_no_run() {
    let bench = Bench::new();
    let steps = "steps:\n  - start: {continuous: 1 mL/day}\n  - hold: {name: h, for: 1 h}\n  - stop: {}\n  \
                 - check: {volume during: h, tolerance: ±14.5 % of commanded, because: test}\n";
    let ended = run(&bench, steps, "").summary["rig_seconds"].as_f64().expect("a time");
    // Around the safe stop: one of its questions to the supply is not answered.
    let (from_s, until_s) = (ended - 0.5, ended + 0.3);
    for device in ["supply", "io"] {
        let done =
            run(&bench, steps, &format!("{{device: {device}, fault: silent, from: {from_s} s, until: {until_s} s}}"));
        assert_eq!(verdict(&done), ("pass", ""), "{device} from {from_s} s");
    }
}

#[test]
fn a_room_that_nobody_could_read_is_no_pass() {
    let bench = Bench::new();
    let steps = "steps:\n  - start: {continuous: 1 mL/day}\n  - hold: {name: h, for: 1 h}\n  - stop: {}\n  \
                 - check: {volume during: h, tolerance: ±14.5 % of commanded, because: test}\n";
    let done = run(&bench, steps, "{device: climate, fault: overload, from: 1 s}");
    let (verdict, reason) = verdict(&done);
    assert_eq!((done.code, verdict), (3, "inconclusive"), "{reason}");
    assert!(reason.contains("the model 'climate' was not read"), "{reason}");
}

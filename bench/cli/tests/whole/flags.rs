//! What happens to a weighing that is no flow is flagged, never deleted: it can cost a pass, and make none.

use domain::EventKind;

use crate::common::{Bench, Done, events};

/// Two hours at 1 mL/h, 2000 uL: a jump of 5 mg is a quarter of a per cent of it.
fn run(bench: &Bench, middle: &str, tolerance: &str, faults: &str) -> Done {
    let scenario = bench.write(
        "plan.yaml",
        &format!(
            "scenario: plan\nweighing: {{before: 30 min, after: 30 min, evaporation changes at most: 1 ug/s}}\nsteps:\n  \
             - start: {{continuous: 24 mL/day}}\n  - hold: {{name: settle, for: 10 min}}\n  \
             - hold: {{name: first, for: 1 h, rounded to: whole pulse cycles}}\n{middle}  \
             - hold: {{name: second, for: 1 h, rounded to: whole pulse cycles}}\n  - stop: {{}}\n  \
             - check: {{name: volume, volume during: first to second, tolerance: {tolerance}, because: test}}\n"
        ),
    );
    let rig = bench.rig("rig.yaml", &format!("simulation: {{delivered too much: 0 %, faults: [{faults}]}}"));
    bench.run(&scenario, &["--rig", &rig])
}

fn told(done: &Done) -> (&str, &str, String) {
    let reason = done.summary["reason"].as_str().unwrap_or("");
    let page = std::fs::read_to_string(done.folder().join("report.html")).expect("a page");
    (done.summary["verdict"].as_str().unwrap_or(""), reason, page)
}

#[test]
fn a_knock_that_the_flow_meter_shows_to_be_no_flow_is_in_both_figures_and_costs_a_pass_only_where_it_decides() {
    let bench = Bench::new();
    let knock = "  - stimulate: {balance jump: 5 mg}\n";
    let done = run(&bench, knock, "±2 % of commanded", "");
    let (verdict, reason, page) = told(&done);
    assert_eq!((done.code, verdict), (0, "pass"), "{reason}");
    assert!(page.contains("steps of the mass that the flow meter shows to be no flow are in it"), "the note is there");
    let with = done.check("volume")["value"].as_f64().expect("a value");
    assert!((0.05..0.5).contains(&with), "{with} %: the knock is in the value");
    let done = run(&bench, "  - stimulate: {balance jump: 50 mg}\n", "±2 % of commanded", "");
    let (verdict, reason, _) = told(&done);
    assert_eq!((done.code, verdict), (3, "inconclusive"), "{reason}");
    assert!(reason.contains("the decision hangs on them"), "{reason}");
}

#[test]
fn vibration_for_more_of_the_time_than_allowed_costs_a_pass() {
    let bench = Bench::new();
    let shake: Vec<String> = (0..30)
        .map(|i| {
            let from = 5_000.0 + f64::from(i) * 8.0;
            format!("{{device: balance, fault: step, mass: 2 mg, from: {from} s, until: {} s}}", from + 4.0)
        })
        .collect();
    let done = run(&bench, "", "±2 % of commanded", &shake.join(", "));
    let (verdict, reason, _) = told(&done);
    assert_eq!((done.code, verdict), (3, "inconclusive"), "{reason}");
    assert!(reason.contains("expected at most 2 % of the time to be flagged"), "{reason}");
}

#[test]
fn balance_and_flow_meter_that_disagree_cost_a_pass_and_nothing_else() {
    let bench = Bench::new();
    // Behind the meter's declared zero by far: it reads 200 uL/h of 1000 too much.
    let off = "  - stimulate: {flow offset: 200 uL/h}\n";
    let done = run(&bench, off, "±2 % of commanded", "");
    let (verdict, reason, _) = told(&done);
    assert_eq!((done.code, verdict), (3, "inconclusive"), "{reason}");
    assert!(reason.contains("the flow meter") && reason.contains("the balance found"), "{reason}");
    let leaky = bench.write("leaky.yaml", &std::fs::read_to_string(bench.path("plan.yaml")).expect("the plan"));
    let rig = bench.rig("leaky-rig.yaml", "simulation: {delivered too much: 20 %}");
    let done = bench.run(&leaky, &["--rig", &rig]);
    assert_eq!(done.code, 1, "a fail stays a fail, whatever the meter says");
}

#[test]
fn a_vessel_that_a_person_handles_splits_the_weighing() {
    let bench = Bench::new();
    let handle =
        "  - operator: {name: empty it, do: change the vessel, within: 10 min, else: stop safely, handles: vessel}\n";
    // The script answers at once; the load changes while the vessel settles.
    let plain = run(&bench, handle, "±2 % of commanded", "");
    let (verdict, reason, page) = told(&plain);
    assert_eq!((plain.code, verdict), (0, "pass"), "{reason}");
    assert!(page.contains("joined from 2 pieces"), "the note is there");
    let (events, _) = events(&plain.folder());
    let begun = events
        .iter()
        .find(|event| matches!(&event.kind, EventKind::Marked { mark } if mark == "empty it (handled).begin"));
    let from_s = begun.expect("the vessel was handled").t_ns.seconds() + 2.0;
    let changed = format!("{{device: balance, fault: step, mass: -3 g, from: {from_s} s}}");
    let done = run(&bench, handle, "±2 % of commanded", &changed);
    let (verdict, reason, _) = told(&done);
    assert_eq!((done.code, verdict), (0, "pass"), "{reason}");
    let [a, b] = [&plain, &done].map(|done| done.check("volume")["value"].as_f64().expect("a value"));
    assert!((a - b).abs() < 0.1, "{a} and {b} %: three grams are not in it");
}

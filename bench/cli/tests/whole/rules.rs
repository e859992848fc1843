//! The decision rule that a scenario names before its run decides, and is on record.

use crate::common::Bench;

const SCENARIO: &str = include_str!("../../../../scenarios/smoke/short-bolus.yaml");

/// The short bolus with limits as near to its error as its uncertainty is wide, decided by that rule.
fn scenario(bench: &Bench, tolerance: &str, rule: &str) -> String {
    let text = SCENARIO.replace("\u{b1}14.5 %", tolerance).replace("steps:\n", &format!("{rule}steps:\n"));
    assert!(text.contains(tolerance) && text.contains(rule));
    bench.write("scenario.yaml", &text)
}

#[test]
fn the_same_value_is_decided_by_the_rule_that_was_named() {
    let bench = Bench::new();
    let first = bench.run(&scenario(&bench, "\u{b1}14.5 %", ""), &[]);
    let check = &first.summary["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .find(|c| c["unit"] == "%")
        .expect("a volume")
        .clone();
    let (value, u) = (check["value"].as_f64().expect("a value"), check["expanded_uncertainty"].as_f64().expect("U"));
    let k = check["coverage_factor"].as_f64().expect("k");
    assert_eq!(first.summary["decision_rule"], "guard band w = U");
    // The upper limit is one standard uncertainty above the value: wrong with 15.9 %.
    let tolerance = format!("-30 % to {:.6} %", value + u / k);
    for (rule, code) in [
        ("", 3),
        ("decision: {rule: guard band}\n", 3),
        ("decision: {rule: simple acceptance}\n", 0),
        ("decision: {rule: stated risk, false acceptance at most: 25 %}\n", 0),
        ("decision: {rule: stated risk, false acceptance at most: 5 %}\n", 3),
    ] {
        let done = bench.run(&scenario(&bench, &tolerance, rule), &[]);
        assert_eq!(done.code, code, "{rule}: {}", done.summary);
    }
    let below = format!("-30 % to {:.6} %", value - u / k);
    let simple = bench.run(&scenario(&bench, &below, "decision: {rule: simple acceptance}\n"), &[]);
    assert_eq!(simple.code, 1, "a rule without a guard band fails what is outside: {}", simple.summary);
    assert_eq!(simple.summary["decision_rule"], "simple acceptance, without a guard band");
    let reason = simple.summary["reason"].as_str().expect("a reason");
    assert!(reason.ends_with("outside of it") && !reason.contains("uncertainty"), "{reason}");
}

#[test]
fn a_rule_that_cannot_be_is_bad_input() {
    let bench = Bench::new();
    for (rule, says) in [
        ("decision: {rule: best guess}\n", "expected one of guard band, simple acceptance, stated risk"),
        ("decision: {rule: stated risk}\n", "expected 'false acceptance at most', but it is missing"),
        ("decision: {rule: stated risk, false acceptance at most: 50 %}\n", "less than 50 %"),
        ("decision: {rule: stated risk, false acceptance at most: 0.04 %}\n", "expected 0.05 % or more"),
        ("decision: {rule: guard band, false acceptance at most: 2 %}\n", "expected the rule 'stated risk'"),
    ] {
        let output = bench.output(&["check", &scenario(&bench, "\u{b1}14.5 %", rule)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(says), "{rule}: {stderr}");
    }
}

#[test]
fn a_certificate_that_falls_due_stops_a_run_unless_somebody_takes_it_upon_himself() {
    let bench = Bench::new();
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml").replace("due: 2027-01-31", "due: 2025-01-31");
    let rig = bench.write("overdue.yaml", &rig);
    let done = bench.run("smoke/short-bolus", &["--rig", &rig]);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (4, Some("not_run")), "{}", done.summary);
    assert!(done.summary["reason"].as_str().is_some_and(|why| why.contains("falls due on 2025-01-31")));

    let accepted = ["--rig", &rig, "--accept-overdue", "the laboratory is closed until Monday"];
    let done = bench.run("smoke/short-bolus", &accepted);
    assert_eq!((done.code, done.summary["verdict"].as_str()), (0, Some("pass")), "{}", done.summary);
    let deviation = done.summary["deviations"][0].as_str().expect("it stands in the summary");
    assert!(deviation.contains("fell due on 2025-01-31") && deviation.contains("closed until Monday"), "{deviation}");
    let page = std::fs::read_to_string(done.folder().join("report.html")).expect("a page");
    assert!(page.contains("A deviation bears upon every verdict"), "and in the report");
    assert!(crate::replay::replayed(&done.folder()) > 0, "and it replays");
}

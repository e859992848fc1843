//! Runs over the conditions of use, laid side by side.

use std::process::Command;

use serde_json::Value;

use crate::common::{Bench, Done};

/// The runs side by side: what `matrix.json` holds, and the page.
fn side_by_side(bench: &Bench, runs: &[&Done]) -> (Value, String) {
    let folders: Vec<String> = runs.iter().map(|run| run.folder().display().to_string()).collect();
    let mut arguments = vec!["matrix", "--out", "side"];
    arguments.extend(folders.iter().map(String::as_str));
    let made = bench.output(&arguments);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |name: &str| std::fs::read_to_string(bench.path("side").join(name)).expect("it was written");
    (serde_json::from_str(&read("matrix.json")).expect("JSON"), read("matrix.html"))
}

#[test]
fn a_matrix_of_conditions_is_one_run_each_and_a_page_of_all() {
    let bench = Bench::new();
    let dosebench = || Command::new(env!("CARGO_BIN_EXE_dosebench"));
    let set = ["rate=1 mL/day", "reservoir=4 mL", "room temperature step=0 °C"].map(|set| ["--set", set]).concat();
    let runs = bench.path("runs");
    let ran = dosebench()
        .args(["run", "conditions/accuracy-matrix", "--json", "--runs"])
        .arg(&runs)
        .args(&set)
        .output()
        .expect("it runs");
    let lines = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{lines}");
    let folders: Vec<String> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("one object a line")["folder"]
                .as_str()
                .expect("a folder")
                .to_owned()
        })
        .collect();
    assert_eq!(folders.len(), 2, "one run for each back pressure");

    let out = bench.path("matrix");
    let made = dosebench().arg("matrix").args(&folders).arg("--out").arg(&out).output().expect("it runs");
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("it was written");
    let json: Value = serde_json::from_str(&read("matrix.json")).expect("JSON");
    assert_eq!(json["differing"], serde_json::json!(["back pressure"]), "all else is the same");
    let pressures: Vec<&str> =
        json["runs"].as_array().expect("runs").iter().filter_map(|run| run["set"]["back pressure"].as_str()).collect();
    assert_eq!(pressures, ["0 kPa", "5 kPa"]);
    let page = read("matrix.html");
    assert!(page.contains("2 runs: 2 pass") && page.contains("5 kPa") && page.contains("Simulated:"));
    assert!(!page.contains("src=\"http") && !page.contains("<script"), "nothing is fetched, nothing runs");

    let none = dosebench().args(["matrix", "no-such-run"]).output().expect("it runs");
    assert_eq!(none.status.code(), Some(2));
}

/// Whatever the runs ended as, the page has been written, and that is what was asked for: it exits with 0.
#[test]
fn runs_that_fail_or_cannot_be_told_stand_beside_those_that_pass() {
    let bench = Bench::new();
    let rig = include_str!("../../../../fixtures/rigs/virtual.yaml");
    let unknown = rig.replace("        line compliance: 0.03 ± 0.01 uL/kPa\n", "");
    assert_ne!(rig, unknown, "the rig has the line that is taken away");
    let unknown = bench.write("unknown.yaml", &unknown);
    let runs = ["virtual", "virtual-mute", &unknown].map(|rig| bench.run("smoke/short-occlusion", &["--rig", rig]));
    assert_eq!(runs.each_ref().map(|run| run.code), [0, 1, 3]);
    let (json, page) = side_by_side(&bench, &runs.each_ref());
    let verdicts: Vec<&str> =
        json["runs"].as_array().expect("runs").iter().filter_map(|r| r["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["pass", "fail", "inconclusive"]);
    let differing: Vec<&str> = json["differing"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert_eq!(differing, ["rig", "the rig's declarations"], "one scenario, whatever it is run on");
    for text in
        ["3 runs: 1 pass, 1 fail, 1 inconclusive", "mark tone-fail", "mark tone-inconclusive", "line compliance"]
    {
        assert!(page.contains(text), "expected '{text}' in the page");
    }
    // Two of the runs agree in every check's verdict but for the release; the mute one has no alarm.
    assert!(
        page.contains("<a href=\"#run-2\">2</a>") && page.contains("<tr id=\"run-2\">"),
        "a check's row leads to its run"
    );
}

/// A value that stands where the other names a parameter is another text, though both came to the same.
#[test]
fn texts_that_only_come_to_the_same_are_told_apart() {
    let bench = Bench::new();
    let scenario = |holds: &str| {
        format!(
            "scenario: one\nparameters: {{long: {{default: 1 min}}}}\n\
             weighing: {{before: 60 s, after: 60 s, evaporation changes at most: 1 ug/s}}\nsteps:\n{holds}"
        )
    };
    let named = bench.write("named.yaml", &scenario("- hold: {for: $long}\n- hold: {for: 1 min}\n"));
    let other = bench.write("other.yaml", &scenario("- hold: {for: 1 min}\n- hold: {for: $long}\n"));
    let runs = [bench.run(&named, &[]), bench.run(&other, &[]), bench.run(&named, &["--set", "long=2 min"])];
    let texts = |runs: &[&Done]| {
        let (json, _) = side_by_side(&bench, runs);
        let differing = json["differing"].as_array().expect("names").clone();
        differing.contains(&Value::from("text of the scenario"))
    };
    assert!(texts(&[&runs[0], &runs[1]]), "the parameter stands elsewhere");
    assert!(!texts(&[&runs[0], &runs[2]]), "a parameter's value is no other text");
}

//! Runs over the conditions of use, laid side by side.

use std::process::Command;

use serde_json::Value;

use crate::common::Bench;

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

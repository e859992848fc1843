//! Figures of logs that others have recorded: against oracles, and against everything that is no log.

use std::f64::consts::TAU;

use serde_json::Value;

use crate::common::{Bench, done};

/// A flow of 1 mL/min that swings by 5 % in 8 min about 1 % too much, weighed each half minute for an hour.
fn sine() -> String {
    let mut text = "time,mass\n".to_owned();
    for i in 0..=120 {
        let t = 60.0 + 0.5 * f64::from(i);
        let volume = 1.01 * t + 0.05 * 8.0 / TAU * (1.0 - (TAU * t / 8.0).cos());
        text.push_str(&format!("{},{:.9}\n", 30 * i, 0.998 * volume));
    }
    text
}

/// A day at 0.5 mL/day on an open balance, a reading a minute, in the manner of another country.
fn day() -> String {
    let mut text = "Zeit;Masse\n".to_owned();
    for i in 0..=1440 {
        text.push_str(&format!("{i};{:.6}\n", 12_000.0 + 480.0 * f64::from(i) / 1440.0).replace('.', ","));
    }
    text
}

const WATER: [&str; 2] = ["--density", "0.998 g/mL"];
const MINUTE: [&str; 2] = ["--rate", "60 mL/h"];

fn figures(bench: &Bench, file: &str, arguments: &[&str]) -> Value {
    let output = bench.output(&[&["analyze", file, "--json"], arguments].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    serde_json::from_slice(&output.stdout).expect("one object")
}

#[track_caller]
fn near(value: &Value, expected: f64, within: f64) {
    let found = value.as_f64().expect("a number");
    assert!((found - expected).abs() <= within, "expected {expected}, but found {found}");
}

#[test]
fn a_flow_that_swings_has_the_trumpet_of_the_closed_form() {
    let bench = Bench::new();
    let log = bench.write("sine.csv", &sine());
    let found = figures(&bench, &log, &[WATER, MINUTE].concat());
    near(&found["mean_error_percent"], 0.787_793, 1e-6);
    let windows = found["trumpet"].as_array().expect("windows");
    let expected = [(120.0, 5.501_582, -3.501_582, 117), (1860.0, 1.157_177, 0.842_823, 59)];
    for (window, (seconds, max, min, n)) in [&windows[0], &windows[4]].into_iter().zip(expected) {
        near(&window["window_s"], seconds, 0.0);
        near(&window["ep_max_percent"], max, 1e-6);
        near(&window["ep_min_percent"], min, 1e-6);
        assert_eq!(window["windows"], n);
    }
    assert!(found["expanded_uncertainty_percent"].is_null(), "a log alone does not know it");
    let half = figures(
        &bench,
        &log,
        &[&WATER[..], &MINUTE, &["--from", "10 min", "--to", "40 min", "--windows", "2,5min"]].concat(),
    );
    assert_eq!((half["trumpet"].as_array().map(Vec::len), half["to_s"].as_f64()), (Some(2), Some(2400.0)));
}

#[test]
fn the_worked_example_of_a_day_with_all_corrections_and_a_budget() {
    let bench = Bench::new();
    let log = bench.write("day.csv", &day());
    let budget = bench.write(
        "budget.yaml",
        "budget:\n- {term: balance, expanded uncertainty: 60 ug}\n- {term: evaporation, half width: 0.02 ug/s}\n",
    );
    let form =
        ["--separator", ";", "--decimal", ",", "--time", "Zeit:min", "--mass", "Masse:mg", "--rate", "0.5 mL/day"];
    let air = ["--temperature", "23 °C", "--pressure", "1013 hPa", "--humidity", "50 %"];
    let rest = ["--evaporation", "0.12 ug/s", "--needle", "0.5 mm", "--vessel", "20 mm", "--budget", &budget];
    let out = ["--out", "out"];
    let found = figures(&bench, &log, &[&form[..], &air, &rest, &out].concat());
    near(&found["delivered_ml"], 0.491_781_4, 1e-7);
    // 0.02 ug/s over a day, rectangular, and 30 ug: of 0.5 mL, times 2.
    near(&found["expanded_uncertainty_percent"], 0.4004, 5e-5);
    assert_eq!(found["not_corrected"], serde_json::json!([]));
    for file in ["analysis.json", "report.html", "trumpet.svg", "start-up.svg", "delivered.svg", "budget.svg"] {
        assert!(bench.path("out").join(file).exists(), "{file}");
    }
    let omitted = |arguments: &[&str]| figures(&bench, &log, &[&form[..], arguments].concat())["delivered_ml"].clone();
    near(&omitted(&["--density", "0.998 g/mL"]), 0.480_961_9, 1e-7);
    near(&omitted(&[&air[..], &rest[2..6]].concat()), 0.491_781_4 * (1.0 - 0.021_143), 1e-6);
    // The pump works at 37 °C: the same mass is 0.424 % more volume there.
    near(&omitted(&[&air[..], &rest[..6], &["--volume-at", "37 °C"]].concat()), 0.491_781_4 * 1.004_240, 1e-6);
}

#[test]
fn a_dose_may_be_a_column_and_times_may_be_moments() {
    let bench = Bench::new();
    let mut text = "# from a logger\nat,g,rate,dose\n".to_owned();
    for i in 0..=60 {
        let rate = if i < 30 { 60 } else { 120 };
        let dose = if i < 30 { i } else { 30 + 2 * (i - 30) };
        let (hour, minute) = (12 + i / 60, i % 60);
        text.push_str(&format!("2026-03-01T{hour}:{minute:02}:00Z,{dose}.5,{rate},{dose}\n"));
    }
    let log = bench.write("moments.csv", &text);
    for column in ["rate", "dose:mL"] {
        let found = figures(
            &bench,
            &log,
            &["--commanded", column, "--density", "1 g/mL", "--interval", "1 min", "--windows", "5min"],
        );
        near(&found["rate_ml_per_h"], 90.0, 1e-9);
        near(&found["mean_error_percent"], 0.0, 1e-9);
        near(&found["trumpet"][0]["ep_max_percent"], 0.0, 1e-9);
    }
}

#[test]
fn the_samples_of_a_run_are_a_log_as_well() {
    let bench = Bench::new();
    let run = done(&bench.output(&["run", "smoke/short-bolus", "--json"]));
    let samples = run.folder().join("samples.parquet").display().to_string();
    let found = figures(&bench, &samples, &["--rate", "1 mL/h", "--temperature", "23 °C"]);
    assert!(found["delivered_ml"].as_f64().is_some_and(|ml| ml > 0.0), "{found}");
    let output =
        bench.output(&["analyze", &samples, "--rate", "1 mL/h", "--temperature", "23 °C", "--mass", "line.pressure"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("in a unit of mass, but found 'kPa'"), "{stderr}");
}

/// Whatever is wrong is bad input, in sentences that name the row and the column.
#[track_caller]
fn refused(text: &str, arguments: &[&str], says: &[&str]) {
    let bench = Bench::new();
    let log = bench.write("log.csv", text);
    let output = bench.output(&[&["analyze", &log], arguments].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty());
    for part in says {
        assert!(stderr.contains(part), "expected '{part}' in {stderr}");
    }
}

#[test]
fn what_is_no_log_is_bad_input_with_its_place() {
    let usual = [WATER, MINUTE].concat();
    let log = |rows: &str| format!("time,mass\n{rows}");
    let rows = "0,1\n30,2\n60,3\n";
    refused(
        &log("0,1\n30,2\n30,3\n20,4\n"),
        &usual,
        &["log.csv:4:1: row 3, column 'time'", "again", "log.csv:5:1: row 4", "backwards"],
    );
    refused(
        &log("0,1\n30,x\n60,NaN\n90,\n"),
        &usual,
        &["log.csv:3:4: row 2, column 'mass'", "'x'", "log.csv:4:4", "'NaN'", "nothing"],
    );
    refused(&log("0,1\n30,inf\n"), &usual, &["row 2, column 'mass': expected a number, but found 'inf'"]);
    refused(
        &log("0,1\n30,2\n60,3\n300,4\n"),
        &usual,
        &["log.csv:5:1: row 4, column 'time'", "gap of 240 s", "--max-gap"],
    );
    refused(&log("0,1\n30,2,3\n"), &usual, &["log.csv:3:1: row 2: expected 2 values", "but found 3"]);
    refused(&log("0,1\n"), &usual, &["expected at least 2 rows, but found 1"]);
    refused(
        &log(rows),
        &[&usual[..], &["--windows", "2,5min"]].concat(),
        &["row 3, column 'time'", "longest window, 120 s, but found 60 s"],
    );
    refused(
        &log(rows),
        &[&usual[..], &["--to", "2 min"]].concat(),
        &["to last until 120 s, but found its end at 60 s"],
    );
    refused(&log(rows), &[&usual[..], &["--from", "1 min"]].concat(), &["between --from and --to"]);
    refused(
        &log(rows),
        &[&usual[..], &["--windows", "45s"]].concat(),
        &["multiples of the interval of 30 s, but found 45 s"],
    );
    refused(
        &log(rows),
        &[&usual[..], &["--mass", "weight"]].concat(),
        &["expected a column 'weight' for the mass, but found 'time', 'mass'"],
    );
    refused(&log("0,1;5\n"), &[&usual[..], &["--separator", ";"]].concat(), &["at least 2 columns"]);
    refused("0,1\n30,2\n", &usual, &["expected a header"]);
    refused("# a\n\n0,1,S\n30,2,S\n", &usual, &["log.csv:3:1", "expected a header"]);
    refused(&log("0,1\n \n30,x\n"), &usual, &["log.csv:4:4: row 2"]);
    refused(&log("NaN,1\n30,2\n60,3\n"), &usual, &["log.csv:2:1: row 1, column 'time'", "'NaN'"]);
    refused("", &usual, &["expected a header with the columns' names, but found nothing"]);
    refused(&log(rows), &MINUTE, &["--density", "--temperature"]);
    refused(&log(rows), &WATER, &["--rate"]);
    refused(&log(rows), &["--rate", "0 mL/h", "--density", "1 g/mL"], &["more than zero"]);
    refused(&log(rows), &["--rate", "150", "--density", "1 g/mL"], &["bare number '150'"]);
    refused(
        &log(rows),
        &[&usual[..], &["--needle", "5 mm", "--vessel", "5 mm"]].concat(),
        &["thinner than its vessel"],
    );
    refused(
        "time,mass,rate\n0,1,5\n30,2,-5\n",
        &["--commanded", "rate", "--density", "1 g/mL"],
        &["row 2, column 'rate'", "negative"],
    );
    refused("time,mass,dose\n0,1,5\n30,2,4\n", &["--commanded", "dose:mL", "--density", "1 g/mL"], &["never falls"]);
}

/// A log whose times are no round numbers is a log as well, and the family of windows is the given rate's.
#[test]
fn rounding_refuses_no_log_and_moves_no_boundary() {
    let bench = Bench::new();
    for (first, step) in [(39.4, 0.7), (25.9, 0.8), (0.1, 30.0), (7.3, 29.9)] {
        let rows: String =
            (0..120).map(|i| format!("{},{}\n", first + step * f64::from(i), f64::from(i) * 0.01)).collect();
        let log = bench.write("log.csv", &format!("time,mass\n{rows}"));
        let found = figures(&bench, &log, &[&WATER[..], &["--rate", "1 mL/h"]].concat());
        assert_eq!(found["interval_s"], 30.0, "{first} {step}");
    }
    let text = format!("time,mass\n{}", (0..1000).map(|i| format!("{i},{i}\n{i},{i}\n")).collect::<String>());
    refused(&text, &[WATER, MINUTE].concat(), &["row 2, column 'time'", "980 more problems are not shown"]);
}

#[test]
fn a_pump_that_pulses_is_right_over_whole_cycles() {
    let bench = Bench::new();
    let rows: String = (0..=2880)
        .map(|i| {
            let noise = f64::from(i * 7919 % 13 - 6) * 1e-6;
            let pulses = (f64::from(i) * 30.0 / 345.6 + 1e-9).floor();
            format!("{},{:.6}\n", i * 30, 2e-3 * pulses + noise)
        })
        .collect();
    let log = bench.write("pulsed.csv", &format!("time,mass\n{rows}"));
    let found = figures(&bench, &log, &["--rate", "0.5 mL/day", "--density", "1 g/mL", "--out", "out"]);
    near(&found["trumpet"][0]["ep_max_percent"], 15.2, 1.0);
    assert_eq!(found["pulses"]["count"], 250);
    near(&found["pulses"]["period_s"], 345.6, 0.2);
    let whole = found["pulses"]["over_cycles"].as_array().expect("cycles");
    let last = whole.last().expect("windows");
    near(&last["ep_max_percent"], 0.0, 0.2);
    near(&last["ep_min_percent"], 0.0, 0.2);
    assert!(bench.path("out/pulses.svg").exists());
}

#[test]
fn a_budget_that_cannot_be_understood_is_bad_input_with_its_place() {
    let bench = Bench::new();
    let log = bench.write("sine.csv", &sine());
    for (text, says) in [
        ("budget: []\n", "budget"),
        ("budget:\n- {term: a}\n", "a: expected one of"),
        ("budget:\n- {term: a, step: 1 ug, half width: 1 ug}\n", "but found half width, step"),
        ("budget:\n- {term: a, step: 1 °C}\n", "budget.yaml:2:19: step: expected a mass"),
        ("budget:\n- {term: a, expanded uncertainty: 1 ug, coverage factor: 0}\n", "coverage factor"),
        ("budget:\n- {term: a, half width: -1 ug}\n", "zero or more"),
    ] {
        let budget = bench.write("budget.yaml", text);
        let output = bench.output(&[&["analyze", &log, "--budget", &budget], &WATER[..], &MINUTE].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(says), "{stderr}");
    }
}

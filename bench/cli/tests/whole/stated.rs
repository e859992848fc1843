//! What scenario and rig file state for the report comes out in it; what is no day is refused.

use std::fs;

use crate::common::Bench;

const SCENARIO: &str = include_str!("../../../../scenarios/smoke/short-bolus.yaml");
const RIG: &str = include_str!("../../../../fixtures/rigs/virtual.yaml");

const REPORT: &str = "report:
  objective: show that a bolus is delivered
  conditioning: primed for an hour
  finished device: a board without its case; the pump head is the finished one
  sample: {units: 3, runs: 5, confidence: 95 %, reliability: 90 %, rationale: a pilot}
  data analysis: mean and worst error
  standard: IEC 60601-2-24:2012
  deviations: [no back pressure, one temperature]
  approvals:
    - {name: A. Author, date: 2026-01-02, meaning: author}
steps:
";

const SITE: &str = "site: {name: laboratory 2, tool validation: 'VR-7, valid', clock: ntp.example}\nstations:\n";
const CLIMATE: &str = "{driver: modbus-io, certificate: {number: C-9, due: 2027-03-31, range: 10 °C to 40 °C, \
                       expanded uncertainty: 0.2 °C (k = 2)},";

fn rig() -> String {
    let with_site = RIG.replacen("stations:\n", SITE, 1).replacen("{driver: modbus-io,", CLIMATE, 1);
    with_site.replacen("readability: 10 ug\n", "readability: 10 ug\n        range: 0 g to 120 g\n", 1)
}

#[test]
fn what_is_stated_comes_out_in_the_report() {
    let bench = Bench::new();
    let scenario = bench.write("scenario.yaml", &SCENARIO.replacen("steps:\n", REPORT, 1));
    let done = bench.run(&scenario, &["--rig", &bench.write("rig.yaml", &rig())]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let page = fs::read_to_string(done.folder().join("report.html")).expect("a page");
    for said in [
        "show that a bolus is delivered",
        "primed for an hour",
        "a board without its case; the pump head is the finished one",
        "<th scope=\"row\">Runs a unit</th><td>5",
        "<th scope=\"row\">Confidence</th><td>95 %",
        "<th scope=\"row\">Reliability</th><td>90 %",
        "a pilot",
        "mean and worst error",
        "IEC 60601-2-24:2012",
        "no back pressure; one temperature",
        "A. Author",
        "laboratory 2",
        "VR-7, valid",
        "ntp.example",
        "C-9",
        "range 10 °C to 40 °C",
        "U = 0.2 °C (k = 2)",
        "range 0 g to 120 g",
    ] {
        assert!(page.contains(said), "expected '{said}' in the page");
    }
    let instruments = done.summary["instruments"].as_array().expect("instruments");
    let climate = instruments.iter().find(|i| i["role"] == "climate").expect("a climate sensor");
    assert_eq!(climate["calibration_due"], "2027-03-31");
}

#[test]
fn what_cannot_be_is_bad_input() {
    let bench = Bench::new();
    let wrong = SCENARIO.replacen("steps:\n", "report: {approvals: [{name: A. Author}], aim: none}\nsteps:\n", 1);
    let scenario = bench.output(&["check", &bench.write("scenario.yaml", &wrong)]);
    let rig = bench.output(&["check", &bench.write("rig.yaml", &rig().replace("2027-03-31", "2027-02-31"))]);
    let told = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((scenario.status.code(), rig.status.code()), (Some(2), Some(2)));
    let (scenario, rig) = (told(&scenario), told(&rig));
    assert!(scenario.contains("expected the key 'date', but it is missing") && scenario.contains("aim"), "{scenario}");
    assert!(rig.contains("due: expected a day such as 2027-01-31, but found '2027-02-31'"), "{rig}");
}

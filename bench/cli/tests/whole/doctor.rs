//! What the doctor finds on a rig that is not as it should be, and that he leaves it as it is.

use crate::common::Bench;
use store::{Actor, Store};

#[test]
fn he_names_what_is_wrong_and_what_to_do() {
    let bench = Bench::new();
    let said = |arguments: &[&str]| {
        let output = bench.output(&[&["doctor"], arguments].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, well) = said(&[]);
    assert_eq!(code, Some(0), "{well}");
    assert!(well.contains("there is none yet") && !bench.path("state").exists(), "he changes nothing: {well}");
    let text = include_str!("../../../../fixtures/rigs/virtual.yaml")
        .replace("clock: {virtual from: \"2026-01-05T08:00:00Z\"}", "clock: real")
        .replace("    operator: {script: {fluid lot: simulated}}\n", "")
        .replacen("driver: mt-sics\n      port: simulated", "driver: mt-sics\n      port: {serial: /dev/not-there}", 1)
        .replacen("due: 2027-01-31", "due: 2025-01-31", 1);
    let rig = bench.write("rig.yaml", &text);
    let mut store = Store::open(&bench.path("state"), Actor("a test".to_owned())).expect("a store");
    let named = std::fs::canonicalize(&rig).expect("the rig").display().to_string();
    store
        .quarantine(
            &store::Place { rig: &named, station: "1", ports: &std::collections::BTreeMap::new() },
            "the pump went on",
        )
        .expect("done");
    let (code, wrong) = said(&["--rig", &rig]);
    assert_eq!(code, Some(4), "{wrong}");
    for line in [
        "WRONG  station 1: in quarantine since ",
        "look, then `dosebench release 1 --because WHAT`",
        "WRONG  station 1 balance (the port /dev/not-there): not there; plug it in",
        "fell due on 2025-01-31; have it calibrated, runs are refused",
        "its audit log is as it was written, 1 entries",
    ] {
        assert!(wrong.contains(line), "{line}: {wrong}");
    }
    let (code, nowhere) = said(&["--runs", "/proc/nothing"]);
    assert!(code == Some(4) && nowhere.contains("WRONG  room in /proc/nothing: "), "{nowhere}");
    assert_eq!(said(&["--rig", "no-such-rig"]).0, Some(2));
}

//! A record fed through the engine again gives the same commands and verdicts; a seed gives the same record.

use std::path::Path;

use crate::common::{Bench, Done, events};
use engine::Replay;

pub(crate) fn replayed(folder: &Path) -> u64 {
    let mut replay = Replay::new();
    for event in &events(folder).0 {
        replay.apply(event).unwrap_or_else(|e| panic!("{e}"));
    }
    replay.finish().unwrap_or_else(|e| panic!("{e}"))
}

// Every other library scenario is replayed where its verdict is tested.
#[test]
fn three_days_and_a_stalled_motor_replay() {
    let bench = Bench::new();
    for (rig, scenario) in [("virtual", "endurance/basal-72h"), ("virtual-stalling", "bolus/train-of-25")] {
        let done = bench.run(scenario, &["--rig", rig]);
        assert!(replayed(&done.folder()) >= 5, "{scenario} on {rig} decides something");
    }
}

#[test]
fn a_decision_that_was_tampered_with_does_not_replay() {
    let bench = Bench::new();
    let done = bench.run("smoke/short-bolus", &[]);
    let mut replay = Replay::new();
    let mut differed = false;
    for mut event in events(&done.folder()).0 {
        if let domain::EventKind::CheckDecided(check) = &mut event.kind {
            check.value = check.value.map(|v| v + 1e-9);
        }
        if replay.apply(&event).is_err() {
            differed = true;
            break;
        }
    }
    assert!(differed);
}

fn fingerprint(done: &Done) -> (String, Vec<u8>) {
    let sha = done.summary["stream_sha256"].as_str().expect("a hash").to_owned();
    (sha, std::fs::read(done.folder().join("samples.parquet")).expect("samples"))
}

#[test]
fn the_same_seed_gives_the_same_stream_and_another_seed_another() {
    let bench = Bench::new();
    for scenario in ["smoke/short-bolus", "bolus/train-of-25"] {
        let first = fingerprint(&bench.run(scenario, &["--seed", "7"]));
        let again = fingerprint(&bench.run(scenario, &["--seed", "7", "--purpose", "nightly"]));
        let other = fingerprint(&bench.run(scenario, &["--seed", "8"]));
        assert_eq!(first, again);
        assert_ne!(first.0, other.0);
        assert_ne!(first.1, other.1);
    }
}

#[test]
fn the_resolved_files_run_again_to_the_same_checks() {
    let bench = Bench::new();
    let first = bench.run("smoke/short-bolus", &["--set", "volume=8 uL"]);
    let scenario = first.folder().join("scenario.yaml").display().to_string();
    let rig = first.folder().join("rig.yaml").display().to_string();
    let again = bench.run(&scenario, &["--rig", &rig]);
    assert_eq!(first.summary["checks"], again.summary["checks"]);
}

//! How a balance is set decides whether a run is made: what it tells counts, what it does not tell the rig file must say.

use crate::common::{Bench, Done, events};
use domain::{Event, EventKind};

const SCENARIO: &str =
    "scenario: plan\nweighing: {before: 60 s, after: 60 s, evaporation changes at most: 1 ug/s}\nsteps:\n";

fn run(bench: &Bench, steps: &str, simulation: &str) -> Done {
    let scenario = bench.write("plan.yaml", &format!("{SCENARIO}{steps}"));
    let rig = bench.rig("rig.yaml", &format!("simulation: {{delivered too much: 0 %{simulation}}}"));
    bench.run(&scenario, &["--rig", &rig])
}

#[track_caller]
fn ends(done: &Done, code: i32, verdict: &str, says: &str) {
    let reason = done.summary["reason"].as_str().unwrap_or_default();
    assert_eq!((done.code, done.summary["verdict"].as_str()), (code, Some(verdict)), "{reason}");
    assert!(reason.contains(says), "expected '{says}', but found '{reason}'");
}

#[test]
fn a_balance_that_tracks_its_zero_weighs_no_flow() {
    let (bench, hold) = (Bench::new(), "  - hold: {for: 1 min}\n");
    let found = "expected zero tracking of balance to be off, but found it on (it gave 'M03 A 1' to M03)";
    ends(&run(&bench, hold, ", balance zero tracking: on"), 4, "not_run", found);
    let standby = run(&bench, hold, ", balance standby: on");
    ends(&standby, 4, "not_run", "settings: {standby: on}");
    let mute = run(&bench, hold, ", balance tells: nothing");
    ends(&mute, 4, "not_run", "settings: {zero tracking: off}");
    ends(&run(&bench, hold, ""), 0, "pass", "");
}

#[test]
fn what_a_balance_does_not_tell_the_rig_file_may_say() {
    let bench = Bench::new();
    let scenario = bench.write("plan.yaml", &format!("{SCENARIO}  - hold: {{for: 1 min}}\n"));
    let rig = bench.rig("rig.yaml", "simulation: {delivered too much: 0 %, balance tells: nothing}");
    let text = std::fs::read_to_string(bench.path("rig.yaml")).expect("the rig");
    let entry = "      driver: mt-sics\n";
    assert!(text.contains(entry), "{text}");
    let all = "{zero tracking: off, automatic adjustment: off, standby: off}";
    bench.write("rig.yaml", &text.replace(entry, &format!("{entry}      settings: {all}\n")));
    ends(&bench.run(&scenario, &["--rig", &rig]), 0, "pass", "");
}

#[test]
fn a_balance_that_is_set_otherwise_within_a_run_has_weighed_nobody_knows_what() {
    let bench = Bench::new();
    let steps = "  - stimulate: {zero tracking: on}\n  - hold: {for: 2 min}\n";
    ends(&run(&bench, steps, ""), 4, "error", "zero tracking of balance");
}

/// It refuses to weigh and to tell for so long that it is attached again meanwhile.
#[test]
fn a_balance_that_adjusts_itself_within_a_run_has_not_forgotten_how_it_is_set() {
    let bench = Bench::new();
    let done = run(&bench, "  - stimulate: {self-adjustment: once}\n  - hold: {for: 3 min}\n", "");
    ends(&done, 0, "pass", "");
    let attached =
        |event: &Event| matches!(&event.kind, EventKind::Attached { instrument, .. } if instrument == "balance");
    assert!(events(&done.folder()).0.iter().filter(|event| attached(event)).count() > 1, "it was attached again");
}

//! A run whose process was killed goes on where its scenario allows that, and its verdict knows of the gap.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use crate::common::{Bench, begun_job, events, events_so_far, only_run};
use crate::daemon::{Daemon, LONG, delivers_nothing, folder_of, id_of, process_with};
use crate::replay::replayed;
use crate::server::{PATIENCE, Server, eventually, signal};
use domain::EventKind;
use domain::fault::AtStation;
use serde_json::Value;
use store::JobState;

/// It delivers for a while, and may go on.
pub(crate) const GOES_ON: &str = "scenario: Goes on
resume: {within: 2 min}
weighing: {before: 13 s, after: 13 s, evaporation changes at most: 100 ug/s}
steps:
  - start: {continuous: 24 mL/day}
  - hold: {name: delivered, for: 45 s}
  - stop: {}
  - check: {volume during: delivered, tolerance: ±50 % of commanded, because: that is coarse}
";

pub(crate) fn begun(bench: &Bench, rig: &str, text: &str) -> Child {
    let scenario = bench.write("goes-on.yaml", text);
    let mut command = bench.command(&["run", &scenario, "--rig", rig, "--runs", "runs"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
}

/// Whether a run has been at a step for a while, as it is recorded.
fn is_in(folder: &Path, step: &str) -> bool {
    let is_step = |kind: &EventKind| matches!(kind, EventKind::StepEntered { name, .. } if name == step);
    let all = events_so_far(folder);
    let begun = all.iter().find(|event| is_step(&event.kind)).map(|event| event.t_ns);
    begun.is_some_and(|begun| all.last().is_some_and(|last| last.t_ns.since(begun) > Duration::from_secs(3)))
}

/// Kills a run that is at that step; its folder.
pub(crate) fn killed_in(bench: &Bench, mut child: Child, step: &str) -> PathBuf {
    eventually("the step has begun", PATIENCE, || {
        only_run(&bench.path("runs")).is_some_and(|folder| is_in(&folder, step))
    });
    signal(child.id(), "KILL");
    child.wait().expect("ended");
    only_run(&bench.path("runs")).expect("a run")
}

pub(crate) fn recover(bench: &Bench, folder: &Path, rig: &str) -> (Output, Value) {
    let output = bench.output(&["recover", &folder.display().to_string(), "--rig", rig, "--json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary = serde_json::from_str(said.trim())
        .unwrap_or_else(|e| panic!("{e}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    (output, summary)
}

#[test]
fn one_that_held_goes_on_and_its_verdict_knows_of_the_gap() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let folder = killed_in(&bench, begun(&bench, &rig, GOES_ON), "delivered");
    assert!(server.state()["stations"]["1"]["rate_nl_per_h"].as_u64() > Some(0), "the pump goes on by itself");
    // Long enough for readings to be missing.
    std::thread::sleep(Duration::from_secs(22));
    let (output, summary) = recover(&bench, &folder, &rig);
    assert_eq!(output.status.code(), Some(0), "{summary}");
    assert_eq!(summary["verdict"], "pass");
    let deviation = summary["deviations"][0].as_str().expect("a deviation");
    assert!(deviation.starts_with("the run was interrupted for "), "{deviation}");
    assert!(deviation.contains("its length is known to ±0.001 s by the host's time since it booted"), "{deviation}");
    assert!(replayed(&folder) > 5);
    let (all, torn) = events(&folder);
    assert_eq!(torn, None);
    let resumed = all.iter().position(|event| matches!(event.kind, EventKind::Resumed(_))).expect("it went on");
    let gap = all[resumed].t_ns.since(all[resumed - 1].t_ns);
    assert!(gap > Duration::from_secs(20) && gap < Duration::from_secs(60), "{gap:?}");
    let commands = |kind: &EventKind| matches!(kind, EventKind::Commanded { .. });
    assert_eq!(all.iter().filter(|event| commands(&event.kind)).count(), 4, "nothing was commanded twice");
    let decided = all.iter().find_map(|event| match &event.kind {
        EventKind::CheckDecided(check) if check.value.is_some() && check.unit == "%" => Some(check.clone()),
        _ => None,
    });
    let check = decided.expect("a check of a volume");
    assert!(check.notes.iter().any(|note| note.contains("the run was interrupted once")), "{:?}", check.notes);
    // The safe stop came at the end, and once.
    let stops = all.iter().filter(|event| matches!(event.kind, EventKind::SafeStopped(_))).count();
    assert_eq!(stops, 1);
    server.stop();
}

/// A job whose run is killed in its hold, and its daemon with it; the next daemon, and the job's number.
fn cut_off(bench: &Bench, rig: &str, text: &str) -> (Daemon, i64) {
    let daemon = Daemon::start(bench, rig);
    let scenario = bench.write("goes-on.yaml", text);
    let id = id_of(&daemon.tell(bench, &["submit", &scenario, "--budget", "10 min"]));
    eventually("it holds", PATIENCE, || {
        folder_of(bench, &daemon, id).is_some_and(|folder| is_in(&folder, "delivered"))
    });
    let process = process_with(" run --rig", rig).expect("the run's process");
    daemon.kill();
    signal(process, "KILL");
    (Daemon::start(bench, rig), id)
}

#[test]
fn a_power_cut_takes_run_and_daemon_and_the_next_daemon_goes_on() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let (daemon, id) = cut_off(&bench, &rig, GOES_ON);
    let job = daemon.wait(id);
    let folder = folder_of(&bench, &daemon, id).expect("a run");
    let summary = std::fs::read_to_string(folder.join("summary.json")).unwrap_or_default();
    assert_eq!((&job["exit_code"], &job["runs"][0]["verdict"]), (&0.into(), &"pass".into()), "{job} {summary}");
    assert_eq!(job["runs"].as_array().map(Vec::len), Some(1));
    let (all, _) = events(&folder);
    assert_eq!(all.iter().filter(|event| matches!(event.kind, EventKind::Resumed(_))).count(), 1);
    daemon.stop();
    server.stop();
}

/// A job whose first run is killed with its daemon: that goes on, and the second is made behind it.
#[test]
fn the_rest_of_an_interrupted_jobs_runs_is_made() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let text = GOES_ON.replace("weighing:", "parameters: {rate: {one of: [24 mL/day, 20 mL/day]}}\nweighing:");
    let text = text.replace("continuous: 24 mL/day", "continuous: $rate").replace("45 s", "25 s");
    let (daemon, id) = cut_off(&bench, &rig, &text);
    let job = daemon.wait(id);
    let runs = || job["runs"].as_array().into_iter().flatten();
    let verdicts: Vec<&str> = runs().filter_map(|run| run["verdict"].as_str()).collect();
    assert_eq!((&job["exit_code"], verdicts), (&0.into(), vec!["pass", "pass"]), "{job}");
    for (run, rate) in runs().zip(["24 mL/day", "20 mL/day"]) {
        let folder = bench.path("served").join(run["run"].as_str().expect("a run"));
        let made = std::fs::read_to_string(folder.join("scenario.yaml")).expect("what was run");
        assert!(made.contains(&format!("continuous: {rate}")), "{rate}: {made}");
    }
    daemon.stop();
    server.stop();
}

/// A job of two runs whose daemon is stopped in the first, which may not go on; meanwhile somebody keeps the station apart.
#[test]
fn who_stops_the_daemon_cancels_nothing_and_what_is_left_waits_for_whoever_looks_at_the_station() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let text = LONG.replace("weighing:", "parameters: {rate: {one of: [24 mL/day, 20 mL/day]}}\nweighing:");
    let scenario =
        bench.write("two.yaml", &text.replace("continuous: 20 mL/day", "continuous: $rate").replace("10 min", "15 s"));
    let daemon = Daemon::start(&bench, &rig);
    let id = id_of(&daemon.tell(&bench, &["submit", &scenario]));
    eventually("it delivers", PATIENCE, || {
        folder_of(&bench, &daemon, id).is_some_and(|folder| is_in(&folder, "delivered"))
    });
    daemon.stop();
    delivers_nothing(&server, "1");
    let mut store = bench.store();
    let job = store.job(id).expect("it is known");
    assert_eq!((job.state, job.runs.len(), job.runs[0].exit_code), (JobState::Queued, 1, Some(4)), "{job:?}");
    store
        .quarantine(
            &store::Place { rig: &job.rig, station: "1", ports: &std::collections::BTreeMap::new() },
            "the line is changed",
        )
        .expect("noted");
    let daemon = Daemon::start(&bench, &rig);
    eventually("it says why it waits", PATIENCE, || {
        daemon.job(id)["reason"].as_str().is_some_and(|why| why.contains("the line is changed"))
    });
    assert_eq!(daemon.job(id)["state"], "queued");
    daemon.tell(&bench, &["release", "1", "--because", "it is changed"]);
    let job = daemon.wait(id);
    let verdicts: Vec<&str> =
        job["runs"].as_array().into_iter().flatten().filter_map(|run| run["verdict"].as_str()).collect();
    assert_eq!((&job["exit_code"], verdicts), (&4.into(), vec!["aborted", "pass"]), "{job}");
    daemon.stop();
    server.stop();
}

/// What a job's first run was made of is not what it would be made of now: the scenario, or what is simulated.
#[test]
fn runs_of_two_versions_of_a_scenario_or_a_simulation_are_no_job() {
    let bench = Bench::new();
    let rates = |rates: &str| {
        let text = LONG.replace("weighing:", &format!("parameters: {{rate: {{one of: [{rates}]}}}}\nweighing:"));
        bench.write("two.yaml", &text.replace("continuous: 20 mL/day", "continuous: $rate"))
    };
    let made = bench.output(&["run", &rates("24 mL/day, 20 mL/day"), "--set", "rate=24 mL/day"]);
    assert_eq!(made.status.code(), Some(0));
    let folder = only_run(&bench.path("runs")).expect("a run").display().to_string();
    let mut store = bench.store();
    let simulated_otherwise = bench.rig("otherwise.yaml", "simulation: {delivered too much: 5 %}");
    let (as_it_was, turned) = ("24 mL/day, 20 mL/day", "20 mL/day, 24 mL/day");
    let cases = [
        (turned, "virtual", "expected the scenario that run ", 4),
        (as_it_was, simulated_otherwise.as_str(), "expected the rig file's simulation that run ", 4),
        (as_it_was, "virtual", "expected", 0),
    ];
    for (number, (order, rig, changed, expected)) in cases.into_iter().enumerate() {
        let (id, lock) = begun_job(&mut store, "rig");
        // A folder is one run's: it is given another name for each job.
        let folder = format!("{folder}{}", "/.".repeat(number));
        store.add_job_run(id, (&format!("run-{id}"), &folder), 2, None).expect("noted");
        store.end_job_run(id, &format!("run-{id}"), ("pass", 0), &AtStation::Untold).expect("noted");
        let mut process = bench.command(&["run", &rates(order), "--rig", rig, "--job", &id.to_string()]);
        let process = process.stdin(lock).output().expect("started");
        let job = store.job(id).expect("it is known");
        assert_eq!((process.status.code(), job.exit_code), (Some(expected), u8::try_from(expected).ok()), "{job:?}");
        let reason = job.reason.unwrap_or_default();
        assert_eq!(reason.contains(changed) && reason.contains("1 of 2 runs"), expected != 0, "{reason}");
    }
}

#[test]
fn a_host_that_restarts_in_order_stops_what_cannot_go_on_and_leaves_the_rest_to_the_next_daemon() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let daemon = Daemon::before_a_restart(&bench, &rig);
    let submit = |name: &str, text: &str, station: &str| {
        let scenario = bench.write(name, text);
        id_of(&daemon.tell(&bench, &["submit", &scenario, "--station", station]))
    };
    let (holds, cannot) = (submit("goes-on.yaml", GOES_ON, "1"), submit("long.yaml", LONG, "2"));
    let folder = |id| folder_of(&bench, &daemon, id);
    eventually("both deliver", PATIENCE, || {
        [holds, cannot].into_iter().all(|id| folder(id).is_some_and(|folder| is_in(&folder, "delivered")))
    });
    let (left, stopped) = (folder(holds).expect("a run"), folder(cannot).expect("a run"));
    daemon.stop();
    delivers_nothing(&server, "2");
    assert!(server.state()["stations"]["1"]["rate_nl_per_h"].as_u64() > Some(0), "its pump goes on by itself");
    let ended = |folder: &Path| {
        let ending = |kind: &EventKind| match kind {
            EventKind::Ended { reason, .. } => Some(reason.clone().unwrap_or_default()),
            _ => None,
        };
        events(folder).0.iter().find_map(|event| ending(&event.kind))
    };
    assert_eq!(ended(&left), None);
    let why = ended(&stopped).expect("it was stopped");
    assert!(why.contains("the host restarts") && why.contains("to allow that with 'resume', but it does not"), "{why}");
    let daemon = Daemon::start(&bench, &rig);
    let job = daemon.wait(holds);
    let verdict = &job["runs"][0]["verdict"];
    assert_eq!(
        (&job["exit_code"], verdict, job["runs"].as_array().map(Vec::len)),
        (&0.into(), &"pass".into(), Some(1))
    );
    assert!(replayed(&left) > 5);
    assert_eq!(daemon.job(cannot)["exit_code"], 5);
    daemon.stop();
    server.stop();
}

#[test]
fn what_the_pump_told_meanwhile_fails_the_device_and_is_not_lost_with_the_gap() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let folder = killed_in(&bench, begun(&bench, &rig, GOES_ON), "delivered");
    server.fault("pump", "stall", true);
    eventually("it raises an alarm", PATIENCE, || server.state()["stations"]["1"]["rate_nl_per_h"].as_u64() == Some(0));
    let (output, summary) = recover(&bench, &folder, &rig);
    assert_eq!(output.status.code(), Some(1), "{summary}");
    let reason = summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("expected no alarm and no reset, but found the alarm 'motor stall'"), "{reason}");
    server.stop();
}

#[test]
fn a_pump_that_was_told_otherwise_meanwhile_ends_the_run_as_the_benchs() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let folder = killed_in(&bench, begun(&bench, &rig, GOES_ON), "delivered");
    // Somebody closes a copy of it: the pump stands, and the record of the other tells nothing of that.
    let copy = bench.path("copy");
    std::fs::create_dir(&copy).expect("a folder");
    for name in ["record.mcap", "rig.yaml", "scenario.yaml"] {
        std::fs::copy(folder.join(name), copy.join(name)).expect("copied");
    }
    let closed = bench.output(&["recover", &copy.display().to_string(), "--rig", &rig, "--close"]);
    assert_eq!(closed.status.code(), Some(4), "{}", String::from_utf8_lossy(&closed.stderr));
    delivers_nothing(&server, "1");
    let (output, summary) = recover(&bench, &folder, &rig);
    let reason = summary["reason"].as_str().expect("a reason");
    assert!(
        reason.contains(
            "expected the pump as the interruption had left it, continuous at 1000000 nL/h, but it is stopped"
        ),
        "{reason}"
    );
    assert_eq!((output.status.code(), &summary["verdict"]), (Some(4), &"error".into()));
    server.stop();
}

#[test]
fn one_that_commanded_or_whose_rig_has_changed_is_closed_and_says_why() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let text = GOES_ON.replace("  - stop: {}\n", "  - bolus: {name: extra, volume: 10 uL, over: 20 s}\n  - stop: {}\n");
    let text = text.replace("for: 45 s", "for: 15 s");
    let folder = killed_in(&bench, begun(&bench, &rig, &text), "extra");
    let (output, summary) = recover(&bench, &folder, &rig);
    assert_eq!(output.status.code(), Some(4), "{summary}");
    let reason = summary["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("it could not go on: expected it to be interrupted in a hold or in the closing weighing"),
        "{reason}"
    );
    delivers_nothing(&server, "1");
    std::fs::remove_dir_all(bench.path("runs")).expect("removed");
    let folder = killed_in(&bench, begun(&bench, &rig, GOES_ON), "delivered");
    let other = std::fs::read_to_string(&rig).expect("a rig").replace("volumes stated at: 37", "volumes stated at: 36");
    let changed = bench.write("changed.yaml", &other);
    let (output, summary) = recover(&bench, &folder, &changed);
    let reason = summary["reason"].as_str().expect("a reason");
    assert_eq!(output.status.code(), Some(4), "{summary}");
    assert!(reason.contains("its file has changed since"), "{reason}");
    server.stop();
}

//! Two who want one station: a process that uses it, a lease that keeps it, and many that are killed.

use std::process::Stdio;

use crate::common::{Bench, events_so_far, firmware, only_run};
use crate::server::{PATIENCE, Server, eventually, signal};
use serde_json::Value;

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// A rig whose ports are those of nothing.
fn rig(bench: &Bench) -> String {
    let text = include_str!("../../../../fixtures/rigs/virtual.yaml")
        .replace("clock: {virtual from: \"2026-01-05T08:00:00Z\"}", "clock: real")
        .replace("    operator: {script: {fluid lot: simulated}}\n", "")
        .replacen("driver: mt-sics\n      port: simulated", "driver: mt-sics\n      port: {serial: /dev/not-there}", 1);
    bench.write("rig.yaml", &text)
}

#[test]
fn a_leased_station_is_its_holders() {
    let bench = Bench::new();
    let rig = rig(&bench);
    let text = std::fs::read_to_string(&rig).expect("the rig").replace("away at most: 10 min", "away at most: 2 s");
    let impatient = bench.write("impatient.yaml", &text);
    assert_eq!(bench.output(&["audit", "verify"]).status.code(), Some(4), "there is no log yet");
    let take = ["lease", "take", &rig, "--for", "2 h", "--because", "looking for bubbles"];
    let taken = bench.output(&take);
    assert!(taken.status.success(), "{}", said(&taken.stderr));
    let token = said(&taken.stdout);
    assert_eq!(token.len(), 64);
    assert!(said(&taken.stderr).contains("/dev/not-there"), "{}", said(&taken.stderr));
    let refused = bench.output(&["run", "smoke/short-bolus", "--rig", &rig]);
    assert_eq!(refused.status.code(), Some(4));
    let why = said(&refused.stderr);
    assert!(why.contains("expected /dev/not-there to be free") && why.contains("(looking for bubbles)"), "{why}");
    assert!(!bench.path("runs").exists(), "nothing was run");
    assert_eq!(bench.output(&take).status.code(), Some(4), "it is leased already");
    let with = |token: &str, arguments: &[&str]| {
        bench.command(arguments).env("DOSEBENCH_LEASE", token).output().expect("it starts")
    };
    let wrong = with(&"0".repeat(64), &["run", "smoke/short-bolus", "--rig", &rig]);
    assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong.stderr));
    // With the right one it is past the lease: what is missing is the port.
    let own = with(&token, &["run", "smoke/short-bolus", "--rig", &impatient]);
    assert_eq!(own.status.code(), Some(4));
    assert!(said(&own.stderr).contains("port /dev/not-there is not there"), "{}", said(&own.stderr));
    assert_eq!(bench.output(&["lease", "return", "--id", "7", "--because", "a guess"]).status.code(), Some(2));
    let listed = said(&bench.output(&["lease", "list"]).stdout);
    assert!(listed.starts_with("lease 1  ") && listed.contains("/dev/not-there"), "{listed}");
    assert!(!listed.contains(&token), "nobody else reads the token");
    assert_eq!(bench.output(&["lease", "return"]).status.code(), Some(2));
    assert!(with(&token, &["lease", "return"]).status.success());
    assert_eq!(said(&bench.output(&["lease", "list"]).stdout), "");
    assert_eq!(bench.output(&["lease", "take", "virtual", "--for", "1 h", "--because", "x"]).status.code(), Some(2));
    assert!(with("", &["lease", "take", &rig, "--for", "1 min", "--because", "x"]).status.success());
    assert!(bench.output(&["lease", "return", "--id", "2", "--because", "the token is lost"]).status.success());
    let verified = said(&bench.output(&["audit", "verify"]).stdout);
    assert!(verified.starts_with("8 entries as they were written, the last has "), "{verified}");
    let head = verified.rsplit(' ').next().expect("a hash").to_owned();
    assert!(bench.output(&["audit", "verify", "--noted", &head]).status.success());
    assert_eq!(bench.output(&["audit", "verify", "--noted", &"1".repeat(64)]).status.code(), Some(4));
    let shown = said(&bench.output(&["audit", "show"]).stdout);
    let entries: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect();
    let actions: Vec<&str> = entries.iter().filter_map(|entry| entry["action"].as_str()).collect();
    let of_run = ["hold.taken", "hold.makes", "hold.makes", "hold.ended"];
    assert_eq!(actions, [&["lease.taken"], &of_run[..], &["lease.returned", "lease.taken", "lease.broken"]].concat());
}

/// Two rig files have nothing in common but the probe that somebody carries from board to board.
#[test]
fn who_leases_a_probe_keeps_it_from_a_run_by_another_rig_file() {
    let bench = Bench::new();
    let of_a_lab = include_str!("../../../../fixtures/rigs/emulated.yaml")
        .lines()
        .filter(|line| {
            !["plant:", "operator:", "simulation:", "emulator:"].iter().any(|key| line.trim().starts_with(key))
        })
        .map(|line| line.replace("20b7:9db1:unix:probe.sock", "1366:0101:0002601abc") + "\n")
        .collect::<String>()
        .replace("../firmware", &firmware().display().to_string());
    let another = of_a_lab
        .replace("by-id/usb-", "by-id/usb-another-")
        .replace("192.168.1.", "192.168.2.")
        .replace("1366:0101:0002601abc", "1366:0101:0002601ABC");
    let (rig, another) = (bench.write("rig.yaml", &of_a_lab), bench.write("another.yaml", &another));
    let take =
        |rig: &str| bench.output(&["lease", "take", rig, "--for", "2 h", "--because", "looking at its registers"]);
    let taken = take(&rig);
    assert!(taken.status.success(), "{}", said(&taken.stderr));
    let refused = bench.output(&["run", "smoke/short-bolus", "--rig", &another]);
    let why = said(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{why}");
    let is_said = why.contains("expected the probe 1366:0101:0002601abc to be free") && why.contains("its registers");
    assert!(is_said && !bench.path("runs").exists(), "{why}");
    // Any of its kind may be the one that is leased.
    let of_probe = |selector: &str| {
        let text = std::fs::read_to_string(&another).expect("written").replace("1366:0101:0002601ABC", selector);
        bench.write("otherwise.yaml", &text)
    };
    let refused = take(&of_probe("1366:0101"));
    let why = said(&refused.stderr);
    assert!(refused.status.code() == Some(4) && why.contains("expected the probe 1366:0101 to be free"), "{why}");
    // It is the probe alone that is wanted twice.
    let taken = take(&of_probe("1366:0101:0002601ABD"));
    assert!(taken.status.success(), "{}", said(&taken.stderr));
    // Nor has anybody a probe of a kind of which somebody may have any.
    let elsewhere = |name: &str, place: &str, probe: &str| {
        let text = of_a_lab.replace("by-id/usb-", place).replace("192.168.1.", &format!("{name}."));
        bench.write(&format!("{name}.yaml"), &text.replace("1366:0101:0002601abc", probe))
    };
    let taken = take(&elsewhere("192.168.3", "by-id/usb-third-", "c251:f001"));
    assert!(taken.status.success(), "{}", said(&taken.stderr));
    let refused = take(&elsewhere("192.168.4", "by-id/usb-fourth-", "C251:F001:0001A2"));
    let why = said(&refused.stderr);
    assert!(refused.status.code() == Some(4) && why.contains("expected the probe c251:f001 to be free"), "{why}");
}

#[test]
fn two_runs_never_share_a_station_and_a_killed_one_keeps_it_until_it_is_brought_to_its_end() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let start = |runs: &str| {
        let mut command = bench.command(&["run", "smoke/short-bolus", "--rig", &rig, "--runs", runs]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    };
    let mut first = start("first");
    let in_use = || said(&bench.output(&["lease", "list"]).stdout).starts_with("in use  ");
    eventually("the station is in use", PATIENCE, in_use);
    let second = bench.output(&["run", "smoke/short-bolus", "--rig", &rig, "--runs", "second"]);
    let why = said(&second.stderr);
    assert_eq!(second.status.code(), Some(4), "{why}");
    assert!(why.contains("uses it since") && why.contains("(run smoke/short-bolus)"), "{why}");
    assert!(!bench.path("second").exists(), "nothing was run");
    // Another station of the same rig is not kept out by it, although both read the same room.
    let mut other = bench.command(&["run", "smoke/short-bolus", "--rig", &rig, "--station", "2", "--runs", "other"]);
    let mut other = other.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    eventually("both are in use", PATIENCE, || said(&bench.output(&["lease", "list"]).stdout).lines().count() == 2);
    let run = || only_run(&bench.path("first"));
    eventually("it is recorded", PATIENCE, || run().is_some_and(|run| !events_so_far(&run).is_empty()));
    signal(first.id(), "KILL");
    first.wait().expect("ended");
    let run = run().expect("a run").display().to_string();
    assert_eq!(bench.output(&["recover", &run]).status.code(), Some(4));
    let mut third = start("third");
    eventually("the third has it", PATIENCE, || said(&bench.output(&["lease", "list"]).stdout).lines().count() == 2);
    for child in [&mut other, &mut third] {
        signal(child.id(), "TERM");
        child.wait().expect("ended");
    }
    assert_eq!(said(&bench.output(&["lease", "list"]).stdout), "");
    assert!(bench.output(&["audit", "verify"]).status.success());
    server.stop();
}

#[test]
fn of_many_processes_that_are_killed_at_random_one_has_the_port() {
    let bench = Bench::new();
    let output = bench.output(&["bench", "holds", "--count", "400", "--folder", "."]);
    assert!(output.status.success(), "{}", said(&output.stderr));
    let found: Value = serde_json::from_str(&said(&output.stdout)).expect("figures");
    for (what, expect) in [("two_at_once", 0), ("orphans", 0), ("untold", 0)] {
        assert_eq!(found[what], expect, "{what}: {found}");
    }
    assert!(found["rounds"].as_u64() >= Some(400) && found["abandoned"].as_u64() > Some(0), "{found}");
}

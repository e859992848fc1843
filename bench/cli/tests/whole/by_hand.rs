//! Runs that somebody begins by hand beside a daemon, or where there is none: what they leave behind keeps others out until it is safe.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::common::{Bench, commands, only_run};
use crate::daemon::{Daemon, LONG, delivers, delivers_nothing};
use crate::server::{PATIENCE, Server, eventually, signal};

/// A run by hand of what delivers for long; it has commanded its pump.
fn delivering(bench: &Bench, server: &Server, runs: &str) -> Child {
    let long = bench.write("long.yaml", LONG);
    let mut command = bench.command(&["run", &long, "--rig", &server.rig(), "--runs", runs]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    commands(&bench.path(runs));
    delivers(server, "1");
    child
}

/// The same, killed; its folder.
fn killed(bench: &Bench, server: &Server) -> PathBuf {
    let mut child = delivering(bench, server, "runs");
    signal(child.id(), "KILL");
    child.wait().expect("ended");
    only_run(&bench.path("runs")).expect("a run")
}

#[test]
fn a_killed_one_keeps_its_station_apart_until_it_is_brought_to_its_end() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let run = killed(&bench, &server);
    let folder = run.display().to_string();
    let again = bench.output(&["run", "smoke/short-bolus", "--rig", &server.rig()]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(4), "{said}");
    assert!(said.contains(&format!("has left run {folder} there without its end")), "{said}");
    assert!(said.contains(&format!("`dosebench recover {folder}`")), "{said}");
    // It is the same run by whatever path.
    std::os::unix::fs::symlink(bench.path("runs"), bench.path("link")).expect("a link");
    let linked = bench.path("link").join(run.file_name().expect("a name")).display().to_string();
    assert_eq!(bench.output(&["recover", &linked]).status.code(), Some(4));
    delivers_nothing(&server, "1");
    // Nobody is kept out any more.
    let mut child = delivering(&bench, &server, "others");
    signal(child.id(), "TERM");
    assert_eq!(child.wait().expect("ended").code(), Some(5));
    server.stop();
}

#[test]
fn the_daemon_brings_a_killed_one_to_its_end() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::start(&bench, &server.rig());
    let folder = killed(&bench, &server);
    delivers_nothing(&server, "1");
    eventually("its files are made", PATIENCE, || folder.join("manifest.json").is_file());
    eventually("its station is free", PATIENCE, || {
        let status = daemon.tell(&bench, &["status"]);
        String::from_utf8_lossy(&status.stdout).contains("station 1  free")
    });
    let shown = String::from_utf8_lossy(&bench.output(&["audit", "show"]).stdout).into_owned();
    for action in ["hold.abandoned", "station.quarantined", "station.released"] {
        assert!(shown.contains(action), "{action}");
    }
    daemon.stop();
    server.stop();
}

/// Whatever the rig's file is called, and whoever comes: the station's ports are those of the pump that may deliver.
#[test]
fn one_that_leaves_its_station_unsafe_keeps_others_out_under_any_name_of_the_rig() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let mut child = delivering(&bench, &server, "runs");
    server.fault("pump", "silent", true);
    server.fault("supply", "silent", true);
    signal(child.id(), "INT");
    assert_eq!(child.wait().expect("ended").code(), Some(4));
    let text = std::fs::read_to_string(server.rig()).expect("a rig file");
    let copy = bench.write("copy.yaml", &text);
    let refused = bench.output(&["run", "smoke/short-bolus", "--rig", &copy]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("is that of station 1 of ") && said.contains("could not be confirmed safe"), "{said}");
    server.fault("pump", "silent", false);
    server.fault("supply", "silent", false);
    let released = bench.output(&["release", "1", "--rig", &copy, "--because", "it hears again"]);
    assert_eq!(released.status.code(), Some(0), "{}", String::from_utf8_lossy(&released.stderr));
    let released = bench.output(&["release", "1", "--rig", &copy, "--because", "again"]);
    assert_eq!(released.status.code(), Some(2));
    server.stop();
}

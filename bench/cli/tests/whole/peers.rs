//! What users of other benches complain of, and no other module's concern shows to be otherwise here; `bench/PEERS.md` lists all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Bench, commands, done, events, events_so_far, only_run};
use crate::daemon::{Daemon, LONG, delivers, delivers_nothing, id_of, process_with};
use crate::notified::webhook;
use crate::server::{PATIENCE, Server, eventually, signal};
use domain::EventKind;

/// Somebody who is impatient while a safe stop takes its time, for the pump does not confirm.
#[test]
fn signals_in_a_safe_stop_neither_hurry_it_nor_begin_another() {
    let bench = Bench::new();
    let rig = bench.mute_rig(|rig| rig);
    let mut command = bench.command(&["run", "smoke/short-bolus", "--rig", &rig, "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let folder = || only_run(&bench.path("runs"));
    commands(&bench.path("runs"));
    let began = Instant::now();
    signal(child.id(), "INT");
    let is_stopping = |event: &domain::Event| matches!(event.kind, EventKind::SafeStopBegan { .. });
    eventually("its safe stop begins", PATIENCE, || {
        folder().is_some_and(|of| events_so_far(&of).iter().any(is_stopping))
    });
    for name in ["INT", "TERM", "HUP"] {
        thread::sleep(Duration::from_millis(300));
        signal(child.id(), name);
    }
    let is_over = |event: &domain::Event| matches!(event.kind, EventKind::SafeStopped(_));
    assert!(!events(&folder().expect("a run")).0.iter().any(is_over), "all came in the midst of it");
    let done = done(&child.wait_with_output().expect("ended"));
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!((done.code, done.summary["verdict"].as_str()), (5, Some("aborted")), "{}", done.stderr);
    let (all, torn) = events(&done.folder());
    let count = |is: fn(&EventKind) -> bool| all.iter().filter(|event| is(&event.kind)).count();
    assert_eq!(count(|kind| matches!(kind, EventKind::SafeStopBegan { .. })), 1);
    assert_eq!(count(|kind| matches!(kind, EventKind::SafeStopped(report) if report.confirmed)), 1);
    assert_eq!((torn, count(|kind| matches!(kind, EventKind::Ended { .. }))), (None, 1));
}

#[test]
fn results_that_cannot_be_written_are_no_pass() {
    let bench = Bench::new();
    let program = env!("CARGO_BIN_EXE_dosebench");
    // As a disk that is full does, after 200 KiB of the record.
    let limited = format!("trap '' XFSZ; ulimit -f 200; exec '{program}' run endurance/basal-72h --junit results.xml");
    let output = bench.within("bash", &["-c", &limited]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("File too large"), "{said}");
    let results = std::fs::read_to_string(bench.path("results.xml")).unwrap_or_default();
    assert!(results.is_empty() || results.contains("<error"), "{results}");
    let file = bench.write("file", "");
    let output = bench.output(&["run", "smoke/short-bolus", "--junit", &format!("{file}/results.xml")]);
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A CI job that is taken away takes its run with it, and nobody finds the station locked.
#[test]
fn a_client_that_is_stopped_cancels_what_it_waits_for() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::start(&bench, &server.rig());
    let scenario = bench.write("long.yaml", LONG);
    let mut command = bench.command(&["submit", &scenario, "--wait", "--daemon", &daemon.url]);
    let client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    delivers(&server, "1");
    signal(client.id(), "TERM");
    let output = client.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    let job = daemon.job(1);
    assert!(job["cancelled_by"].as_str().is_some_and(|by| by.contains("SIGTERM")), "{job}");
    delivers_nothing(&server, "1");
    let status = daemon.ask("GET", "status", None, "").1;
    assert!(status.contains("\"state\":\"free\",\"job\":null"), "{status}");
    daemon.stop();
    server.stop();
}

/// Whoever is not to see it any more sees no more of it, while others do.
#[test]
fn a_stream_ends_when_its_token_is_taken_back() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::with(&bench, &server.rig(), &["--tokens"]);
    let grant = |name: &str, scope: &str| {
        let output = bench.output(&["token", "new", name, "--scope", scope]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let (visitor, resident) = (grant("visitor", "view"), grant("resident", "run"));
    let scenario = bench.write("long.yaml", LONG);
    let mut submit = bench.command(&["submit", &scenario, "--daemon", &daemon.url]);
    id_of(&submit.env("DOSEBENCH_TOKEN", &resident).output().expect("started"));
    delivers(&server, "1");
    let (_, jobs) = daemon.ask("GET", "jobs/1", Some(&format!("Bearer {resident}")), "");
    let run = jobs.split("\"run\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a run").to_owned();
    let stream = |token: &str| {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", daemon.port())).expect("it listens");
        let request = format!(
            "GET /api/v1/runs/{run}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("written");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        BufReader::new(stream)
    };
    let (mut theirs, mut ours) = (stream(&visitor), stream(&resident));
    let mut line = String::new();
    theirs.read_line(&mut line).expect("a line");
    assert!(line.contains(" 200 "), "{line}");
    assert!(bench.output(&["token", "revoke", "visitor", "--because", "gone"]).status.success());
    let revoked = Instant::now();
    theirs.read_to_end(&mut Vec::new()).expect("it ends");
    assert!(revoked.elapsed() < Duration::from_secs(30), "{:?}", revoked.elapsed());
    // More than has come so far, and later than that.
    let mut bytes = vec![0; 1000];
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        ours.read_exact(&mut bytes).expect("it goes on");
    }
    daemon.stop();
    server.stop();
}

/// All of a run's events that are sent from a number on, until the stream ends or breaks off; the first after a pause.
fn sent(daemon: &Daemon, run: &str, from: u64, pause: Duration) -> Vec<u64> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", daemon.port())).expect("it listens");
    let request =
        format!("GET /api/v1/runs/{run}/events?from={from} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("written");
    thread::sleep(pause);
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut ids: Vec<u64> = lines.filter_map(|line| line.strip_prefix("id:")?.trim().parse().ok()).collect();
    // What broke off behind it may be half of it.
    if pause > Duration::ZERO {
        ids.pop();
    }
    ids
}

#[test]
fn a_client_that_reads_too_slowly_is_let_go_and_misses_nothing_when_it_comes_back() {
    let bench = Bench::new();
    let daemon = Daemon::start(&bench, "virtual");
    let scenario = bench.write("hours.yaml", &LONG.replace("10 min", "4 h"));
    let id = id_of(&daemon.tell(&bench, &["submit", &scenario]));
    let job = daemon.wait(id);
    assert_eq!(job["exit_code"], 0, "{job}");
    let run = job["runs"][0]["run"].as_str().expect("a run");
    // Longer than a client that takes nothing is waited for.
    let mut ids = sent(&daemon, run, 0, Duration::from_secs(40));
    let whole = events(&bench.path("served").join(run)).0.len() as u64;
    assert!(!ids.is_empty() && (ids.len() as u64) < whole, "{} of {whole}", ids.len());
    ids.extend(sent(&daemon, run, ids.len() as u64, Duration::ZERO));
    assert!(ids.iter().copied().eq(0..whole), "{} of {whole}", ids.len());
    daemon.stop();
}

/// What the bench is to blame for is told as what fails is, and whoever does not answer keeps nobody else waiting.
#[test]
fn a_bench_error_and_a_station_that_is_kept_apart_are_told() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let (hook, told) = webhook("204 Taken");
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}/", mute.local_addr().expect("an address"));
    let who =
        format!("notify:\n  - {{name: mute, webhook: \"{nobody}\"}}\n  - {{name: channel, webhook: \"{hook}\"}}\n");
    let file = bench.write("notify.yaml", &who);
    let daemon = Daemon::with(&bench, &server.rig(), &["--notify", &file]);
    let hears = |part: &str| {
        let subject = told.recv_timeout(PATIENCE).expect("told")["subject"].as_str().unwrap_or_default().to_owned();
        assert!(subject.contains(part), "{part}: {subject}");
    };
    server.fault("balance", "silent", true);
    let scenario = bench.write("long.yaml", LONG);
    id_of(&daemon.tell(&bench, &["submit", &scenario]));
    hears("station 1 is in quarantine");
    server.fault("balance", "silent", false);
    delivers(&server, "1");
    signal(process_with(" run --rig", &server.rig()).expect("the run's process"), "KILL");
    hears(": error");
    let failing = "dosebench_notices_failing{recipient=\"mute\"}";
    eventually("who does not answer is tried again", PATIENCE, || daemon.text("/api/v1/metrics").contains(failing));
    daemon.stop();
    server.stop();
    drop(mute);
}

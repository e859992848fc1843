//! The daemon: what is submitted runs as it would locally, whoever is killed meanwhile.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::common::{Bench, events, events_so_far};
use crate::replay::replayed;
use crate::server::{PATIENCE, SHOWN_WITHIN, Server, eventually, signal};
use domain::EventKind;
use serde_json::Value;

/// It delivers for as long as anybody looks.
pub(crate) const LONG: &str = "scenario: Long
weighing: {before: 13 s, after: 13 s, evaporation changes at most: 100 ug/s}
steps:
  - start: {continuous: 20 mL/day}
  - hold: {name: delivered, for: 10 min}
";

/// A daemon, until it is dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) url: String,
}

impl Daemon {
    pub(crate) fn start(bench: &Bench, rig: &str) -> Self {
        Self::listening(bench, rig, "127.0.0.1:0")
    }

    pub(crate) fn with(bench: &Bench, rig: &str, more: &[&str]) -> Self {
        Self::of(bench, &[&["serve", "--rig", rig, "--runs", "served", "--listen", "127.0.0.1:0"], more].concat())
    }

    fn listening(bench: &Bench, rig: &str, listen: &str) -> Self {
        Self::of(bench, &["serve", "--rig", rig, "--runs", "served", "--listen", listen])
    }

    /// On a host whose systemd tells that it restarts.
    pub(crate) fn before_a_restart(bench: &Bench, rig: &str) -> Self {
        let systemctl = bench.write("systemctl", "#!/bin/sh\necho '1095 reboot.target start waiting'\n");
        std::fs::set_permissions(&systemctl, std::fs::Permissions::from_mode(0o755)).expect("a program");
        let path = format!("{}:{}", bench.path("").display(), std::env::var("PATH").unwrap_or_default());
        let of = ["serve", "--rig", rig, "--runs", "served", "--listen", "127.0.0.1:0", "--starts-with-host"];
        let mut command = bench.command(&of);
        command.env("PATH", path);
        Self::started(command)
    }

    /// By these arguments alone.
    pub(crate) fn of(bench: &Bench, arguments: &[&str]) -> Self {
        Self::started(bench.command(arguments))
    }

    fn started(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        assert!(line.starts_with("http://127.0.0.1:") || line.starts_with("https://"), "{line}");
        Self { child, url: line.trim().to_owned() }
    }

    fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("an address")
    }

    /// One of the program's commands, for this daemon.
    pub(crate) fn tell(&self, bench: &Bench, arguments: &[&str]) -> Output {
        bench.command(arguments).env("DOSEBENCH_DAEMON", &self.url).output().expect("it starts")
    }

    fn json(&self, bench: &Bench, arguments: &[&str]) -> Value {
        let output = self.tell(bench, arguments);
        let said = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(said.trim()).unwrap_or_else(|e| panic!("{e}: {said}{}", said_by(&output)))
    }

    /// A request as somebody writes it who means no good; the answer.
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        // It need not hear all of what it refuses.
        drop(stream.write_all(request.as_bytes()));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        answer
    }

    fn status_of(&self, request: &str) -> u16 {
        let answer = self.raw(request);
        let status = answer.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status in {answer}"))
    }

    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().expect("a port")
    }

    /// The status of an answer of its API, and what it says.
    pub(crate) fn ask(&self, method: &str, path: &str, authorization: Option<&str>, body: &str) -> (u16, String) {
        let authorization = authorization.map(|with| format!("Authorization: {with}\r\n")).unwrap_or_default();
        let answer = self.raw(&format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let status = answer.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no status in {answer}")), answer)
    }

    /// What it has at a path.
    pub(crate) fn text(&self, path: &str) -> String {
        let host = self.address();
        let answer = self.raw(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
    }

    /// A job, as the daemon tells of it.
    pub(crate) fn job(&self, id: i64) -> Value {
        let body = self.text(&format!("/api/v1/jobs/{id}"));
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"))
    }

    pub(crate) fn wait(&self, id: i64) -> Value {
        eventually("the job ends", PATIENCE, || self.job(id)["state"] == "ended");
        self.job(id)
    }

    pub(crate) fn kill(mut self) {
        signal(self.child.id(), "KILL");
        self.child.wait().expect("ended");
    }

    pub(crate) fn stop(self) {
        signal(self.child.id(), "TERM");
        assert_eq!(self.end(), Some(0));
    }

    /// Waits for its end; its exit code.
    fn end(mut self) -> Option<i32> {
        self.child.wait().expect("ended").code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What is really so at a station: its pump delivers.
pub(crate) fn delivers(server: &Server, station: &str) {
    eventually("the pump delivers", PATIENCE, || {
        server.state()["stations"][station]["rate_nl_per_h"].as_u64() > Some(0)
    });
}

/// The folder of a job's run, once it has one.
pub(crate) fn folder_of(bench: &Bench, daemon: &Daemon, id: i64) -> Option<PathBuf> {
    let run = daemon.job(id)["runs"][0]["run"].as_str()?.to_owned();
    Some(bench.path("served").join(run))
}

/// Waits until a job's run is at its steps, as its record tells.
fn stepping(bench: &Bench, daemon: &Daemon, id: i64) {
    let is_step = |kind: &EventKind| matches!(kind, EventKind::StepEntered { .. });
    eventually("its steps have begun", PATIENCE, || {
        let folder = folder_of(bench, daemon, id);
        folder.is_some_and(|folder| events_so_far(&folder).iter().any(|event| is_step(&event.kind)))
    });
}

/// The process of this rig that has those words on its command line.
pub(crate) fn process_with(words: &str, rig: &str) -> Option<u32> {
    std::fs::read_dir("/proc").expect("processes").flatten().find_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let ours = line.contains(words) && line.contains(rig);
        if ours { entry.file_name().to_string_lossy().parse::<u32>().ok() } else { None }
    })
}

/// Something that nobody can have asked for stands still: the run's own process, or the report of it. Its job ends all the same, its
/// station safe, and the next one has it.
#[test]
fn what_stands_still_as_a_whole_is_ended_and_keeps_nobody_out() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::with(&bench, &server.rig(), &["--watchdog", "15 s"]);
    let submit = |name: &str, text: &str| {
        let scenario = bench.write(name, text);
        id_of(&daemon.tell(&bench, &["submit", &scenario]))
    };
    let frozen = submit("long.yaml", LONG);
    delivers(&server, "1");
    signal(process_with(" run --rig", &server.rig()).expect("the run's process"), "STOP");
    let job = daemon.wait(frozen);
    delivers_nothing(&server, "1");
    assert_eq!((&job["exit_code"], &job["runs"][0]["verdict"]), (&4.into(), &"error".into()), "{job}");
    let short = LONG.replace("10 min", "5 s");
    let (hangs, next) = (submit("short.yaml", &short), submit("short.yaml", &short));
    let report = || process_with(" report ", &bench.path("served").display().to_string());
    let mut stopped = None;
    eventually("its report is being made", PATIENCE, || {
        stopped = report().inspect(|process| signal(*process, "STOP"));
        stopped.is_some()
    });
    delivers_nothing(&server, "1");
    daemon.tell(&bench, &["cancel", &hangs.to_string()]);
    let job = daemon.wait(hangs);
    // What the run came to is in its record; that somebody stopped what came behind it is no stop of the run.
    assert_eq!((&job["exit_code"], &job["runs"][0]["verdict"]), (&4.into(), &"pass".into()), "{job}");
    assert_eq!(daemon.wait(next)["exit_code"], 0);
    daemon.stop();
    server.stop();
}

/// What is really so at a station: its pump is stopped.
pub(crate) fn delivers_nothing(server: &Server, station: &str) {
    eventually("the pump is stopped", SHOWN_WITHIN, || server.state()["stations"][station]["rate_nl_per_h"] == 0);
}

fn said_by(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn id_of(output: &Output) -> i64 {
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().unwrap_or_else(|e| panic!("{e}: {said}{}", said_by(output)))
}

#[test]
fn a_submitted_scenario_ends_as_a_local_run_does_with_its_files_beside_the_caller() {
    let bench = Bench::new();
    let daemon = Daemon::start(&bench, "virtual");
    let local = bench.run("smoke/short-bolus", &["--seed", "7"]);
    let output = daemon.tell(
        &bench,
        &["submit", "smoke/short-bolus", "--seed", "7", "--purpose", "nightly", "--wait", "--json", "--runs", "mine"],
    );
    assert_eq!(output.status.code(), Some(local.code), "{}", said_by(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("a summary");
    for key in ["verdict", "stream_sha256", "checks", "scenario"] {
        assert_eq!(summary[key], local.summary[key], "{key}");
    }
    assert_eq!(summary["purpose"], "nightly");
    let folder = PathBuf::from(summary["folder"].as_str().expect("a folder"));
    assert!(folder.starts_with(bench.path("mine").canonicalize().expect("fetched")), "{}", folder.display());
    let same = |name: &str| {
        let theirs = std::fs::read(local.folder().join(name)).expect("a file");
        assert_eq!(std::fs::read(folder.join(name)).expect("fetched"), theirs, "{name}");
    };
    same("samples.parquet");
    assert!(folder.join("manifest.json").is_file() && folder.join("report.html").is_file());
    for step in ["opening weighing", "step 1 bolus", "making the station safe"] {
        assert!(said_by(&output).contains(step), "{step}: {}", said_by(&output));
    }
    // A file of one's own, with a parameter, that fails: the device's fault is its exit code.
    let text = include_str!("../../../../scenarios/smoke/short-bolus.yaml");
    let own = bench.write("my own.yaml", text);
    let leaky = Daemon::start(&bench, "virtual-leaky");
    let failed = leaky.tell(&bench, &["submit", &own, "--set", "volume=8 uL", "--wait", "--runs", "mine"]);
    assert_eq!(failed.status.code(), Some(1), "{}", said_by(&failed));
    leaky.stop();
    daemon.stop();
    assert!(bench.output(&["audit", "verify"]).status.success());
}

#[test]
fn what_cannot_run_is_refused_before_it_waits() {
    let bench = Bench::new();
    let daemon = Daemon::start(&bench, "virtual");
    let wrong = bench.write("wrong.yaml", "scenario: x\n");
    let local = bench.output(&["check", &wrong]);
    let output = daemon.tell(&bench, &["submit", &wrong, "--wait"]);
    assert_eq!(output.status.code(), Some(2), "{}", said_by(&output));
    assert!(said_by(&output).contains("wrong.yaml:1:1: scenario: expected the key 'steps'"), "{}", said_by(&output));
    assert_eq!(local.status.code(), Some(2));
    for arguments in [
        &["submit", "no/such"][..],
        &["submit", "smoke/short-bolus", "--station", "9"],
        &["submit", "smoke/short-bolus", "--set", "volume=8 kg"],
        &["submit", "smoke/short-bolus", "--budget", "0 s"],
        &["submit", "smoke/short-bolus", "--device", ""],
        &["watch", "20260101T000000Z-nothing"],
        &["cancel", "17"],
    ] {
        let output = daemon.tell(&bench, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said_by(&output));
    }
    assert_eq!(daemon.json(&bench, &["status", "--json"])["jobs"], serde_json::json!([]));
    let nobody = bench.command(&["status", "--daemon", "http://127.0.0.1:9"]).output().expect("it starts");
    assert_eq!(nobody.status.code(), Some(4), "{}", said_by(&nobody));
    assert!(said_by(&nobody).contains("start one with `dosebench serve`"), "{}", said_by(&nobody));
    let beyond = bench.output(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(beyond.status.code(), Some(2), "{}", said_by(&beyond));
    daemon.stop();
}

#[test]
fn requests_that_were_not_meant_for_it_or_mean_no_good_are_refused() {
    let bench = Bench::new();
    let daemon = Daemon::start(&bench, "virtual");
    let run = daemon.json(&bench, &["submit", "smoke/short-bolus", "--wait", "--json", "--runs", "mine"]);
    let run = run["run"].as_str().expect("a run").to_owned();
    let host = daemon.address().to_owned();
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    let ours = format!("Host: {host}\r\n");
    assert_eq!(daemon.status_of(&get("/api/v1/status", &ours)), 200);
    for (headers, status) in [
        ("Host: evil.example\r\n".to_owned(), 403),
        (format!("Host: {host}\r\nOrigin: http://evil.example\r\n"), 403),
        (format!("Host: {host}\r\nOrigin: null\r\n"), 403),
        (format!("Host: {host}\r\nOrigin: http://{host}\r\n"), 200),
    ] {
        assert_eq!(daemon.status_of(&get("/api/v1/status", &headers)), status, "{headers}");
    }
    for name in ["..%2f..%2fstate%2fbench.sqlite", "../../state/bench.sqlite", "%2fetc%2fpasswd", "plots", "", "a%00b"]
    {
        let status = daemon.status_of(&get(&format!("/api/v1/runs/{run}/files/{name}"), &ours));
        assert!((400..500).contains(&status), "{name}: {status}");
    }
    assert_eq!(daemon.status_of(&get(&format!("/api/v1/runs/{run}/files/summary.json"), &ours)), 200);
    for id in ["..", "%2e%2e", "x%2fy", "99999999999999999999", "-1", "%ff"] {
        for path in [format!("/api/v1/runs/{id}"), format!("/api/v1/jobs/{id}"), format!("/api/v1/runs/{id}/events")] {
            let status = daemon.status_of(&get(&path, &ours));
            assert!((400..500).contains(&status), "{path}: {status}");
        }
    }
    let post = |kind: &str, body: &str| {
        let length = body.len();
        let close = "Connection: close\r\n";
        daemon.status_of(&format!(
            "POST /api/v1/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{close}\r\n{body}"
        ))
    };
    let job = r#"{"scenario": "smoke/short-bolus", "submitter": "a test"}"#;
    // What a form of somebody's page could send without asking.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(post(kind, job), 415, "{kind}");
    }
    for (body, status) in [
        ("{", 400),
        ("[]", 422),
        (r#"{"scenario": "smoke/short-bolus"}"#, 422),
        (r#"{"scenario": "smoke/short-bolus", "submitter": "a", "unknown": 1}"#, 422),
        (r#"{"scenario": "/etc/passwd.yaml", "submitter": "a"}"#, 422),
        (r#"{"scenario": "--help", "submitter": "a"}"#, 422),
        (r#"{"scenario": "smoke/short-bolus", "submitter": "a", "seed": -1}"#, 422),
        (r#"{"scenario": "smoke/short-bolus", "submitter": "a", "budget_s": 1e300}"#, 422),
        (r#"{"scenario": "smoke/short-bolus", "submitter": "a", "set": [["--runs", "/tmp"]]}"#, 422),
    ] {
        assert_eq!(post("application/json", body), status, "{body}");
    }
    let large = format!(r#"{{"scenario": "a.yaml", "submitter": "a", "text": "{}"}}"#, "x".repeat(4 * 1024 * 1024));
    assert_eq!(post("application/json", &large), 413);
    // Whoever says half of what he wants keeps nobody out, and is not waited for.
    let mut slow: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(&host).expect("it listens")).collect();
    for stream in &mut slow {
        stream.write_all(b"POST /api/v1/jobs HTTP/1.1\r\nHost: ").expect("written");
    }
    assert_eq!(post("application/json", job), 201, "it goes on");
    let mut said = Vec::new();
    slow[0].set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    slow[0].read_to_end(&mut said).expect("it is closed on");
    daemon.stop();
}

#[test]
fn jobs_go_by_priority_are_cancelled_and_run_no_longer_than_they_may() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::start(&bench, &server.rig());
    let submit = |more: &[&str]| id_of(&daemon.tell(&bench, &[&["submit", "smoke/short-bolus"], more].concat()));
    let first = submit(&["--budget", "8 s"]);
    eventually("the first runs", PATIENCE, || daemon.job(first)["state"] == "running");
    let second = submit(&[]);
    let third = submit(&["--priority", "5", "--key", "night 17"]);
    assert_eq!(submit(&["--priority", "5", "--key", "night 17"]), third, "it is the same submission");
    let long = bench.write("long.yaml", LONG);
    let other = id_of(&daemon.tell(&bench, &["submit", &long, "--station", "2"]));
    let order: Vec<i64> = {
        let status = daemon.json(&bench, &["status", "--json"]);
        let jobs = status["jobs"].as_array().expect("jobs").clone();
        jobs.iter().filter(|job| job["station"] == "1").filter_map(|job| job["id"].as_i64()).collect()
    };
    assert_eq!(order, [first, third, second]);
    assert!(daemon.tell(&bench, &["cancel", &second.to_string()]).status.success());
    let cancelled = daemon.job(second);
    assert_eq!((&cancelled["state"], &cancelled["exit_code"]), (&"ended".into(), &5.into()));
    let ended = daemon.wait(first);
    assert_eq!((&ended["exit_code"], &ended["runs"][0]["verdict"]), (&5.into(), &"aborted".into()), "{ended}");
    let folder = bench.path("served").join(ended["runs"][0]["run"].as_str().expect("a run"));
    let stopped = events(&folder).0.into_iter().find_map(|event| match event.kind {
        EventKind::StopAsked { cause } => Some(cause),
        _ => None,
    });
    assert!(stopped.is_some_and(|cause| cause.contains("its time was over")), "the record says why");
    eventually("the third runs", PATIENCE, || !daemon.job(third)["runs"][0].is_null());
    let run = daemon.job(third)["runs"][0]["run"].as_str().expect("a run").to_owned();
    assert!(daemon.tell(&bench, &["cancel", &run]).status.success());
    assert_eq!(daemon.wait(third)["exit_code"], 5);
    assert_eq!(daemon.tell(&bench, &["cancel", &run]).status.code(), Some(2), "it has ended");
    // The daemon's end stops what runs, and leaves it safe.
    assert_eq!(daemon.job(other)["state"], "running");
    delivers(&server, "2");
    daemon.stop();
    delivers_nothing(&server, "2");
    server.stop();
}

#[test]
fn a_run_outlives_a_daemon_that_is_killed_and_its_watcher_misses_no_event() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let daemon = Daemon::start(&bench, &rig);
    let (url, address) = (daemon.url.clone(), daemon.address().to_owned());
    let id = id_of(&daemon.tell(&bench, &["submit", "smoke/short-bolus"]));
    eventually("it has a run", PATIENCE, || !daemon.job(id)["runs"][0].is_null());
    let run = daemon.job(id)["runs"][0]["run"].as_str().expect("a run").to_owned();
    let mut watch = bench.command(&["watch", &run]);
    let watch =
        watch.env("DOSEBENCH_DAEMON", &url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let folder = folder_of(&bench, &daemon, id).expect("a run");
    let recorded = || events_so_far(&folder).len();
    let some = recorded();
    eventually("it is watched for a while", PATIENCE, || recorded() > some + 60);
    daemon.kill();
    let before = recorded();
    eventually("the run goes on without a daemon", PATIENCE, || recorded() > before + 20);
    let daemon = Daemon::listening(&bench, &rig, &address);
    let watched = watch.wait_with_output().expect("ended");
    let said = said_by(&watched);
    assert_eq!(watched.status.code(), Some(0), "{said}");
    let told: Vec<&str> = said.lines().filter_map(|line| line.split_once("  ").map(|(_, line)| line)).collect();
    let run_line = format!("run {run}: Short bolus");
    let wanted = [run_line.as_str(), "opening weighing", "step 1 bolus", "step 2 check 1", "closing weighing"];
    assert_eq!(told[..5], wanted, "each once and in order: {said}");
    let job = daemon.wait(id);
    assert_eq!((&job["exit_code"], &job["runs"][0]["verdict"]), (&0.into(), &"pass".into()), "{job}");
    daemon.stop();
    server.stop();
}

#[test]
fn a_run_whose_process_is_killed_is_closed_with_all_it_had_and_its_pump_stopped() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let daemon = Daemon::start(&bench, &rig);
    let id = id_of(&daemon.tell(&bench, &["submit", "smoke/short-bolus"]));
    stepping(&bench, &daemon, id);
    let process = process_with(" run --rig", &rig);
    // A power cut takes both.
    daemon.kill();
    signal(process.expect("the run's process"), "KILL");
    let folder = {
        let daemon = Daemon::start(&bench, &rig);
        let job = daemon.wait(id);
        assert_eq!((&job["exit_code"], &job["runs"][0]["verdict"]), (&4.into(), &"error".into()), "{job}");
        let folder = folder_of(&bench, &daemon, id).expect("a run");
        daemon.stop();
        folder
    };
    delivers_nothing(&server, "1");
    let (all, torn) = events(&folder);
    assert_eq!(torn, None, "the record is whole");
    assert!(replayed(&folder) > 3, "what was decided before and behind the gap is what the engine decides");
    let safe = all.iter().find_map(|event| match &event.kind {
        EventKind::SafeStopped(report) => Some(report.clone()),
        _ => None,
    });
    assert!(safe.is_some_and(|report| report.confirmed), "the station was made safe");
    let summary: Value =
        serde_json::from_slice(&std::fs::read(folder.join("summary.json")).expect("a summary")).expect("JSON");
    let reason = summary["reason"].as_str().expect("a reason");
    assert!(reason.contains("the run was interrupted behind 00:00:"), "{reason}");
    assert!(folder.join("manifest.json").is_file());
    // Once more is no harm: it has its end.
    let again = bench.output(&["recover", &folder.display().to_string(), "--rig", &rig]);
    assert_eq!(again.status.code(), Some(4), "{}", said_by(&again));
    assert_eq!(events(&folder).0.len(), all.len());
    server.stop();
}

#[test]
fn a_safe_stop_is_not_stopped_and_what_is_not_safe_is_told_and_kept_apart() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let rig = server.rig();
    let daemon = Daemon::start(&bench, &rig);
    let long = bench.write("long.yaml", LONG);
    let id = id_of(&daemon.tell(&bench, &["submit", &long, "--station", "2"]));
    delivers(&server, "2");
    // Its pump does not hear any more, nor does the supply that could be switched off, and its run is killed.
    let mute = |devices: &[&str], on: bool| {
        for device in devices {
            let line = format!("{{\"fault\":{{\"device\":\"{device}\",\"fault\":\"silent\",\"on\":{on}}}}}");
            assert_eq!(server.plant("2", &line)["done"], true, "{line}");
        }
    };
    mute(&["pump", "supply"], true);
    signal(process_with(" run --rig", &rig).expect("the run's process"), "KILL");
    let ended = daemon.wait(id);
    assert_eq!(ended["exit_code"], 4, "{ended}");
    let reason = ended["reason"].as_str().unwrap_or_else(|| panic!("expected a reason, but found {ended}"));
    assert!(reason.contains("could not be confirmed safe"), "{reason}");
    let next = id_of(&daemon.tell(&bench, &["submit", &long, "--station", "2"]));
    eventually("the next one waits", Duration::from_secs(5), || {
        daemon.job(next)["reason"].as_str().is_some_and(|why| why.contains("the station is in quarantine since"))
    });
    // Who starts a run by hand is kept from it as well.
    let by_hand = bench.output(&["run", &long, "--rig", &rig, "--station", "2"]);
    assert_eq!(by_hand.status.code(), Some(4), "{}", said_by(&by_hand));
    assert!(said_by(&by_hand).contains("is in quarantine since"), "{}", said_by(&by_hand));
    let status = String::from_utf8_lossy(&daemon.tell(&bench, &["status"]).stdout).into_owned();
    assert!(status.contains("station 1  free") && status.contains("station 2  in quarantine since"), "{status}");
    // Somebody looks, and the pump hears again.
    mute(&["pump", "supply"], false);
    assert!(daemon.tell(&bench, &["release", "2", "--because", "the link was pulled"]).status.success());
    assert_eq!(daemon.tell(&bench, &["release", "2", "--because", "again"]).status.code(), Some(2));
    stepping(&bench, &daemon, next);
    delivers(&server, "2");
    // The daemon is stopped while it brings a killed run to its end: the pump does not hear, its supply is switched off.
    mute(&["pump"], true);
    signal(process_with(" run --rig", &rig).expect("the run's process"), "KILL");
    eventually("it is brought to its end", Duration::from_secs(10), || process_with(" recover ", &rig).is_some());
    if let Some(process) = process_with(" recover ", &rig) {
        signal(process, "TERM");
    }
    daemon.stop();
    delivers_nothing(&server, "2");
    let shown = String::from_utf8_lossy(&bench.output(&["audit", "show"]).stdout).into_owned();
    for action in ["station.quarantined", "station.released", "job.run.ended"] {
        assert!(shown.contains(action), "{action}");
    }
    server.stop();
}

#[test]
fn a_station_whose_instrument_does_not_answer_is_kept_apart_until_a_check_passes() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::start(&bench, &server.rig());
    server.fault("balance", "silent", true);
    let id = id_of(&daemon.tell(&bench, &["submit", "smoke/short-bolus"]));
    let waits_for = |what: &str| daemon.job(id)["reason"].as_str().is_some_and(|why| why.contains(what));
    eventually("it is kept apart", PATIENCE, || waits_for("the station is in quarantine since"));
    assert!(waits_for("station 1 balance: gives no reading") && !waits_for("flow"), "{}", daemon.job(id));
    // Another station has nothing to do with it.
    let other = id_of(&daemon.tell(&bench, &["submit", "smoke/short-bolus", "--station", "2"]));
    assert_eq!(daemon.wait(other)["exit_code"], 0);
    assert_eq!(daemon.job(id)["state"], "queued");
    server.fault("balance", "silent", false);
    assert_eq!(daemon.wait(id)["exit_code"], 0, "{}", daemon.job(id));
    let shown = String::from_utf8_lossy(&bench.output(&["audit", "show"]).stdout).into_owned();
    assert!(shown.contains("its health check passed"), "{shown}");
    daemon.stop();
    server.stop();
}

/// No check asks the board: whether it answers is the run's to judge, and it may have no power. But where nothing answers one run after
/// the other, a night's queue does not run dry.
#[test]
fn a_board_that_answers_no_run_keeps_its_station_apart_behind_the_third_and_the_rest_is_made_later() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::start(&bench, &server.rig());
    let rates = "parameters: {rate: {one of: [20 mL/day, 21 mL/day, 22 mL/day, 23 mL/day]}}\nweighing:";
    let text = LONG.replace("weighing:", rates).replace("continuous: 20 mL/day", "continuous: $rate");
    let four = bench.write("four.yaml", &text.replace("10 min", "3 s"));
    server.fault("pump", "silent", true);
    let id = id_of(&daemon.tell(&bench, &["submit", &four]));
    let next = id_of(&daemon.tell(&bench, &["submit", "smoke/short-bolus"]));
    let waits = |id: i64| {
        daemon.job(id)["reason"].as_str().is_some_and(|why| why.contains("3 runs in a row could not be made"))
    };
    eventually("its other runs wait", PATIENCE, || daemon.job(id)["state"] == "queued" && waits(id));
    let made = [id, next].map(|id| daemon.job(id)["runs"].as_array().map(Vec::len));
    assert_eq!(made, [Some(3), Some(0)], "{}", daemon.job(id));
    server.fault("pump", "silent", false);
    let released = daemon.tell(&bench, &["release", "1", "--because", "its connector was loose"]);
    assert!(released.status.success(), "{}", said_by(&released));
    let job = daemon.wait(id);
    let verdicts: Vec<&str> =
        job["runs"].as_array().into_iter().flatten().filter_map(|run| run["verdict"].as_str()).collect();
    assert_eq!((&job["exit_code"], verdicts), (&4.into(), vec!["error", "error", "error", "pass"]), "{job}");
    daemon.stop();
    server.stop();
}

#[test]
fn one_daemon_serves_a_rig_and_a_key_is_one_submission() {
    let bench = Bench::new();
    let daemon = Daemon::start(&bench, "virtual");
    let second = bench.output(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(4), "{}", said_by(&second));
    assert!(said_by(&second).contains("another one serves it"), "{}", said_by(&second));
    let submit =
        |more: &[&str]| daemon.tell(&bench, &[&["submit", "smoke/short-bolus", "--key", "night"], more].concat());
    let first = id_of(&submit(&[]));
    assert_eq!(id_of(&submit(&[])), first);
    let other = submit(&["--set", "volume=8 uL"]);
    assert_eq!(other.status.code(), Some(2), "{}", said_by(&other));
    assert!(said_by(&other).contains("choose another key"), "{}", said_by(&other));
    assert_eq!(daemon.wait(first)["exit_code"], 0);
    daemon.stop();
}

#[test]
fn systemd_is_told_that_it_is_ready_goes_on_and_ends() {
    let bench = Bench::new();
    let socket = std::os::unix::net::UnixDatagram::bind(bench.path("notify")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let mut command = bench.command(&["serve", "--runs", "served", "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", bench.path("notify")).env("WATCHDOG_USEC", "60000000");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    let told = |what: &str| {
        let mut bytes = [0; 256];
        // It says more than that.
        while let Ok(count) = socket.recv(&mut bytes) {
            if bytes[..count].starts_with(what.as_bytes()) {
                return true;
            }
        }
        false
    };
    assert!(told("READY=1"));
    assert!(told("WATCHDOG=1") && told("WATCHDOG=1"), "its queue goes on");
    signal(child.id(), "TERM");
    assert!(told("STOPPING=1"));
    assert_eq!(child.wait().expect("ended").code(), Some(0));
}

/// Its disk hangs where it writes a job's scenario: nobody feeds the watchdog then, and the next daemon has the job.
#[test]
fn a_daemon_whose_queue_stands_still_ends_and_the_next_one_takes_up_its_jobs() {
    let bench = Bench::new();
    let daemon = Daemon::with(&bench, "virtual", &["--watchdog", "15 s"]);
    let text = include_str!("../../../../scenarios/smoke/short-bolus.yaml");
    let own = bench.write("own.yaml", text);
    let (folder, hangs) = (bench.path("state/work/1"), bench.path("state/work/1/own.yaml"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let made = Command::new("mkfifo").arg(&hangs).status().expect("mkfifo");
    assert!(made.success());
    let id = id_of(&daemon.tell(&bench, &["submit", &own]));
    assert_eq!(daemon.end(), Some(4), "it has ended itself");
    std::fs::remove_file(&hangs).expect("removed");
    let daemon = Daemon::start(&bench, "virtual");
    assert_eq!(daemon.wait(id)["exit_code"], 0);
    daemon.stop();
    let hasty = bench.output(&["serve", "--watchdog", "1 s"]);
    assert_eq!(hasty.status.code(), Some(2));
    assert!(said_by(&hasty).contains("expected a time of at least 15 s, but found '1 s'"), "{}", said_by(&hasty));
}

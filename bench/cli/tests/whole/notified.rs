//! Who is told of what: by webhook at once, by letter where nobody acts, and nobody twice.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::common::{Bench, begun_job};
use crate::daemon::{Daemon, id_of};
use crate::server::{PATIENCE, Server, eventually};
use serde_json::Value;

const ASKS: &str = "scenario: Somebody is asked
weighing: {before: 13 s, after: 13 s, evaporation changes at most: 100 ug/s}
steps:
  - operator: {name: bubbles, do: look for bubbles, within: 5 min, else: stop safely}
  - start: {continuous: 20 mL/day}
  - hold: {name: delivered, for: 10 min}
";

/// Takes what is posted to it and tells it; the first request is answered so, and told unless that is a refusal.
pub(crate) fn webhook(first: &'static str) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (tell, told) = channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.expect("a client"));
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).expect("a line") > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let status = if number == 0 { first } else { "204 Taken" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).expect("answered");
            if status.starts_with('2') && tell.send(serde_json::from_slice(&body).expect("JSON")).is_err() {
                return;
            }
        }
    });
    (url, told)
}

/// Takes letters as a mail server does; each whole.
fn mail_server() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            if tell.send(letter(stream.expect("a client"))).is_err() {
                return;
            }
        }
    });
    (port, told)
}

fn letter(mut stream: TcpStream) -> String {
    let mut lines = BufReader::new(stream.try_clone().expect("shared")).lines();
    let mut say = |line: &str| stream.write_all(format!("{line}\r\n").as_bytes()).expect("said");
    say("220 mail.test ready");
    let (mut letter, mut in_it) = (String::new(), false);
    while let Some(Ok(line)) = lines.next() {
        match (in_it, line.split_whitespace().next().unwrap_or("")) {
            (true, ".") => {
                in_it = false;
                say("250 taken");
            }
            (true, _) => letter.push_str(&format!("{line}\n")),
            (false, "EHLO") => say("250 mail.test"),
            (false, "DATA") => {
                in_it = true;
                say("354 go on");
            }
            (false, "QUIT") => {
                say("221 bye");
                break;
            }
            (false, _) => {
                letter.push_str(&format!("{line}\n"));
                say("250 well");
            }
        }
    }
    letter
}

#[test]
fn a_question_is_told_at_once_then_by_letter_and_to_nobody_once_it_is_answered() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let ((url, hooked), (port, letters)) = (webhook("503 Not now"), mail_server());
    let file = bench.write(
        "notify.yaml",
        &format!(
            "notify:\n  - {{name: channel, webhook: \"{url}\"}}\n  - {{name: on call, email: anna@lab.test, after: 3 s}}\n  \
             - {{name: head, email: head@lab.test, after: 1 h}}\n\
             smtp: {{server: 127.0.0.1, port: {port}, from: bench@lab.test, encryption: none}}\n"
        ),
    );
    let scenario = bench.write("asks.yaml", ASKS);
    // What had ended badly before somebody was to be told is no news: the first thing that he hears is the question.
    let (mut store, rig) = (bench.store(), server.rig());
    let (before, _) = begun_job(&mut store, &rig);
    store.end_job(before, 4, Some("nobody was told")).expect("noted");
    assert!(store.job(before).expect("it is known").is_unacknowledged());
    let start = || Daemon::with(&bench, &server.rig(), &["--notify", &file]);
    let daemon = start();
    let id = id_of(&daemon.tell(&bench, &["submit", &scenario]));
    let first = hooked.recv_timeout(PATIENCE).expect("told at once, though its server would not take it at first");
    assert_eq!(first["rig"], "virtual");
    assert_eq!(first["subject"], "station 1: somebody is asked: bubbles");
    assert!(first["text"].as_str().is_some_and(|text| text.starts_with("look for bubbles; ")), "{first}");
    let letter = letters.recv_timeout(PATIENCE).expect("nobody has answered");
    for part in
        ["RCPT TO:<anna@lab.test>", "Subject: [virtual] station 1: somebody is asked: bubbles", "look for bubbles"]
    {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    // A daemon that begins anew tells nobody twice of what it has noted.
    let noted = || String::from_utf8_lossy(&bench.output(&["audit", "show"]).stdout).matches("notice.sent").count();
    eventually("both are noted", PATIENCE, || noted() == 2);
    daemon.kill();
    let daemon = start();
    let run = daemon.job(id)["runs"][0]["run"].as_str().expect("a run").to_owned();
    let folder = bench.path("served").join(&run).display().to_string();
    let answered = bench.output(&["answer", &folder, "bubbles"]);
    assert!(answered.status.success(), "{}", String::from_utf8_lossy(&answered.stderr));
    // An instrument that is away for a while is told as well, and so is what became of the run.
    server.fault("balance", "silent", true);
    let away = hooked.recv_timeout(PATIENCE).expect("told");
    assert_eq!(away["subject"], "station 1: balance is away", "{away}");
    server.fault("balance", "silent", false);
    eventually("it is back", PATIENCE, || server.state()["stations"]["1"]["rate_nl_per_h"].as_u64() > Some(0));
    server.fault("pump", "stall", true);
    let failed = hooked.recv_timeout(PATIENCE).expect("told");
    assert!(failed["subject"].as_str().is_some_and(|subject| subject.ends_with(": fail")), "{failed}");
    assert!(failed["text"].as_str().is_some_and(|text| text.contains("the alarm 'motor stall'")), "{failed}");
    // Whoever is told later hears of it as well, unless somebody has said by then that he knows.
    let mut later = std::iter::from_fn(|| letters.recv_timeout(PATIENCE).ok());
    let letter = later.find(|letter| letter.contains(": fail")).expect("nobody has acknowledged it");
    assert!(letter.contains(&format!("dosebench acknowledge {id}")), "{letter}");
    let known = daemon.tell(&bench, &["acknowledge", &run]);
    assert!(String::from_utf8_lossy(&known.stdout).starts_with(&format!("job {id}  acknowledged by ")), "{known:?}");
    assert!(daemon.job(id)["acknowledged_by"].is_string());
    let early = daemon.tell(&bench, &["acknowledge", "17"]);
    assert_eq!(early.status.code(), Some(2), "there is no such job");
    daemon.stop();
    let audit = String::from_utf8_lossy(&bench.output(&["audit", "show"]).stdout).into_owned();
    let sent: Vec<&str> = audit.lines().filter(|line| line.contains("notice.sent")).collect();
    assert!(sent.iter().filter(|line| line.contains("asks bubbles")).count() == 2, "{sent:?}");
    assert!(!sent.iter().any(|line| line.contains("head")), "{sent:?}");
    server.stop();
}

#[test]
fn a_file_that_says_it_wrongly_is_refused_with_all_that_is_wrong() {
    let bench = Bench::new();
    let refused = |text: &str| {
        let file = bench.write("notify.yaml", text);
        let output = bench.output(&["serve", "--listen", "127.0.0.1:0", "--notify", &file]);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refused("notify:\n  - {name: a, webhook: ftp://x}\n  - {name: b, email: nobody}\n  - {name: c}\n");
    for part in
        ["expected a URL that begins with https://", "expected an address, but found 'nobody'", "c: expected either"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = refused("notify:\n  - {name: a, email: a@b.test}\n");
    assert!(said.contains("expected 'smtp' with a mail server"), "{said}");
    let said = refused(
        "notify:\n  - {name: a, email: a@b.test}\nsmtp: {server: x, from: a@b.test, user: u, password file: no/such, encryption: tls}\n",
    );
    assert!(said.contains("expected to read") && said.contains("no/such"), "{said}");
    let said = refused(
        "notify:\n  - {name: a, email: a@b.test}\nsmtp: {server: x, from: a@b.test, user: u, password file: p, encryption: none}\n",
    );
    assert!(said.contains("expected no password to go out openly"), "{said}");
}

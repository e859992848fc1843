//! Who may do what: tokens and their scopes, and what is spoken beyond this host.

use std::process::Output;

use crate::common::Bench;
use crate::daemon::Daemon;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn granted(bench: &Bench, arguments: &[&str]) -> String {
    let output = bench.output(&[&["token", "new"], arguments].concat());
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn a_token_allows_what_its_scope_does_until_it_is_over_or_taken_back() {
    let bench = Bench::new();
    let daemon = Daemon::with(&bench, "virtual", &["--tokens"]);
    let viewer = granted(&bench, &["wall display", "--scope", "view"]);
    let nightly = granted(&bench, &["nightly", "--scope", "run", "--for", "1 h"]);
    let brief = granted(&bench, &["brief", "--scope", "administer", "--for", "1 ms"]);
    let bearer = |token: &str| format!("Bearer {token}");
    let job = "{\"scenario\":\"smoke/short-bolus\",\"submitter\":\"anna\"}";
    for (method, path, authorization, body, status) in [
        ("GET", "openapi.json", None, "", 200),
        ("GET", "status", None, "", 401),
        ("GET", "status", Some(bearer("0123")), "", 401),
        ("GET", "status", Some(bearer(&brief)), "", 401),
        ("GET", "status", Some(bearer(&viewer.replace(&viewer[..2], "zz"))), "", 401),
        ("GET", "status", Some(format!("Basic {viewer}")), "", 401),
        ("GET", "status", Some(viewer.clone()), "", 401),
        ("GET", "status", Some(bearer(&"9".repeat(10_000))), "", 401),
        ("GET", "status", Some(bearer(&viewer)), "", 200),
        ("POST", "jobs", Some(bearer(&viewer)), job, 403),
        ("POST", "jobs", None, job, 401),
        ("POST", "jobs", Some(bearer(&nightly)), job, 201),
        ("POST", "runs/x/notes", Some(bearer(&nightly)), "{\"text\":\"x\",\"by\":\"x\"}", 403),
        ("POST", "stations/1/release", Some(bearer(&nightly)), "{\"by\":\"x\",\"because\":\"x\"}", 403),
    ] {
        let (found, answer) = daemon.ask(method, path, authorization.as_deref(), body);
        assert_eq!(found, status, "{method} {path} with {authorization:?}: {answer}");
        assert_eq!(status == 401, answer.contains("www-authenticate: Bearer"), "{answer}");
    }
    let (_, answer) = daemon.ask("POST", "jobs", Some(&bearer(&viewer)), job);
    assert!(
        answer.contains("expected a token that allows to run, but that of wall display allows to view"),
        "{answer}"
    );
    // The client takes its token from the environment.
    let status = |token: &str| {
        let mut command = bench.command(&["status", "--daemon", &daemon.url]);
        command.env("DOSEBENCH_TOKEN", token).output().expect("it starts")
    };
    assert!(status(&nightly).status.success());
    let again = bench.output(&["token", "new", "nightly", "--scope", "run"]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    let revoked = bench.output(&["token", "revoke", "nightly", "--because", "it was in a log"]);
    assert!(revoked.status.success(), "{}", said(&revoked));
    let refused = status(&nightly);
    assert_eq!(refused.status.code(), Some(2), "a replayed token: {}", said(&refused));
    assert!(said(&bench.output(&["token", "list"])).contains("wall display  view"));
    let audit = said(&bench.output(&["audit", "show"]));
    for part in ["access.granted", "access.revoked", "nightly (by token, for anna) over"] {
        assert!(audit.contains(part), "{part}: {audit}");
    }
    assert!(!audit.contains(&viewer) && !audit.contains(&nightly), "no token stands anywhere");
    assert!(bench.output(&["audit", "verify"]).status.success());
    daemon.stop();
}

#[test]
fn beyond_this_host_it_speaks_by_its_certificate_and_wants_a_token() {
    let bench = Bench::new();
    let open = bench.output(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.status.code(), Some(2), "{}", said(&open));
    assert!(said(&open).contains("expected a certificate and its key to listen on 0.0.0.0:0"), "{}", said(&open));
    let made = rcgen::generate_simple_self_signed(["bench.lab".to_owned(), "localhost".to_owned()]).expect("made");
    let certificate = bench.write("certificate.pem", &made.cert.pem());
    let key = bench.write("key.pem", &made.signing_key.serialize_pem());
    let wrong = bench.output(&["serve", "--listen", "0.0.0.0:0", "--certificate", &key, "--key", &certificate]);
    assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong));
    let arguments = [
        "serve",
        "--runs",
        "served",
        "--listen",
        "0.0.0.0:0",
        "--certificate",
        &certificate,
        "--key",
        &key,
        "--name",
        "bench.lab",
    ];
    let daemon = Daemon::of(&bench, &arguments);
    assert!(daemon.url.starts_with("https://"), "{}", daemon.url);
    let token = granted(&bench, &["anna", "--scope", "run"]);
    let url = format!("https://localhost:{}", daemon.port());
    let status = |url: &str, trust: Option<&str>, token: Option<&str>| {
        let mut command = bench.command(&["status", "--daemon", url]);
        for (name, value) in [("DOSEBENCH_TRUST", trust), ("DOSEBENCH_TOKEN", token)] {
            value.map(|value| command.env(name, value));
        }
        command.output().expect("it starts")
    };
    let good = status(&url, Some(&certificate), Some(&token));
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    let nobody = status(&url, Some(&certificate), None);
    assert_eq!(nobody.status.code(), Some(2), "{}", said(&nobody));
    assert!(said(&nobody).contains("expected a token that allows to view, but found none"), "{}", said(&nobody));
    for (url, trust) in [(&url, None), (&format!("http://localhost:{}", daemon.port()), Some(certificate.as_str()))] {
        let output = status(url, trust, Some(&token));
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    }
    let open = status("http://bench.lab:7316", None, Some(&token));
    assert_eq!(open.status.code(), Some(2), "no token goes out openly: {}", said(&open));
    let missing = status(&url, Some(&key), Some(&token));
    assert_eq!(missing.status.code(), Some(2), "{}", said(&missing));
    daemon.stop();
}

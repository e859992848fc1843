//! The API against its own description: whatever is sent to any operation, the daemon answers, as it says that it does, and goes on.
//!
//! What is sent is made from the description and from what breaks programs, by a seed. `cargo xtask hostile` does the same with a
//! generator of others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::common::Bench;
use crate::daemon::{Daemon, id_of};
use store::{Actor, Store};

/// So many requests an operation.
const EACH: u32 = 150;
/// Nothing hangs so long.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// What a body holds: each field, and the names of those that it must hold.
#[derive(Debug, Clone)]
struct Fields {
    all: Map<String, Value>,
    required: Vec<String>,
}

/// One operation as it is described.
#[derive(Debug, Clone)]
struct Operation {
    method: String,
    path: String,
    /// Names of what stands in the query.
    query: Vec<String>,
    /// What the body's fields are, if it has one.
    body: Option<Fields>,
    answers: Vec<u16>,
}

/// A request, as bytes behind its method and host.
#[derive(Debug, Clone)]
struct Wanted {
    target: String,
    kind: &'static str,
    body: Vec<u8>,
}

fn strings(of: &Value) -> Vec<String> {
    of.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn operations(description: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|of| of["in"] == "query").filter_map(|of| of["name"].as_str());
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let schema = match schema["$ref"].as_str() {
                Some(name) => &description["components"]["schemas"][name.rsplit('/').next().expect("a name")],
                None => schema,
            };
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                query: query.map(str::to_owned).collect(),
                body: operation.get("requestBody").map(|_| Fields {
                    all: schema["properties"].as_object().cloned().unwrap_or_default(),
                    required: strings(&schema["required"]),
                }),
                answers: operation["responses"]
                    .as_object()
                    .expect("answers")
                    .keys()
                    .filter_map(|of| of.parse().ok())
                    .collect(),
            });
        }
    }
    all
}

/// What there is of what an operation's path names.
type There = BTreeMap<&'static str, String>;

/// What stands in a path or a query, encoded or not.
fn segment() -> impl Strategy<Value = String> {
    let known = select(vec![
        "1",
        "2",
        "0",
        "-1",
        "99999999999999999999",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "%ff%fe",
        "a%0d%0ab",
        "report.html",
        "",
        "%2e%2e",
        "*",
        "'%20OR%201=1--",
        "%F0%9F%92%89",
        "NaN",
        "true",
        "1e400",
        ";",
        "%",
        "%zz",
        "a,b,,c",
    ]);
    let long = (1usize..5000).prop_map(|length| "x".repeat(length));
    prop_oneof![6 => known.prop_map(str::to_owned), 1 => long, 2 => "[a-zA-Z0-9._~%-]{0,30}"]
}

/// What a field may hold, wrong more often than right.
fn value(of: &Value) -> BoxedStrategy<Value> {
    let text = prop_oneof![
        select(vec![
            "",
            " ",
            "x",
            "anna",
            "\u{0}",
            "\u{202e}\u{feff}",
            "../../etc/passwd",
            "--help",
            "smoke/short-bolus",
            "steps: [",
            "- \n",
            "1",
            "{\"a\":1}",
            "\r\nX: y",
        ])
        .prop_map(|text| json!(text)),
        (1usize..20_000).prop_map(|length| json!("y".repeat(length))),
        any::<String>().prop_map(|text| json!(text)),
    ];
    let number = prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        select(vec![0, 1, -1]).prop_map(|number| json!(number)),
        Just(json!(1e308)),
    ];
    let other = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[[{"a": []}]]]])),
        any::<bool>().prop_map(|yes| json!(yes)),
    ];
    let allowed = of["enum"].as_array().cloned().unwrap_or_default();
    if allowed.is_empty() {
        prop_oneof![4 => text, 2 => number, 1 => other].boxed()
    } else {
        prop_oneof![4 => select(allowed), 1 => text, 1 => other].boxed()
    }
}

fn body(fields: &Fields) -> BoxedStrategy<Vec<u8>> {
    let each: Vec<_> =
        fields.all.iter().map(|(name, of)| (Just(name.clone()), prop::option::weighted(0.8, value(of)))).collect();
    let more = prop::option::weighted(0.1, ("[a-z_]{1,10}", value(&json!({}))));
    let object = (each, more).prop_map(|(fields, more)| {
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let object: Map<String, Value> = fields.chain(more).collect();
        Value::Object(object)
    });
    // What is let in: no more than must be said.
    let required: Map<String, Value> =
        fields.required.iter().map(|name| (name.clone(), json!("smoke/short-bolus"))).collect();
    let object = prop_oneof![
        8 => object.clone().prop_map(|object| object.to_string()),
        2 => Just(Value::Object(required).to_string()),
        // The same fields, unnamed.
        1 => object.clone().prop_map(|object| json!(object.as_object().map(|of| of.values().collect::<Vec<_>>())).to_string()),
        1 => (object, 1usize..40).prop_map(|(object, at)| object.to_string().chars().take(at).collect()),
    ];
    prop_oneof![
        8 => object.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (1usize..4000).prop_map(|deep| "[".repeat(deep).into_bytes()),
        1 => select(vec!["", "null", "1", "\"x\"", "{}", "[]", "{\"by\":\"x\",\"by\":\"y\"}", "{\"by\":1e999}"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ]
    .boxed()
}

fn wanted(operation: &Operation, there: &There) -> BoxedStrategy<Wanted> {
    let place = |name: &str| match there.get(name) {
        Some(what) => prop_oneof![1 => Just(what.clone()), 1 => segment()].boxed(),
        None => segment().boxed(),
    };
    let parts = operation.path.split('/').skip(1);
    let parts = parts.map(|part| if part.starts_with('{') { place(part) } else { Just(part.to_owned()).boxed() });
    let names = operation.query.clone();
    let query = (names.iter().map(|name| place(name)).collect::<Vec<_>>(), 0u8..4);
    let target = (parts.collect::<Vec<_>>(), query).prop_map(move |(parts, (values, without))| {
        let query: Vec<String> = names.iter().zip(values).map(|(name, value)| format!("{name}={value}")).collect();
        let query = if without > 0 && !query.is_empty() { format!("?{}", query.join("&")) } else { String::new() };
        format!("/{}{query}", parts.join("/"))
    });
    let kind = prop_oneof![8 => Just("application/json"), 1 => Just("text/plain"), 1 => Just("")];
    let body = operation.body.as_ref().map_or_else(|| Just(Vec::new()).boxed(), body);
    (target, kind, body).prop_map(|(target, kind, body)| Wanted { target, kind, body }).boxed()
}

/// The status of the answer, and what it says that it is; of a stream, its beginning alone is waited for.
fn answer(daemon: &Daemon, method: &str, wanted: &Wanted) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", daemon.port())).expect("it listens");
    stream.set_read_timeout(Some(ANSWERED_WITHIN)).expect("set");
    let kind = if wanted.kind.is_empty() { String::new() } else { format!("Content-Type: {}\r\n", wanted.kind) };
    let head = format!(
        "{method} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n",
        wanted.target,
        wanted.body.len()
    );
    stream.write_all(&[head.as_bytes(), &wanted.body].concat()).expect("written");
    let mut head = Vec::new();
    let mut lines = BufReader::new(&stream).lines();
    while let Some(line) = lines.next().and_then(Result::ok).filter(|line| !line.is_empty()) {
        head.push(line);
    }
    drop(stream.shutdown(Shutdown::Both));
    let status = head.first()?.split_whitespace().nth(1)?.parse().ok()?;
    let kind = head.iter().find_map(|line| line.strip_prefix("content-type: "));
    Some((status, kind.unwrap_or_default().to_owned()))
}

/// One run that has ended, one job that waits, and a station that is kept apart: so much there is to ask for.
fn busy(bench: &Bench, daemon: &Daemon) -> There {
    let ended = id_of(&daemon.tell(bench, &["submit", "smoke/short-bolus"]));
    let run = daemon.wait(ended)["runs"][0]["run"].as_str().expect("a run").to_owned();
    let mut store = Store::open(&bench.path("state"), Actor("a test".to_owned())).expect("a store");
    let rig = store.job(ended).expect("it is known").rig;
    store
        .quarantine(&store::Place { rig: &rig, station: "2", ports: &BTreeMap::new() }, "the line is changed")
        .expect("noted");
    let waits = id_of(&daemon.tell(bench, &["submit", "smoke/short-bolus", "--station", "2"]));
    let there = [
        ("{id}", waits.to_string()),
        ("{run}", run.clone()),
        ("{name}", "report.html".to_owned()),
        ("{station}", "2".to_owned()),
        ("runs", run),
        ("ended", "5".to_owned()),
        ("from", "3".to_owned()),
        ("readings", "false".to_owned()),
    ];
    there.into()
}

#[test]
fn whatever_is_sent_is_answered_as_described() {
    let bench = Bench::new();
    let daemon = Daemon::start(&bench, "virtual");
    let (_, description) = daemon.ask("GET", "openapi.json", None, "");
    let description = description.split_once("\r\n\r\n").expect("a body").1;
    let description: Value = serde_json::from_str(description).expect("a description");
    let all = operations(&description);
    assert!(
        all.len() > 15 && all.iter().any(|operation| operation.body.as_ref().is_some_and(|of| of.all.len() > 5)),
        "{all:?}"
    );
    let there = busy(&bench, &daemon);
    let seen = RefCell::new(BTreeSet::new());
    for operation in &all {
        let config = Config { cases: EACH, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let outcome = runner.run(&wanted(operation, &there), |wanted| {
            let Some((status, kind)) = answer(&daemon, &operation.method, &wanted) else {
                return Err(TestCaseError::fail("no answer"));
            };
            seen.borrow_mut().insert((operation.path.clone(), operation.method.clone(), status));
            // A path that is none of the operation's may be no path at all, or another operation's.
            let is_described = operation.answers.contains(&status) || [404, 405].contains(&status);
            prop_assert!(is_described && status < 500, "{status}");
            prop_assert!(status < 400 || kind == "application/problem+json", "{status} as {kind}");
            let is_list = operation.body.is_some() && wanted.body.starts_with(b"[");
            prop_assert!(!is_list || status >= 400, "fields have names");
            Ok(())
        });
        outcome.unwrap_or_else(|why| panic!("{} {}: {why}", operation.method, operation.path));
        // Some of it was let in, but for what is said to a run that has ended.
        let is_done = |(path, method, status): &(String, String, u16)| {
            (path, method) == (&operation.path, &operation.method) && *status < 300
        };
        let is_too_late = operation.path.ends_with("/answers") || operation.path.ends_with("/notes");
        assert!(is_too_late || seen.borrow().iter().any(is_done), "{} {}", operation.method, operation.path);
    }
    let statuses: BTreeSet<u16> = seen.borrow().iter().map(|(_, _, status)| *status).collect();
    assert!(
        [200, 201, 202, 204, 400, 404, 409, 415, 422].iter().all(|status| statuses.contains(status)),
        "{statuses:?}"
    );
    assert_eq!(daemon.ask("GET", "status", None, "").0, 200);
    let verified = bench.output(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    daemon.stop();
}

//! The API against its own description: whatever is sent to any operation, the daemon answers, as it says that it does, and goes on.
//!
//! What is sent is made from the description and from what breaks programs, by a seed. `cargo xtask hostile` does the same with a
//! generator of others.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::common::Bench;
use crate::daemon::Daemon;

/// So many requests an operation.
const EACH: u32 = 150;
/// Nothing hangs so long.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// One operation as it is described.
#[derive(Debug, Clone)]
struct Operation {
    method: String,
    path: String,
    /// Names of what stands in the query.
    query: Vec<String>,
    /// What the body's fields are, if it has one.
    body: Option<Map<String, Value>>,
    answers: Vec<u16>,
}

/// A request, as bytes behind its method and host.
#[derive(Debug, Clone)]
struct Wanted {
    target: String,
    kind: &'static str,
    body: Vec<u8>,
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
                body: operation
                    .get("requestBody")
                    .map(|_| schema["properties"].as_object().cloned().unwrap_or_default()),
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

fn body(fields: &Map<String, Value>) -> BoxedStrategy<Vec<u8>> {
    let each: Vec<_> =
        fields.iter().map(|(name, of)| (Just(name.clone()), prop::option::weighted(0.8, value(of)))).collect();
    let more = prop::option::weighted(0.1, ("[a-z_]{1,10}", value(&json!({}))));
    let object = (each, more).prop_map(|(fields, more)| {
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let object: Map<String, Value> = fields.chain(more).collect();
        Value::Object(object)
    });
    let object = prop_oneof![
        8 => object.clone().prop_map(|object| object.to_string()),
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

fn wanted(operation: &Operation) -> BoxedStrategy<Wanted> {
    let places = operation.path.matches('{').count();
    let (path, names) = (operation.path.clone(), operation.query.clone());
    let target = (prop::collection::vec(segment(), places), prop::collection::vec(segment(), names.len()), 0u8..4)
        .prop_map(move |(places, values, without)| {
            let mut target = String::new();
            let mut places = places.into_iter();
            for part in path.split('/').skip(1) {
                target.push('/');
                target.push_str(&if part.starts_with('{') {
                    places.next().unwrap_or_default()
                } else {
                    part.to_owned()
                });
            }
            let query: Vec<String> = names.iter().zip(values).map(|(name, value)| format!("{name}={value}")).collect();
            if without > 0 && !query.is_empty() {
                target.push_str(&format!("?{}", query.join("&")));
            }
            target
        });
    let kind = prop_oneof![8 => Just("application/json"), 1 => Just("text/plain"), 1 => Just("")];
    let body = operation.body.as_ref().map_or_else(|| Just(Vec::new()).boxed(), body);
    (target, kind, body).prop_map(|(target, kind, body)| Wanted { target, kind, body }).boxed()
}

/// The status of the answer; of a stream, its beginning alone is waited for.
fn status(daemon: &Daemon, method: &str, wanted: &Wanted) -> Option<u16> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", daemon.port())).expect("it listens");
    stream.set_read_timeout(Some(ANSWERED_WITHIN)).expect("set");
    let kind = if wanted.kind.is_empty() { String::new() } else { format!("Content-Type: {}\r\n", wanted.kind) };
    let head = format!(
        "{method} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n",
        wanted.target,
        wanted.body.len()
    );
    stream.write_all(&[head.as_bytes(), &wanted.body].concat()).expect("written");
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).ok()?;
    drop(stream.shutdown(Shutdown::Both));
    String::from_utf8_lossy(&beginning).split_whitespace().nth(1)?.parse().ok()
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
        all.len() > 15 && all.iter().any(|operation| operation.body.as_ref().is_some_and(|of| of.len() > 5)),
        "{all:?}"
    );
    let seen = RefCell::new(BTreeSet::new());
    for operation in &all {
        let config = Config { cases: EACH, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let outcome = runner.run(&wanted(operation), |wanted| {
            let status = status(&daemon, &operation.method, &wanted);
            prop_assert!(status.is_some(), "no answer");
            let status = status.unwrap_or(0);
            seen.borrow_mut().insert(status);
            // A path that is none of the operation's may be no path at all, or another operation's.
            let is_described = operation.answers.contains(&status) || [404, 405].contains(&status);
            prop_assert!(is_described && status < 500, "{status}");
            prop_assert!(
                !wanted.body.starts_with(b"[") || status >= 400 || operation.body.is_none(),
                "fields have names"
            );
            Ok(())
        });
        outcome.unwrap_or_else(|why| panic!("{} {}: {why}", operation.method, operation.path));
    }
    // It was not all refused at the door.
    assert!([200, 400, 404, 415, 422].iter().all(|status| seen.borrow().contains(status)), "{seen:?}");
    assert_eq!(daemon.ask("GET", "status", None, "").0, 200);
    let verified = bench.output(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    daemon.stop();
}

//! The daemon's client: requests, and the stream of a run's events.
//!
//! What the daemon answers is not trusted to be what it should: it is looked at, and named when it is not.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::config::Config;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, RequestBuilder};

use crate::Failure;

mod steady;

use steady::Steady;

/// Which daemon, unless it is said on the command line.
pub(crate) const DAEMON: &str = "DOSEBENCH_DAEMON";
/// The token that it is asked with, if it wants one.
const TOKEN: &str = "DOSEBENCH_TOKEN";
/// A file in PEM with the certificates that it may show, where those that everybody trusts do not do.
const TRUST: &str = "DOSEBENCH_TRUST";
/// How long an answer may take: the scenario is checked meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
/// A stream has something every 2 s, and a file goes on; a connection over which so long nothing comes has died.
const SILENT: Duration = Duration::from_secs(10);
/// One that was given up so ends by itself; a stream that is cut then is asked for again.
const ENDS: Duration = Duration::from_secs(6 * 3600);
/// Longer than any answer but files.
const ANSWER_MAX: u64 = 64 * 1024 * 1024;
/// So often a daemon that is away is asked again: it may be starting anew.
pub(crate) const TRIES: u32 = 30;
/// The pause before that.
const AGAIN: Duration = Duration::from_secs(1);
/// Statuses of requests whose sender is to blame.
const INPUT: std::ops::Range<u16> = 400..500;

/// Which daemon.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// The daemon's address; DOSEBENCH_DAEMON, or this host's usual one, unless given
    #[arg(long, value_name = "URL")]
    daemon: Option<String>,
}

impl Which {
    /// That one.
    pub(crate) fn named(url: &str) -> Self {
        Self { daemon: Some(url.to_owned()) }
    }
}

/// A daemon.
pub(crate) struct Client {
    agent: Agent,
    /// Streams take as long as the run does.
    streams: Agent,
    url: String,
    token: Option<String>,
}

/// An event of a run's stream.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// What it is: an event of the record if nothing is said.
    pub(crate) kind: String,
    /// Its number.
    pub(crate) id: Option<u64>,
    /// Its text.
    pub(crate) data: String,
}

impl Client {
    pub(crate) fn of(which: &Which) -> Result<Self, Failure> {
        let from_environment = || given(DAEMON);
        let usual = || format!("http://127.0.0.1:{}", server::PORT);
        let url = which.daemon.clone().or_else(from_environment).unwrap_or_else(usual);
        let here = is_this_host(&url);
        let token = given(TOKEN);
        if token.is_some() && !here && !url.starts_with("https://") {
            return Err(Failure::input(format!(
                "expected https:// where a token goes out to another host, but found {url}; anybody on the way could read it"
            )));
        }
        let tls = TlsConfig::builder().root_certs(trusted()?).build();
        let config = || {
            let agent = concat!("dosebench/", env!("CARGO_PKG_VERSION"));
            let config = Config::builder().http_status_as_error(false).tls_config(tls.clone()).user_agent(agent);
            // What this host says to itself is no proxy's.
            if here { config.proxy(None) } else { config }
        };
        Ok(Self {
            agent: config().timeout_global(Some(PATIENCE)).build().into(),
            streams: config()
                .timeout_connect(Some(PATIENCE))
                .timeout_recv_response(Some(PATIENCE))
                .timeout_recv_body(Some(ENDS))
                .build()
                .into(),
            url: url.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// What the daemon has at a path.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.json(path, self.known(self.agent.get(self.at(path))).call())
    }

    /// What the daemon makes of something.
    pub(crate) fn post(&self, path: &str, what: &Value) -> Result<Value, Failure> {
        let request = self.known(self.agent.post(self.at(path))).content_type("application/json");
        self.json(path, request.send(&what.to_string()))
    }

    /// Copies a file to a place; how long it is.
    pub(crate) fn fetch(&self, path: &str, to: &mut impl std::io::Write) -> Result<u64, Failure> {
        let answer = self.taken(path, self.known(self.streams.get(self.at(path))).call())?;
        let copied = std::io::copy(&mut Steady::new(answer.into_body().into_reader(), SILENT), to);
        copied.map_err(|why| Failure::bench(format!("expected all of {path} from {}, but {why}", self.url)))
    }

    /// The events of a run from a number on, until `each` wants no more or the stream breaks off. Every few seconds there is at
    /// least one that says nothing.
    pub(crate) fn events(&self, run: &str, from: u64, each: impl FnMut(Sent) -> bool) -> Result<(), Failure> {
        self.stream(&format!("/api/v1/runs/{run}/events?from={from}&readings=false"), each)
    }

    /// The same from the first on, with readings.
    pub(crate) fn every_event(&self, run: &str, each: impl FnMut(Sent) -> bool) -> Result<(), Failure> {
        self.stream(&format!("/api/v1/runs/{run}/events"), each)
    }

    fn stream(&self, path: &str, mut each: impl FnMut(Sent) -> bool) -> Result<(), Failure> {
        let answer = self.taken(path, self.known(self.streams.get(self.at(path))).call())?;
        let mut lines = BufReader::new(Steady::new(answer.into_body().into_reader(), SILENT));
        let (mut sent, mut line) = (Sent::default(), String::new());
        loop {
            line.clear();
            // A stream that breaks off is gone on with by whoever asked.
            match lines.by_ref().take(ANSWER_MAX).read_line(&mut line) {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
            let text = line.trim_end_matches(['\n', '\r']);
            if text.is_empty() {
                if !each(std::mem::take(&mut sent)) {
                    return Ok(());
                }
                continue;
            }
            match text.split_once(':').map(|(name, value)| (name, value.strip_prefix(' ').unwrap_or(value))) {
                Some(("event", value)) => value.clone_into(&mut sent.kind),
                Some(("id", value)) => sent.id = value.parse().ok(),
                Some(("data", value)) => sent.data.push_str(value),
                _ => {}
            }
        }
    }

    /// A request that says who asks.
    fn known<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The answer, if it is a good one.
    fn taken(&self, path: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Failure> {
        let mut answer = answer.map_err(|why| {
            let url = &self.url;
            Failure::bench(format!(
                "expected a daemon at {url}, but {why}; start one with `dosebench serve`, or name another with --daemon"
            ))
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let problem = read(&mut answer).unwrap_or(json!({}));
        let detail = problem["detail"].as_str().map(str::to_owned);
        let detail = detail.unwrap_or_else(|| format!("{path} was answered with {status}"));
        if !INPUT.contains(&status.as_u16()) {
            return Err(Failure::bench(detail));
        }
        // What the check has said is a report of its own.
        Err(if detail.contains("error: ") { Failure::problems(format!("{detail}\n")) } else { Failure::input(detail) })
    }

    fn json(&self, path: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, Failure> {
        let mut answer = self.taken(path, answer)?;
        if answer.status() == 204 {
            return Ok(Value::Null);
        }
        read(&mut answer)
            .ok_or_else(|| Failure::bench(format!("expected JSON from {}, but {path} has something else", self.url)))
    }
}

/// What the environment says, if it says anything.
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Whether an address is this host's own.
fn is_this_host(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or("");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

/// Which certificates are trusted: those that everybody trusts, or those of a file.
fn trusted() -> Result<RootCerts, Failure> {
    let Some(path) = given(TRUST) else { return Ok(RootCerts::WebPki) };
    let wrong =
        |why: String| Failure::input(format!("expected certificates in PEM in {TRUST}, but {path} has none: {why}"));
    let text = std::fs::read(&path).map_err(|why| wrong(why.to_string()))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(why) => Some(Err(why)),
        })
        .collect::<Result<_, _>>()
        .map_err(|why| wrong(why.to_string()))?;
    if certificates.is_empty() {
        Err(wrong("it holds other things".to_owned()))
    } else {
        Ok(RootCerts::from(certificates))
    }
}

fn read(answer: &mut Response<Body>) -> Option<Value> {
    let text = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string().ok()?;
    serde_json::from_str(&text).ok()
}

/// Asks again while the daemon is away, for a while.
pub(crate) fn patiently<T>(most: u32, ask: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut tries = 0;
    loop {
        match ask() {
            Err(failure) if failure.is_bench() && tries < most => {
                tries += 1;
                std::thread::sleep(AGAIN);
            }
            done => return done,
        }
    }
}

/// The id of a run that is named by it or by its folder.
pub(crate) fn run_id(run: &str) -> Result<&str, Failure> {
    let name = Path::new(run).file_name().and_then(|name| name.to_str()).filter(|name| server::is_run_id(name));
    name.ok_or_else(|| Failure::input(format!("expected the id of a run, or its folder, but found '{run}'")))
}

/// A name as a part of a path.
pub(crate) fn segment(name: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
}

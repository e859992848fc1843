//! The live page in a real browser: what it shows of a run that goes on, and what is done there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::common::{Bench, events};
use crate::daemon::{Daemon, id_of};
use crate::server::{PATIENCE, Server, eventually};
use domain::EventKind;
use domain::event::Answer;
use headless_chrome::protocol::cdp::types::Method;
use headless_chrome::{Browser, LaunchOptions, Tab};
use serde::Serialize;
use serde_json::Value;

/// A person is asked at once; then it delivers for as long as anybody looks.
const ASKS: &str = "scenario: A person <b>is</b> asked
weighing: {before: 13 s, after: 13 s, evaporation changes at most: 100 ug/s}
steps:
  - start: {continuous: 20 mL/day}
  - operator: {name: bubbles, do: look for bubbles, enter: {check weight: 9 g to 11 g, lot: text}, within: 5 min, else: stop safely}
  - hold: {name: delivered, for: 10 min}
";

fn submit(daemon: &Daemon, bench: &Bench, scenario: &str, token: &str) -> i64 {
    let mut command = bench.command(&["submit", scenario, "--daemon", &daemon.url]);
    id_of(&command.env("DOSEBENCH_TOKEN", token).output().expect("it starts"))
}

fn browser(folder: &Path) -> Browser {
    let named = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).flat_map(|folder| named.map(|name| folder.join(name))).find(|p| p.exists());
    let path: PathBuf = found.expect("a Chromium on the path; `cargo xtask test` installs one");
    let quiet = [
        "disable-dev-shm-usage",
        "disable-quic",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
    ];
    let quiet: Vec<String> = quiet.iter().map(|name| format!("--{name}")).collect();
    let options = LaunchOptions::default_builder()
        .path(Some(path))
        .sandbox(false)
        .user_data_dir(Some(folder.join("browser")))
        .args(quiet.iter().map(OsStr::new).collect())
        .window_size(Some((1280, 900)))
        .idle_browser_timeout(Duration::from_secs(120))
        .build();
    Browser::new(options.expect("options")).expect("a browser")
}

/// What a script comes to in the page.
fn of(tab: &Tab, script: &str) -> Value {
    let found = tab.evaluate(script, true).unwrap_or_else(|e| panic!("{e}: {script}"));
    found.value.unwrap_or(Value::Null)
}

fn becomes(tab: &Tab, what: &str, script: &str) {
    eventually(what, PATIENCE, || of(tab, script) == Value::Bool(true));
}

fn opened(browser: &Browser, url: &str) -> Arc<Tab> {
    let tab = browser.new_tab().expect("a tab");
    // Its streams never end, so nothing tells that it is loaded but what it shows.
    tab.navigate_to(url).expect("the page");
    tab
}

fn type_into(tab: &Tab, selector: &str, text: &str) {
    tab.wait_for_element(selector).and_then(|element| element.click().map(drop)).expect("an input");
    tab.type_str(text).expect("typed");
}

/// Presses a button by the keyboard.
fn press(tab: &Tab, selector: &str) {
    tab.wait_for_element(selector).expect("a button");
    of(tab, &format!("document.querySelector(\"{selector}\").focus()"));
    tab.press_key("Enter").expect("pressed");
}

/// The accessibility tree as the browser tells it: newer ones have properties that the library does not know.
#[derive(Debug, Serialize)]
struct AccessibilityTree {}

impl Method for AccessibilityTree {
    const NAME: &'static str = "Accessibility.getFullAXTree";
    type ReturnObject = Value;
}

/// What a screen reader is given of the page, in its order: the role and the name of each part.
fn heard(tab: &Tab) -> Vec<(String, String)> {
    let tree = tab.call_method(AccessibilityTree {}).expect("an accessibility tree");
    let nodes = tree["nodes"].as_array().into_iter().flatten().filter(|node| node["ignored"] != true);
    let words = |text: &str| text.split_whitespace().collect::<Vec<&str>>().join(" ");
    let text = |value: &Value| words(value["value"].as_str().unwrap_or_default());
    nodes.map(|node| (text(&node["role"]), text(&node["name"]))).collect()
}

/// Whoever hears the page instead of seeing it finds his way, and knows what each part is for.
fn is_heard_whole(tab: &Tab) {
    let heard = heard(tab);
    let named =
        ["button", "textbox", "link", "image", "img", "progressbar", "table", "columnheader", "article", "region"];
    let nameless = heard.iter().find(|(role, name)| named.contains(&role.as_str()) && name.trim().is_empty());
    assert_eq!(nameless, None, "{heard:?}");
    let has = |role: &str, name: &str| heard.iter().any(|(of, is)| of == role && is.contains(name));
    for (role, name) in [
        ("banner", ""),
        ("main", ""),
        ("contentinfo", ""),
        ("link", "Skip to the stations"),
        ("status", ""),
        ("alert", ""),
        ("StaticText", "station 1: asks: look for bubbles"),
        ("article", "Station 1"),
        ("heading", "Station 1"),
        ("heading", "The run asks"),
        ("textbox", "check weight 9 to 11 g"),
        ("button", "Answer"),
        ("progressbar", "station 1: share of the run that is done"),
        ("table", "Queue"),
        ("button", "Cancel job 1"),
    ] {
        let alike: Vec<&str> = heard.iter().filter(|(of, _)| of == role).map(|(_, name)| name.as_str()).collect();
        assert!(has(role, name), "expected the {role} '{name}', but found {alike:?}");
    }
    let drawn = heard.iter().filter(|(role, name)| role.starts_with("im") && name.contains(", between ")).count();
    assert!(drawn >= 10, "{heard:?}");
}

/// What was answered in the run that asks.
fn answer_in(runs: &Path) -> Answer {
    let folder = std::fs::read_dir(runs).expect("runs").flatten().map(|entry| entry.path());
    let asked = folder.filter(|folder| folder.display().to_string().ends_with("-asks")).last().expect("a run");
    let answered = events(&asked).0.into_iter().find_map(|event| match event.kind {
        EventKind::Answered(answer) => Some(answer),
        _ => None,
    });
    answered.expect("answered")
}

fn fails_and_is_acknowledged(tab: &Tab, server: &Server, id: i64) {
    // Nobody needs to say that he knows of a stop that somebody wanted.
    assert_eq!(of(tab, "document.querySelector('#past [data-acknowledge]')"), Value::Null);
    server.fault("pump", "stall", true);
    becomes(tab, "it has failed", "document.querySelector('#past').innerText.includes('fail')");
    press(tab, &format!("#past [data-acknowledge='{id}']"));
    becomes(tab, "somebody knows", "document.querySelector('#past').innerText.includes('acknowledged by Anna')");
}

#[test]
fn a_run_is_shown_as_it_goes_and_its_question_is_answered_there() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::start(&bench, &server.rig());
    let scenario = bench.write("asks.yaml", ASKS);
    let id = submit(&daemon, &bench, &scenario, "");
    let next = submit(&daemon, &bench, "smoke/short-bolus", "");
    let browser = browser(bench.folder.path());
    let tab = opened(&browser, &daemon.url);
    becomes(&tab, "it is connected", "document.querySelector('#link').textContent === 'connected'");
    becomes(&tab, "the run asks", "!document.querySelector('#station-1 .prompt').hidden");
    let shown = |selector: &str| of(&tab, &format!("document.querySelector('{selector}').innerText")).to_string();
    assert!(shown("#station-1 .doing").contains("A person <b>is</b> asked — step 2 of 3: bubbles"), "texts are texts");
    assert!(shown("#shout").contains("station 1: asks: look for bubbles"), "{}", shown("#shout"));
    assert!(shown("#queue").contains("smoke/short-bolus"));
    assert!(shown("#health").contains("simulated-0001") && shown("#health").contains("2027-01-31"));
    let painted = "[...document.querySelectorAll('#station-1 canvas')].filter(canvas => canvas.width && canvas.getContext('2d')\
                   .getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte)).length >= 10";
    becomes(&tab, "its channels are drawn", painted);
    let label = of(&tab, "document.querySelector('#station-1 canvas').getAttribute('aria-label')").to_string();
    assert!(label.contains("balance.mass: 2") && label.contains(" g, between "), "{label}");
    is_heard_whole(&tab);
    // Without a name nobody is answered; what does not fit is told; then it is answered by the keyboard alone.
    type_into(&tab, "#station-1 .prompt [name='check weight']", "12");
    type_into(&tab, "#station-1 .prompt [name='lot']", "A-7");
    tab.press_key("Enter").expect("pressed");
    becomes(&tab, "a name is wanted", "document.activeElement.id === 'who'");
    tab.type_str("Anna").expect("typed");
    type_into(&tab, "#station-1 .prompt [name='lot']", "");
    tab.press_key("Enter").expect("pressed");
    becomes(
        &tab,
        "what is wrong is told",
        "document.querySelector('#station-1 .prompt .wrong').textContent.includes('expected 9 g to 11 g')",
    );
    of(&tab, "document.querySelector('#station-1 .prompt [name=\"check weight\"]').value = ''");
    type_into(&tab, "#station-1 .prompt [name='check weight']", "10.02");
    tab.press_key("Enter").expect("pressed");
    becomes(&tab, "the question is gone", "document.querySelector('#station-1 .prompt').hidden");
    becomes(&tab, "and is not said any more", "document.querySelector('#shout').textContent === ''");
    becomes(
        &tab,
        "the run goes on",
        "document.querySelector('#station-1 .doing').innerText.includes('step 3 of 3: delivered')",
    );
    type_into(&tab, "#station-1 .note input", "a door was slammed");
    tab.press_key("Enter").expect("pressed");
    becomes(
        &tab,
        "the remark is in the record",
        "document.querySelector('#station-1 .told').textContent.includes('a door was slammed (Anna)')",
    );
    let left = of(&tab, "document.querySelector('#station-1 .left').textContent").to_string();
    assert!(left.contains("left at least"), "{left}");
    // It is cancelled there, the next one begins, and its report is a link away.
    of(&tab, "window.confirm = () => true");
    press(&tab, &format!("#queue [data-job='{id}']"));
    becomes(&tab, "it is a past run", "document.querySelector('#past').innerText.includes('aborted')");
    becomes(&tab, "the next one runs", "document.querySelector('#station-1 .doing').innerText.includes('Short bolus')");
    fails_and_is_acknowledged(&tab, &server, next);
    assert_eq!(of(&tab, "fetch(document.querySelector('#past a').href).then(answer => answer.status)"), 200);
    let answer = answer_in(&bench.path("served"));
    assert_eq!((answer.by.as_str(), answer.simulated), ("Anna", false));
    assert!(answer.entries.contains(&("check weight".to_owned(), "10.02 g".to_owned())), "{answer:?}");
    // The daemon goes away: what is shown is old, and the page says so.
    drop(daemon);
    becomes(&tab, "it says that it is old", "document.querySelector('#link').classList.contains('broken')");
    server.stop();
}

#[test]
fn where_a_token_is_wanted_the_page_asks_for_it_and_its_streams_bring_it() {
    let bench = Bench::new();
    let server = Server::start(&bench, "virtual");
    let daemon = Daemon::with(&bench, &server.rig(), &["--tokens"]);
    let granted = |name: &str, scope: &str| {
        let output = bench.output(&["token", "new", name, "--scope", scope]);
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    let (display, nightly) = (granted("wall", "view"), granted("nightly", "run"));
    let id = submit(&daemon, &bench, "smoke/short-bolus", &nightly);
    let browser = browser(bench.folder.path());
    let tab = opened(&browser, &daemon.url);
    becomes(&tab, "a token is wanted", "document.querySelector('#token-dialog').open");
    type_into(&tab, "#token", "not a token");
    tab.press_key("Enter").expect("pressed");
    becomes(
        &tab,
        "it is wanted again",
        "document.querySelector('#token-wrong').textContent.includes('expected a token')",
    );
    type_into(&tab, "#token", &display);
    tab.press_key("Enter").expect("pressed");
    becomes(&tab, "it is connected", "document.querySelector('#link').textContent === 'connected'");
    becomes(&tab, "the run's stream has come", "document.querySelectorAll('#station-1 canvas').length > 10");
    // What it allows is all that can be done.
    type_into(&tab, "#who", "Anna");
    of(&tab, "window.confirm = () => true");
    press(&tab, &format!("#queue [data-job='{id}']"));
    becomes(
        &tab,
        "that is refused",
        "document.querySelector('#wrong').textContent.includes('allows to view; ask for another')",
    );
    assert_eq!(of(&tab, "document.cookie"), "", "no script sees the token");
    server.stop();
}

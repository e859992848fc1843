//! The page of a log that somebody else recorded: what it says, that names of others stay inert in it, and that it needs no
//! network.

use std::fs;
use std::path::{Path, PathBuf};

use measure::budget::Distribution;
use measure::log::Input;
use reports::analysis::{Analysis, LogError, Request, analyze};
use sha2::Digest;

mod asked;

use asked::RATE_UL_PER_H;

fn request() -> Request {
    Request { evaporation_ug_per_s: Some(0.0), ..asked::request() }
}

/// Two terms, the first of that name; together 0.5 % for k = 2.
fn budget(name: &str) -> Vec<(String, Input, Distribution, f64)> {
    let share = |name: &str, u: f64| (name.to_owned(), Input::Share, Distribution::Normal { u }, f64::INFINITY);
    vec![share(name, 0.2), share("evaporation", 0.15)]
}

/// A day with a reading each half minute, of a pump that delivers 2 µL each 5.76 min: 1 % too much after the first hour.
fn day(folder: &Path, name: &str, columns: [&str; 2]) -> PathBuf {
    let row = |i: u32| {
        let t = f64::from(i) * 30.0;
        let pulses = (t / 345.6 + 1e-9).floor();
        let excess = 1.0 + 0.01 * f64::from(t > 3600.0);
        let noise = f64::from(i * 7919 % 13) * 1e-6 - 6e-6;
        format!("{t},{:.6}\n", 2e-3 * (10.0 + (pulses - 10.0) * excess) + noise)
    };
    let header = columns.map(|column| format!("\"{}\"", column.replace('"', "\"\""))).join(",");
    let path = folder.join(name);
    fs::write(&path, format!("{header}\n{}", (0..=2880).map(row).collect::<String>())).expect("a log");
    path
}

/// An even flow of so many hours, 2 % too much, a reading a minute.
fn even(folder: &Path, hours: u32) -> PathBuf {
    let row = |i: u32| format!("{},{:.9}\n", i * 60, 1.02e-3 * RATE_UL_PER_H * f64::from(i) / 60.0);
    let path = folder.join("even.csv");
    fs::write(&path, format!("time,mass\n{}", (0..=hours * 60).map(row).collect::<String>())).expect("a log");
    path
}

fn page(analysis: &Analysis, folder: &Path) -> String {
    analysis.write(folder).expect("written");
    fs::read_to_string(folder.join("report.html")).expect("a page")
}

/// What is seen, without the plots' scripts.
fn seen(page: &str) -> &str {
    page.split_once("<script type=\"application/json\"").expect("the plots' data").0
}

#[track_caller]
fn says(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "expected '{text}' in {}", seen(page));
    }
}

/// Of a page whose names of others hold no markup.
#[track_caller]
fn fetches_nothing(page: &str) {
    let seen = seen(page).replace("http://www.w3.org/2000/svg", "");
    for forbidden in ["http-equiv=\"refresh\"", " src=", "@import", "url(", "http:", "https:", "<link", "<base"] {
        assert!(!seen.contains(forbidden), "the page reaches out: {forbidden}");
    }
    assert!(seen.split("href=").skip(1).all(|link| link.starts_with("\"#")), "links stay on the page");
}

#[test]
fn a_page_holds_figures_plots_budget_and_method() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = day(folder.path(), "day.csv", ["time", "mass"]);
    let request = Request { budget: Some(budget("balance")), ..request() };
    let analysis = analyze(&log, &request).expect("figures");
    let page = page(&analysis, &folder.path().join("out"));
    let sha256 = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(fs::read(&log).expect("the log")));
    says(
        &page,
        &[
            "<title>Accuracy of day.csv</title>",
            &format!("<code>{sha256}</code>"),
            "µL delivered in 24 h where 500 µL were commanded: mean error 0.96 % ± 0.",
            "Nothing is judged here",
            "Commanded rate</th><td class=\"value\">20.8333 µL&#x2f;h",
            "Expanded uncertainty U of the mean error",
            "Repeatability of the mean error",
            "Mean error A, second hour</th><td class=\"value\">+0.987 %",
            "over 11 whole pulse cycles, so that no pulse falls on an end",
            "Mean error B, last hour</th><td class=\"value\">+0.987 %",
            "Start-up: flow over the first 15 min",
            "15.5 h</th>",
            "Pulses</th><td class=\"value\">250",
            "Pulse period</th><td class=\"value\">345.",
            "Pulse volume, mean",
            "161</th>",
            "<tr><th scope=\"row\">balance</th><td>B</td><td>normal</td>",
            "means over parts of the period",
            "<td class=\"num\">100 %</td><td>U = ",
            "density of 1000 kg&#x2f;m³ as given",
            "immersed needle",
            "Needle, outer diameter</th><td>not given",
            "column mass",
            "Readings</th><td>2881",
            "Spacing of the readings (median)</th><td>30 s",
            "Sample interval</th><td>15 min",
            "0 s to 24 h",
            "adapted from IEC 60601-2-24",
            "scope excludes implants",
            &format!("dosebench {}", env!("CARGO_PKG_VERSION")),
        ],
    );
    for plot in ["delivered.svg", "start-up.svg", "trumpet.svg", "pulses.svg"] {
        says(&page, &[&format!("<div class=\"card\" data-plot=\"{plot}\"><div class=\"still\"><svg")]);
        assert!(folder.path().join("out").join(plot).exists(), "{plot}");
    }
    let data = page.split("id=\"plot-data\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect("data");
    let plots: serde_json::Value = serde_json::from_str(data).expect("JSON");
    fetches_nothing(&page);
    let names: Vec<_> = plots.as_array().expect("plots").iter().map(|plot| plot["file"].as_str()).collect();
    assert_eq!(names, [Some("delivered.svg"), Some("start-up.svg"), Some("trumpet.svg")]);
}

#[test]
fn what_is_not_known_is_said_to_be_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let told = |hours, request: &Request| {
        page(&analyze(&even(folder.path(), hours), request).expect("figures"), &out.join(hours.to_string()))
    };
    let long = told(3, &asked::request());
    fetches_nothing(&long);
    says(
        &long,
        &[
            "mean error +2.000 %; uncertainty not stated: no budget was given.",
            "not stated</td>",
            "Mean error A, second hour</th><td class=\"value\">+2.000 %",
            "From 01:00:00 to 02:00:00 since the first reading. As little of the first hour",
            "No budget was given, so no uncertainty is stated.",
            "<li>evaporation</li>",
            "The period is too short for 3 of the usual windows.",
        ],
    );
    assert!(!long.contains("id=\"pulses\"") && !long.contains("budget.svg"));
    let short = told(1, &request());
    for name in ["Mean error A, second hour", "Mean error B, last hour"] {
        says(
            &short,
            &[&format!("{name}</th><td class=\"value\">not given</td>"), "a period of at least 2 h, but found 60 min"],
        );
    }
}

/// Figures and hash of one page are of the same bytes: a logger that goes on writing is no reason for another.
#[test]
fn a_log_that_changes_meanwhile_has_no_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let changed = |change: &dyn Fn(&Path)| {
        let log = even(folder.path(), 3);
        let analysis = analyze(&log, &request()).expect("figures");
        change(&log);
        analysis.write(&out)
    };
    let append = |log: &Path| {
        let mut text = fs::read(log).expect("the log");
        text.extend(b"10860,1\n");
        fs::write(log, text).expect("written");
    };
    let touch = |log: &Path| {
        let file = fs::File::options().write(true).open(log).expect("the log");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("touched");
    };
    let remove = |log: &Path| fs::remove_file(log).expect("removed");
    let refused = |change: &dyn Fn(&Path), says: &str| {
        match changed(change) {
            Err(LogError::Input(why)) => assert!(why.contains("even.csv") && why.contains(says), "{why}"),
            other => panic!("expected it to be refused, but found {other:?}"),
        }
        assert!(!out.exists(), "nothing was written");
    };
    refused(&append, "bytes;");
    refused(&touch, "one that was written meanwhile");
    refused(&remove, "none any more");
    changed(&|_| ()).expect("it is as it was");
}

#[test]
fn names_of_others_are_inert() {
    let folder = tempfile::tempdir().expect("a folder");
    let evil = "</title></style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}";
    let file = "a<svg onload=alert(3)>&\"' {{ 7*7 }}.csv";
    let log = day(folder.path(), file, [&format!("t{evil}"), &format!("m{evil}")]);
    let request = Request { budget: Some(budget(&format!("b{evil}"))), ..request() };
    let page = page(&analyze(&log, &request).expect("figures"), &folder.path().join("out"));
    let seen = seen(&page);
    for tag in ["<script", "<img", "<svg onload", "</title></style>", "<iframe", "<link", "<base"] {
        assert!(!seen.contains(tag), "{tag} got into the page");
    }
    let escaped = "&lt;script&gt;alert(1)&lt;&#x2f;script&gt;";
    assert!(seen.matches(escaped).count() >= 3, "both columns and the term are told");
    says(seen, &["<h1>a&lt;svg onload=alert(3)&gt;&amp;&quot;&#x27; {{ 7*7 }}.csv</h1>"]);
    let policy = seen.split("Content-Security-Policy").nth(1).and_then(|rest| rest.lines().next()).expect("a policy");
    assert!(policy.contains("default-src 'none'; script-src 'sha256-"), "{policy}");
    let scripts = &page[seen.len()..];
    let bodies: Vec<&str> =
        scripts.split("<script>").skip(1).map(|script| script.split("</script>").next().unwrap_or("")).collect();
    assert_eq!((bodies.len(), scripts.matches("<script").count()), (2, 3), "data, library and script");
    for body in bodies {
        let hash = data_encoding::BASE64.encode(&sha2::Sha256::digest(body.as_bytes()));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "the policy lets this script run");
    }
}

//! The fields of a verification report on page, paper and in Markdown: not given where nobody gave them, and as text, never as
//! markup, where somebody did.

mod fake;

use std::fs;
use std::sync::Arc;

use domain::event::{Answer, Opened};
use domain::profile::{ChannelProfile, InstrumentProfile, Role};
use domain::stated::{Approval, Papers, SiteStated, Stated, TestStated};
use domain::{Channel, CheckVerdict, Event, EventKind};
use fake::{Fake, Stream, derive, stream, text};
use reports::{Wanted, write};

fn short() -> Fake {
    Fake { lasts_s: 600, ..Fake::default() }
}

fn opened(stream: &mut Stream) -> &mut Opened {
    match &mut stream.events.first_mut().expect("events").kind {
        EventKind::Opened(opened) => opened,
        other => panic!("expected the opening event, but found {other:?}"),
    }
}

/// Puts an event behind the last step's beginning, and counts the others on.
fn insert(stream: &mut Stream, kind: EventKind) {
    let place =
        stream.events.iter().rposition(|e| matches!(e.kind, EventKind::StepEntered { .. })).expect("a step") + 1;
    let t_ns = stream.events[place].t_ns;
    stream.events.insert(place, Event { seq: 0, t_ns, station: Arc::from("1"), kind });
    for (seq, event) in (0..).zip(&mut stream.events) {
        event.seq = seq;
    }
}

/// The row of the page that begins with that cell, without its tags.
fn row(page: &str, name: &str) -> String {
    let begins = format!("<th scope=\"row\">{name}");
    let fields = page.split_once("<h2 id=\"fields\">").expect("the fields of a verification report").1;
    let row = fields.split("<tr>").find(|row| row.starts_with(&begins)).unwrap_or_else(|| panic!("no row {name}"));
    let row = row.split_once("</tr>").expect("a whole row").0;
    let cells = row.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text.trim());
    cells.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" / ")
}

#[test]
fn what_nobody_gave_is_not_given() {
    let (folder, summary) = derive(&stream(&short()));
    let (page, markdown) = (text(folder.path(), "report.html"), text(folder.path(), "summary.md"));
    for field in [
        "Objective",
        "Validation status of the tool",
        "Site",
        "Operator",
        "Machine's clock set by",
        "Lot",
        "Hardware",
        "Finished device, or why it stands for it",
        "Conditioning",
        "Units",
        "Runs a unit",
        "Confidence",
        "Reliability",
        "Rationale",
        "Degassing",
        "Adapted from (standard, edition)",
        "Departs from it by plan",
        "Data analysis plan",
    ] {
        let escaped = field.replace('\'', "&#x27;");
        assert!(row(&page, &escaped).starts_with(&format!("{escaped} / not given")), "{}", row(&page, &escaped));
        let field = field.replace('(', "\\(").replace(')', "\\)");
        assert!(markdown.contains(&format!("| {field} | *not given*")), "{field}: {markdown}");
    }
    assert_eq!(row(&page, "<span class=\"missing\">not given"), "not given / not given / not given", "approvals");
    assert_eq!(row(&page, "Air pressure").split(" / ").nth(1), Some("not measured"));
    for meaning in ["Author", "Reviewer", "Approver"] {
        assert_eq!(row(&page, meaning), meaning, "nothing is signed");
    }
    assert_eq!((summary.device.lot, summary.fluid.lot), (None, None));
    assert!(page.contains("clause text was not checked against the purchased standard"));
    assert!(row(&page, "What stood behind the link").contains("simulated"));
    assert!(row(&page, "Clock of run time").contains("virtual time, simulated"));
}

/// Texts that would be markup on a page, on paper and in Markdown, each with a number of its own.
fn hostile() -> Stated {
    let mut count = 0;
    let mut next = || {
        count += 1;
        format!("v{count}</td><script>alert({count})</script>|*b*[l](http://x)`#panic(\"x\")$x_{count}")
    };
    let test = TestStated {
        objective: Some(next()),
        conditioning: Some(next()),
        finished_device: Some(next()),
        units: Some(next()),
        runs: Some(next()),
        confidence: Some(next()),
        reliability: Some(next()),
        sample_rationale: Some(next()),
        data_analysis: Some(next()),
        standard: Some(next()),
        deviations: vec![next(), next()],
        approvals: vec![Approval { name: next(), date: "2026-11-20".to_owned(), meaning: next() }],
    };
    let papers = Papers {
        instrument: "thermometer".to_owned(),
        certificate: Some(next()),
        due: Some("2027-01-31".to_owned()),
        range: Some(next()),
        uncertainty: Some(next()),
    };
    let site =
        SiteStated { name: Some(next()), tool_validation: Some(next()), clock: Some(next()), papers: vec![papers] };
    assert_eq!(count, 20);
    Stated { test, site }
}

fn thermometer(like: &InstrumentProfile) -> InstrumentProfile {
    let channels = vec![ChannelProfile { channel: "thermometer.temperature".to_owned(), unit: "°C".to_owned() }];
    InstrumentProfile { name: "thermometer".to_owned(), role: Role::Fluid, channels, calibration: None, ..like.clone() }
}

#[test]
fn what_was_stated_is_shown_and_is_no_markup() {
    let mut stream = stream(&short());
    let opened = opened(&mut stream);
    opened.stated = hostile();
    let thermometer = thermometer(&opened.profile.instruments[0]);
    opened.profile.instruments.push(thermometer);
    let remark = "v21</td><script>alert(21)</script>|*b*[l](http://x)`#panic(\"x\")$x_21";
    insert(&mut stream, EventKind::Remarked { text: remark.to_owned(), by: "R. Reader".to_owned() });
    let (folder, _) = derive(&stream);
    let (page, markdown) = (text(folder.path(), "report.html"), text(folder.path(), "summary.md"));
    let page = page.split_once("<script type=\"application/json\"").expect("the plots' data").0;
    assert!(!page.contains("<script"), "a script got into the page");
    for n in 1..=21 {
        let on_page = format!("v{n}&lt;&#x2f;td&gt;&lt;script&gt;alert({n})&lt;&#x2f;script&gt;|*b*[l](http:");
        assert!(page.contains(&on_page), "text {n} is not on the page as text");
        let in_markdown =
            format!("v{n}&lt;/td&gt;&lt;script&gt;alert\\({n}\\)&lt;/script&gt;\\|\\*b\\*\\[l\\]\\(http://x\\)\\`\\#");
        assert!(markdown.contains(&in_markdown), "text {n} is not in Markdown as text");
    }
    assert!(!page.contains("class=\"missing\">not given</span></td></tr>\n<tr><th scope=\"row\">Conditioning</th>"));
    write(folder.path(), &Wanted { html: false, pdf: true, junit: false, json: false }).expect("a PDF reads no markup");
    assert!(fs::read(folder.path().join("report.pdf")).expect("a PDF").starts_with(b"%PDF-1.7"));
}

#[test]
fn an_approval_that_came_after_the_run_began_is_named() {
    let mut stream = stream(&short());
    let approval = |name: &str, date: &str| Approval {
        name: name.to_owned(),
        date: date.to_owned(),
        meaning: "approver".to_owned(),
    };
    opened(&mut stream).stated.test.approvals =
        vec![approval("In Time", "2026-11-22"), approval("Too Late", "2026-11-23"), approval("Who Knows", "soon")];
    let (folder, _) = derive(&stream);
    let page = text(folder.path(), "report.html");
    assert_eq!(row(&page, "In Time"), "In Time / 2026-11-22 / approver");
    assert_eq!(row(&page, "Too Late"), "Too Late / 2026-11-23 / after the run had begun / approver");
    assert!(row(&page, "Who Knows").contains("whether it was before the run is not known"));
}

#[test]
fn what_operators_enter_becomes_lot_hardware_and_degassing() {
    let mut stream = stream(&short());
    let entries = [
        ("device lot", "L-7"),
        ("device hardware", "rev C"),
        ("fluid lot", "W-12"),
        ("fluid degassing", "30 min at 40 hPa"),
        ("device conditioning", "primed twice"),
    ];
    let answer = |simulated| Answer {
        prompt: "prime".to_owned(),
        entries: entries.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        by: "O. Perator".to_owned(),
        simulated,
    };
    insert(&mut stream, EventKind::Answered(answer(false)));
    let (folder, summary) = derive(&stream);
    let page = text(folder.path(), "report.html");
    assert_eq!(summary.device.lot.as_deref(), Some("L-7"));
    assert_eq!(summary.device.hardware.as_deref(), Some("rev C"));
    assert_eq!(summary.fluid.lot.as_deref(), Some("W-12"));
    assert_eq!(row(&page, "Degassing"), "Degassing / 30 min at 40 hPa");
    assert_eq!(row(&page, "Conditioning as"), "Conditioning as entered / primed twice");
    assert_eq!(row(&page, "Operator&#x27;s steps"), "Operator&#x27;s steps answered by / O. Perator");

    let mut scripted = self::stream(&short());
    insert(&mut scripted, EventKind::Answered(answer(true)));
    let (_folder, summary) = derive(&scripted);
    let expect = Some("W-12 (a script's answer)");
    assert_eq!(summary.fluid.lot.as_deref(), expect, "nobody takes a script's answer for a person's");
}

#[test]
fn the_environment_is_what_was_read_over_the_run() {
    let mut stream = stream(&short());
    let opened = opened(&mut stream);
    let thermometer = thermometer(&opened.profile.instruments[0]);
    opened.profile.instruments.push(thermometer);
    let mut odd = false;
    let mut read = 0;
    for event in &mut stream.events {
        if let EventKind::Reading(reading) = &mut event.kind
            && reading.channel.as_str() == "pump.commanded_rate"
        {
            odd = !odd;
            read += 1;
            reading.channel = Channel::new("thermometer.temperature");
            reading.value = if odd { 22.0 } else { 23.5 };
        }
    }
    let (folder, _) = derive(&stream);
    let page = text(folder.path(), "report.html");
    assert_eq!(read % 2, 0, "as many of the one as of the other");
    let expect =
        format!("Liquid temperature / 22.00 °C / 22.75 °C / 23.50 °C / – / in the vessel 23 ± 0.5 °C / {read}");
    assert_eq!(row(&page, "Liquid temperature"), expect);
    assert_eq!(
        row(&page, "thermometer.temperature"),
        format!("thermometer.temperature / 1 s / {read} / 10.0 s / 10.0 s / 0")
    );
}

#[test]
fn a_requirement_is_as_good_as_its_worst_check() {
    let mut stream = stream(&short());
    opened(&mut stream).requirements.push(("SRS-043".to_owned(), "An occlusion raises an alarm.".to_owned()));
    for event in &mut stream.events {
        if let EventKind::CheckDecided(check) = &mut event.kind
            && check.head.name == "no alarm"
        {
            check.verdict = CheckVerdict::Fail;
            check.reason = Some("an alarm came".to_owned());
        }
    }
    let (folder, summary) = derive(&stream);
    let page = text(folder.path(), "report.html");
    let traced = row(&page, "SRS-042");
    let others: Vec<CheckVerdict> = summary.checks.iter().skip(1).map(|check| check.verdict).collect();
    assert!(others.iter().all(|verdict| *verdict != CheckVerdict::Fail), "{others:?}");
    assert!(traced.contains("no alarm; accuracy; worst hour / Fail / ") && traced.contains("1 fail"), "{traced}");
    assert!(row(&page, "SRS-043").ends_with("no check of this run / not verified by this run"));
    assert!(page.contains(" 1 rejected, "), "the conclusion counts it");
}

#[test]
fn losses_and_remarks_are_anomalies_without_a_disposition() {
    let mut stream = stream(&Fake { gap: true, lasts_s: 1800, ..Fake::default() });
    let remark = EventKind::Remarked { text: "the door slammed".to_owned(), by: "O. Perator".to_owned() };
    insert(&mut stream, remark);
    let (folder, _) = derive(&stream);
    let page = text(folder.path(), "report.html");
    let anomalies =
        page.split_once("id=\"anomalies\"").expect("anomalies").1.split_once("</section>").expect("an end").0;
    let rows: Vec<&str> = anomalies.split("<tr>").skip(2).collect();
    assert!(rows.iter().any(|row| row.contains("the door slammed (O. Perator)")), "{anomalies}");
    assert!(
        rows.iter().any(|row| row.contains("balance: no answer") && row.contains("back after 5 min")),
        "{anomalies}"
    );
    assert!(rows.iter().all(|row| row.contains("<span class=\"missing\">not given</span>")), "{anomalies}");
    let extract = page.split_once("id=\"extract\"").expect("an extract").1;
    assert!(extract.contains("the door slammed") && extract.contains("2026-11-22 16:"), "with its time by the clock");
}

#[test]
fn raw_data_are_named_with_their_hashes() {
    let folder = tempfile::tempdir().expect("a folder");
    stream(&short()).record(folder.path());
    fs::write(folder.path().join("scenario.yaml"), "abc").expect("written");
    write(folder.path(), &Wanted::default()).expect("derived files");
    let page = text(folder.path(), "report.html");
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(row(&page, "scenario.yaml"), format!("scenario.yaml / {abc}"));
    let manifest: serde_json::Value = serde_json::from_str(&text(folder.path(), "manifest.json")).expect("a manifest");
    let record = manifest["files"]["record.mcap"].as_str().expect("a hash");
    assert_eq!(row(&page, "record.mcap"), format!("record.mcap / {record}"));
    assert!(!page.contains(">samples.parquet<"), "what was derived is no raw data");
    assert!(text(folder.path(), "summary.md").contains(record));
}

//! Whole runs through the crate's front door: a fake stream is recorded, its files are derived and read again.

mod fake;

use std::fs::{self, File};
use std::path::Path;

use domain::identity::{Nature, Tier};
use domain::{CheckVerdict, EventKind, RunVerdict};
use fake::{Fake, READY_S, Stream, derive, stream, text};
use polars::prelude::{ParquetReader, SerReader};
use reports::{ReportError, Summary, Wanted, write};
use sha2::Digest;

/// Takes away everything from the first event on that fits.
fn cut(mut stream: Stream, at: impl Fn(&EventKind) -> bool) -> Stream {
    let place = stream.events.iter().position(|event| at(&event.kind)).expect("an event that fits");
    stream.events.truncate(place);
    stream
}

#[test]
fn a_run_that_passes_is_green_everywhere() {
    let (folder, summary) = derive(&stream(&Fake::default()));
    assert_eq!(summary.verdict, RunVerdict::Pass, "{:?}", summary.reason);
    assert_eq!((summary.tier, summary.rig_seconds), (Some(Tier::Virtual), Some(8402.041)));
    let names: Vec<&str> = summary.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["no alarm", "accuracy", "worst hour"]);
    assert!(summary.checks[1].expanded_uncertainty.is_some_and(|u| u > 0.0));
    assert_eq!(summary.device.model.as_deref(), Some("ref-board"));
    let density = summary.fluid.density_kg_per_m3.expect("water has a density");
    assert!((density - 997.540_83).abs() < 1e-4);

    let stored: Summary = serde_json::from_str(&text(folder.path(), "summary.json")).expect("a summary");
    assert_eq!(stored, summary);
    let junit = text(folder.path(), "junit.xml");
    assert!(junit.contains("tests=\"3\"") && junit.contains("failures=\"0\"") && junit.contains("errors=\"0\""));
    let page = text(folder.path(), "report.html");
    assert!(page.contains("Simulated: no figure in this report was measured on a device."));
    assert!(page.contains("overdue"), "the calibration fell due before the rig's epoch");
    for plot in ["delivered", "error", "rate", "channel-balance.mass"] {
        assert!(folder.path().join(format!("plots/{plot}.svg")).exists(), "{plot} is missing");
    }
    assert!(folder.path().join("manifest.json").exists());
}

#[test]
fn the_summary_has_every_key_of_the_contract() {
    let (folder, _) = derive(&cut(stream(&Fake::default()), |kind| matches!(kind, EventKind::Attached { .. })));
    let value: serde_json::Value = serde_json::from_str(&text(folder.path(), "summary.json")).expect("JSON");
    let keys =
        |value: &serde_json::Value| -> Vec<String> { value.as_object().expect("an object").keys().cloned().collect() };
    let mut expected = vec![
        "schema",
        "run",
        "scenario",
        "rig",
        "tier",
        "station",
        "seed",
        "verdict",
        "reason",
        "stream_sha256",
        "purpose",
        "protocol",
        "operator",
        "device",
        "fluid",
        "instruments",
        "decision_rule",
        "exclusions",
        "deviations",
        "started",
        "rig_seconds",
        "wall_seconds",
        "folder",
        "checks",
    ];
    expected.sort_unstable();
    let mut found = keys(&value);
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(value["device"]["serial"], serde_json::Value::Null);
    assert_eq!(keys(&value["device"]).len(), 6);
    assert_eq!(value["rig_seconds"], serde_json::Value::Null);
    let mut check = keys(&value["checks"][0]);
    check.sort_unstable();
    let mut expected = vec![
        "name",
        "step",
        "verdict",
        "value",
        "unit",
        "expanded_uncertainty",
        "coverage_factor",
        "limit_low",
        "limit_high",
        "requirements",
    ];
    expected.sort_unstable();
    assert_eq!(check, expected);
}

#[test]
fn a_pump_that_delivers_too_much_fails() {
    let (folder, summary) = derive(&stream(&Fake { error_percent: 20.0, ..Fake::default() }));
    assert_eq!((summary.verdict, summary.exit_code()), (RunVerdict::Fail, 1));
    let junit = text(folder.path(), "junit.xml");
    assert!(junit.contains("failures=\"2\"") && junit.contains("allowed −5 to 5 %"), "{junit}");
}

#[test]
fn a_stream_without_an_end_is_interrupted() {
    let whole = stream(&Fake::default());
    let (folder, summary) = derive(&cut(whole, |kind| matches!(kind, EventKind::CheckDecided(_))));
    assert_eq!((summary.verdict, summary.reason.as_deref()), (RunVerdict::Error, Some("interrupted")));
    assert!(summary.checks.iter().all(|check| check.verdict == CheckVerdict::NotRun && check.value.is_none()));
    let junit = text(folder.path(), "junit.xml");
    assert!(junit.contains("errors=\"4\""), "three checks and the run itself: {junit}");
    assert!(text(folder.path(), "report.html").contains("The stream has no end"));
}

#[test]
fn a_stop_without_an_end_is_aborted() {
    let mut torn = cut(stream(&Fake::default()), |kind| matches!(kind, EventKind::CheckDecided(_)));
    let mut last = torn.events.last().expect("events").clone();
    last.seq += 1;
    last.kind = EventKind::StopAsked { cause: "SIGTERM".to_owned() };
    torn.events.push(last);
    let (_folder, summary) = derive(&torn);
    assert_eq!((summary.verdict, summary.exit_code()), (RunVerdict::Aborted, 5));
    assert_eq!(summary.reason.as_deref(), Some("stopped: SIGTERM"));
}

#[test]
fn a_failed_check_stays_a_fail_when_the_run_breaks_off() {
    let torn = cut(stream(&Fake { error_percent: 20.0, ..Fake::default() }), |kind| {
        matches!(kind, EventKind::SafeStopBegan { .. })
    });
    let (_folder, summary) = derive(&torn);
    assert_eq!(summary.verdict, RunVerdict::Fail);
    assert_eq!(summary.reason.as_deref(), Some("interrupted; check accuracy had failed before"));
}

#[test]
fn a_run_that_was_not_tried_is_an_error_in_junit() {
    let mut cut = cut(stream(&Fake::default()), |kind| matches!(kind, EventKind::RigReady));
    let mut last = cut.events.last().expect("events").clone();
    last.seq += 1;
    let reason = Some("the device is not the one asked for".to_owned());
    last.kind = EventKind::Ended { verdict: RunVerdict::NotRun, reason, fault: None };
    cut.events.push(last);
    let (folder, summary) = derive(&cut);
    assert_eq!((summary.verdict.name(), summary.exit_code()), ("not_run", 4));
    let junit = text(folder.path(), "junit.xml");
    assert!(junit.contains("name=\"run\"") && junit.contains("not the one asked for"));
}

#[test]
fn a_figure_that_comes_out_differently_is_no_pass() {
    let mut stream = stream(&Fake::default());
    for event in &mut stream.events {
        if let EventKind::CheckDecided(check) = &mut event.kind
            && let (true, Some(value)) = (check.head.name == "accuracy", check.value)
        {
            check.value = Some(value + value * f64::EPSILON);
        }
    }
    let (folder, summary) = derive(&stream);
    assert_eq!(summary.verdict, RunVerdict::Error);
    assert!(summary.reason.as_deref().is_some_and(|reason| reason.contains("accuracy comes out differently")));
    let page = text(folder.path(), "report.html");
    assert!(page.contains("Check accuracy comes out differently when computed again from the record"));
}

#[test]
fn texts_of_others_are_escaped() {
    let title = "<script>alert(1)</script>&\"'";
    let (folder, _) = derive(&stream(&Fake { title: title.to_owned(), lasts_s: 600, ..Fake::default() }));
    let page = text(folder.path(), "report.html");
    let (page, scripts) = page.split_once("<script type=\"application/json\"").expect("the plots' data");
    assert!(!page.contains("<script"), "a script got into the page");
    let policy = page.split("Content-Security-Policy").nth(1).and_then(|rest| rest.lines().next()).expect("a policy");
    let bodies: Vec<&str> =
        scripts.split("<script>").skip(1).map(|s| s.split("</script>").next().unwrap_or("")).collect();
    assert_eq!((bodies.len(), scripts.matches("<script").count()), (2, 2));
    for body in bodies {
        let hash = data_encoding::BASE64.encode(&sha2::Sha256::digest(body.as_bytes()));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "the policy lets this script run");
    }
    assert!(page.contains("script-src 'sha256-"), "no other script runs");
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(page.contains("<svg class=\"bar\""), "drawings are not escaped");
    for forbidden in ["http-equiv=\"refresh\"", "src=\"http", "href=\"http", "@import", "url("] {
        assert!(!page.contains(forbidden), "the page reaches out: {forbidden}");
    }
}

/// PDF/A-2b on demand, the same bytes each time, whatever the texts of others hold: they are data, never markup.
#[test]
fn the_run_on_paper_is_an_archive_file_and_reads_no_markup() {
    let mut stream = stream(&Fake { gap: true, ..Fake::default() });
    for event in &mut stream.events {
        if let EventKind::Opened(opened) = &mut event.kind {
            opened.title = "#panic(\"read\") *$x^2 _[<label>] @ref \\ `raw` /* c".to_owned();
            opened.method = "#include \"/etc/passwd\"\n= heading".to_owned();
        }
    }
    let (folder, _) = derive(&stream);
    assert!(!folder.path().join("report.pdf").exists(), "on demand");
    let pdf = |folder: &Path| {
        write(folder, &Wanted { html: false, pdf: true, junit: false, json: false }).expect("a PDF");
        fs::read(folder.join("report.pdf")).expect("a PDF")
    };
    let first = pdf(folder.path());
    assert!(first.starts_with(b"%PDF-1.7"));
    let holds = |what: &[u8]| first.windows(what.len()).any(|window| window == what);
    assert!(holds(b"<pdfaid:part>2</pdfaid:part>") && holds(b"<pdfaid:conformance>B</pdfaid:conformance>"));
    assert_eq!(first, pdf(folder.path()), "the same record gives the same bytes");
    let manifest = text(folder.path(), "manifest.json");
    assert!(manifest.contains("report.pdf") && manifest.contains("report.html"));
}

#[test]
fn samples_are_sorted_and_a_row_group_holds_one_channel() {
    let (folder, _) = derive(&stream(&Fake::default()));
    let file = File::open(folder.path().join("samples.parquet")).expect("samples");
    let mut reader = ParquetReader::new(file);
    let mut groups = Vec::new();
    for group in &reader.get_metadata().expect("metadata").row_groups {
        groups.push(group.num_rows());
    }
    let frame = reader.finish().expect("a table");
    assert_eq!(frame.get_column_names(), ["time_s", "channel", "value", "unit", "status"]);
    assert_eq!(groups.iter().sum::<usize>(), frame.height());

    let channels: Vec<&str> = frame.column("channel").expect("channel").str().expect("text").iter().flatten().collect();
    let times: Vec<f64> = frame.column("time_s").expect("time").f64().expect("f64").iter().flatten().collect();
    assert_eq!((channels.len(), times.len()), (frame.height(), frame.height()));
    let rows: Vec<(&str, f64)> = channels.iter().copied().zip(times.iter().copied()).collect();
    assert!(rows.windows(2).all(|w| w[0] <= w[1]), "not sorted by channel, then time");
    assert!((times[0] - (2.0 - 0.02 - READY_S as f64)).abs() < 1e-9, "readings before the rig was ready are negative");
    let mut from = 0;
    for rows in groups {
        assert!(channels[from..from + rows].iter().all(|channel| *channel == channels[from]));
        from += rows;
    }
    let units: Vec<&str> = frame.column("unit").expect("unit").str().expect("text").iter().flatten().collect();
    assert_eq!((units[0], units[units.len() - 1]), ("g", "mL/h"));
}

#[test]
fn the_same_stream_gives_the_same_files() {
    let stream = stream(&Fake { gap: true, ..Fake::default() });
    let (first, one) = derive(&stream);
    let (second, two) = derive(&stream);
    assert_eq!(one.stream_sha256, two.stream_sha256);
    for name in ["samples.parquet", "junit.xml", "report.html", "plots/delivered.svg", "plots/rate.svg"] {
        let bytes = |folder: &tempfile::TempDir| fs::read(folder.path().join(name)).expect("a derived file");
        assert_eq!(bytes(&first), bytes(&second), "{name} differs");
    }
    let manifest = text(first.path(), "manifest.json");
    write(first.path(), &Wanted::default()).expect("derived again");
    assert_eq!(manifest, text(first.path(), "manifest.json"), "deriving again changes nothing");
}

#[test]
fn the_record_and_the_truth_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    stream(&Fake { lasts_s: 600, ..Fake::default() }).record(folder.path());
    fs::write(folder.path().join("truth.mcap"), "sealed").expect("written");
    let record = fs::read(folder.path().join("record.mcap")).expect("a record");
    write(folder.path(), &Wanted { html: false, pdf: false, junit: true, json: false }).expect("derived");
    assert_eq!(fs::read(folder.path().join("record.mcap")).expect("a record"), record);
    assert_eq!(text(folder.path(), "truth.mcap"), "sealed");
    assert!(folder.path().join("junit.xml").exists() && !folder.path().join("report.html").exists());
}

#[test]
fn a_lab_is_not_called_simulated_and_a_mixed_rig_is() {
    let real = Fake { nature: Nature::Real, virtual_time: false, lasts_s: 600, ..Fake::default() };
    let mut mixed = stream(&real);
    let (folder, summary) = derive(&mixed);
    assert_eq!(summary.tier, Some(Tier::Lab));
    assert!(!text(folder.path(), "report.html").contains("no figure in this report"));
    for event in &mut mixed.events {
        if let EventKind::Attached { instrument, identity } = &mut event.kind
            && instrument == "pump"
        {
            identity.nature = Nature::Simulated;
        }
    }
    let (folder, summary) = derive(&mixed);
    assert_eq!(summary.tier, Some(Tier::Served));
    assert!(text(folder.path(), "report.html").contains("Partly simulated (pump)"));
}

#[test]
fn a_folder_without_a_record_is_an_error_and_stays_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = write(folder.path(), &Wanted::default()).expect_err("nothing to read");
    assert!(error.is_unreadable() && matches!(error, ReportError::Unreadable { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

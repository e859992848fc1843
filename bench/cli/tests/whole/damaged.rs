//! Logs and records that are damaged: a sentence and an exit code of their own, never a panic.

use std::path::Path;

use crate::common::{Bench, done};

const REQUEST: [&str; 4] = ["--rate", "0.5 mL/day", "--density", "998 kg/m3"];

/// Analyses a file; exit code, stdout, stderr.
fn analyzed(bench: &Bench, file: &Path) -> (Option<i32>, String, String) {
    let file = file.display().to_string();
    let output = bench.output(&[&["analyze", &file, "--json"], &REQUEST[..]].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Places in a file at which it is cut: densely at both ends, where its structure is, and here and there between.
fn cuts(length: usize, between: usize) -> Vec<usize> {
    let ends = [0, 1, 4, 7, 8, 9, 12, 50, 200];
    let mut cuts: Vec<usize> = ends.into_iter().flat_map(|at| [at, length.saturating_sub(at + 1)]).collect();
    cuts.extend((1..between).map(|i| i * length / between + i % 7));
    cuts.retain(|at| *at < length);
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

#[test]
fn a_parquet_log_cut_anywhere_is_bad_input() {
    let bench = Bench::new();
    let made = bench.output(&["bench", "log", "--count", "20000", "--folder", "made"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let whole = std::fs::read(bench.path("made/log.parquet")).expect("a log");
    let (code, figures, stderr) = analyzed(&bench, &bench.path("made/log.parquet"));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(figures.contains("\"pulses\":{\"count\":"), "{figures}");
    let cut = bench.path("cut.parquet");
    for at in cuts(whole.len(), 12) {
        std::fs::write(&cut, &whole[..at]).expect("a file");
        let (code, stdout, stderr) = analyzed(&bench, &cut);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "cut at {at}: {stderr}");
        assert!(stderr.contains("cut.parquet: expected a Parquet file") && !stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn a_parquet_log_with_a_flipped_byte_never_panics() {
    let bench = Bench::new();
    bench.output(&["bench", "log", "--count", "20000", "--folder", "made"]);
    let whole = std::fs::read(bench.path("made/log.parquet")).expect("a log");
    let flipped = bench.path("flipped.parquet");
    for at in cuts(whole.len(), 24) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&flipped, &bytes).expect("a file");
        let (code, _, stderr) = analyzed(&bench, &flipped);
        // A value that became another is a value.
        assert!(matches!(code, Some(0 | 2)) && !stderr.contains("panicked"), "byte {at}: {code:?}, {stderr}");
    }
}

#[test]
fn a_mass_that_falls_is_a_delivery_from_the_balance_and_is_said_to_be() {
    let bench = Bench::new();
    let rows: String = (0..=240).map(|i| format!("{},{:.4}\n", i * 30, 50.0 - 0.004 * f64::from(i))).collect();
    bench.write("falls.csv", &format!("time,mass\n{rows}"));
    let output = bench.output(&["analyze", "falls.csv", "--json", "--rate", "0.5 mL/h", "--density", "1 g/mL"]);
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).expect("figures");
    assert_eq!(output.status.code(), Some(0));
    assert!((figures["delivered_ml"].as_f64().expect("a volume") + 0.96).abs() < 1e-9, "{figures}");
    let notes: Vec<&str> =
        figures["notes"].as_array().expect("notes").iter().filter_map(serde_json::Value::as_str).collect();
    assert!(notes.iter().any(|note| note.starts_with("the mass falls")), "{notes:?}");
}

#[test]
fn files_without_anything_are_bad_input() {
    let bench = Bench::new();
    for (name, says) in [("empty.parquet", "expected a Parquet file"), ("empty.csv", "but found nothing")] {
        bench.write(name, "");
        let (code, stdout, stderr) = analyzed(&bench, &bench.path(name));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{name}");
        assert!(stderr.contains(says), "{stderr}");
    }
    let (code, _, stderr) = analyzed(&bench, &bench.path("none.parquet"));
    assert!(code == Some(2) && stderr.contains("expected a file that can be read"), "{stderr}");
}

#[test]
fn a_record_cut_or_flipped_at_any_byte_has_a_report_or_a_reason() {
    let bench = Bench::new();
    let run = done(&bench.output(&["run", "smoke/short-bolus", "--json"]));
    let whole = std::fs::read(run.folder().join("record.mcap")).expect("a record");
    let (mut reported, mut refused) = (0, 0);
    for (i, at) in cuts(whole.len(), 16).into_iter().enumerate() {
        for flip in [false, true] {
            let folder = bench.path(&format!("damaged-{i}-{flip}"));
            std::fs::create_dir(&folder).expect("a folder");
            let mut bytes = whole.clone();
            if flip {
                bytes[at] ^= 0x55;
            } else {
                bytes.truncate(at);
            }
            std::fs::write(folder.join("record.mcap"), &bytes).expect("a file");
            let output = bench.output(&["report", &folder.display().to_string(), "--format", "json"]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!stderr.contains("panicked"), "byte {at}: {stderr}");
            match output.status.code() {
                Some(0) => reported += 1,
                Some(4) => refused += 1,
                code => panic!("byte {at}: {code:?}, {stderr}"),
            }
            assert_eq!(folder.join("manifest.json").exists(), output.status.success(), "byte {at}");
        }
    }
    assert!(reported > 0 && refused > 0, "{reported} reported, {refused} refused");
}

//! Logs in Parquet, as other programs write them.

use std::path::PathBuf;

use polars::prelude::{Column, DataFrame, DataType, ParquetWriter, TimeUnit};
use reports::analysis::{ColumnSpec, Commanded, Request, analyze};

mod asked;

/// 1 g in a minute of a liquid of 1 g/mL is 60 mL/h.
fn request() -> Request {
    Request { commanded: Commanded::Rate(60_000.0), interval_s: Some(60.0), ..asked::request() }
}

/// A table of 11 rows with these columns, as a file.
fn file(folder: &tempfile::TempDir, columns: Vec<Column>) -> PathBuf {
    let path = folder.path().join("log.parquet");
    let mut frame = DataFrame::new(11, columns).expect("a table");
    ParquetWriter::new(std::fs::File::create(&path).expect("a file")).finish(&mut frame).expect("written");
    path
}

fn minutes() -> Vec<i64> {
    (0..11).collect()
}

fn mass() -> Column {
    Column::new("g".into(), minutes().into_iter().map(|minute| minute as f32).collect::<Vec<f32>>())
}

#[test]
fn times_may_be_numbers_moments_or_texts() {
    let folder = tempfile::tempdir().expect("a folder");
    let seconds = Column::new("t".into(), minutes().into_iter().map(|minute| minute * 60).collect::<Vec<_>>());
    let micros = Column::new("t".into(), minutes().into_iter().map(|minute| minute * 60_000_000).collect::<Vec<_>>());
    let moments = micros.cast(&DataType::Datetime(TimeUnit::Microseconds, None)).expect("moments");
    let texts: Vec<String> = minutes().into_iter().map(|minute| format!("2026-03-01 12:{minute:02}:00")).collect();
    for time in [seconds, moments, Column::new("t".into(), texts)] {
        let kind = time.dtype().clone();
        let analysis =
            analyze(&file(&folder, vec![time, mass()]), &request()).unwrap_or_else(|why| panic!("{kind}: {why}"));
        assert!(analysis.figures.mean_error_percent.abs() < 1e-9, "{kind}");
        assert_eq!(analysis.period_s, (0.0, 600.0), "{kind}");
    }
}

/// A column in which one value is another.
fn with(row: usize, value: f64) -> Vec<f64> {
    let mut values = vec![1.0; 11];
    values[row] = value;
    values
}

#[test]
fn times_that_do_not_rise_are_named_by_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let times = |row: usize, value: f64| {
        let mut times: Vec<f64> = minutes().into_iter().map(|minute| minute as f64 * 60.0).collect();
        times[row] = value;
        Column::new("t".into(), times)
    };
    for (time, says) in [
        (times(4, 180.0), "row 5, column 't': expected a new time, but found the one before it again"),
        (
            times(4, 170.0),
            "row 5, column 't': expected a time behind the one before it, but found one that runs backwards",
        ),
        (times(4, f64::NAN), "row 5, column 't': expected a number, but found NaN"),
        (times(10, 6000.0), "row 11, column 't': expected the next reading within 120 s, but found a gap of 5460 s"),
    ] {
        let why = analyze(&file(&folder, vec![time, mass()]), &request()).expect_err("refused").to_string();
        assert!(why.contains(says), "{why}");
    }
}

#[test]
fn a_table_without_rows_is_no_log_and_one_of_many_groups_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.parquet");
    let write = |rows: usize, group: usize| {
        let times: Vec<f64> = (0..rows).map(|row| row as f64 * 60.0).collect();
        let masses: Vec<f64> = (0..rows).map(|row| row as f64).collect();
        let columns = vec![Column::new("t".into(), times), Column::new("g".into(), masses)];
        let mut frame = DataFrame::new(rows, columns).expect("a table");
        let writer = ParquetWriter::new(std::fs::File::create(&path).expect("a file"));
        writer.with_row_group_size(Some(group)).finish(&mut frame).expect("written");
        analyze(&path, &request())
    };
    for (rows, group) in [(1001, 7), (1001, 500), (600_001, 100_000)] {
        let analysis = write(rows, group).expect("figures");
        assert_eq!(analysis.readings, (rows, 60.0), "groups of {group}");
        assert!(analysis.figures.mean_error_percent.abs() < 1e-9, "groups of {group}");
    }
    for rows in [0, 1] {
        let why = write(rows, 7).expect_err("refused").to_string();
        assert!(why.contains(&format!("expected at least 2 rows, but found {rows}")), "{why}");
    }
}

#[test]
fn what_is_no_number_is_named_by_row_and_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let time = || Column::new("t".into(), minutes());
    let mut with_nothing: Vec<Option<f64>> = vec![Some(1.0); 11];
    with_nothing[3] = None;
    let mut with_nan = vec![1.0; 11];
    with_nan[4] = f64::NAN;
    for (mass, says) in [
        (Column::new("g".into(), with_nothing), "row 4, column 'g': expected a number, but found nothing"),
        (Column::new("g".into(), with_nan), "row 5, column 'g': expected a number, but found NaN"),
        (Column::new("g".into(), with(5, f64::INFINITY)), "row 6, column 'g': expected a number, but found inf"),
        (Column::new("g".into(), with(10, f64::NEG_INFINITY)), "row 11, column 'g': expected a number, but found -inf"),
        (Column::new("g".into(), vec!["x"; 11]), "row 1, column 'g': expected a number, but found 'x'"),
        (Column::new("g".into(), vec![true; 11]), "column 'g': expected numbers, but found the type bool"),
    ] {
        let why = analyze(&file(&folder, vec![time(), mass]), &request()).expect_err("refused").to_string();
        assert!(why.contains(says), "{why}");
    }
    let path = folder.path().join("none.parquet");
    std::fs::write(&path, b"PAR1 is not enough PAR1").expect("a file");
    let why = analyze(&path, &request()).expect_err("refused").to_string();
    assert!(why.contains("expected a Parquet file"), "{why}");
}

/// A table with a row a reading, in that unit.
fn channels(folder: &tempfile::TempDir, units: Vec<&str>) -> PathBuf {
    let seconds: Vec<f64> = minutes().into_iter().map(|minute| minute as f64 * 60.0).collect();
    let milligrams: Vec<f64> = minutes().into_iter().map(|minute| minute as f64 * 1000.0).collect();
    let columns = vec![
        Column::new("time_s".into(), seconds),
        Column::new("channel".into(), vec!["balance.mass"; 11]),
        Column::new("value".into(), milligrams),
        Column::new("unit".into(), units),
        Column::new("status".into(), vec!["ok"; 11]),
    ];
    file(folder, columns)
}

#[test]
fn a_channels_unit_counts_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = channels(&folder, vec!["mg"; 11]);
    let analysis = analyze(&path, &request()).expect("figures");
    assert!(analysis.figures.mean_error_percent.abs() < 1e-9);
    let mass = |text: &str| Request { mass: ColumnSpec::parse(text, &[domain::Dimension::Mass]), ..request() };
    let same = analyze(&path, &mass("balance.mass:mg")).expect("figures");
    assert!(same.figures.mean_error_percent.abs() < 1e-9, "it is in mg, as the request says as well");
    let other = analyze(&path, &mass("balance.mass:g")).expect_err("refused").to_string();
    assert!(other.contains("is in mg"), "{other}");
    let time = Request { time: ColumnSpec::parse("when", &[]), ..request() };
    assert!(analyze(&path, &time).expect_err("refused").to_string().contains("expected no --time"));
    let mut units = vec!["mg"; 11];
    units[5] = "g";
    let mixed = analyze(&channels(&folder, units), &request()).expect_err("refused").to_string();
    assert!(mixed.contains("in one unit, but found 'mg' and 'g'"), "{mixed}");
}

#[test]
fn moments_have_no_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let micros = Column::new("t".into(), minutes().into_iter().map(|minute| minute * 60_000_000).collect::<Vec<_>>());
    let moments = micros.cast(&DataType::Datetime(TimeUnit::Microseconds, None)).expect("moments");
    let request = Request { time: ColumnSpec::parse("t:min", &[domain::Dimension::Time]), ..request() };
    let why = analyze(&file(&folder, vec![moments, mass()]), &request).expect_err("refused").to_string();
    assert!(why.contains("expected no unit behind its name"), "{why}");
}

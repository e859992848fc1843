//! From a file to curves: mass and commanded dose over time, checked for what a log must not have.
//!
//! It owns order and gaps of the readings, and the period, interval and windows that fit them.

use std::path::Path;

use domain::unit::{Dimension, find};
use measure::order::nth;
use measure::{Cumulative, trumpet};

use super::columns::Columns;
use super::csv::CsvFile;
use super::parquet::ParquetFile;
use super::table::{ColumnSpec, Holds, Problems, Wanted};
use super::{Commanded, LogError, Request};
use crate::number::plain;

/// A window is a multiple of the interval but for rounding.
const WHOLE: f64 = 1e-6;
/// What is wrong with numbers whose sums are none.
const TOO_LARGE: &str = "expected numbers that can be added up, but found some that are too large";
/// More intervals than anybody looks at.
const MOST_INTERVALS: f64 = 1e7;
/// Years of seconds: a longer log has its times in another unit.
const LONGEST_S: f64 = 1e9;

/// A log.
pub(super) struct Log {
    file: LogFile,
    path: std::path::PathBuf,
    columns: Columns,
    rows: usize,
    /// The names of the columns that were read.
    pub(super) names: Vec<String>,
}

/// What a log says, as curves.
pub(super) struct Curves {
    /// Indicated mass, in g.
    pub(super) mass: Cumulative,
    /// The commanded dose, in µL.
    pub(super) commanded: Cumulative,
}

enum LogFile {
    Csv(CsvFile),
    Parquet(ParquetFile),
}

/// Reads a log.
///
/// # Errors
/// [`LogError::Input`] for whatever is wrong in it.
pub(super) fn read(path: &Path, request: &Request) -> Result<(Log, Curves), LogError> {
    let mut problems = Problems::of(path);
    let wrong = |problems: &Problems| LogError::Input(problems.text());
    let is_parquet = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
    let opened = if is_parquet {
        ParquetFile::open(path).map(LogFile::Parquet)
    } else {
        CsvFile::open(path, request.dialect).map(LogFile::Csv)
    };
    let file = opened.map_err(|why| {
        problems.push(&why);
        wrong(&problems)
    })?;
    let wanted = wanted(request);
    let columns = match &file {
        LogFile::Csv(csv) => csv.columns(&wanted, &mut problems),
        LogFile::Parquet(parquet) => parquet.columns(&wanted, &mut problems),
    };
    let Some(mut columns) = columns.filter(|_| problems.is_empty()) else { return Err(wrong(&problems)) };
    if columns.rows() < 2 {
        problems.push(&format!("expected at least 2 rows, but found {}", columns.rows()));
        return Err(wrong(&problems));
    }
    let in_g = columns.in_g;
    let mut values = std::mem::take(&mut columns.values).into_iter();
    let mut next = |spec: Option<&ColumnSpec>| scaled(values.next().unwrap_or_default(), spec);
    let times = next(Some(&request.time));
    let mass = next(Some(&request.mass).filter(|_| !in_g));
    lasts(&times, &mut problems);
    let mass = Cumulative::checked(times, mass).map_err(|(times, _)| {
        order(&file, &columns, &times, &mut problems);
        if problems.is_empty() {
            problems.push(TOO_LARGE);
        }
        wrong(&problems)
    })?;
    if !problems.is_empty() {
        return Err(wrong(&problems));
    }
    let commanded = match &request.commanded {
        Commanded::Rate(ul_per_h) => {
            let (first, last) = mass.span_s();
            Cumulative::of(vec![first, last], vec![0.0, (last - first) / 3600.0 * ul_per_h])
        }
        Commanded::Column(spec) => {
            let dose = commanded(&file, &columns, spec, (mass.times_s(), next(None)), &mut problems);
            dose.and_then(|dose| mass.with(dose))
        }
    };
    let Some(commanded) = commanded else {
        if problems.is_empty() {
            problems.push(TOO_LARGE);
        }
        return Err(wrong(&problems));
    };
    let names = columns.names.clone();
    let rows = mass.values().len();
    Ok((Log { file, path: path.to_owned(), columns, rows, names }, Curves { mass, commanded }))
}

fn wanted(request: &Request) -> Vec<Wanted<'_>> {
    let mut wanted = vec![
        Wanted { spec: &request.time, usual: 0, holds: Holds::Time, what: "time" },
        Wanted { spec: &request.mass, usual: 1, holds: Holds::Number, what: "mass" },
    ];
    if let Commanded::Column(spec) = &request.commanded {
        wanted.push(Wanted { spec, usual: 2, holds: Holds::Number, what: "commanded dose" });
    }
    wanted
}

/// Values in the unit that is asked for, if one is.
fn scaled(mut values: Vec<f64>, spec: Option<&ColumnSpec>) -> Vec<f64> {
    if let Some(unit) = spec.and_then(|spec| spec.unit) {
        values.iter_mut().for_each(|value| *value *= unit.to_base);
    }
    values
}

/// Time runs forward, each once.
fn order(file: &LogFile, columns: &Columns, times: &[f64], problems: &mut Problems) {
    for (i, pair) in times.windows(2).enumerate() {
        let (before, at) = (pair[0], pair[1]);
        if at <= before {
            let what = if at < before { "a time behind the one before it" } else { "a new time" };
            let found = if at < before { "one that runs backwards" } else { "the one before it again" };
            place(file, columns, i + 1, 0, &format!("expected {what}, but found {found}"), problems);
        }
    }
}

/// A log lasts no longer than any could.
fn lasts(times: &[f64], problems: &mut Problems) {
    let lasts = times[times.len() - 1] - times[0];
    if lasts > LONGEST_S {
        problems.push(&format!(
            "expected a log of at most {} s, but found {} s; give the unit of its times as --time COLUMN:UNIT",
            plain(LONGEST_S),
            plain(lasts)
        ));
    }
}

/// A problem of a row's value, where it stands.
fn place(file: &LogFile, columns: &Columns, row: usize, column: usize, message: &str, problems: &mut Problems) {
    if !problems.are_shown() {
        // It counts; nobody will read where it stands.
        return problems.push(message);
    }
    let number = columns.rows_in_file.get(row).map_or(row + 1, |row| *row as usize);
    let message = format!("row {number}, column '{}': {message}", columns.names[column]);
    match (file, columns.lines.get(row)) {
        (LogFile::Csv(csv), Some(line)) => {
            let line = *line as usize;
            let at = csv.column_in(line, columns.places.get(column).copied().unwrap_or(0));
            problems.push_at(line, at, csv.line(line), &message);
        }
        _ => problems.push(&message),
    }
}

/// The cumulative dose of a column: of rates that hold until the next, or of volumes that never fall.
fn commanded(
    file: &LogFile,
    columns: &Columns,
    spec: &ColumnSpec,
    (times, values): (&[f64], Vec<f64>),
    problems: &mut Problems,
) -> Option<Vec<f64>> {
    // mL/h unless another unit is given.
    let unit = spec.unit.or_else(|| find("mL/h"))?;
    let mut sum_ul = 0.0;
    let mut dose = Vec::with_capacity(values.len());
    for (row, value) in values.into_iter().map(|value| value * unit.to_base).enumerate() {
        if unit.dimension == Dimension::Volume {
            if row > 0 && value < dose[row - 1] {
                place(
                    file,
                    columns,
                    row,
                    2,
                    "expected a cumulative volume that never falls, but found a smaller one",
                    problems,
                );
            }
            dose.push(value);
            continue;
        }
        if value < 0.0 {
            place(file, columns, row, 2, "expected a rate of zero or more, but found a negative one", problems);
        }
        dose.push(sum_ul);
        if let Some(next) = times.get(row + 1) {
            sum_ul += value * (next - times[row]) / 3600.0;
        }
    }
    problems.is_empty().then_some(dose)
}

impl Log {
    /// No two readings are farther apart than allowed: by default the larger of the interval and twice their usual spacing,
    /// which is the median of the times between two, in s.
    ///
    /// # Errors
    /// The readings that are.
    pub(super) fn spacing_s(&self, times: &[f64], max_gap_s: Option<f64>, interval_s: f64) -> Result<f64, LogError> {
        let spacing_s = median_spacing(times);
        let allowed = max_gap_s.unwrap_or_else(|| interval_s.max(2.0 * spacing_s));
        // Times that are written with few decimals differ by rounding.
        let longest = allowed * (1.0 + WHOLE);
        let gaps = || times.windows(2).map(|pair| pair[1] - pair[0]);
        if gaps().fold(true, |all, gap| all & (gap <= longest)) {
            return Ok(spacing_s);
        }
        let mut problems = Problems::of(&self.path);
        for (i, gap) in gaps().enumerate().filter(|(_, gap)| *gap > longest) {
            let message = format!(
                "expected the next reading within {} s, but found a gap of {} s; allow it with --max-gap",
                plain(allowed),
                plain(gap)
            );
            place(&self.file, &self.columns, i + 1, 0, &message, &mut problems);
        }
        Err(LogError::Input(problems.text()))
    }

    /// A problem of what is asked, at the log's last row.
    pub(super) fn beyond(&self, why: &str) -> LogError {
        let mut problems = Problems::of(&self.path);
        place(&self.file, &self.columns, self.rows - 1, 0, why, &mut problems);
        LogError::Input(problems.text())
    }
}

fn median_spacing(times: &[f64]) -> f64 {
    let count = times.len() - 1;
    nth(times.windows(2).map(|pair| pair[1] - pair[0]), count, count / 2).unwrap_or(f64::NAN)
}

/// When the analysis begins and ends, in s since the first reading, for a log that lasts so long.
///
/// # Errors
/// A sentence, if the log ends before.
pub(super) fn period(request: &Request, lasts_s: f64) -> Result<(f64, f64), String> {
    let (from, to) = (request.from_s.unwrap_or(0.0), request.to_s.unwrap_or(lasts_s));
    if to > lasts_s * (1.0 + WHOLE) {
        return Err(format!(
            "expected the log to last until {} s, but found its end at {} s",
            plain(to),
            plain(lasts_s)
        ));
    }
    if from >= to {
        return Err(format!(
            "expected some time between --from and --to, but found {} s and {} s",
            plain(from),
            plain(to)
        ));
    }
    Ok((from, to.min(lasts_s)))
}

/// The sample interval, the windows as multiples of it, and what is to be said of them.
///
/// # Errors
/// A sentence, if a window that was asked for is no multiple of the interval or longer than the period.
pub(super) fn windows(
    request: &Request,
    rate_ul_per_h: f64,
    lasts_s: f64,
    log: &Log,
) -> Result<(f64, Vec<u32>, Vec<String>), LogError> {
    let (usual_s, usual) = trumpet::usual(rate_ul_per_h);
    let interval_s = request.interval_s.unwrap_or(usual_s);
    let longest = (lasts_s / interval_s + WHOLE).floor();
    if longest > MOST_INTERVALS {
        return Err(LogError::asked(format!(
            "expected at most {} intervals, but found {} of {} s in {} s; give a longer --interval",
            plain(MOST_INTERVALS),
            plain(longest),
            plain(interval_s),
            plain(lasts_s)
        )));
    }
    let mut notes = Vec::new();
    let Some(asked) = &request.windows_s else {
        let fitting: Vec<u32> = usual.iter().copied().filter(|k| f64::from(*k) <= longest).collect();
        if fitting.len() < usual.len() {
            notes.push(format!("the period is too short for {} of the usual windows", usual.len() - fitting.len()));
        }
        return Ok((interval_s, fitting, notes));
    };
    let mut windows = Vec::new();
    for window_s in asked {
        let multiple = (window_s / interval_s).round();
        if multiple < 1.0 || (window_s / interval_s - multiple).abs() > WHOLE * multiple {
            return Err(LogError::asked(format!(
                "expected windows that are multiples of the interval of {} s, but found {} s",
                plain(interval_s),
                plain(*window_s)
            )));
        }
        if multiple > longest {
            return Err(log.beyond(&format!(
                "expected a period of at least the longest window, {} s, but found {} s",
                plain(*window_s),
                plain(lasts_s)
            )));
        }
        windows.push(multiple as u32);
    }
    Ok((interval_s, windows, notes))
}

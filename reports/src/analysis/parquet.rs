//! A log in Parquet: a column a quantity, or a row a reading with its channel, as `samples.parquet` has them.
//!
//! It owns what a column's type says of its values.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use domain::unit::find;
use polars::prelude::{DataFrame, DataType, ParquetReader, PolarsResult, SerReader, StringChunked, TimeUnit};

use super::columns::Columns;
use super::plain::{self, Plain};
use super::table::{Holds, Problems, Wanted, moment, number, quoted};

/// The columns of a table with a row a reading.
const TIME: &str = "time_s";
const CHANNEL: &str = "channel";
const VALUE: &str = "value";
const UNIT: &str = "unit";
const STATUS: &str = "status";
/// The status of a reading whose value is none.
const NO_VALUE: &str = "overload";
/// How a channel of mass ends, and the unit that values are in unless the file says another.
const MASS: &str = ".mass";

/// A file whose columns are read when they are wanted.
pub(super) struct ParquetFile {
    path: PathBuf,
    /// Every column with its type, without a row.
    shape: DataFrame,
    names: Vec<String>,
    /// How many rows each row group has.
    groups: Vec<usize>,
}

impl ParquetFile {
    /// Looks at what a file holds.
    ///
    /// # Errors
    /// A sentence, if it cannot be read or is no Parquet.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|why| format!("expected a file that can be read, but {why}"))?;
        let (shape, groups) = understood(|| {
            let mut reader = ParquetReader::new(file);
            let mut groups = Vec::new();
            for group in &reader.get_metadata()?.row_groups {
                groups.push(group.num_rows());
            }
            Ok((reader.with_slice(Some((0, 0))).finish()?, groups))
        })?;
        let names = shape.get_column_names().iter().map(ToString::to_string).collect();
        Ok(Self { path: path.to_owned(), shape, names, groups })
    }

    /// Some columns, whole.
    fn frame(&self, names: &[&str], problems: &mut Problems) -> Option<DataFrame> {
        let names = names.iter().map(ToString::to_string).collect();
        let read = || ParquetReader::new(File::open(&self.path)?).with_columns(Some(names)).finish();
        understood(read).map_err(|why| problems.push(&why)).ok()
    }

    /// The columns that are wanted, in that order; what is wrong goes to `problems`.
    pub(super) fn columns(&self, wanted: &[Wanted<'_>], problems: &mut Problems) -> Option<Columns> {
        let has = |name: &str| self.names.iter().any(|known| known == name);
        if [TIME, CHANNEL, VALUE].into_iter().all(has) {
            return self.channels(wanted, problems);
        }
        let mut columns = Columns::new(Vec::new());
        for wanted in wanted {
            let place = wanted.place(&self.names).map_err(|why| problems.push(&why)).ok()?;
            columns.names.push(self.names[place].clone());
        }
        let plain: Option<Vec<Plain<'_>>> =
            wanted.iter().zip(&columns.names).map(|(wanted, name)| self.plain(name, wanted)).collect();
        // Whatever is wrong in a column is looked for again, to be named with its row.
        if let Some(values) = plain.and_then(|all| catch(|| plain::read(&self.path, &self.groups, &all)).ok()?) {
            columns.values = values;
            return Some(columns);
        }
        for (wanted, name) in wanted.iter().zip(&columns.names) {
            let frame = self.frame(&[name.as_str()], problems)?;
            columns.values.push(values(&frame, name, wanted, problems)?);
        }
        problems.is_empty().then_some(columns)
    }

    /// A column of numbers, or of moments where they are wanted; `None` if it holds anything else.
    fn plain<'a>(&self, name: &'a str, wanted: &Wanted<'_>) -> Option<Plain<'a>> {
        let column = self.shape.column(name).ok()?;
        let is_moment = wanted.holds == Holds::Time && wanted.spec.unit.is_none();
        let divisor = match column.dtype() {
            DataType::Datetime(unit, _) | DataType::Duration(unit) if is_moment => Some(per_second(*unit)),
            kind if kind.is_primitive_numeric() => None,
            _ => return None,
        };
        Some(Plain { name, divisor })
    }

    /// Time and the value of one channel.
    fn channels(&self, wanted: &[Wanted<'_>], problems: &mut Problems) -> Option<Columns> {
        let [time, mass, others @ ..] = wanted else { return None };
        if time.spec.name.as_deref().is_some_and(|name| name != TIME) || time.spec.unit.is_some() {
            problems.push(
                "expected no --time for a file with a row a reading, since its column time_s has it; leave that out",
            );
            return None;
        }
        if !others.is_empty() {
            problems.push("expected the commanded dose as a rate, but found it as a column; give --rate for this file");
            return None;
        }
        let has = |name: &str| self.names.iter().any(|known| known == name);
        let optional = [STATUS, UNIT].into_iter().filter(|name| has(name));
        let read: Vec<&str> = [TIME, CHANNEL, VALUE].into_iter().chain(optional).collect();
        let frame = self.frame(&read, problems)?;
        let channels = texts(&frame, CHANNEL, problems)?;
        let statuses = if has(STATUS) { Some(texts(&frame, STATUS, problems)?) } else { None };
        let known: BTreeSet<&str> = each(&channels).collect();
        let matches =
            |channel: &&&str| mass.spec.name.as_deref().map_or(channel.ends_with(MASS), |name| name == **channel);
        let mut chosen = known.iter().filter(matches);
        let (Some(channel), None) = (chosen.next(), chosen.next()) else {
            let asked = mass
                .spec
                .name
                .as_deref()
                .map_or("one channel of mass".to_owned(), |name| format!("a channel '{name}'"));
            let known: Vec<&str> = known.into_iter().collect();
            problems.push(&format!("expected {asked}, but found {}; name one with --mass", known.join(", ")));
            return None;
        };
        let time = numbers(&frame, TIME, problems)?;
        let value = numbers(&frame, VALUE, problems)?;
        let units = if has(UNIT) { Some(texts(&frame, UNIT, problems)?) } else { None };
        let scale = unit_of(channel, &channels, units.as_ref(), mass, problems)?;
        let mut columns = Columns::new(vec![TIME.to_owned(), (*channel).to_owned()]);
        columns.in_g = true;
        let mut statuses = statuses.as_ref().map(each);
        for (row, is) in each(&channels).enumerate() {
            let overload = statuses.as_mut().is_some_and(|status| status.next() == Some(NO_VALUE));
            if is == *channel && !overload {
                columns.rows_in_file.push(u32::try_from(row + 1).unwrap_or(u32::MAX));
                columns.values[0].push(time[row]);
                columns.values[1].push(value[row] * scale);
            }
        }
        Some(columns)
    }
}

/// By what a channel's values are multiplied to be in g; the file's unit, if it has one, is the only one.
fn unit_of(
    channel: &str,
    channels: &StringChunked,
    units: Option<&StringChunked>,
    mass: &Wanted<'_>,
    problems: &mut Problems,
) -> Option<f64> {
    let Some(units) = units else { return Some(mass.spec.unit.map_or(1.0, |unit| unit.to_base)) };
    let mut symbols = each(channels).zip(each(units)).filter(|(is, _)| *is == channel).map(|(_, unit)| unit);
    let symbol = symbols.next()?;
    if let Some(other) = symbols.find(|other| *other != symbol) {
        let (one, other) = (quoted(symbol), quoted(other));
        problems.push(&format!("expected channel '{channel}' in one unit, but found {one} and {other}"));
        return None;
    }
    match find(symbol).filter(|unit| unit.dimension == domain::Dimension::Mass) {
        Some(unit) if mass.spec.unit.is_none_or(|asked| asked == unit) => Some(unit.to_base),
        Some(unit) => {
            let message = format!("expected the unit of --mass, but channel '{channel}' is in {}", unit.symbol);
            problems.push(&message);
            None
        }
        None => {
            problems.push(&format!("expected channel '{channel}' in a unit of mass, but found {}", quoted(symbol)));
            None
        }
    }
}

fn values(frame: &DataFrame, name: &str, wanted: &Wanted<'_>, problems: &mut Problems) -> Option<Vec<f64>> {
    let column = frame.column(name).ok()?;
    if matches!(column.dtype(), DataType::Datetime(..) | DataType::Duration(_)) && wanted.spec.unit.is_some() {
        problems.push(&format!("column '{name}': expected no unit behind its name, since it holds moments"));
        return None;
    }
    match column.dtype() {
        DataType::Datetime(unit, _) if wanted.holds == Holds::Time => scaled(frame, name, per_second(*unit), problems),
        DataType::Duration(unit) if wanted.holds == Holds::Time => scaled(frame, name, per_second(*unit), problems),
        DataType::String => {
            let texts = texts(frame, name, problems)?;
            let parse = |text: &str| match wanted.holds {
                Holds::Time => number(text, '.').or_else(|_| moment(text)),
                Holds::Number => number(text, '.'),
            };
            let mut values = Vec::with_capacity(texts.len());
            for (row, text) in each(&texts).enumerate() {
                match parse(text) {
                    Ok(value) => values.push(value),
                    Err(why) => problems.push(&format!("row {}, column '{name}': {why}", row + 1)),
                }
            }
            Some(values)
        }
        kind if kind.is_primitive_numeric() => numbers(frame, name, problems),
        kind => {
            problems.push(&format!(
                "column '{name}': expected {}, but found the type {kind}",
                match wanted.holds {
                    Holds::Time => "times",
                    Holds::Number => "numbers",
                }
            ));
            None
        }
    }
}

fn scaled(frame: &DataFrame, name: &str, per_second: f64, problems: &mut Problems) -> Option<Vec<f64>> {
    Some(numbers(frame, name, problems)?.into_iter().map(|value| value / per_second).collect())
}

/// A column as numbers; nothing and what is not finite is a problem.
fn numbers(frame: &DataFrame, name: &str, problems: &mut Problems) -> Option<Vec<f64>> {
    let column = frame.column(name).ok()?;
    let physical = column.to_physical_repr();
    let floats = physical.cast(&DataType::Float64).map_err(|why| problems.push(&first_line(&why.to_string()))).ok()?;
    let floats = floats.f64().ok()?;
    let mut values = Vec::with_capacity(floats.len());
    for (row, value) in floats.iter().enumerate() {
        match value {
            Some(value) if value.is_finite() => values.push(value),
            other => {
                let found = other.map_or("nothing".to_owned(), |value| value.to_string());
                problems.push(&format!("row {}, column '{name}': expected a number, but found {found}", row + 1));
            }
        }
    }
    problems.is_empty().then_some(values)
}

fn texts(frame: &DataFrame, name: &str, problems: &mut Problems) -> Option<StringChunked> {
    let column = frame.column(name).ok()?;
    let column = column.cast(&DataType::String).map_err(|why| problems.push(&first_line(&why.to_string()))).ok()?;
    column.str().ok().cloned()
}

/// Each text of a column, nothing as an empty one.
fn each(texts: &StringChunked) -> impl Iterator<Item = &str> {
    texts.iter().map(Option::unwrap_or_default)
}

const fn per_second(unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Nanoseconds => 1e9,
        TimeUnit::Microseconds => 1e6,
        TimeUnit::Milliseconds => 1e3,
    }
}

/// What is made of a Parquet file.
///
/// # Errors
/// A sentence, if the library cannot make it.
fn understood<T>(read: impl FnOnce() -> PolarsResult<T>) -> Result<T, String> {
    // The library panics at types that it was not built with.
    catch(read)
        .and_then(|read| read.map_err(|why| first_line(&why.to_string())))
        .map_err(|why| format!("expected a Parquet file of numbers, times and texts, but found: {why}"))
}

/// Does something that may panic, without a word of that on the terminal.
fn catch<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(what));
    std::panic::set_hook(hook);
    done.map_err(|_| "a column of another type; leave it out, or cast it to floating point".to_owned())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").to_owned()
}

//! A log in Parquet: a column a quantity, or a row a reading with its channel, as `samples.parquet` has them.
//!
//! It owns what a column's type says of its values.

use std::fs::File;
use std::path::Path;

use domain::unit::find;
use polars::prelude::{DataFrame, DataType, ParquetReader, SerReader, TimeUnit};

use super::columns::Columns;
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

/// A table in memory.
pub(super) struct ParquetFile {
    frame: DataFrame,
    names: Vec<String>,
}

impl ParquetFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence, if it cannot be read or is no Parquet.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|why| format!("expected a file that can be read, but {why}"))?;
        let frame = ParquetReader::new(file)
            .finish()
            .map_err(|why| format!("expected a Parquet file, but found: {}", first_line(&why.to_string())))?;
        let names = frame.get_column_names().iter().map(ToString::to_string).collect();
        Ok(Self { frame, names })
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
            let name = &self.names[place];
            let values = self.values(name, wanted, problems)?;
            columns.names.push(name.clone());
            columns.values.push(values);
        }
        problems.is_empty().then_some(columns)
    }

    /// Time and the value of one channel.
    fn channels(&self, wanted: &[Wanted<'_>], problems: &mut Problems) -> Option<Columns> {
        let [_, mass, others @ ..] = wanted else { return None };
        if !others.is_empty() {
            problems.push("expected the commanded dose as a rate, but found it as a column; give --rate for this file");
            return None;
        }
        let channels = self.texts(CHANNEL, problems)?;
        let statuses = if self.names.iter().any(|n| n == STATUS) { self.texts(STATUS, problems)? } else { Vec::new() };
        let mut known: Vec<&str> = channels.iter().map(String::as_str).collect();
        known.sort_unstable();
        known.dedup();
        let matches =
            |channel: &&&str| mass.spec.name.as_deref().map_or(channel.ends_with(MASS), |name| name == **channel);
        let mut chosen = known.iter().filter(matches);
        let (Some(channel), None) = (chosen.next(), chosen.next()) else {
            let asked = mass
                .spec
                .name
                .as_deref()
                .map_or("one channel of mass".to_owned(), |name| format!("a channel '{name}'"));
            problems.push(&format!("expected {asked}, but found {}; name one with --mass", known.join(", ")));
            return None;
        };
        let time = self.numbers(TIME, problems)?;
        let value = self.numbers(VALUE, problems)?;
        let scale = self.unit_of(channel, &channels, problems)?;
        let mut columns = Columns::new(vec![TIME.to_owned(), (*channel).to_owned()]);
        for (row, is) in channels.iter().enumerate() {
            let overload = statuses.get(row).is_some_and(|status| status == NO_VALUE);
            if is == channel && !overload {
                columns.values[0].push(time[row]);
                columns.values[1].push(value[row] * scale);
            }
        }
        Some(columns)
    }

    /// By what a channel's values are multiplied to be in g, unless the caller says their unit.
    fn unit_of(&self, channel: &str, channels: &[String], problems: &mut Problems) -> Option<f64> {
        if !self.names.iter().any(|name| name == UNIT) {
            return Some(1.0);
        }
        let row = channels.iter().position(|is| is == channel)?;
        let symbol = self.texts(UNIT, problems)?.swap_remove(row);
        match find(&symbol) {
            Some(unit) if unit.dimension == domain::Dimension::Mass => Some(unit.to_base),
            _ => {
                problems
                    .push(&format!("expected channel '{channel}' in a unit of mass, but found {}", quoted(&symbol)));
                None
            }
        }
    }

    fn values(&self, name: &str, wanted: &Wanted<'_>, problems: &mut Problems) -> Option<Vec<f64>> {
        let column = self.frame.column(name).ok()?;
        match column.dtype() {
            DataType::Datetime(unit, _) if wanted.holds == Holds::Time => {
                self.scaled(name, per_second(*unit), problems)
            }
            DataType::Duration(unit) if wanted.holds == Holds::Time => self.scaled(name, per_second(*unit), problems),
            DataType::String => {
                let texts = self.texts(name, problems)?;
                let parse = |text: &String| match wanted.holds {
                    Holds::Time => number(text, '.').or_else(|_| moment(text)),
                    Holds::Number => number(text, '.'),
                };
                let mut values = Vec::with_capacity(texts.len());
                for (row, text) in texts.iter().enumerate() {
                    match parse(text) {
                        Ok(value) => values.push(value),
                        Err(why) => problems.push(&format!("row {}, column '{name}': {why}", row + 1)),
                    }
                }
                Some(values)
            }
            kind if kind.is_primitive_numeric() => self.numbers(name, problems),
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

    fn scaled(&self, name: &str, per_second: f64, problems: &mut Problems) -> Option<Vec<f64>> {
        Some(self.numbers(name, problems)?.into_iter().map(|value| value / per_second).collect())
    }

    /// A column as numbers; nothing and what is not finite is a problem.
    fn numbers(&self, name: &str, problems: &mut Problems) -> Option<Vec<f64>> {
        let column = self.frame.column(name).ok()?;
        let physical = column.to_physical_repr();
        let floats =
            physical.cast(&DataType::Float64).map_err(|why| problems.push(&first_line(&why.to_string()))).ok()?;
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

    fn texts(&self, name: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let column = self.frame.column(name).ok()?;
        let column = column.cast(&DataType::String).map_err(|why| problems.push(&first_line(&why.to_string()))).ok()?;
        Some(column.str().ok()?.iter().map(|text| text.unwrap_or("").to_owned()).collect())
    }
}

const fn per_second(unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Nanoseconds => 1e9,
        TimeUnit::Microseconds => 1e6,
        TimeUnit::Milliseconds => 1e3,
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").to_owned()
}

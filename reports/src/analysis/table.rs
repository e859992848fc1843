//! A log as a table: which column is which, and where a value stands when it is wrong.
//!
//! It owns the choice of columns and the problems of a file. It must not know what a value means; `csv` and `parquet` know
//! how a file holds it.

use std::fmt::Write;
use std::path::Path;

use domain::unit::{Dimension, Unit, find};

/// Beyond so many, a file has one problem, not many.
const SHOWN_MAX: usize = 20;
/// Longest part of a line that is shown, and what of it stands before the caret.
const LINE_SHOWN: usize = 110;
const LINE_BEFORE: usize = 70;

/// A column that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSpec {
    /// Its name in the header; `None` is the usual place.
    pub name: Option<String>,
    /// The unit of its values; `None` is the usual one.
    pub unit: Option<Unit>,
}

impl ColumnSpec {
    /// The usual column in the usual unit.
    pub const USUAL: Self = Self { name: None, unit: None };

    /// `COLUMN` or `COLUMN:UNIT`. What stands behind the last colon is a unit if it is one of these dimensions; a name may
    /// hold colons.
    #[must_use]
    pub fn parse(text: &str, dimensions: &[Dimension]) -> Self {
        let with_unit = text.rsplit_once(':').and_then(|(name, symbol)| {
            let unit = find(symbol.trim()).filter(|unit| dimensions.contains(&unit.dimension))?;
            Some((name.trim(), unit))
        });
        match with_unit {
            Some((name, unit)) => Self { name: (!name.is_empty()).then(|| name.to_owned()), unit: Some(unit) },
            None => Self { name: Some(text.trim().to_owned()), unit: None },
        }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Numbers in a unit.
    Number,
    /// Seconds, another unit of time, or moments of ISO 8601.
    Time,
}

/// A column that was found, or is wanted at a place.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    pub(super) spec: &'a ColumnSpec,
    /// Its place unless it is named, from 0.
    pub(super) usual: usize,
    pub(super) holds: Holds,
    /// What it is called in sentences: `time`.
    pub(super) what: &'static str,
}

impl Wanted<'_> {
    /// Its place in a header.
    ///
    /// # Errors
    /// A sentence, if there is no such column, or more than one.
    pub(super) fn place(&self, header: &[String]) -> Result<usize, String> {
        let known = || header.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let Some(name) = &self.spec.name else {
            return if self.usual < header.len() {
                Ok(self.usual)
            } else {
                let (n, found) = (self.usual + 1, header.len());
                Err(format!(
                    "expected at least {n} columns, the {} in column {n}, but found {found}: {}",
                    self.what,
                    known()
                ))
            };
        };
        let mut found = header.iter().enumerate().filter(|(_, known)| *known == name).map(|(at, _)| at);
        match (found.next(), found.next()) {
            (Some(at), None) => Ok(at),
            (Some(_), Some(_)) => Err(format!("expected one column '{name}', but found several; rename one")),
            (None, _) => Err(format!("expected a column '{name}' for the {}, but found {}", self.what, known())),
        }
    }
}

/// A number as it stands in a table: text with this decimal sign.
///
/// # Errors
/// A sentence, for anything that is no finite number.
pub(super) fn number(text: &str, decimal: char) -> Result<f64, String> {
    let text = text.trim();
    let wrong = || format!("expected a number, but found {}", quoted(text));
    // The other sign would be one of thousands, which nobody can tell from a decimal one.
    let plain = match decimal {
        '.' => text.to_owned(),
        other if !text.contains('.') => text.replace(other, "."),
        _ => return Err(wrong()),
    };
    // Rust also reads `inf` and `NaN`.
    let shaped = plain.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    plain.parse::<f64>().ok().filter(|value| shaped && value.is_finite()).ok_or_else(wrong)
}

/// A text in quotes, cut to what fits a sentence; nothing has no quotes.
pub(super) fn quoted(text: &str) -> String {
    const CHARS: usize = 40;
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let cut: String = text.chars().take(CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > CHARS { format!("'{cut}…'") } else { format!("'{cut}'") }
}

/// A moment of ISO 8601, in s since 1970; one without an offset is taken as UTC.
///
/// # Errors
/// A sentence, for anything else.
pub(super) fn moment(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let seconds = |at: jiff::Timestamp| at.as_second() as f64 + f64::from(at.subsec_nanosecond()) * 1e-9;
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(seconds(at));
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok().and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let wrong = || format!("expected a time in s or as ISO 8601, but found {}", quoted(text));
    civil.map(|at| seconds(at.timestamp())).ok_or_else(wrong)
}

/// Problems of one file, each with its place.
#[derive(Debug)]
pub(super) struct Problems {
    name: String,
    items: Vec<String>,
    count: usize,
}

impl Problems {
    pub(super) fn of(path: &Path) -> Self {
        Self { name: path.display().to_string(), items: Vec::new(), count: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the next one will be shown.
    pub(super) const fn are_shown(&self) -> bool {
        self.items.len() < SHOWN_MAX
    }

    /// One of the file as a whole.
    pub(super) fn push(&mut self, message: &str) {
        self.add(format!("{}: {message}\n", self.name));
    }

    /// One at a line and column, each from 1, with the line's text.
    pub(super) fn push_at(&mut self, line: usize, column: usize, text: &str, message: &str) {
        let mut item = format!("{}:{line}:{column}: {message}\n", self.name);
        let from = column.saturating_sub(1).saturating_sub(LINE_BEFORE);
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        let shown: String = text.chars().skip(from).take(LINE_SHOWN).map(visible).collect();
        let (gutter, caret) = (line.to_string(), column.saturating_sub(1) - from);
        let width = gutter.len();
        // Writing to a text cannot fail.
        let _ = write!(item, "  {gutter} | {shown}\n  {:width$} | {:caret$}^\n", "", "");
        self.add(item);
    }

    fn add(&mut self, item: String) {
        self.count += 1;
        if self.items.len() < SHOWN_MAX {
            self.items.push(item);
        }
    }

    /// All of them as text.
    pub(super) fn text(&self) -> String {
        let mut text = self.items.concat();
        if self.count > self.items.len() {
            let _ = writeln!(text, "{}: {} more problems are not shown", self.name, self.count - self.items.len());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_may_have_a_unit_behind_its_name() {
        let parse = |text: &str| ColumnSpec::parse(text, &[Dimension::Mass]);
        assert_eq!(parse("mass"), ColumnSpec { name: Some("mass".to_owned()), unit: None });
        assert_eq!(parse("mass:mg"), ColumnSpec { name: Some("mass".to_owned()), unit: find("mg") });
        assert_eq!(parse("a:b"), ColumnSpec { name: Some("a:b".to_owned()), unit: None });
        assert_eq!(parse("mass:min").name.as_deref(), Some("mass:min"), "that is no unit of mass");
        assert_eq!(parse(":mg"), ColumnSpec { name: None, unit: find("mg") });
    }

    #[test]
    fn numbers_are_numbers_and_nothing_else_is() {
        for (text, decimal, value) in
            [("1.5", '.', 1.5), (" -2e-3 ", '.', -0.002), ("1,5", ',', 1.5), ("12", ',', 12.0), ("+3", '.', 3.0)]
        {
            assert_eq!(number(text, decimal), Ok(value), "{text}");
        }
        for (text, decimal) in [
            ("", '.'),
            ("NaN", '.'),
            ("inf", '.'),
            ("-Infinity", '.'),
            ("1e999", '.'),
            ("1,5", '.'),
            ("1.234,5", ','),
            ("1.5", ','),
            ("0x10", '.'),
            ("1 2", '.'),
            ("12 g", '.'),
        ] {
            assert!(number(text, decimal).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_with_and_without_an_offset() {
        assert_eq!(moment("1970-01-01T00:01:00Z"), Ok(60.0));
        assert_eq!(moment("1970-01-01T01:01:00+01:00"), Ok(60.0));
        assert_eq!(moment("1970-01-01 00:01:00.5"), Ok(60.5));
        assert!(moment("yesterday").is_err() && moment("").is_err());
    }
}

//! A log in CSV: delimiter and decimal sign as they are given, a header, lines that begin with `#` left out.
//!
//! It owns the place of a value in the file. It reads the columns that are wanted and keeps no other.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::columns::Columns;
use super::table::{Holds, Problems, Wanted, moment, number};

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between two values.
    pub separator: u8,
    /// What stands before the decimals.
    pub decimal: char,
}

/// A file in memory.
pub(super) struct CsvFile {
    text: String,
    dialect: Dialect,
}

impl CsvFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence, if it cannot be read or is no text.
    pub(super) fn open(path: &Path, dialect: Dialect) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|why| format!("expected a file that can be read, but {why}"))?;
        let mut text = String::from_utf8(bytes).map_err(|why| {
            let at = why.utf8_error().valid_up_to();
            format!("expected text in UTF-8, but found another byte at offset {at}")
        })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Ok(Self { text, dialect })
    }

    /// The columns that are wanted, in that order; what is wrong goes to `problems`.
    pub(super) fn columns(&self, wanted: &[Wanted<'_>], problems: &mut Problems) -> Option<Columns> {
        let mut reader = ReaderBuilder::new()
            .delimiter(self.dialect.separator)
            .comment(Some(b'#'))
            .flexible(true)
            .trim(Trim::All)
            .from_reader(self.text.as_bytes());
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(why) => {
                problems.push(&format!("expected a table, but found: {why}"));
                return None;
            }
        };
        let names: Vec<String> = header.iter().map(str::to_owned).collect();
        let is_value = |name: &String| number(name, self.dialect.decimal).is_ok() || moment(name).is_ok();
        if names.iter().all(|name| name.is_empty() || is_value(name)) {
            return self.no_header(header.position(), problems);
        }
        let mut places = Vec::new();
        for wanted in wanted {
            match wanted.place(&names) {
                Ok(place) => places.push(place),
                Err(why) => problems.push(&why),
            }
        }
        if places.len() < wanted.len() {
            return None;
        }
        // A first reading that is taken for the header would be missing from the figures.
        if places.iter().any(|place| is_value(&names[*place])) {
            return self.no_header(header.position(), problems);
        }
        self.rows(&mut reader, &names, &places, wanted, problems)
    }

    fn no_header(&self, at: Option<&csv::Position>, problems: &mut Problems) -> Option<Columns> {
        if self.text.trim().is_empty() {
            problems.push("expected a header with the columns' names, but found nothing");
            return None;
        }
        let start = at.map_or(0, |at| usize::try_from(at.byte()).unwrap_or(0).min(self.text.len()));
        let start = start + blank(&self.text[start..]);
        let line = self.text[..start].bytes().filter(|byte| *byte == b'\n').count() + 1;
        let message = "expected a header with the columns' names, but found a line of values";
        problems.push_at(line, 1, line_text_at(&self.text, start), message);
        None
    }

    fn rows(
        &self,
        reader: &mut csv::Reader<&[u8]>,
        names: &[String],
        places: &[usize],
        wanted: &[Wanted<'_>],
        problems: &mut Problems,
    ) -> Option<Columns> {
        let mut columns = Columns::new(wanted.iter().zip(places).map(|(_, at)| names[*at].clone()).collect());
        columns.places = places.to_vec();
        let mut record = ByteRecord::new();
        let (mut line, mut counted) = (1, 0_usize);
        let mut is_moment = vec![None; wanted.len()];
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(why) => {
                    problems.push(&format!("expected a table, but found: {why}"));
                    return None;
                }
            }
            if record.len() == 1 && names.len() > 1 && record[0].is_empty() {
                // A line of blanks.
                continue;
            }
            let start = usize::try_from(record.position().map_or(0, csv::Position::byte)).unwrap_or(0);
            let start = self.text.len().min(start + blank(&self.text[self.text.len().min(start)..]));
            line += self.text[counted..start].bytes().filter(|byte| *byte == b'\n').count();
            counted = start;
            let row = columns.rows() + 1;
            if record.len() != names.len() {
                let (n, found) = (names.len(), record.len());
                let message = format!("row {row}: expected {n} values as in the header, but found {found}");
                problems.push_at(line, 1, line_text_at(&self.text, start), &message);
                columns.push(&vec![f64::NAN; wanted.len()], line);
                continue;
            }
            let mut values = Vec::with_capacity(wanted.len());
            for ((wanted, place), is_moment) in wanted.iter().zip(places).zip(&mut is_moment) {
                let text = std::str::from_utf8(&record[*place]).unwrap_or("");
                match value(text, wanted, is_moment, self.dialect.decimal) {
                    Ok(value) => values.push(value),
                    Err(why) if !problems.are_shown() => {
                        problems.push(&why);
                        values.push(f64::NAN);
                    }
                    Err(why) => {
                        let shown = line_text_at(&self.text, start);
                        let message = format!("row {row}, column '{}': {why}", names[*place]);
                        problems.push_at(line, column_of(shown, *place, self.dialect.separator), shown, &message);
                        values.push(f64::NAN);
                    }
                }
            }
            columns.push(&values, line);
        }
        Some(columns)
    }

    /// The text of a line, for what is found wrong later.
    pub(super) fn line(&self, line: usize) -> &str {
        line_text(&self.text, line)
    }

    /// Where a column's value begins in a line.
    pub(super) fn column_in(&self, line: usize, place: usize) -> usize {
        column_of(self.line(line), place, self.dialect.separator)
    }
}

/// A value; the first one of a column of times decides whether they are moments.
fn value(text: &str, wanted: &Wanted<'_>, is_moment: &mut Option<bool>, decimal: char) -> Result<f64, String> {
    if wanted.holds == Holds::Number || wanted.spec.unit.is_some() {
        return number(text, decimal);
    }
    match *is_moment {
        Some(true) => moment(text),
        Some(false) => number(text, decimal),
        None => {
            let as_number = number(text, decimal);
            let as_moment = if as_number.is_ok() { Err(String::new()) } else { moment(text) };
            // What is neither tells nothing of the others.
            *is_moment = match (&as_number, &as_moment) {
                (Ok(_), _) => Some(false),
                (_, Ok(_)) => Some(true),
                _ => None,
            };
            as_number.or(as_moment)
        }
    }
}

/// How many bytes before a record are line ends or lines that are left out.
fn blank(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !(line.trim().is_empty() || line.starts_with('#')) {
            break;
        }
        at += line.len();
    }
    at
}

fn line_text(text: &str, line: usize) -> &str {
    text.lines().nth(line - 1).unwrap_or("")
}

fn line_text_at(text: &str, start: usize) -> &str {
    text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("")
}

/// Where the value of that place begins in a line, from 1.
fn column_of(line: &str, place: usize, separator: u8) -> usize {
    let (mut quoted, mut place, mut column) = (false, place, 1);
    for c in line.chars() {
        if place == 0 && c != ' ' {
            return column;
        }
        quoted ^= c == '"';
        if !quoted && c == char::from(separator) {
            place = place.saturating_sub(1);
        }
        column += 1;
    }
    column
}

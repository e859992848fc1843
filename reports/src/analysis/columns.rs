//! The columns of a log that were asked for, a row a reading.
//! It knows where each value stands, for what is found wrong later; it must not know what a value means.

/// Values by column, and the line in which each row stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    /// The columns' names.
    pub(super) names: Vec<String>,
    /// Their places in the header, from 0; empty if the file has none.
    pub(super) places: Vec<usize>,
    /// Their values; NaN where one was wrong.
    pub(super) values: Vec<Vec<f64>>,
    /// The number of each row in the file, from 1; empty if that is its place here.
    pub(super) rows_in_file: Vec<u32>,
    /// Whether the mass is in g already, whatever unit the request names.
    pub(super) in_g: bool,
    /// The line of each row, from 1; empty if the file has no lines.
    pub(super) lines: Vec<u32>,
}

impl Columns {
    pub(super) fn new(names: Vec<String>) -> Self {
        let values = names.iter().map(|_| Vec::new()).collect();
        Self { names, places: Vec::new(), values, rows_in_file: Vec::new(), in_g: false, lines: Vec::new() }
    }

    pub(super) fn rows(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    pub(super) fn push(&mut self, values: &[f64], line: usize) {
        for (column, value) in self.values.iter_mut().zip(values) {
            column.push(*value);
        }
        self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
    }
}

//! A log as other programs write one, for benchmarks: columns of numbers in Parquet.
//!
//! It must not know what they mean.

use std::fs::File;
use std::path::Path;

use polars::prelude::{Column, DataFrame, ParquetCompression, ParquetWriter};

use crate::error::ReportError;

/// How many rows a row group holds at most.
const ROWS_PER_GROUP: usize = 262_144;

/// Writes columns of equal lengths, each with its name.
///
/// # Errors
/// If the file cannot be written.
pub fn write_log<const N: usize>(path: &Path, columns: [(&str, Vec<f64>); N]) -> Result<(), ReportError> {
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    let columns = columns.into_iter().map(|(name, values)| Column::new(name.into(), values)).collect();
    let refused = |why: polars::error::PolarsError| ReportError::made("the log", &why);
    let mut frame = DataFrame::new(rows, columns).map_err(refused)?;
    let file = File::create(path).map_err(|why| ReportError::file("write", path, why))?;
    let writer =
        ParquetWriter::new(file).with_compression(ParquetCompression::Snappy).with_row_group_size(Some(ROWS_PER_GROUP));
    writer.finish(&mut frame).map_err(refused)?;
    Ok(())
}

//! `samples.parquet`: every reading of the run, for people who compute with it.
//!
//! Sorted by channel, then time; a row group never holds two channels. The same stream gives the same bytes.

use std::io::Write;
use std::ops::Range;

use domain::{RigProfile, Status};
use polars::prelude::{
    Column, DataFrame, DataType, ParquetCompression, ParquetWriter, PlSmallStr, PolarsResult, Scalar, Schema,
};

use crate::error::ReportError;
use crate::series::Samples;
use crate::story::Story;

const FILE: &str = "samples.parquet";

/// How many rows a row group holds at most.
const ROWS_PER_GROUP: usize = 262_144;

/// Writes the file.
///
/// # Errors
/// If it cannot be written, or polars cannot make it, which would be a fault of this program.
pub(crate) fn samples_parquet(file: &mut impl Write, story: &Story, profile: &RigProfile) -> Result<(), ReportError> {
    encode(file, story, profile).map_err(|why| ReportError::made(FILE, &why))
}

fn encode(file: &mut impl Write, story: &Story, profile: &RigProfile) -> PolarsResult<()> {
    let mut writer =
        ParquetWriter::new(file).with_compression(ParquetCompression::Snappy).set_parallel(false).batched(&schema())?;
    for (channel, samples) in story.series.iter() {
        let unit = profile.channel(channel.as_str()).map(|c| c.unit.as_str());
        for from in (0..samples.len()).step_by(ROWS_PER_GROUP) {
            let group = from..samples.len().min(from + ROWS_PER_GROUP);
            writer.write_batch(&frame(story, channel.as_str(), unit, (samples, group))?)?;
        }
    }
    writer.finish()?;
    Ok(())
}

fn schema() -> Schema {
    let column = |name: &str, kind| (PlSmallStr::from_str(name), kind);
    Schema::from_iter([
        column("time_s", DataType::Float64),
        column("channel", DataType::String),
        column("value", DataType::Float64),
        column("unit", DataType::String),
        column("status", DataType::String),
    ])
}

fn frame(
    story: &Story,
    channel: &str,
    unit: Option<&str>,
    (samples, group): (&Samples, Range<usize>),
) -> PolarsResult<DataFrame> {
    let rows = group.len();
    let group = || samples.some(group.clone());
    let times: Vec<f64> = group().map(|sample| story.seconds(sample.at)).collect();
    let values: Vec<f64> = group().map(|sample| sample.value).collect();
    let first = group().next().map_or(Status::Ok, |sample| sample.status);
    let status = if group().all(|sample| sample.status == first) {
        same("status", Some(first.name()), rows)
    } else {
        Column::new("status".into(), group().map(|sample| sample.status.name()).collect::<Vec<&str>>())
    };
    DataFrame::new(
        rows,
        vec![
            Column::new("time_s".into(), times),
            same("channel", Some(channel), rows),
            Column::new("value".into(), values),
            same("unit", unit, rows),
            status,
        ],
    )
}

/// A column of one text throughout.
fn same(name: &str, text: Option<&str>, rows: usize) -> Column {
    match text {
        Some(text) => Column::new_scalar(name.into(), Scalar::from(PlSmallStr::from_str(text)), rows),
        None => Column::full_null(name.into(), rows, &DataType::String),
    }
}

//! `samples.parquet`: every reading of the run, for people who compute with it.
//!
//! Sorted by channel, then time; a row group never holds two channels. The same stream gives the same bytes.

use domain::RigProfile;
use polars::prelude::{
    Column, DataFrame, DataType, ParquetCompression, ParquetWriter, PlSmallStr, PolarsResult, Schema,
};

use crate::error::ReportError;
use crate::series::Sample;
use crate::story::Story;

const FILE: &str = "samples.parquet";

/// How many rows a row group holds at most.
const ROWS_PER_GROUP: usize = 262_144;

/// The file's bytes.
///
/// # Errors
/// Only if polars cannot make it, which would be a fault of this program.
pub(crate) fn samples_parquet(story: &Story, profile: &RigProfile) -> Result<Vec<u8>, ReportError> {
    encode(story, profile).map_err(|why| ReportError::made(FILE, &why))
}

fn encode(story: &Story, profile: &RigProfile) -> PolarsResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Snappy)
        .set_parallel(false)
        .batched(&schema())?;
    for (channel, samples) in story.series.iter() {
        let unit = profile.channel(channel.as_str()).map(|c| c.unit.as_str());
        for group in samples.chunks(ROWS_PER_GROUP) {
            writer.write_batch(&frame(story, channel.as_str(), unit, group)?)?;
        }
    }
    writer.finish()?;
    Ok(bytes)
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

fn frame(story: &Story, channel: &str, unit: Option<&str>, samples: &[Sample]) -> PolarsResult<DataFrame> {
    let times: Vec<f64> = samples.iter().map(|sample| story.seconds(sample.at)).collect();
    let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    let statuses: Vec<&str> = samples.iter().map(|sample| sample.status.name()).collect();
    DataFrame::new(
        samples.len(),
        vec![
            Column::new("time_s".into(), times),
            Column::new("channel".into(), vec![channel; samples.len()]),
            Column::new("value".into(), values),
            Column::new("unit".into(), vec![unit; samples.len()]),
            Column::new("status".into(), statuses),
        ],
    )
}

//! `samples.parquet`: every reading of the run, for people who compute with it.
//!
//! Sorted by channel, then time; a row group never holds two channels. The same stream gives the same bytes.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;
use std::thread;

use domain::{Channel, RigProfile, Status};
use polars::prelude::{
    Column, DataFrame, DataType, ParquetCompression, ParquetWriter, PlSmallStr, PolarsResult, Scalar, Schema,
};

use crate::error::ReportError;
use crate::series::Samples;
use crate::story::Story;
use crate::write::joined;

const FILE: &str = "samples.parquet";

/// How many rows a row group holds at most.
const ROWS_PER_GROUP: usize = 262_144;

/// How many are made at the same time, at most, whatever the machine has: each takes memory.
const GROUPS_AT_ONCE: usize = 3;

/// Writes the file.
///
/// # Errors
/// If it cannot be written, or polars cannot make it, which would be a fault of this program.
pub(crate) fn samples_parquet(
    file: &mut (impl Write + Send),
    story: &Story,
    profile: &RigProfile,
) -> Result<(), ReportError> {
    encode(file, story, profile).map_err(|why| ReportError::made(FILE, &why))
}

fn encode(file: &mut (impl Write + Send), story: &Story, profile: &RigProfile) -> PolarsResult<()> {
    let writer =
        ParquetWriter::new(file).with_compression(ParquetCompression::Snappy).set_parallel(false).batched(&schema())?;
    let groups: Vec<Group<'_>> = story.series.iter().flat_map(|of| groups(of, profile)).collect();
    // Some are made at once, and written in their order.
    thread::scope(|scope| {
        let make = |group| writer.encode_and_compress(&frame(story, group)?).collect::<PolarsResult<Vec<_>>>();
        let mut made = VecDeque::new();
        for group in &groups {
            made.push_back(scope.spawn(move || make(group)));
            if made.len() == GROUPS_AT_ONCE {
                made.pop_front().map_or(Ok(()), |next| writer.write_row_groups(joined(next)?))?;
            }
        }
        made.into_iter().try_for_each(|next| writer.write_row_groups(joined(next)?))
    })?;
    writer.finish()?;
    Ok(())
}

/// What stands in a row group.
struct Group<'a> {
    channel: &'a str,
    unit: Option<&'a str>,
    samples: &'a Samples,
    rows: Range<usize>,
}

/// The row groups of a channel.
fn groups<'a>(
    (channel, samples): (&'a Channel, &'a Samples),
    profile: &'a RigProfile,
) -> impl Iterator<Item = Group<'a>> {
    let channel = channel.as_str();
    let unit = profile.channel(channel).map(|c| c.unit.as_str());
    (0..samples.len()).step_by(ROWS_PER_GROUP).map(move |from| {
        let rows = from..samples.len().min(from + ROWS_PER_GROUP);
        Group { channel, unit, samples, rows }
    })
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

fn frame(story: &Story, of: &Group<'_>) -> PolarsResult<DataFrame> {
    let rows = of.rows.len();
    let group = || of.samples.some(of.rows.clone());
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
            same("channel", Some(of.channel), rows),
            Column::new("value".into(), values),
            same("unit", of.unit, rows),
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

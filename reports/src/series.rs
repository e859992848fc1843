//! The readings of a run, a column a channel, in the order of their own time.
//!
//! It holds what `samples.parquet` and the plots are made of, in as little memory as that takes.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Channel, Reading, RunTime, Status};

/// A reading without its channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// When the value held.
    pub(crate) at: RunTime,
    /// The value, in the channel's unit.
    pub(crate) value: f64,
    /// What is said of it.
    pub(crate) status: Status,
}

/// Every reading, by channel.
#[derive(Debug, Default)]
pub(crate) struct Series {
    channels: BTreeMap<Channel, Vec<Sample>>,
}

impl Series {
    /// Takes a reading. A value that is no number is no reading, and is left out.
    pub(crate) fn push(&mut self, reading: &Reading) {
        if !reading.value.is_finite() {
            return;
        }
        let sample = Sample { at: reading.at_ns, value: reading.value, status: reading.status };
        match self.channels.get_mut(&reading.channel) {
            Some(samples) => samples.push(sample),
            None => {
                self.channels.insert(reading.channel.clone(), vec![sample]);
            }
        }
    }

    /// Puts each channel into the order of its readings' own time; readings of one moment keep their order.
    pub(crate) fn sort(&mut self) {
        for samples in self.channels.values_mut() {
            samples.sort_by_key(|sample| sample.at);
        }
    }

    /// The channels in the order of their names, with their readings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Channel, &[Sample])> {
        self.channels.iter().map(|(channel, samples)| (channel, samples.as_slice()))
    }

    /// The readings of a channel; none if there is no such channel.
    pub(crate) fn of(&self, channel: &str) -> &[Sample] {
        self.channels.get(&Channel::new(channel)).map_or(&[], Vec::as_slice)
    }
}

/// A volume that was delivered until a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivered {
    /// When, in run time.
    pub(crate) at: RunTime,
    /// How much since the opening weighing, in µL.
    pub(crate) ul: f64,
}

/// A moment of run time, in s.
pub(crate) fn moment(seconds: f64) -> RunTime {
    RunTime::ZERO + Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

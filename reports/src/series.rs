//! The readings of a run, a column a channel, in the order of their own time.
//!
//! It holds what `samples.parquet` and the plots are made of, in as little memory as that takes.

use std::ops::Range;
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

/// The readings of a channel. A column each, since a run has millions of them.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    at: Vec<RunTime>,
    values: Vec<f64>,
    statuses: Vec<Status>,
    /// How many are beyond the instrument's range.
    beyond: usize,
}

impl Samples {
    pub(crate) fn push(&mut self, sample: Sample) {
        self.at.push(sample.at);
        self.values.push(sample.value);
        self.statuses.push(sample.status);
        self.beyond += usize::from(sample.status == Status::Overload);
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.at.len()
    }

    /// When each of some was, in order.
    pub(crate) fn moments(&self, numbers: Range<usize>) -> &[RunTime] {
        &self.at[numbers]
    }

    /// How many of some are within the instrument's range.
    pub(crate) fn usable(&self, numbers: Range<usize>) -> usize {
        if self.beyond == 0 {
            return numbers.len();
        }
        self.statuses[numbers].iter().filter(|status| **status != Status::Overload).count()
    }

    /// Some of them, in order.
    pub(crate) fn some(&self, numbers: Range<usize>) -> impl Iterator<Item = Sample> {
        let columns = self.at[numbers.clone()].iter().zip(&self.values[numbers.clone()]).zip(&self.statuses[numbers]);
        columns.map(|((at, value), status)| Sample { at: *at, value: *value, status: *status })
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Sample> {
        self.some(0..self.len())
    }

    fn sort(&mut self) {
        if self.at.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|i| self.at[*i]);
        self.at = order.iter().map(|i| self.at[*i]).collect();
        self.values = order.iter().map(|i| self.values[*i]).collect();
        self.statuses = order.iter().map(|i| self.statuses[*i]).collect();
    }
}

/// Every reading, by channel.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// In the order in which they were first read, until they are sorted.
    channels: Vec<(Channel, Samples)>,
    /// Where the next is looked for first: they come in turn.
    next: usize,
}

impl Series {
    /// Takes a reading. A value that is no number is no reading, and is left out.
    pub(crate) fn push(&mut self, reading: &Reading) {
        if !reading.value.is_finite() {
            return;
        }
        let sample = Sample { at: reading.at_ns, value: reading.value, status: reading.status };
        let count = self.channels.len();
        let mut in_turn = (self.next..count).chain(0..self.next.min(count));
        let known = in_turn.find(|i| self.channels[*i].0 == reading.channel);
        let place = known.unwrap_or_else(|| {
            self.channels.push((reading.channel.clone(), Samples::default()));
            count
        });
        self.channels[place].1.push(sample);
        self.next = place + 1;
    }

    /// Puts the channels into the order of their names, and each into that of its readings' own time; readings of one moment keep
    /// their order.
    pub(crate) fn sort(&mut self) {
        self.channels.sort_by(|a, b| a.0.cmp(&b.0));
        self.channels.iter_mut().for_each(|(_, samples)| samples.sort());
    }

    /// The channels in the order of their names, with their readings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Channel, &Samples)> {
        self.channels.iter().map(|(channel, samples)| (channel, samples))
    }

    /// The readings of a channel, if there is such a channel.
    pub(crate) fn of(&self, channel: &str) -> Option<&Samples> {
        self.channels.iter().find(|(known, _)| known.as_str() == channel).map(|(_, samples)| samples)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_come_into_order_and_those_of_one_moment_keep_theirs() {
        let mut series = Series::default();
        for (at, value) in [(5, 0.0), (2, 1.0), (5, 2.0), (1, 3.0), (9, f64::NAN)] {
            let at_ns = RunTime::from_ns(at);
            let status = if at == 2 { Status::Unstable } else { Status::Ok };
            series.push(&Reading { channel: Channel::new("a.b"), at_ns, u_ns: 0, value, status });
        }
        series.sort();
        let samples = series.of("a.b").expect("a channel");
        let found: Vec<(u64, f64, Status)> = samples.iter().map(|s| (s.at.ns(), s.value, s.status)).collect();
        let ok = |at, value| (at, value, Status::Ok);
        assert_eq!(found, [ok(1, 3.0), (2, 1.0, Status::Unstable), ok(5, 0.0), ok(5, 2.0)]);
        assert!(series.of("a.c").is_none());
    }
}

//! Weighings: the readings just before a mark, averaged into one mass with its scatter.
//!
//! Keeps the readings of one averaging span and no more, so it is bounded whatever the run's length.

use std::collections::VecDeque;

use domain::{Reading, Status};

/// Fewer usable readings than this are no weighing.
const READINGS_MIN: usize = 3;
/// More readings than this are not kept, whatever the averaging span.
const READINGS_MAX: usize = 8192;

/// A mass at a mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighing {
    /// The mark, in s of run time.
    pub mark_s: f64,
    /// The mean time of its readings, in s of run time.
    pub t_s: f64,
    /// The mean of its readings, in g as indicated.
    pub mass_g: f64,
    /// The standard deviation of one reading, in g.
    pub s_g: f64,
    /// How many readings.
    pub n: u32,
    /// The range of the readings, in g, if the balance called too many of them unstable to leave those out.
    pub unstable_range_g: Option<f64>,
}

/// The readings of the last averaging span.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Recent {
    readings: VecDeque<(f64, f64, Status)>,
}

impl Recent {
    /// Takes a reading, and forgets what is older than `averaging_s`.
    pub(crate) fn push(&mut self, reading: &Reading, averaging_s: f64) {
        let t_s = reading.at_ns.seconds();
        self.readings.push_back((t_s, reading.value, reading.status));
        while self.readings.len() > READINGS_MAX
            || self.readings.front().is_some_and(|(t, _, _)| *t <= t_s - averaging_s)
        {
            self.readings.pop_front();
        }
    }

    /// The weighing at a mark; `None` if there are too few usable readings in the span before it.
    pub(crate) fn weigh(&self, mark_s: f64, averaging_s: f64) -> Option<Weighing> {
        let span = || self.readings.iter().filter(|(t, _, _)| *t > mark_s - averaging_s && *t <= mark_s);
        let stable: Vec<(f64, f64)> = span().filter(|(_, _, s)| *s == Status::Ok).map(|(t, m, _)| (*t, *m)).collect();
        if stable.len() >= READINGS_MIN {
            return summary(mark_s, &stable, false);
        }
        let usable = |s: &Status| matches!(s, Status::Ok | Status::Unstable);
        let all: Vec<(f64, f64)> = span().filter(|(_, _, s)| usable(s)).map(|(t, m, _)| (*t, *m)).collect();
        summary(mark_s, &all, true)
    }
}

fn summary(mark_s: f64, readings: &[(f64, f64)], unstable: bool) -> Option<Weighing> {
    if readings.len() < READINGS_MIN {
        return None;
    }
    let n = readings.len() as f64;
    let t_s = readings.iter().map(|(t, _)| t).sum::<f64>() / n;
    let mass_g = readings.iter().map(|(_, m)| m).sum::<f64>() / n;
    let s_g = (readings.iter().map(|(_, m)| (m - mass_g) * (m - mass_g)).sum::<f64>() / (n - 1.0)).sqrt();
    let high = readings.iter().map(|(_, m)| *m).fold(f64::MIN, f64::max);
    let low = readings.iter().map(|(_, m)| *m).fold(f64::MAX, f64::min);
    let unstable_range_g = unstable.then_some(high - low);
    Some(Weighing { mark_s, t_s, mass_g, s_g, n: u32::try_from(readings.len()).ok()?, unstable_range_g })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Channel, RunTime};

    fn reading(t_s: u64, value: f64, status: Status) -> Reading {
        let at_ns = RunTime::from_ns(t_s * 1_000_000_000);
        Reading { channel: Channel::new("balance.mass"), at_ns, u_ns: 0, value, status }
    }

    #[test]
    fn unstable_readings_are_left_out_while_there_are_enough_others() {
        let mut recent = Recent::default();
        for (t, m, s) in [(1, 9.0, Status::Unstable), (2, 1.0, Status::Ok), (3, 1.2, Status::Ok), (4, 1.1, Status::Ok)]
        {
            recent.push(&reading(t, m, s), 10.0);
        }
        let weighing = recent.weigh(4.0, 10.0).expect("three are enough");
        assert!((weighing.mass_g - 1.1).abs() < 1e-12);
        assert_eq!((weighing.n, weighing.unstable_range_g), (3, None));
        assert!(recent.weigh(30.0, 10.0).is_none(), "nothing was read in the ten seconds before");
    }
}

//! A cumulative quantity over time: a mass or a volume as it was weighed, a dose as it was commanded.
//!
//! It owns interpolation. Figures over windows are differences of cumulative values, so noise and gaps within a window
//! cost nothing.

use core::ops::Range;
use std::sync::Arc;

/// A curve through its points, straight between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Cumulative {
    /// Times and values lie apart: most looks at a long log need one of the two.
    times_s: Arc<Vec<f64>>,
    values: Vec<f64>,
}

impl Cumulative {
    /// The curve through points of time, in s, and value; `None` for fewer than two, for numbers that are not finite and
    /// for times that do not rise.
    #[must_use]
    pub fn new(points: Vec<(f64, f64)>) -> Option<Self> {
        let (times_s, values) = points.into_iter().unzip();
        Self::of(times_s, values)
    }

    /// The same of times, in s, and as many values.
    #[must_use]
    pub fn of(times_s: Vec<f64>, values: Vec<f64>) -> Option<Self> {
        Self::checked(times_s, values).ok()
    }

    /// The same for who wants to look at what is no curve.
    ///
    /// # Errors
    /// The times and the values as they were given.
    pub fn checked(times_s: Vec<f64>, values: Vec<f64>) -> Result<Self, (Vec<f64>, Vec<f64>)> {
        // Without a way out of the loop it takes several values at a time.
        let finite = |values: &[f64]| values.iter().fold(true, |all, value| all & value.is_finite());
        let rises = times_s.windows(2).fold(true, |all, pair| all & (pair[0] < pair[1]));
        let fits = times_s.len() >= 2 && times_s.len() == values.len();
        if fits && rises && finite(&times_s) && finite(&values) {
            Ok(Self { times_s: Arc::new(times_s), values })
        } else {
            Err((times_s, values))
        }
    }

    /// The curve of other values at the same times; `None` for another number of them, and if one is not finite.
    #[must_use]
    pub fn with(&self, values: Vec<f64>) -> Option<Self> {
        let fits = values.len() == self.times_s.len() && values.iter().all(|value| value.is_finite());
        fits.then(|| Self { times_s: Arc::clone(&self.times_s), values })
    }

    /// The curve of other values at the same times: what `value` makes of each time, in s, and value. `None` if one of them is
    /// not finite.
    #[must_use]
    pub fn map(mut self, value: impl Fn(f64, f64) -> f64) -> Option<Self> {
        let mut finite = true;
        for (t_s, at) in self.times_s.iter().zip(&mut self.values) {
            *at = value(*t_s, *at);
            finite &= at.is_finite();
        }
        finite.then_some(self)
    }

    /// When its points are, in s, for who keeps that longer than the curve.
    #[must_use]
    pub fn shared_times_s(&self) -> Arc<Vec<f64>> {
        Arc::clone(&self.times_s)
    }

    /// When its points are, in s.
    #[must_use]
    pub fn times_s(&self) -> &[f64] {
        &self.times_s
    }

    /// Its values at these times.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The numbers of the points from one moment to another, both included, in s.
    #[must_use]
    pub fn within(&self, from_s: f64, to_s: f64) -> Range<usize> {
        let begin = self.times_s.partition_point(|t| *t < from_s);
        begin..self.times_s.partition_point(|t| *t <= to_s).max(begin)
    }

    /// When it begins and ends, in s.
    #[must_use]
    pub fn span_s(&self) -> (f64, f64) {
        (self.times_s[0], self.times_s[self.times_s.len() - 1])
    }

    /// The value at a moment; `None` before the first point and after the last.
    #[must_use]
    pub fn at(&self, t_s: f64) -> Option<f64> {
        self.at_behind(t_s, 0).map(|(value, _)| value)
    }

    /// The value at a moment, and the number of the first point that is not before it; `from` is one that is not behind that.
    fn at_behind(&self, t_s: f64, from: usize) -> Option<(f64, usize)> {
        let (first_s, last_s) = self.span_s();
        if !(first_s..=last_s).contains(&t_s) {
            return None;
        }
        // Ever wider steps, then halves: a grid as dense as the curve takes a step a point, a sparse one skips most.
        let (mut low, mut step) = (from, 1);
        while low + step < self.times_s.len() && self.times_s[low + step] < t_s {
            low += step;
            step *= 2;
        }
        let high = self.times_s.len().min(low + step + 1);
        let behind = low + self.times_s[low..high].partition_point(|t| *t < t_s);
        let (t1, v1) = (self.times_s[behind], self.values[behind]);
        if behind == 0 {
            return Some((v1, behind));
        }
        let (t0, v0) = (self.times_s[behind - 1], self.values[behind - 1]);
        Some((v0 + (v1 - v0) * (t_s - t0) / (t1 - t0), behind))
    }

    /// The values on a grid from `from_s` on, as far as whole intervals fit until `to_s`; `None` if that is beyond the curve,
    /// or nothing fits. It takes no longer than a look at each point and each moment of the grid.
    #[must_use]
    pub fn on_grid(&self, from_s: f64, to_s: f64, interval_s: f64) -> Option<Vec<f64>> {
        if !(interval_s > 0.0 && to_s > from_s) {
            return None;
        }
        // A period that is whole but for rounding is whole.
        let whole = ((to_s - from_s) / interval_s + 1e-9).floor();
        let intervals = (1.0..MOST_INTERVALS).contains(&whole).then_some(whole as u32)?;
        let mut behind = 0;
        let mut value = |i: u32| {
            let (value, at) = self.at_behind((from_s + f64::from(i) * interval_s).min(to_s), behind)?;
            behind = at;
            Some(value)
        };
        (0..=intervals).map(&mut value).collect()
    }
}

/// More than years of seconds: beyond that something is wrong with a unit.
const MOST_INTERVALS: f64 = 1e8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_straight_between_points_and_ends_at_the_last() {
        let curve = Cumulative::new(vec![(0.0, 0.0), (10.0, 5.0), (20.0, 5.0)]).expect("a curve");
        assert_eq!([curve.at(0.0), curve.at(4.0), curve.at(15.0), curve.at(20.0)], [0.0, 2.0, 5.0, 5.0].map(Some));
        assert_eq!([curve.at(-0.1), curve.at(20.1)], [None, None]);
        assert_eq!(curve.on_grid(0.0, 19.0, 8.0), Some(vec![0.0, 4.0, 5.0]));
        assert_eq!(curve.on_grid(0.0, 21.0, 7.0), None);
        assert_eq!(curve.on_grid(0.0, 5.0, 8.0), None);
    }

    #[test]
    fn what_is_no_curve_is_refused() {
        for points in [
            vec![],
            vec![(0.0, 0.0)],
            vec![(0.0, 0.0), (0.0, 1.0)],
            vec![(1.0, 0.0), (0.0, 1.0)],
            vec![(0.0, f64::NAN), (1.0, 0.0)],
        ] {
            assert_eq!(Cumulative::new(points), None);
        }
    }

    #[test]
    fn a_grid_is_the_curve_at_each_of_its_moments_however_dense() {
        let points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i * i % 7 + 10 * i), f64::from(i % 13))).collect();
        let curve = Cumulative::new(points).expect("a curve");
        for interval_s in [0.7, 10.0, 999.0, 4000.0] {
            let grid = curve.on_grid(3.0, 9900.0, interval_s).expect("it fits");
            for (i, value) in grid.iter().enumerate() {
                assert_eq!(Some(*value), curve.at(3.0 + i as f64 * interval_s), "{i} of {interval_s} s");
            }
        }
    }

    #[test]
    fn the_points_of_a_span_include_its_ends() {
        let curve = Cumulative::of(vec![0.0, 1.0, 2.0, 3.0], vec![5.0; 4]).expect("a curve");
        assert_eq!([curve.within(1.0, 2.0), curve.within(0.5, 9.0), curve.within(2.1, 2.2)], [1..3, 1..4, 3..3]);
        assert_eq!(curve.clone().map(|t, v| t + v).map(|c| c.values().to_vec()), Some(vec![5.0, 6.0, 7.0, 8.0]));
        assert_eq!(curve.map(|t, _| 1.0 / t), None, "no curve through infinity");
        assert_eq!(Cumulative::of(vec![0.0, 1.0], vec![0.0]), None);
    }

    #[test]
    fn rounding_takes_no_interval_away() {
        let curve = Cumulative::new(vec![(0.0, 0.0), (0.3, 3.0)]).expect("a curve");
        assert_eq!(curve.on_grid(0.0, 0.3, 0.1).map(|grid| grid.len()), Some(4));
    }
}

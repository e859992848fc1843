//! A cumulative quantity over time: a mass or a volume as it was weighed, a dose as it was commanded.
//!
//! It owns interpolation. Figures over windows are differences of cumulative values, so noise and gaps within a window
//! cost nothing.

/// A curve through its points, straight between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Cumulative {
    points: Vec<(f64, f64)>,
}

impl Cumulative {
    /// The curve through points of time, in s, and value; `None` for fewer than two, for numbers that are not finite and
    /// for times that do not rise.
    #[must_use]
    pub fn new(points: Vec<(f64, f64)>) -> Option<Self> {
        let finite = points.iter().all(|(t, value)| t.is_finite() && value.is_finite());
        let rises = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        (points.len() >= 2 && finite && rises).then_some(Self { points })
    }

    /// Its points.
    #[must_use]
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// When it begins and ends, in s.
    #[must_use]
    pub fn span_s(&self) -> (f64, f64) {
        let (first, last) = (self.points[0], self.points[self.points.len() - 1]);
        (first.0, last.0)
    }

    /// The value at a moment; `None` before the first point and after the last.
    #[must_use]
    pub fn at(&self, t_s: f64) -> Option<f64> {
        let (from, to) = self.span_s();
        if !(from..=to).contains(&t_s) {
            return None;
        }
        let behind = self.points.partition_point(|(t, _)| *t < t_s);
        let (t1, v1) = self.points[behind];
        if behind == 0 {
            return Some(v1);
        }
        let (t0, v0) = self.points[behind - 1];
        Some(v0 + (v1 - v0) * (t_s - t0) / (t1 - t0))
    }

    /// The values on a grid from `from_s` on, as far as whole intervals fit until `to_s`; `None` if that is beyond the curve,
    /// or nothing fits.
    #[must_use]
    pub fn on_grid(&self, from_s: f64, to_s: f64, interval_s: f64) -> Option<Vec<f64>> {
        if !(interval_s > 0.0 && to_s > from_s) {
            return None;
        }
        // A period that is whole but for rounding is whole.
        let whole = ((to_s - from_s) / interval_s + 1e-9).floor();
        let intervals = (1.0..MOST_INTERVALS).contains(&whole).then_some(whole as u32)?;
        (0..=intervals).map(|i| self.at((from_s + f64::from(i) * interval_s).min(to_s))).collect()
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
    fn rounding_takes_no_interval_away() {
        let curve = Cumulative::new(vec![(0.0, 0.0), (0.3, 3.0)]).expect("a curve");
        assert_eq!(curve.on_grid(0.0, 0.3, 0.1).map(|grid| grid.len()), Some(4));
    }
}

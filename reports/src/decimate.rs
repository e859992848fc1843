//! Thins a curve to what a page can show, without losing a peak.
//!
//! Each bucket of neighbouring points keeps its least and its greatest value, in the order in which they came.

use core::ops::Range;

/// A point of a curve: where, and what.
pub(crate) type Point = (f64, f64);

/// At most about `limit` points of a curve: first, last, and of each bucket the extremes.
///
/// The points come in order of their first part. A curve that is short enough is returned as it is.
pub(crate) fn decimate(points: &[Point], limit: usize) -> Vec<Point> {
    thin(points.len(), |i| points[i], limit)
}

/// The same of a curve that is not held as points: how many there are, and each by its number.
pub(crate) fn thin(count: usize, point: impl Fn(usize) -> Point, limit: usize) -> Vec<Point> {
    let limit = limit.max(4);
    if count <= limit {
        return (0..count).map(point).collect();
    }
    let buckets = (limit - 2) / 2;
    let inner = count - 2;
    let mut kept = Vec::with_capacity(limit);
    kept.push(point(0));
    for bucket in 0..buckets {
        let from = bucket * inner / buckets;
        let to = (bucket + 1) * inner / buckets;
        extremes(1 + from..1 + to, &point, &mut kept);
    }
    kept.push(point(count - 1));
    kept
}

fn extremes(bucket: Range<usize>, point: impl Fn(usize) -> Point, kept: &mut Vec<Point>) {
    if bucket.is_empty() {
        return;
    }
    let first = (bucket.start, point(bucket.start).1);
    let (mut low, mut high) = (first, first);
    for i in bucket {
        let value = point(i).1;
        if value < low.1 {
            low = (i, value);
        }
        if value > high.1 {
            high = (i, value);
        }
    }
    kept.push(point(low.0.min(high.0)));
    if low.0 != high.0 {
        kept.push(point(low.0.max(high.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_peak_survives() {
        let mut points: Vec<Point> = (0..260_000).map(|i| (f64::from(i), 0.0)).collect();
        points[123_456].1 = 9.0;
        points[200_001].1 = -9.0;
        let thin = decimate(&points, 2000);
        assert!(thin.len() <= 2000, "found {} points", thin.len());
        assert!(thin.contains(&(123_456.0, 9.0)) && thin.contains(&(200_001.0, -9.0)));
        assert!(thin.windows(2).all(|w| w[0].0 < w[1].0), "the order in time is kept");
        assert_eq!((thin[0], thin[thin.len() - 1]), (points[0], points[points.len() - 1]));
    }

    #[test]
    fn a_short_curve_is_left_alone() {
        let points = [(0.0, 1.0), (1.0, 2.0)];
        assert_eq!(decimate(&points, 2000), points);
        assert!(decimate(&[], 2000).is_empty());
    }
}

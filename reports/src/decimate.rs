//! Thins a curve to what a page can show, without losing a peak.
//!
//! Each bucket of neighbouring points keeps its least and its greatest value, in the order in which they came.

/// A point of a curve: where, and what.
pub(crate) type Point<X = f64> = (X, f64);

/// At most about `limit` points of a curve: first, last, and of each bucket the extremes.
///
/// The points come in order of their first part. A curve that is short enough is returned as it is.
pub(crate) fn decimate(points: &[Point], limit: usize) -> Vec<Point> {
    thin(points.len(), points.iter().copied(), limit)
}

/// The same of a curve that is not held as points, but made of them one by one, so many of them. Where each stands need not be in the
/// plot's own unit yet: few are left to be put there.
pub(crate) fn thin<X: Copy>(count: usize, points: impl Iterator<Item = Point<X>>, limit: usize) -> Vec<Point<X>> {
    let limit = limit.max(4);
    let mut points = points.take(count);
    if count <= limit {
        return points.collect();
    }
    let buckets = (limit - 2) / 2;
    let inner = count - 2;
    let mut kept = Vec::with_capacity(limit);
    kept.extend(points.next());
    for bucket in 0..buckets {
        let from = bucket * inner / buckets;
        let to = (bucket + 1) * inner / buckets;
        extremes(points.by_ref().take(to - from), &mut kept);
    }
    kept.extend(points.next());
    kept
}

fn extremes<X: Copy>(mut bucket: impl Iterator<Item = Point<X>>, kept: &mut Vec<Point<X>>) {
    let Some(first) = bucket.next() else { return };
    let (mut low, mut high) = ((0, first), (0, first));
    for (i, point) in bucket.enumerate() {
        if point.1 < low.1.1 {
            low = (i + 1, point);
        }
        if point.1 > high.1.1 {
            high = (i + 1, point);
        }
    }
    let (before, behind) = if low.0 <= high.0 { (low, high) } else { (high, low) };
    kept.push(before.1);
    if before.0 != behind.0 {
        kept.push(behind.1);
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

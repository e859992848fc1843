//! The course of a channel over a run, as means over cells of time: bounded whatever the run's length.
//!
//! It owns the cells and their interpolation. When a run outgrows them, neighbours are merged and cells are twice as long; a
//! quantity that changes within minutes is not for this.

use crate::budget::Estimate;
use crate::fit::LineFit;

/// The first cells' length, in s.
const CELL_S: f64 = 60.0;
/// More cells than this are not kept: 60 s hold for 34 hours, 120 s for 68.
const CELLS_MAX: usize = 2048;

/// The sum and the number of the readings of a cell, with the sum of their times.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Cell {
    value: f64,
    t_s: f64,
    n: f64,
}

/// The readings of a channel so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    cell_s: f64,
    cells: Vec<Cell>,
}

impl Default for Track {
    fn default() -> Self {
        Self { cell_s: CELL_S, cells: Vec::new() }
    }
}

impl Track {
    /// Takes a reading; times need no order, and one that is not finite or before run time zero is left out.
    pub(crate) fn push(&mut self, t_s: f64, value: f64) {
        if !(t_s.is_finite() && t_s >= 0.0 && value.is_finite()) {
            return;
        }
        while t_s >= self.cell_s * CELLS_MAX as f64 {
            self.merge();
        }
        let place = (t_s / self.cell_s) as usize;
        if place >= self.cells.len() {
            self.cells.resize(place + 1, Cell::default());
        }
        let cell = &mut self.cells[place];
        cell.value += value;
        cell.t_s += t_s;
        cell.n += 1.0;
    }

    fn merge(&mut self) {
        let sum = |pair: &[Cell]| {
            pair.iter().fold(Cell::default(), |a, b| Cell {
                value: a.value + b.value,
                t_s: a.t_s + b.t_s,
                n: a.n + b.n,
            })
        };
        self.cells = self.cells.chunks(2).map(sum).collect();
        self.cell_s *= 2.0;
    }

    /// The means of its cells, each at the mean time of its readings.
    pub(crate) fn course(&self) -> Course {
        let filled = self.cells.iter().filter(|cell| cell.n > 0.0);
        Course(filled.map(|cell| (cell.t_s / cell.n, cell.value / cell.n)).collect())
    }
}

/// A quantity over time, straight between its points and level beyond them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Course(pub(crate) Vec<(f64, f64)>);

impl Course {
    /// The value at a moment; `None` if nothing was read.
    pub(crate) fn at(&self, t_s: f64) -> Option<f64> {
        let behind = self.0.partition_point(|(t, _)| *t < t_s);
        match (behind.checked_sub(1).and_then(|i| self.0.get(i)), self.0.get(behind)) {
            (Some((t0, v0)), Some((t1, v1))) => Some(v0 + (v1 - v0) * (t_s - t0) / (t1 - t0)),
            (Some((_, v)), None) | (None, Some((_, v))) => Some(*v),
            (None, None) => None,
        }
    }

    /// The mean of its points.
    pub(crate) fn mean(&self) -> Option<f64> {
        let n = self.0.len() as f64;
        (n > 0.0).then(|| self.0.iter().map(|(_, value)| value).sum::<f64>() / n)
    }

    /// Its integral from the first point on, at each point.
    pub(crate) fn integral(&self) -> Self {
        let mut sum = 0.0;
        let mut last: Option<(f64, f64)> = None;
        let add = |&(t, value): &(f64, f64)| {
            if let Some((t0, v0)) = last.replace((t, value)) {
                sum += (v0 + value) / 2.0 * (t - t0);
            }
            (t, sum)
        };
        Self(self.0.iter().map(add).collect())
    }

    /// How fast it rises within a span, per s: the line through its points there, with what their scatter leaves of it, or
    /// between the span's ends where there are fewer than three.
    pub(crate) fn slope(&self, from_s: f64, to_s: f64) -> Option<Estimate> {
        let mut fit = LineFit::new();
        for (t, value) in self.0.iter().filter(|(t, _)| (from_s..=to_s).contains(t)) {
            fit.push(*t, *value);
        }
        match fit.n() {
            0..3 => Estimate::new((self.beyond(to_s)? - self.beyond(from_s)?) / (to_s - from_s), 0.0, f64::INFINITY),
            _ => fit.slope_estimate(),
        }
    }

    /// The value at a moment, going on beyond its ends as it went there.
    pub(crate) fn beyond(&self, t_s: f64) -> Option<f64> {
        let points = &self.0;
        let ends = match points.len() {
            0 | 1 => return self.at(t_s),
            _ if t_s < points[0].0 => [points[0], points[1]],
            n if t_s > points[n - 1].0 => [points[n - 2], points[n - 1]],
            _ => return self.at(t_s),
        };
        let [(t0, v0), (t1, v1)] = ends;
        Some(v0 + (v1 - v0) * (t_s - t0) / (t1 - t0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_kept_in_longer_cells_with_the_same_course() {
        let mut track = Track::default();
        for minute in 0..20_000_u32 {
            track.push(f64::from(minute) * 60.0 + 30.0, f64::from(minute));
        }
        assert!(track.cells.len() <= CELLS_MAX);
        let course = track.course();
        for t in [600.0, 86_400.0, 1_100_000.0] {
            let found = course.at(t).expect("it was read");
            assert!((found - (t - 30.0) / 60.0).abs() < 1e-6, "{t}: {found}");
        }
        let slope = course.slope(10_000.0, 500_000.0).expect("it was read");
        assert!((slope.value - 1.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn a_gap_is_bridged_and_the_ends_go_on() {
        let course = Course(vec![(0.0, 1.0), (10.0, 3.0), (30.0, 3.0)]);
        assert_eq!(
            [course.at(-5.0), course.at(5.0), course.at(20.0), course.at(99.0)].map(|value| value.expect("a value")),
            [1.0, 2.0, 3.0, 3.0]
        );
        assert_eq!(course.integral().0, vec![(0.0, 0.0), (10.0, 20.0), (30.0, 80.0)]);
        assert_eq!(course.beyond(-5.0), Some(0.0));
        assert_eq!(Course::default().at(1.0), None);
        let mut track = Track::default();
        track.push(f64::NAN, 1.0);
        track.push(-1.0, 1.0);
        assert_eq!(track.course(), Course::default());
    }
}

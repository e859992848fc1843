//! The course of the mass: one mean for each cell of time, for figures over windows that no mark bounds.
//!
//! Bounded: a cell is half a minute unless the balance is polled slowly, and after four weeks no more are kept.

use domain::check::{SAMPLE_READINGS, sample_s};
use domain::{Reading, Status};

/// Cells that are kept, at most: four weeks of half minutes.
const KEPT: usize = 80_640;

/// The mean of a cell's readings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Cell {
    /// The sum of times since the cell began, in s.
    since_s: f64,
    /// The sum of masses, in g.
    mass_g: f64,
    n: u32,
}

/// The masses so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Course {
    cell_s: f64,
    cells: Vec<Cell>,
}

/// The mass at a moment, from the cells about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct At {
    pub(crate) mass_g: f64,
    /// How many readings bear it.
    pub(crate) n: u32,
}

impl Course {
    /// The course by a balance that is read each `poll_s`.
    pub(crate) fn of(poll_s: f64) -> Self {
        Self { cell_s: sample_s(poll_s), cells: Vec::new() }
    }

    /// The width of a cell, one sample, in s.
    pub(crate) const fn cell_s(&self) -> f64 {
        self.cell_s
    }

    /// Takes a reading of the balance.
    pub(crate) fn push(&mut self, reading: &Reading) {
        let t_s = reading.at_ns.seconds();
        let at = (t_s / self.cell_s).floor();
        if reading.status == Status::Overload || !(0.0..KEPT as f64).contains(&at) {
            return;
        }
        let index = at as usize;
        if self.cells.len() <= index {
            self.cells.resize(index + 1, Cell::default());
        }
        let cell = &mut self.cells[index];
        cell.since_s += t_s - at * self.cell_s;
        cell.mass_g += reading.value;
        cell.n += 1;
    }

    /// When the readings of a cell were made in the mean, and their mean; `None` if they are too few.
    fn cell(&self, index: usize) -> Option<(f64, f64, u32)> {
        let cell = self.cells.get(index).filter(|cell| cell.n >= SAMPLE_READINGS)?;
        let n = f64::from(cell.n);
        Some((index as f64 * self.cell_s + cell.since_s / n, cell.mass_g / n, cell.n))
    }

    /// The means within a span: when, in s, and the mass, in g.
    pub(crate) fn means(&self, from_s: f64, to_s: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        let all = (0..self.cells.len()).filter_map(|index| self.cell(index));
        all.map(|(t_s, mass_g, _)| (t_s, mass_g)).filter(move |(t_s, _)| (from_s..=to_s).contains(t_s))
    }

    /// The mass at a moment, straight between the means before and after it; `None` where one of those was not read.
    pub(crate) fn at(&self, t_s: f64) -> Option<At> {
        let index = (t_s / self.cell_s).floor();
        if !(0.0..KEPT as f64).contains(&index) {
            return None;
        }
        let index = index as usize;
        let here = self.cell(index)?;
        let (before, after) =
            if t_s >= here.0 { (here, self.cell(index + 1)?) } else { (self.cell(index.checked_sub(1)?)?, here) };
        let mass_g = before.1 + (after.1 - before.1) * (t_s - before.0) / (after.0 - before.0);
        Some(At { mass_g, n: before.2.min(after.2) })
    }
}

/// The longest time in which a volume rises by less than that much: from and to, of samples.
pub(crate) fn longest_below(volumes: &[(f64, f64)], rise: f64) -> Option<(f64, f64)> {
    let mut longest: Option<(f64, f64)> = None;
    let mut end = 0;
    for (from_s, from) in volumes {
        while volumes.get(end).is_some_and(|(_, volume)| volume - from < rise) {
            end += 1;
        }
        // The rise came within the time between this sample and the one before it.
        let (to_s, _) = volumes[end.saturating_sub(1)];
        if longest.is_none_or(|(from, to)| to_s - from_s > to - from) {
            longest = Some((*from_s, to_s));
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use domain::{Channel, RunTime};

    use super::*;

    fn course(poll_s: f64, count: u32, mass: impl Fn(f64) -> Option<f64>) -> Course {
        let mut course = Course::of(poll_s);
        for i in 0..count {
            let t_s = poll_s * f64::from(i);
            if let Some(value) = mass(t_s) {
                let at_ns = RunTime::from_ns((t_s * 1e9) as u64);
                course.push(&Reading {
                    channel: Channel::new("balance.mass"),
                    at_ns,
                    u_ns: 0,
                    value,
                    status: Status::Ok,
                });
            }
        }
        course
    }

    #[test]
    fn a_straight_course_is_read_back_anywhere() {
        for poll_s in [0.1, 1.0, 7.0, 30.0] {
            let line = |t_s: f64| 20.0 + 3e-4 * t_s;
            let course = course(poll_s, 4000, |t_s| Some(line(t_s)));
            assert!(course.cell_s() >= 5.0 * poll_s);
            for t_s in [1.1, 1.5, 2.0].map(|cells| cells * course.cell_s()) {
                let at = course.at(t_s).expect("it was read");
                assert!((at.mass_g - line(t_s)).abs() < 1e-9, "{poll_s} {t_s} {at:?}");
                assert!(at.n >= 3);
            }
        }
    }

    #[test]
    fn a_pause_between_pulses_is_found() {
        let pulses = |pause: f64| -> Vec<(f64, f64)> {
            let gives = |t: f64| if t < 500.0 { (t / 100.0).floor() } else { ((t - pause) / 100.0).floor().max(4.0) };
            (0..100).map(|i| (10.0 * f64::from(i), 2.0 * gives(10.0 * f64::from(i)))).collect()
        };
        assert_eq!(longest_below(&pulses(0.0), 1.0), Some((0.0, 90.0)));
        assert_eq!(longest_below(&pulses(300.0), 1.0), Some((400.0, 790.0)));
        assert_eq!(longest_below(&[], 1.0), None);
    }

    #[test]
    fn what_was_not_read_is_not_made_up() {
        let course = course(1.0, 600, |t_s| (!(200.0..300.0).contains(&t_s)).then_some(1.0));
        assert!(course.at(100.0).is_some());
        assert_eq!(course.at(250.0), None);
        assert_eq!(course.at(5000.0), None);
        assert_eq!(course.at(-1.0), None);
    }
}

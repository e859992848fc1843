//! When voltage and pressure are sampled: at rest at even intervals, under load in the middle of each run of the
//! motor, and at its end.
//!
//! It owns the due times. It must not know what a sample means (`battery` and `line` do).

/// Which samples a step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The battery at rest.
    pub(crate) rest: bool,
    /// The battery under load.
    pub(crate) loaded: bool,
    /// The line's pressure.
    pub(crate) line: bool,
}

/// The due times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sampling {
    interval_us: u64,
    rest_due_us: u64,
    loaded_due_us: Option<u64>,
    run_ends_us: Option<u64>,
}

impl Sampling {
    /// The first sample at rest is due at once.
    pub(crate) const fn new(interval_us: u64, now_us: u64) -> Self {
        Self { interval_us, rest_due_us: now_us, loaded_due_us: None, run_ends_us: None }
    }

    /// A run of the motor begins.
    pub(crate) fn run(&mut self, now_us: u64, run_us: u64) {
        self.loaded_due_us = now_us.checked_add((run_us / 2).max(1));
        self.run_ends_us = now_us.checked_add(run_us);
    }

    /// What is due now. A step that comes after the run's end has missed the sample under load.
    pub(crate) fn take(&mut self, now_us: u64) -> Due {
        let ended = self.run_ends_us.take_if(|ends_us| *ends_us <= now_us).is_some();
        let running = self.run_ends_us.is_some();
        let loaded = self.loaded_due_us.take_if(|due_us| *due_us <= now_us).is_some() && running;
        let rest = !running && self.rest_due_us <= now_us;
        if rest {
            self.rest_due_us = next_on_grid(self.rest_due_us, self.interval_us, now_us);
        }
        Due { rest, loaded, line: rest || ended }
    }

    /// When a sample is due next; one at rest waits for the run's end.
    pub(crate) fn next_due_us(&self) -> u64 {
        match (self.loaded_due_us, self.run_ends_us) {
            (Some(loaded_us), Some(ends_us)) => loaded_us.min(ends_us),
            (_, Some(ends_us)) => ends_us,
            (_, None) => self.rest_due_us,
        }
    }
}

/// The first time after `now_us` that is whole intervals after a time at or before it.
pub(crate) const fn next_on_grid(from_us: u64, interval_us: u64, now_us: u64) -> u64 {
    let passed_us = (now_us - from_us) % interval_us;
    now_us.saturating_add(interval_us - passed_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Due = Due { rest: false, loaded: false, line: false };

    #[test]
    fn a_sample_at_rest_waits_for_the_motor_and_keeps_its_grid() {
        let mut sampling = Sampling::new(60, 0);
        assert_eq!(sampling.take(0), Due { rest: true, line: true, ..NOTHING });
        assert_eq!((sampling.take(59), sampling.next_due_us()), (NOTHING, 60));
        sampling.run(59, 10);
        assert_eq!((sampling.take(60), sampling.next_due_us()), (NOTHING, 64));
        assert_eq!(sampling.take(64), Due { loaded: true, ..NOTHING });
        assert_eq!((sampling.take(65), sampling.next_due_us()), (NOTHING, 69));
        assert_eq!(sampling.take(69), Due { rest: true, line: true, ..NOTHING });
        assert_eq!((sampling.take(69), sampling.next_due_us()), (NOTHING, 120));
        assert_eq!(sampling.take(250), Due { rest: true, line: true, ..NOTHING });
        assert_eq!(sampling.next_due_us(), 300);
    }

    #[test]
    fn a_step_after_the_run_takes_no_sample_under_load() {
        let mut sampling = Sampling::new(1_000, 0);
        sampling.take(0);
        sampling.run(100, 10);
        assert_eq!(sampling.take(110), Due { line: true, ..NOTHING });
        assert_eq!(sampling.take(111), NOTHING);
    }

    #[test]
    fn the_shortest_run_asks_for_no_step_in_the_past() {
        let mut sampling = Sampling::new(1_000, 0);
        sampling.take(0);
        sampling.run(5, 1);
        assert_eq!(sampling.next_due_us(), 6);
    }
}

//! The pump's clock against the bench's: how fast it runs, over the longest time in which the pump did not start anew.
//!
//! It owns the first and the last reading of that time. A pump doses by its own clock, so its drift is in its volumes.

use domain::RunTime;

use crate::number::{rounded, uncertain};

/// A reading of the pump's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Read {
    at: RunTime,
    /// Half the round trip, in s.
    u_s: f64,
    pump_us: u64,
}

/// The pump's clock so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PumpClock {
    /// The first and the last reading since the pump started.
    since: Option<(Read, Read)>,
    /// The same of the longest time before that.
    longest: Option<(Read, Read)>,
}

impl PumpClock {
    /// Takes a reading: the middle between request and reply, half the round trip in ns, the clock in µs.
    pub(crate) fn push(&mut self, at: RunTime, u_ns: u64, pump_us: u64) {
        let read = Read { at, u_s: u_ns as f64 * 1e-9, pump_us };
        match &mut self.since {
            Some((_, last)) if pump_us >= last.pump_us => *last = read,
            since => {
                let before = since.replace((read, read));
                self.longest = longer(self.longest, before);
            }
        }
    }

    /// The pump started anew, and its clock with it.
    pub(crate) fn restarted(&mut self) {
        self.longest = longer(self.longest, self.since.take());
    }

    /// How fast it runs, in a sentence; `None` if it was not read twice.
    pub(crate) fn told(&self) -> Option<String> {
        let (first, last) = longer(self.longest, self.since)?;
        let lasted_s = last.at.since(first.at).as_secs_f64();
        if lasted_s <= 0.0 {
            return None;
        }
        let pump_s = (last.pump_us - first.pump_us) as f64 * 1e-6;
        let ppm = (pump_s / lasted_s - 1.0) * 1e6;
        // Half a round trip bounds each moment.
        let within_ppm = (first.u_s + last.u_s) / lasted_s * 1e6;
        let way = if ppm < 0.0 { "slow" } else { "fast" };
        let (ppm, within) = uncertain(ppm.abs(), Some(within_ppm));
        let within = within.map_or_else(String::new, |within| format!(" ± {within}"));
        Some(format!("{ppm}{within} ppm {way}, over {} h (bound of the round trips)", rounded(lasted_s / 3600.0, 3)))
    }
}

fn longer(a: Option<(Read, Read)>, b: Option<(Read, Read)>) -> Option<(Read, Read)> {
    let lasts = |span: &Option<(Read, Read)>| span.map(|(first, last)| last.at.since(first.at));
    if lasts(&b) > lasts(&a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_fast_is_told_and_a_restart_begins_anew() {
        let mut clock = PumpClock::default();
        assert_eq!(clock.told(), None);
        let mut read = |at_s: u64, pump_us: u64| {
            clock.push(RunTime::from_ns(at_s * 1_000_000_000), 1_000_000, pump_us);
            clock.told()
        };
        assert_eq!(read(10, 5_000_000), None);
        let told = read(1010, 1_005_050_000).expect("read twice");
        assert!(told.starts_with("50.0 ± 2.0 ppm fast"), "{told}");
        let told = read(1020, 1_000_000).expect("the time before");
        assert!(told.starts_with("50.0 ± 2.0 ppm fast"), "{told}");
        let told = read(9020, 8_000_600_000).expect("the longer time");
        assert!(told.starts_with("50.00 ± 0.25 ppm slow"), "{told}");
        // Away for a while behind a reset: the clock reads more than before, and is another one.
        clock.restarted();
        clock.push(RunTime::from_ns(99_000_000_000_000), 1_000_000, 9_000_000_000);
        let told = clock.told().expect("the longer time");
        assert!(told.starts_with("50.00 ± 0.25 ppm slow"), "{told}");
    }
}

//! What the battery's samples mean: when it calls for a replacement and when it is at its end.
//!
//! It owns the last samples and how many in a row were low. It must not know when samples are taken (`sampling`
//! does) nor what the pump does at the end of service.

use crate::Config;

/// Low samples in a row that count; one alone may be a glitch.
pub const BATTERY_SAMPLES: u8 = 3;

/// The battery's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Battery {
    rest_mv: u16,
    loaded_mv: u16,
    rest_below_eri: u8,
    rest_below_eos: u8,
    loaded_below_eos: u8,
}

impl Battery {
    pub(crate) const fn new() -> Self {
        Self { rest_mv: 0, loaded_mv: 0, rest_below_eri: 0, rest_below_eos: 0, loaded_below_eos: 0 }
    }

    /// The last sample at rest, mV; 0 before the first.
    pub(crate) const fn rest_mv(&self) -> u16 {
        self.rest_mv
    }

    /// The last sample under load, mV; 0 before the first.
    pub(crate) const fn loaded_mv(&self) -> u16 {
        self.loaded_mv
    }

    /// Takes a sample with the motor at rest.
    pub(crate) fn rest(&mut self, mv: u16, config: &Config) {
        self.rest_mv = mv;
        count(&mut self.rest_below_eri, mv < config.eri_mv);
        count(&mut self.rest_below_eos, mv < config.eos_mv);
    }

    /// Takes a sample while the motor runs. It is counted apart: a battery whose resistance has grown is low under
    /// load only, with good samples at rest in between.
    pub(crate) fn loaded(&mut self, mv: u16, config: &Config) {
        self.loaded_mv = mv;
        count(&mut self.loaded_below_eos, mv < config.eos_mv);
    }

    /// Whether the battery calls for a replacement.
    pub(crate) const fn wants_replacement(&self) -> bool {
        self.rest_below_eri >= BATTERY_SAMPLES
    }

    /// Whether the battery is at its end.
    pub(crate) const fn exhausted(&self) -> bool {
        self.rest_below_eos >= BATTERY_SAMPLES || self.loaded_below_eos >= BATTERY_SAMPLES
    }

    /// The end of service is judged afresh.
    pub(crate) const fn forgive(&mut self) {
        self.rest_below_eos = 0;
        self.loaded_below_eos = 0;
    }
}

fn count(samples: &mut u8, low: bool) {
    *samples = if low { samples.saturating_add(1) } else { 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_sample_starts_the_count_again() {
        let config = Config::reference();
        let mut battery = Battery::new();
        for mv in [2_599, 2_599, 2_600, 2_599, 2_599] {
            battery.rest(mv, &config);
        }
        assert!(!battery.wants_replacement());
        battery.rest(2_599, &config);
        assert!(battery.wants_replacement() && !battery.exhausted());
    }

    #[test]
    fn a_battery_that_is_low_under_load_only_is_exhausted() {
        let config = Config::reference();
        let mut battery = Battery::new();
        for _ in 0..BATTERY_SAMPLES {
            assert!(!battery.exhausted());
            battery.rest(3_000, &config);
            battery.loaded(2_399, &config);
        }
        assert!(battery.exhausted() && !battery.wants_replacement());
        battery.forgive();
        assert!(!battery.exhausted());
        assert_eq!((battery.rest_mv(), battery.loaded_mv()), (3_000, 2_399));
    }
}

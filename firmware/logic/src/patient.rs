//! What the patient may give himself, and what he was given: lockout and the maximum within 24 h.
//!
//! It owns the rules and the times of the boluses given, in powered time (see `memory`). It must not know how a
//! bolus is delivered, nor the alarms that forbid it.

use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;
use wire::Refusal;

use crate::flex::DAY_US;

/// One second, µs.
const SECOND_US: u64 = 1_000_000;
/// Times remembered: as many as the largest daily maximum needs.
const GIVEN_MAX: usize = 255;

/// What the patient may give himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patient {
    /// Volume of one bolus, nL; 0 forbids them.
    pub(crate) volume_nl: u32,
    /// Time over which it is spread, ms.
    pub(crate) duration_ms: u32,
    /// Time from the beginning of one within which no other is given, s.
    pub(crate) lockout_s: u32,
    /// Most that are given within 24 h.
    pub(crate) daily_max: u8,
}

impl Patient {
    /// Nothing.
    pub(crate) const FORBIDDEN: Self = Self { volume_nl: 0, duration_ms: 0, lockout_s: 0, daily_max: 0 };
}

/// When the last boluses were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Given {
    #[serde(with = "BigArray")]
    ring: [u64; GIVEN_MAX],
    next: usize,
    count: usize,
}

impl Given {
    pub(crate) const fn new() -> Self {
        Self { ring: [0; GIVEN_MAX], next: 0, count: 0 }
    }

    /// Whether the next place exists, and no more were given than are remembered.
    pub(crate) const fn is_possible(&self) -> bool {
        self.next < GIVEN_MAX && self.count <= GIVEN_MAX
    }

    /// Notes that one begins now.
    pub(crate) fn note(&mut self, at_us: u64) {
        self.ring[self.next] = at_us;
        self.next = (self.next + 1) % GIVEN_MAX;
        self.count = (self.count + 1).min(GIVEN_MAX);
    }

    /// Why none is given now, as far as time decides. New limits count what was given under the old ones.
    pub(crate) fn judge(&self, patient: &Patient, now_us: u64) -> Result<(), Refusal> {
        if patient.volume_nl == 0 {
            return Err(Refusal::NoPatientBolus);
        }
        if let Some(last_us) = self.last(1) {
            let lockout_us = u64::from(patient.lockout_s) * SECOND_US;
            let remaining_us = lockout_us.saturating_sub(now_us.saturating_sub(last_us));
            if remaining_us > 0 {
                let remaining_s = u32::try_from(remaining_us.div_ceil(SECOND_US)).unwrap_or(u32::MAX);
                return Err(Refusal::Lockout { remaining_s });
            }
        }
        let max = patient.daily_max;
        let full = match usize::from(max) {
            0 => true,
            max => self.last(max).is_some_and(|at_us| now_us.saturating_sub(at_us) < DAY_US),
        };
        if full { Err(Refusal::DailyMaximum { max }) } else { Ok(()) }
    }

    /// When the last but `back - 1` was given.
    fn last(&self, back: usize) -> Option<u64> {
        (1..=self.count).contains(&back).then(|| self.ring[(self.next + GIVEN_MAX - back) % GIVEN_MAX])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: Patient = Patient { volume_nl: 500, duration_ms: 1_000, lockout_s: 60, daily_max: 3 };

    #[test]
    fn the_lockout_ends_at_its_very_microsecond() {
        let mut given = Given::new();
        assert_eq!(given.judge(&PATIENT, 5), Ok(()));
        given.note(5);
        assert_eq!(given.judge(&PATIENT, 5), Err(Refusal::Lockout { remaining_s: 60 }));
        assert_eq!(given.judge(&PATIENT, 60_000_004), Err(Refusal::Lockout { remaining_s: 1 }));
        assert_eq!(given.judge(&PATIENT, 60_000_005), Ok(()));
    }

    #[test]
    fn the_maximum_slides_with_the_last_24_h() {
        let mut given = Given::new();
        for at_us in [10, 100_000_000, 200_000_000] {
            assert_eq!(given.judge(&PATIENT, at_us), Ok(()));
            given.note(at_us);
        }
        assert_eq!(given.judge(&PATIENT, DAY_US + 9), Err(Refusal::DailyMaximum { max: 3 }));
        assert_eq!(given.judge(&PATIENT, DAY_US + 10), Ok(()));
        given.note(DAY_US + 10);
        assert_eq!(given.judge(&PATIENT, DAY_US + 99_999_999), Err(Refusal::DailyMaximum { max: 3 }));
        assert_eq!(given.judge(&PATIENT, DAY_US + 100_000_000), Ok(()));
    }

    #[test]
    fn the_largest_maximum_is_remembered_and_none_forbids() {
        let patient = Patient { lockout_s: 0, daily_max: 255, ..PATIENT };
        let mut given = Given::new();
        for at_us in 0..255 {
            assert_eq!(given.judge(&patient, at_us), Ok(()));
            given.note(at_us);
        }
        assert_eq!(given.judge(&patient, 255), Err(Refusal::DailyMaximum { max: 255 }));
        assert_eq!(given.judge(&patient, DAY_US), Ok(()));
        let none = Patient { daily_max: 0, ..PATIENT };
        assert_eq!(Given::new().judge(&none, 0), Err(Refusal::DailyMaximum { max: 0 }));
        assert_eq!(Given::new().judge(&Patient::FORBIDDEN, 0), Err(Refusal::NoPatientBolus));
    }
}

//! The programmed parameters as bytes under a CRC-32, and what they mean.
//!
//! It owns the block's layout (little-endian, the check value last) and its reading and writing as a whole: nothing
//! that is programmed is kept anywhere else, so that a flipped bit is either noticed or acted upon. It must not know
//! what is done when the check fails.

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;
use wire::{FLEX_STEPS_MAX, FlexStep, Therapy};

use crate::Config;
use crate::flex::Flex;
use crate::patient::Patient;

const CRC_LEN: usize = 4;
const STEP_LEN: usize = 6;
const BODY_LEN: usize = 1 + 4 + 8 + 2 + 1 + FLEX_STEPS_MAX * STEP_LEN + 4 + 4 + 4 + 1 + 4;
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Length of the parameters' block, its check value included, bytes.
pub const PARAMETERS_LEN: usize = BODY_LEN + CRC_LEN;

/// What the block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Programme {
    pub(crate) therapy: Therapy,
    /// Rate of a therapy that has one rate, nL/h.
    pub(crate) rate_nl_per_h: u32,
    pub(crate) flex: Flex,
    pub(crate) patient: Patient,
    /// Content below which the reservoir is low, nL.
    pub(crate) reservoir_low_nl: u32,
}

impl Programme {
    /// Everything stopped, the patient forbidden.
    pub(crate) const fn safe(config: &Config) -> Self {
        Self {
            therapy: Therapy::Stopped,
            rate_nl_per_h: 0,
            flex: Flex::NONE,
            patient: Patient::FORBIDDEN,
            reservoir_low_nl: config.reservoir_low_nl,
        }
    }

    /// The continuous rate at a powered time, nL/h.
    pub(crate) fn rate_at(&self, at_us: u64) -> u32 {
        match self.therapy {
            Therapy::Stopped => 0,
            Therapy::Continuous | Therapy::MinimumRate => self.rate_nl_per_h,
            Therapy::Flex => self.flex.rate_at(at_us),
        }
    }

    /// The powered time after `at_us` at which that rate changes by itself.
    pub(crate) fn next_step_us(&self, at_us: u64) -> Option<u64> {
        if self.therapy == Therapy::Flex { self.flex.next_step_us(at_us) } else { None }
    }
}

/// The block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parameters {
    #[serde(with = "BigArray")]
    bytes: [u8; PARAMETERS_LEN],
}

impl Parameters {
    pub(crate) fn new(programme: &Programme) -> Self {
        let mut parameters = Self { bytes: [0; PARAMETERS_LEN] };
        parameters.write(programme);
        parameters
    }

    /// The memory that a fault can reach.
    pub(crate) const fn bytes_mut(&mut self) -> &mut [u8; PARAMETERS_LEN] {
        &mut self.bytes
    }

    /// Whether the check value fits the rest.
    pub(crate) fn fits(&self) -> bool {
        self.body_checksum() == self.bytes[BODY_LEN..]
    }

    fn body_checksum(&self) -> [u8; CRC_LEN] {
        CHECKSUM.checksum(&self.bytes[..BODY_LEN]).to_le_bytes()
    }

    /// What the bytes say, whether the check value fits or not.
    pub(crate) fn read(&self) -> Programme {
        let mut bytes = Reader { rest: &self.bytes[..BODY_LEN] };
        let therapy = match bytes.u8() {
            1 => Therapy::Continuous,
            2 => Therapy::MinimumRate,
            3 => Therapy::Flex,
            _ => Therapy::Stopped,
        };
        let rate_nl_per_h = bytes.u32();
        let (start_us, start_min, count) = (bytes.u64(), bytes.u16(), bytes.u8());
        let steps = [(); FLEX_STEPS_MAX].map(|()| FlexStep { from_min: bytes.u16(), rate_nl_per_h: bytes.u32() });
        let patient =
            Patient { volume_nl: bytes.u32(), duration_ms: bytes.u32(), lockout_s: bytes.u32(), daily_max: bytes.u8() };
        let reservoir_low_nl = bytes.u32();
        let flex = Flex { start_us, start_min, count, steps };
        Programme { therapy, rate_nl_per_h, flex, patient, reservoir_low_nl }
    }

    /// Writes everything anew, with its check value.
    pub(crate) fn write(&mut self, programme: &Programme) {
        let mut bytes = Writer { rest: &mut self.bytes[..BODY_LEN] };
        bytes.put([match programme.therapy {
            Therapy::Stopped => 0,
            Therapy::Continuous => 1,
            Therapy::MinimumRate => 2,
            Therapy::Flex => 3,
        }]);
        bytes.put(programme.rate_nl_per_h.to_le_bytes());
        bytes.put(programme.flex.start_us.to_le_bytes());
        bytes.put(programme.flex.start_min.to_le_bytes());
        bytes.put([programme.flex.count]);
        for step in &programme.flex.steps {
            bytes.put(step.from_min.to_le_bytes());
            bytes.put(step.rate_nl_per_h.to_le_bytes());
        }
        bytes.put(programme.patient.volume_nl.to_le_bytes());
        bytes.put(programme.patient.duration_ms.to_le_bytes());
        bytes.put(programme.patient.lockout_s.to_le_bytes());
        bytes.put([programme.patient.daily_max]);
        bytes.put(programme.reservoir_low_nl.to_le_bytes());
        let checksum = self.body_checksum();
        self.bytes[BODY_LEN..].copy_from_slice(&checksum);
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.rest.split_first_chunk().expect("the block is as long as its fields");
        self.rest = rest;
        *head
    }

    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

struct Writer<'a> {
    rest: &'a mut [u8],
}

impl Writer<'_> {
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        let (head, rest) = core::mem::take(&mut self.rest).split_at_mut(N);
        head.copy_from_slice(&bytes);
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programme() -> Programme {
        let mut flex = Flex { start_us: 0x0102_0304_0506_0708, start_min: 77, count: 8, ..Flex::NONE };
        for (step, from_min) in flex.steps.iter_mut().zip(100..) {
            *step = FlexStep { from_min, rate_nl_per_h: 1_000 * u32::from(from_min) };
        }
        Programme {
            therapy: Therapy::Flex,
            rate_nl_per_h: 20_833,
            flex,
            patient: Patient { volume_nl: 5_000, duration_ms: 600_000, lockout_s: 3_600, daily_max: 4 },
            reservoir_low_nl: 2_000_000,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for therapy in [Therapy::Stopped, Therapy::Continuous, Therapy::MinimumRate, Therapy::Flex] {
            let programme = Programme { therapy, ..programme() };
            let parameters = Parameters::new(&programme);
            assert!(parameters.fits());
            assert_eq!(parameters.read(), programme);
        }
    }

    #[test]
    fn each_flipped_bit_is_noticed() {
        let parameters = Parameters::new(&programme());
        for bit in 0..PARAMETERS_LEN * 8 {
            let mut damaged = parameters.clone();
            damaged.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
            assert!(!damaged.fits(), "bit {bit}");
        }
    }

    #[test]
    fn memory_that_was_wiped_does_not_fit() {
        assert!(!Parameters { bytes: [0; PARAMETERS_LEN] }.fits());
        assert!(!Parameters { bytes: [0xFF; PARAMETERS_LEN] }.fits());
    }
}

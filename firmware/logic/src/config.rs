//! What distinguishes one pump from another: identity, volumes, rates and the motor's times.
//!
//! It owns the figures and the check that they fit together. It must not know the pump's state.

use core::fmt;

use wire::{Identity, PROTOCOL, Target};

/// Longest text of an identity, bytes.
pub const LABEL_MAX: usize = 32;

/// One nanolitre in the unit of account, nL·µs/h.
pub(crate) const NANOLITRE: u64 = 3_600_000_000;

/// The figures of one pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Model of the pump.
    pub model: Label,
    /// Serial number of the board.
    pub serial: Label,
    /// Revision of the board.
    pub hardware: Label,
    /// Version of the firmware.
    pub firmware: Label,
    /// What the logic runs on.
    pub target: Target,
    /// Volume of one pulse, nL.
    pub pulse_nl: u32,
    /// Steps of the motor for one pulse.
    pub steps_per_pulse: u16,
    /// Lowest rate that can be programmed, nL/h.
    pub rate_min_nl_per_h: u32,
    /// Highest rate that can be programmed, nL/h.
    pub rate_max_nl_per_h: u32,
    /// Rate that keeps the rotor moving, nL/h.
    pub minimum_rate_nl_per_h: u32,
    /// Smallest bolus, nL.
    pub bolus_min_nl: u32,
    /// Largest bolus, nL.
    pub bolus_max_nl: u32,
    /// Highest rate of a bolus by itself, nL/h.
    pub bolus_rate_max_nl_per_h: u32,
    /// Time that the motor needs for one pulse, µs.
    pub motor_run_us: u64,
    /// Time after a run's beginning within which its rotation must be sensed, µs.
    pub rotation_deadline_us: u64,
}

impl Config {
    /// The reference pump.
    pub const fn reference() -> Self {
        Self {
            model: Label::literal("ITP-REF"),
            serial: Label::literal("0001"),
            hardware: Label::literal("A"),
            firmware: Label::literal(env!("CARGO_PKG_VERSION")),
            target: Target::Host,
            pulse_nl: 500,
            steps_per_pulse: 48,
            rate_min_nl_per_h: 2_000,
            rate_max_nl_per_h: 1_000_000,
            minimum_rate_nl_per_h: 250,
            bolus_min_nl: 500,
            bolus_max_nl: 1_000_000,
            bolus_rate_max_nl_per_h: 4_000_000,
            motor_run_us: 200_000,
            rotation_deadline_us: 400_000,
        }
    }

    /// Whether the figures fit together; a pump is made of a valid configuration only.
    pub const fn validate(&self) -> Result<(), ConfigError> {
        if self.pulse_nl == 0 || self.steps_per_pulse == 0 {
            return Err(ConfigError::NoPulse);
        }
        if self.minimum_rate_nl_per_h == 0
            || self.rate_min_nl_per_h == 0
            || self.rate_min_nl_per_h > self.rate_max_nl_per_h
            || self.minimum_rate_nl_per_h > self.rate_max_nl_per_h
        {
            return Err(ConfigError::Rates);
        }
        if self.bolus_min_nl == 0 || self.bolus_min_nl > self.bolus_max_nl || self.bolus_rate_max_nl_per_h == 0 {
            return Err(ConfigError::Boluses);
        }
        if self.motor_run_us == 0 || self.rotation_deadline_us < self.motor_run_us {
            return Err(ConfigError::RotationDeadline);
        }
        let interval_us = self.shortest_interval_us();
        if self.motor_run_us > interval_us {
            return Err(ConfigError::MotorTooSlow { run_us: self.motor_run_us, interval_us });
        }
        Ok(())
    }

    /// Time between two pulses at the highest continuous rate and the fastest bolus together, µs, rounded down.
    /// Meaningful for a configuration whose rates are not zero.
    pub const fn shortest_interval_us(&self) -> u64 {
        let rate = self.rate_max_nl_per_h as u64 + self.bolus_rate_max_nl_per_h as u64;
        self.pulse_nl as u64 * NANOLITRE / rate
    }

    /// The identity that the pump tells the host.
    pub fn identity(&self) -> Identity<'_> {
        Identity {
            protocol: PROTOCOL,
            model: self.model.as_str(),
            serial: self.serial.as_str(),
            hardware: self.hardware.as_str(),
            firmware: self.firmware.as_str(),
            target: self.target,
        }
    }
}

/// A short text that needs no heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Label {
    bytes: [u8; LABEL_MAX],
    len: usize,
}

impl Label {
    /// A label of at most [`LABEL_MAX`] bytes.
    pub const fn new(text: &str) -> Result<Self, ConfigError> {
        if text.len() > LABEL_MAX {
            return Err(ConfigError::LabelTooLong { len: text.len() });
        }
        let mut bytes = [0; LABEL_MAX];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text.as_bytes()[at];
            at += 1;
        }
        Ok(Self { bytes, len: text.len() })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).expect("a label is made of a whole text")
    }

    const fn literal(text: &str) -> Self {
        match Self::new(text) {
            Ok(label) => label,
            Err(_) => panic!("a label in the program fits"),
        }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why figures are no pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A text is too long.
    LabelTooLong {
        /// Its length, bytes.
        len: usize,
    },
    /// A pulse has no volume or no steps.
    NoPulse,
    /// A rate is zero or the lowest is above the highest.
    Rates,
    /// A bolus limit is zero or the smallest is above the largest.
    Boluses,
    /// The motor takes no time, or its rotation is due before the run ends.
    RotationDeadline,
    /// At the highest rates a pulse falls due before the motor has done the one before.
    MotorTooSlow {
        /// Time that a pulse takes, µs.
        run_us: u64,
        /// Time between pulses, µs.
        interval_us: u64,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LabelTooLong { len } => {
                write!(f, "label too long, expected at most {LABEL_MAX} bytes, found {len}")
            }
            Self::NoPulse => f.write_str("pulse is empty, expected a volume in nL and steps above 0"),
            Self::Rates => f.write_str("rates do not fit, expected 0 < lowest <= highest in nL/h"),
            Self::Boluses => f.write_str("bolus limits do not fit, expected 0 < smallest <= largest in nL"),
            Self::RotationDeadline => {
                f.write_str("rotation deadline does not fit, expected 0 < motor run <= deadline in us")
            }
            Self::MotorTooSlow { run_us, interval_us } => write!(
                f,
                "motor too slow for the highest rates, expected a run of at most {interval_us} us, found {run_us} us"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_pump_fits_together() {
        assert_eq!(Config::reference().validate(), Ok(()));
        assert_eq!(Config::reference().shortest_interval_us(), 360_000);
        assert_eq!(Config::reference().identity().model, "ITP-REF");
    }

    #[test]
    fn a_slow_motor_is_refused() {
        let slow = Config { motor_run_us: 360_001, rotation_deadline_us: 500_000, ..Config::reference() };
        let expect = ConfigError::MotorTooSlow { run_us: 360_001, interval_us: 360_000 };
        assert_eq!(slow.validate(), Err(expect));
    }

    #[test]
    fn empty_figures_are_refused() {
        let reference = Config::reference();
        let check = |config: Config, expect| assert_eq!(config.validate(), Err(expect));
        check(Config { pulse_nl: 0, ..reference }, ConfigError::NoPulse);
        check(Config { rate_min_nl_per_h: 2_000_000, ..reference }, ConfigError::Rates);
        check(Config { bolus_min_nl: 0, ..reference }, ConfigError::Boluses);
        check(Config { rotation_deadline_us: 1, ..reference }, ConfigError::RotationDeadline);
        assert_eq!(Label::new("µµµµµµµµµµµµµµµµµ"), Err(ConfigError::LabelTooLong { len: 34 }));
    }
}

//! What distinguishes one pump from another: identity, volumes, rates and the motor's times.
//!
//! It owns the figures and the check that they fit together. It must not know the pump's state.

use core::fmt;

use wire::{Alarm, Identity, PROTOCOL, Target};

/// Longest text of an identity, bytes.
pub const LABEL_MAX: usize = 32;

/// One nanolitre in the unit of account, nL·µs/h.
pub(crate) const NANOLITRE: u64 = 3_600_000_000;

/// The bits of all alarms there are.
pub(crate) const ALARMS_KNOWN: u16 = {
    let (mut bits, mut at) = (0, 0);
    while at < Alarm::ALL.len() {
        bits |= Alarm::ALL[at].bit();
        at += 1;
    }
    bits
};

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
    /// Time after which telemetry that was opened closes by itself, µs.
    pub telemetry_timeout_us: u64,
    /// Voltage at rest below which the battery calls for a replacement, mV.
    pub eri_mv: u16,
    /// Voltage at rest or under load below which therapy ends, mV; not above `eri_mv`.
    pub eos_mv: u16,
    /// Time between two samples of voltage and pressure at rest, µs.
    pub sample_interval_us: u64,
    /// Gauge pressure at the outlet above which it is occluded, Pa; `None` is a pump without occlusion sensing.
    pub occlusion_pa: Option<i32>,
    /// Samples in a row above `occlusion_pa` that are an occlusion, 1 to 255.
    pub occlusion_samples: u8,
    /// What the reservoir can hold, nL.
    pub reservoir_max_nl: u32,
    /// What the reservoir of a new pump holds, nL.
    pub reservoir_initial_nl: u32,
    /// Below what the reservoir of a new pump is low, nL.
    pub reservoir_low_nl: u32,
    /// Time between the tones of a critical alarm, µs.
    pub critical_interval_us: u64,
    /// Time between the tones of any other alarm, µs.
    pub other_interval_us: u64,
    /// The alarms that the pump can raise, each [`Alarm::bit`]. What an alarm that is missing here would protect from
    /// is not protected from either.
    pub alarms_enabled: u16,
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
            telemetry_timeout_us: 120_000_000,
            eri_mv: 2_600,
            eos_mv: 2_400,
            sample_interval_us: 60_000_000,
            occlusion_pa: Some(60_000),
            occlusion_samples: 3,
            reservoir_max_nl: 40_000_000,
            reservoir_initial_nl: 20_000_000,
            reservoir_low_nl: 2_000_000,
            critical_interval_us: 600_000_000,
            other_interval_us: 3_600_000_000,
            alarms_enabled: ALARMS_KNOWN,
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
        self.validate_watch()
    }

    /// Whether the figures by which the pump watches itself fit together.
    const fn validate_watch(&self) -> Result<(), ConfigError> {
        if self.telemetry_timeout_us == 0
            || self.sample_interval_us == 0
            || self.critical_interval_us == 0
            || self.other_interval_us == 0
        {
            return Err(ConfigError::Intervals);
        }
        if self.eos_mv == 0 || self.eos_mv > self.eri_mv {
            return Err(ConfigError::Battery { eos_mv: self.eos_mv, eri_mv: self.eri_mv });
        }
        if self.occlusion_samples == 0 {
            return Err(ConfigError::OcclusionSamples);
        }
        if self.reservoir_low_nl > self.reservoir_initial_nl
            || self.reservoir_initial_nl > self.reservoir_max_nl
            || self.reservoir_initial_nl < self.pulse_nl
        {
            return Err(ConfigError::Reservoir);
        }
        if self.alarms_enabled & !ALARMS_KNOWN != 0 {
            return Err(ConfigError::Alarms { bits: self.alarms_enabled });
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
    /// A timeout or an interval is zero.
    Intervals,
    /// The end of service is at 0 mV or above the voltage that calls for a replacement.
    Battery {
        /// End of service, mV.
        eos_mv: u16,
        /// Elective replacement, mV.
        eri_mv: u16,
    },
    /// No sample is needed for an occlusion.
    OcclusionSamples,
    /// A new pump's reservoir holds less than a pulse, is low at once, or holds more than it can.
    Reservoir,
    /// A bit is no alarm's.
    Alarms {
        /// The bits given.
        bits: u16,
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
            Self::Intervals => f.write_str("timeouts and intervals do not fit, expected each above 0 us"),
            Self::Battery { eos_mv, eri_mv } => {
                write!(f, "battery limits do not fit, expected 0 < end of service <= {eri_mv} mV, found {eos_mv} mV")
            }
            Self::OcclusionSamples => f.write_str("occlusion samples do not fit, expected 1 to 255, found 0"),
            Self::Reservoir => {
                f.write_str("reservoir does not fit, expected low <= initial <= largest in nL and a pulse in it")
            }
            Self::Alarms { bits } => {
                write!(f, "enabled alarms do not fit, expected bits of {ALARMS_KNOWN:#06x}, found {bits:#06x}")
            }
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
    fn figures_that_contradict_each_other_are_refused() {
        let reference = Config::reference();
        let check = |config: Config, expect| assert_eq!(config.validate(), Err(expect));
        check(Config { eos_mv: 2_601, ..reference }, ConfigError::Battery { eos_mv: 2_601, eri_mv: 2_600 });
        check(Config { reservoir_low_nl: 20_000_001, ..reference }, ConfigError::Reservoir);
        check(Config { reservoir_initial_nl: 40_000_001, ..reference }, ConfigError::Reservoir);
        check(Config { alarms_enabled: 0x100, ..reference }, ConfigError::Alarms { bits: 0x100 });
        assert_eq!(reference.alarms_enabled, 0xFF);
    }

    #[test]
    fn empty_figures_are_refused() {
        let reference = Config::reference();
        let check = |config: Config, expect| assert_eq!(config.validate(), Err(expect));
        check(Config { pulse_nl: 0, ..reference }, ConfigError::NoPulse);
        check(Config { rate_min_nl_per_h: 2_000_000, ..reference }, ConfigError::Rates);
        check(Config { bolus_min_nl: 0, ..reference }, ConfigError::Boluses);
        check(Config { rotation_deadline_us: 1, ..reference }, ConfigError::RotationDeadline);
        check(Config { telemetry_timeout_us: 0, ..reference }, ConfigError::Intervals);
        check(Config { sample_interval_us: 0, ..reference }, ConfigError::Intervals);
        check(Config { occlusion_samples: 0, ..reference }, ConfigError::OcclusionSamples);
        assert_eq!(Label::new("µµµµµµµµµµµµµµµµµ"), Err(ConfigError::LabelTooLong { len: 34 }));
    }
}

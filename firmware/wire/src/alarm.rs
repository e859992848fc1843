//! The alarms that a pump can raise, their names, priorities and bits.
//!
//! It owns what an alarm is called and how a set of alarms is written as bits. It must not know when an alarm is raised.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A condition that the pump raises, logs and sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alarm {
    /// The motor was driven twice and the head did not turn as far as a pulse needs.
    MotorStall,
    /// The motor has not been asked to turn for 48 h; a rotor that rests so long may stick.
    PumpStopped48h,
    /// The pressure at the outlet stays above what an open line can need.
    Occlusion,
    /// By the pump's calculation nothing is left to be delivered.
    EmptyReservoir,
    /// The battery's voltage is too low for therapy (EOS).
    EndOfService,
    /// The parameters' check value does not fit them.
    MemoryError,
    /// By the pump's calculation the reservoir is low.
    LowReservoir,
    /// The battery's voltage calls for a replacement (ERI).
    ElectiveReplacement,
}

impl Alarm {
    /// Every alarm, most urgent first.
    pub const ALL: [Self; 8] = [
        Self::MotorStall,
        Self::Occlusion,
        Self::EmptyReservoir,
        Self::EndOfService,
        Self::MemoryError,
        Self::PumpStopped48h,
        Self::LowReservoir,
        Self::ElectiveReplacement,
    ];

    /// The name that people read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MotorStall => "motor stall",
            Self::PumpStopped48h => "pump stopped 48 h",
            Self::Occlusion => "occlusion",
            Self::EmptyReservoir => "empty reservoir",
            Self::EndOfService => "end of service",
            Self::MemoryError => "memory error",
            Self::LowReservoir => "low reservoir",
            Self::ElectiveReplacement => "elective replacement",
        }
    }

    /// Whether the alarm has the high priority: two tones at the short interval, sounded before any other one.
    pub const fn critical(self) -> bool {
        !matches!(self, Self::LowReservoir | Self::ElectiveReplacement)
    }

    /// Whether therapy is refused while the alarm is active. The alarm of a stopped pump does not lock: therapy is
    /// what clears it.
    pub const fn locks_therapy(self) -> bool {
        matches!(
            self,
            Self::MotorStall | Self::Occlusion | Self::EmptyReservoir | Self::EndOfService | Self::MemoryError
        )
    }

    /// The alarm's bit in the set of active alarms, [`Status::alarms`](crate::Status::alarms).
    pub const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The alarms whose bits are set, most urgent first.
    pub fn in_set(bits: u16) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |alarm| bits & alarm.bit() != 0)
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

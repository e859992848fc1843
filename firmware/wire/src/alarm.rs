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
}

impl Alarm {
    /// Every alarm, most urgent first.
    pub const ALL: [Self; 2] = [Self::MotorStall, Self::PumpStopped48h];

    /// The name that people read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MotorStall => "motor stall",
            Self::PumpStopped48h => "pump stopped 48 h",
        }
    }

    /// Whether the alarm has the high priority, which is sounded before any other one.
    pub const fn critical(self) -> bool {
        match self {
            Self::MotorStall | Self::PumpStopped48h => true,
        }
    }

    /// Whether therapy is refused while the alarm is active. The alarm of a stopped pump does not lock: therapy is
    /// what clears it.
    pub const fn locks_therapy(self) -> bool {
        match self {
            Self::MotorStall => true,
            Self::PumpStopped48h => false,
        }
    }

    /// The alarm's bit in the set of active alarms, [`Status::alarms`](crate::Status::alarms).
    pub const fn bit(self) -> u16 {
        match self {
            Self::MotorStall => 1,
            Self::PumpStopped48h => 1 << 1,
        }
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

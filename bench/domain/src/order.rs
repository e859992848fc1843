//! Orders: what the bench tells the rig to do, other than the pump: valve, supply, bath, debug probe, simulated plant.
//!
//! An order goes to an instrument by name, carries a number, and is answered once.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::firmware::Place;
use crate::quantity::{Temperature, Voltage};
use crate::stimulus::Stimulus;

/// From this position on a valve counts as closed, in per cent closed.
pub const VALVE_CLOSED_FROM: f64 = 95.0;
/// Up to this position a valve counts as open, in per cent closed.
pub const VALVE_OPEN_UP_TO: f64 = 5.0;

/// What a supply's output that is off may still show, in V.
pub const SUPPLY_DEAD_V: f64 = 0.1;

/// How far off what was ordered a supply may read, in V.
#[must_use]
pub fn supply_tolerance_v(ordered_v: f64) -> f64 {
    0.02 + 0.02 * ordered_v
}

/// What an instrument of the rig is told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Close or open a valve. That it has moved is known by its position alone.
    Valve {
        /// Closed rather than open.
        closed: bool,
    },
    /// Set the supply that plays the battery.
    Supply {
        /// The voltage at its terminals; unchanged if it is not given.
        voltage_v: Option<Voltage>,
        /// Whether its output is on.
        output: bool,
    },
    /// Set the temperature that a bath is to keep.
    Bath {
        /// The set-point.
        at_c: Temperature,
    },
    /// Write the rig file's image to the board, verify it, and let it run.
    Flash,
    /// Reset the board and let it run.
    Reset,
    /// Halt the board's core.
    Halt,
    /// Let the board's core run again.
    Run,
    /// Read a place in the image's memory.
    Peek(Place),
    /// Write a place in the image's memory.
    Poke {
        /// Where.
        place: Place,
        /// What.
        value: i64,
    },
    /// Do something to the simulated plant.
    Stimulate(Stimulus),
}

impl Order {
    /// Whether it may be told again when nobody knows whether it was heard: a valve, a supply or a bath may be told twice what it
    /// is to be, a plant would be pushed twice, a board reset, held or
    /// written to twice.
    #[must_use]
    pub const fn may_repeat(&self) -> bool {
        matches!(self, Self::Valve { .. } | Self::Supply { .. } | Self::Bath { .. } | Self::Peek(_))
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valve { closed: true } => f.write_str("close"),
            Self::Valve { closed: false } => f.write_str("open"),
            Self::Supply { output: false, .. } => f.write_str("output off"),
            Self::Supply { voltage_v: Some(voltage), output: true } => write!(f, "{voltage}, output on"),
            Self::Supply { voltage_v: None, output: true } => f.write_str("output on"),
            Self::Bath { at_c } => write!(f, "keep {at_c}"),
            Self::Flash => f.write_str("flash the image"),
            Self::Reset => f.write_str("reset the board"),
            Self::Halt => f.write_str("halt the core"),
            Self::Run => f.write_str("let the core run"),
            Self::Peek(place) => write!(f, "read {place}"),
            Self::Poke { place, value } => write!(f, "write {value} to {place}"),
            Self::Stimulate(stimulus) => stimulus.fmt(f),
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderOutcome {
    /// The instrument has taken it.
    Done,
    /// The instrument has read this.
    Read {
        /// The value.
        value: i64,
    },
    /// The instrument will not.
    Refused {
        /// Why, in its words.
        reason: String,
    },
    /// Nobody knows: the instrument did not answer in time, and was told again.
    Unanswered {
        /// The last link fault, as text.
        reason: String,
    },
}

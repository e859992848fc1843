//! The reservoir by calculation: what it held after the last refill less each pulse whose rotation was sensed.
//!
//! It owns the level and how it is judged. It must not know what really is in the reservoir; nobody on the board does.

use serde::{Deserialize, Serialize};

/// What the pump holds the reservoir to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Enough.
    Good,
    /// Below the programmed low level.
    Low,
    /// Less than one pulse.
    Empty,
}

/// The level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reservoir {
    volume_nl: u32,
}

impl Reservoir {
    pub(crate) const fn new(volume_nl: u32) -> Self {
        Self { volume_nl }
    }

    /// What is left, nL.
    pub(crate) const fn volume_nl(&self) -> u32 {
        self.volume_nl
    }

    /// One pulse left it.
    pub(crate) const fn deliver(&mut self, pulse_nl: u32) {
        self.volume_nl = self.volume_nl.saturating_sub(pulse_nl);
    }

    /// How much that is.
    pub(crate) const fn level(&self, pulse_nl: u32, low_nl: u32) -> Level {
        if self.volume_nl < pulse_nl {
            Level::Empty
        } else if self.volume_nl < low_nl {
            Level::Low
        } else {
            Level::Good
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_low_below_the_level_and_empty_below_a_pulse() {
        let mut reservoir = Reservoir::new(1_999);
        let mut levels = [Level::Good; 4];
        for level in &mut levels {
            *level = reservoir.level(500, 1_499);
            reservoir.deliver(500);
        }
        assert_eq!(levels, [Level::Good, Level::Good, Level::Low, Level::Empty]);
        assert_eq!(reservoir.volume_nl(), 0);
    }
}

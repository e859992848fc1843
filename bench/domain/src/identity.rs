//! Who answered: an instrument's identity as it tells it, and the tier of rig that follows from all of them.
//!
//! The tier is derived, never declared: a simulator says of itself that it is one.

use serde::{Deserialize, Serialize};

/// What an instrument or a pump said of itself when it was attached. What is not known is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Model or type designation.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Hardware revision.
    pub hardware: Option<String>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// What stands behind the wire.
    pub nature: Nature,
}

impl Identity {
    /// Whether the two cannot be the same thing: something that both tell differs. A text that one of them did not tell,
    /// as a balance that adjusts itself may refuse to, decides nothing.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let differ = |ours: &Option<String>, theirs: &Option<String>| {
            ours.as_ref().zip(theirs.as_ref()).is_some_and(|(ours, theirs)| ours != theirs)
        };
        self.nature != other.nature
            || differ(&self.model, &other.model)
            || differ(&self.serial, &other.serial)
            || differ(&self.hardware, &other.hardware)
            || differ(&self.firmware, &other.firmware)
    }

    /// What this one tells, and where it is silent what the other told.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            model: self.model.or(other.model),
            serial: self.serial.or(other.serial),
            hardware: self.hardware.or(other.hardware),
            firmware: self.firmware.or(other.firmware),
            nature: self.nature,
        }
    }
}

impl core::fmt::Display for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let or = |text: &Option<String>, unknown: &str| text.clone().unwrap_or_else(|| unknown.to_owned());
        let (model, serial) = (or(&self.model, "an unknown model"), or(&self.serial, "unknown"));
        write!(f, "{model} (serial {serial}, firmware {})", or(&self.firmware, "unknown"))
    }
}

/// What stands behind the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// A thing on a table.
    Real,
    /// A simulator, or the pump's logic on the host.
    Simulated,
    /// The pump's firmware image on an emulated core.
    Emulated,
}

/// How real a rig is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Simulators under virtual time.
    Virtual,
    /// Simulators in real time behind real ports.
    Served,
    /// The firmware image on an emulated core.
    Emulated,
    /// The board, on a bench.
    Lab,
}

impl Tier {
    /// The tier that follows from what answered, and from whether time was virtual; `None` if nothing answered.
    #[must_use]
    pub fn derive(virtual_time: bool, natures: impl IntoIterator<Item = Nature>) -> Option<Self> {
        let natures: Vec<Nature> = natures.into_iter().collect();
        if natures.is_empty() {
            return None;
        }
        Some(if virtual_time {
            Self::Virtual
        } else if natures.contains(&Nature::Emulated) {
            Self::Emulated
        } else if natures.contains(&Nature::Simulated) {
            Self::Served
        } else {
            Self::Lab
        })
    }

    /// The tier as it stands in `summary.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Virtual => "virtual",
            Self::Served => "served",
            Self::Emulated => "emulated",
            Self::Lab => "lab",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_simulator_keeps_a_rig_from_being_a_lab() {
        assert_eq!(Tier::derive(false, [Nature::Real, Nature::Simulated]), Some(Tier::Served));
        assert_eq!(Tier::derive(false, [Nature::Real, Nature::Real]), Some(Tier::Lab));
        assert_eq!(Tier::derive(true, [Nature::Simulated]), Some(Tier::Virtual));
        assert_eq!(Tier::derive(false, [Nature::Emulated, Nature::Simulated]), Some(Tier::Emulated));
        assert_eq!(Tier::derive(false, []), None);
    }
}

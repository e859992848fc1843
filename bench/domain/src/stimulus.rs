//! Stimuli of the simulated plant: what a scenario may do to it, by name, each with the dimension of its value.
//!
//! One table: the scenario language takes its words from it, the simulators their meaning. A rig without simulators
//! has no plant to be stimulated.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::significant;
use crate::unit::Dimension;

/// What the value of a stimulus is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StimulusValue {
    /// A quantity, in the dimension's base unit.
    Quantity(Dimension),
    /// On (1) or off (0).
    Switch,
    /// Nothing: it happens once; its value is 1.
    Once,
}

/// A kind of stimulus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StimulusSpec {
    /// The name, as scenarios write it.
    pub name: &'static str,
    /// What its value is.
    pub value: StimulusValue,
    /// The least and the greatest value, in the base unit.
    pub range: (i32, i32),
    /// What it does, in one line.
    pub doc: &'static str,
    /// Whether the board may fall silent by it while it lasts, so that its silence is no fault of its own.
    pub silences: bool,
}

const fn spec(name: &'static str, value: StimulusValue, range: (i32, i32), doc: &'static str) -> StimulusSpec {
    StimulusSpec { name, value, range, doc, silences: false }
}

const fn silencing(spec: StimulusSpec) -> StimulusSpec {
    StimulusSpec { silences: true, ..spec }
}

/// Every stimulus that the simulated plant knows.
pub const STIMULI: &[StimulusSpec] = &[
    spec(
        "delivered too much",
        StimulusValue::Quantity(Dimension::Ratio),
        (-100, 100),
        "constant error of the pump head from now on",
    ),
    spec("stall", StimulusValue::Switch, (0, 1), "the motor does not turn"),
    spec(
        "leak",
        StimulusValue::Quantity(Dimension::FlowRate),
        (0, 10_000),
        "what leaves the line before the vessel at a gauge pressure of 10 kPa; it grows with the pressure",
    ),
    spec(
        "air bubble",
        StimulusValue::Quantity(Dimension::Volume),
        (0, 1_000),
        "air in the line, by its volume at ambient pressure: compliance that falls as it is compressed",
    ),
    spec(
        "line resistance",
        StimulusValue::Quantity(Dimension::Pressure),
        (0, 10_000),
        "pressure that the line needs for a flow of 100 uL/h; a partial occlusion is a great one",
    ),
    spec("back pressure", StimulusValue::Quantity(Dimension::Pressure), (-20, 40), "pressure at the line's end"),
    spec("blocked", StimulusValue::Switch, (0, 1), "the line is blocked behind the pressure sensor, valve or not"),
    silencing(spec(
        "battery resistance",
        StimulusValue::Quantity(Dimension::Resistance),
        (0, 10_000),
        "in series with the battery, as of a film on its electrodes",
    )),
    spec(
        "dip under load",
        StimulusValue::Once,
        (1, 1),
        "the supply collapses when the motor next draws its current, and is back at once",
    ),
    spec("no alarms", StimulusValue::Switch, (0, 1), "the pump raises no alarm any more"),
    spec("corrupt parameters", StimulusValue::Once, (1, 1), "a bit of the pump's parameter block flips"),
    spec("watchdog reset", StimulusValue::Once, (1, 1), "the pump's watchdog bites"),
    spec(
        "reservoir",
        StimulusValue::Quantity(Dimension::Volume),
        (0, 40_000),
        "what is really in the reservoir, whatever the pump has calculated",
    ),
    spec("zero tracking", StimulusValue::Switch, (0, 1), "the balance takes slow changes for drift of its zero"),
    spec("self-adjustment", StimulusValue::Once, (1, 1), "the balance adjusts itself: it is busy, then reads anew"),
    spec(
        "hysteresis",
        StimulusValue::Quantity(Dimension::Mass),
        (0, 1),
        "by how much more the balance shows a falling load than the same load when it rises",
    ),
    spec("balance jump", StimulusValue::Quantity(Dimension::Mass), (-10, 10), "the load jumps without flow"),
    spec(
        "temperature step",
        StimulusValue::Quantity(Dimension::Temperature),
        (-10, 10),
        "by how many K the room is warmer than by itself, from now on",
    ),
    spec(
        "humidity step",
        StimulusValue::Quantity(Dimension::Ratio),
        (-50, 50),
        "by how many percentage points the room is more humid than by itself, from now on",
    ),
    spec(
        "breathing",
        StimulusValue::Quantity(Dimension::Volume),
        (0, 100),
        "what leaves the line for each K by which the room becomes warmer",
    ),
    spec(
        "flow offset",
        StimulusValue::Quantity(Dimension::FlowRate),
        (-1_000, 1_000),
        "error of the flow meter's zero",
    ),
    spec("pressure offset", StimulusValue::Quantity(Dimension::Pressure), (-100, 100), "error of the pressure sensor"),
    spec(
        "valve moves by itself",
        StimulusValue::Switch,
        (0, 1),
        "the occlusion valve closes (on) or opens (off) without an order",
    ),
    spec("position stuck", StimulusValue::Switch, (0, 1), "the valve's position feedback does not move"),
];

/// A stimulus with its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stimulus {
    /// The name in [`STIMULI`].
    pub name: String,
    /// The value, in the base unit of its dimension; 1 and 0 for on and off, 1 for what happens once.
    pub value: f64,
}

/// The stimulus of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static StimulusSpec> {
    STIMULI.iter().find(|s| s.name == name)
}

impl fmt::Display for Stimulus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match find(&self.name).map(|s| s.value) {
            Some(StimulusValue::Quantity(dimension)) => {
                write!(f, "{}: {} {}", self.name, significant(self.value), dimension.base_symbol())
            }
            Some(StimulusValue::Switch) => {
                write!(f, "{}: {}", self.name, if self.value == 0.0 { "off" } else { "on" })
            }
            Some(StimulusValue::Once) | None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_ranges_in_order() {
        for (n, stimulus) in STIMULI.iter().enumerate() {
            assert_eq!(STIMULI.iter().position(|other| other.name == stimulus.name), Some(n));
            assert!(stimulus.range.0 <= stimulus.range.1, "{}", stimulus.name);
        }
    }

    #[test]
    fn a_stimulus_reads_well() {
        let shown = |name: &str, value| Stimulus { name: name.to_owned(), value }.to_string();
        assert_eq!(shown("leak", 0.5), "leak: 0.5 uL/h");
        assert_eq!(shown("stall", 1.0), "stall: on");
        assert_eq!(shown("watchdog reset", 1.0), "watchdog reset");
    }
}

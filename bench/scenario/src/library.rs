//! The scenario library, embedded so that the program works outside a clone.
//!
//! A new scenario is a file under `scenarios/` and one line here; a test holds the two against each other.

/// Every scenario of the library: its name and its text.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("bolus/train-of-25", include_str!("../../../scenarios/bolus/train-of-25.yaml")),
    ("endurance/basal-72h", include_str!("../../../scenarios/endurance/basal-72h.yaml")),
    ("smoke/short-bolus", include_str!("../../../scenarios/smoke/short-bolus.yaml")),
];

/// The text of a library scenario.
#[must_use]
pub fn find(name: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

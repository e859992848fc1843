//! The scenario library, embedded so that the program works outside a clone.
//!
//! A new scenario is a file under `scenarios/` and one line here; a test holds the two against each other.

/// Every scenario of the library: its name and its text.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("bolus/patient-lockout", include_str!("../../../scenarios/bolus/patient-lockout.yaml")),
    ("bolus/train-of-25", include_str!("../../../scenarios/bolus/train-of-25.yaml")),
    ("conditions/accuracy-by-temperature", include_str!("../../../scenarios/conditions/accuracy-by-temperature.yaml")),
    ("conditions/accuracy-matrix", include_str!("../../../scenarios/conditions/accuracy-matrix.yaml")),
    ("endurance/basal-72h", include_str!("../../../scenarios/endurance/basal-72h.yaml")),
    ("endurance/trumpet-of-basal", include_str!("../../../scenarios/endurance/trumpet-of-basal.yaml")),
    ("firmware/corrupted-parameter", include_str!("../../../scenarios/firmware/corrupted-parameter.yaml")),
    ("firmware/watchdog-reset", include_str!("../../../scenarios/firmware/watchdog-reset.yaml")),
    ("motor/stall", include_str!("../../../scenarios/motor/stall.yaml")),
    ("occlusion/complete-during-basal", include_str!("../../../scenarios/occlusion/complete-during-basal.yaml")),
    ("occlusion/partial-during-bolus", include_str!("../../../scenarios/occlusion/partial-during-bolus.yaml")),
    ("power/brown-out-under-load", include_str!("../../../scenarios/power/brown-out-under-load.yaml")),
    ("power/low-battery", include_str!("../../../scenarios/power/low-battery.yaml")),
    ("reservoir/low-and-empty", include_str!("../../../scenarios/reservoir/low-and-empty.yaml")),
    ("smoke/short-bolus", include_str!("../../../scenarios/smoke/short-bolus.yaml")),
    ("smoke/short-occlusion", include_str!("../../../scenarios/smoke/short-occlusion.yaml")),
    ("smoke/short-stall", include_str!("../../../scenarios/smoke/short-stall.yaml")),
    ("therapy/dose-change-by-telemetry", include_str!("../../../scenarios/therapy/dose-change-by-telemetry.yaml")),
    ("therapy/flex-day", include_str!("../../../scenarios/therapy/flex-day.yaml")),
];

/// The text of a library scenario.
#[must_use]
pub fn find(name: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

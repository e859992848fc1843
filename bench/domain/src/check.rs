//! Checks as they stand in the stream: what was to be measured, the limits, and what was decided.
//!
//! The definition travels with the decision, so that a report can compute it again with the same functions.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::quantity::significant;
use crate::verdict::CheckVerdict;

/// Limits of a value, in the unit of the check. A missing side is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// The least value that is allowed.
    pub low: Option<f64>,
    /// The greatest value that is allowed.
    pub high: Option<f64>,
}

impl Limits {
    /// Whether a value is at or within the limits; a number that is none is not.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        self.low.is_none_or(|low| value >= low) && self.high.is_none_or(|high| value <= high) && !value.is_nan()
    }

    /// The limits as a sentence names them, in that unit; numbers alone in the unit 1.
    #[must_use]
    pub fn shown(self, unit: &str) -> String {
        let unit = if unit == "1" { String::new() } else { format!(" {unit}") };
        match (self.low.map(significant), self.high.map(significant)) {
            (Some(low), Some(high)) if low == high => format!("{low}{unit}"),
            (Some(low), Some(high)) => format!("{low} to {high}{unit}"),
            (Some(low), None) => format!("at least {low}{unit}"),
            (None, Some(high)) => format!("at most {high}{unit}"),
            (None, None) => "any value".to_owned(),
        }
    }
}

/// The least risk of a false acceptance that may be stated, in %: a million trials still tell one of a fifth of it.
pub const RISK_LEAST_PERCENT: f64 = 0.05;

/// By which rule a value with its uncertainty is held against its limits; named before the run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionRule {
    /// Within its limits or not, whatever the uncertainty: a pass at a limit is wrong with a probability of 50 %.
    SimpleAcceptance,
    /// A guard band as wide as the expanded uncertainty on both sides of each limit.
    #[default]
    GuardBand,
    /// A guard band so wide that a pass is wrong with at most this probability, in %, at one limit.
    StatedRisk {
        /// From [`RISK_LEAST_PERCENT`] on, and below 50.
        false_acceptance_percent: f64,
    },
}

impl core::fmt::Display for DecisionRule {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::SimpleAcceptance => f.write_str("simple acceptance, without a guard band"),
            Self::GuardBand => f.write_str("guard band w = U"),
            Self::StatedRisk { false_acceptance_percent } => {
                write!(f, "guard band for a false acceptance of at most {} %", significant(*false_acceptance_percent))
            }
        }
    }
}

/// How the name of a mark ends that bounds a handling of the vessel, before begin or end.
const HANDLED: &str = " (handled)";

/// A span of the run between two marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The mark at its beginning.
    pub from: String,
    /// The mark at its end.
    pub to: String,
}

impl Window {
    /// The window of a named step: its marks are `NAME.begin` and `NAME.end`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { from: format!("{name}.begin"), to: format!("{name}.end") }
    }

    /// The time in which a person handles the vessel in a named step: what is weighed over it is not.
    #[must_use]
    pub fn handled(name: &str) -> Self {
        Self { from: format!("{name}{HANDLED}.begin"), to: format!("{name}{HANDLED}.end") }
    }

    /// Whether a mark is the beginning of such a time.
    #[must_use]
    pub fn begins_handling(mark: &str) -> bool {
        mark.strip_suffix(".begin").is_some_and(|name| name.ends_with(HANDLED))
    }

    /// Whether a mark is the end of such a time.
    #[must_use]
    pub fn ends_handling(mark: &str) -> bool {
        mark.strip_suffix(".end").is_some_and(|name| name.ends_with(HANDLED))
    }
}

/// In what unit an error of a volume is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorUnit {
    /// Per cent of the commanded volume.
    PercentOfCommanded,
    /// Microlitres.
    Microlitre,
}

impl ErrorUnit {
    /// The symbol of the unit.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::PercentOfCommanded => "%",
            Self::Microlitre => "uL",
        }
    }
}

/// The least width of a sample of the mass at a window's end, in s: the shortest sample interval of a trumpet curve.
const SAMPLE_S: f64 = 30.0;
/// So many polls of the balance are in a sample at least.
const SAMPLE_POLLS: f64 = 5.0;
/// Fewer readings than this are no sample.
pub const SAMPLE_READINGS: u32 = 3;
/// 99 of 100 values of a normal distribution lie within so many deviations: what a rig's own scatter is stated as.
pub const SCATTER_DEVIATIONS: f64 = 2.576;
/// The rig's own scatter at no flow may be this share of a limit of the flow's error.
pub const SCATTER_SHARE_MAX: f64 = 1.0 / 3.0;

/// The width of a sample, in s, of a balance that is polled each `poll_s`.
#[must_use]
pub fn sample_s(poll_s: f64) -> f64 {
    SAMPLE_S * (SAMPLE_POLLS * poll_s / SAMPLE_S).ceil().max(1.0)
}

/// A time lengthened to whole cycles, both in s; cycles that it holds but for rounding are no reason to add one.
#[must_use]
pub fn whole_cycles_s(asked_s: f64, cycle_s: f64) -> f64 {
    (asked_s / cycle_s - 1e-9).ceil() * cycle_s
}

/// A figure that is settled once, after the closing weighing, from the stream alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Delivered minus commanded volume over a window.
    VolumeError {
        /// Over which span.
        window: Window,
        /// In what unit.
        unit: ErrorUnit,
    },
    /// Delivered minus commanded volume over a window, in microlitres, corrected for a valve that opened in it: the
    /// bolus that an occluded line releases.
    ExcessVolume {
        /// Over which span.
        window: Window,
        /// Whether the occlusion valve opened within it, so that it took back what it displaces.
        valve_opened: bool,
    },
    /// The worst error of the flow over windows of one length, of all that begin at a sample within a longer one, in per cent:
    /// Ep(max) or Ep(min) of a trumpet curve (method adapted from IEC 60601-2-24).
    FlowError {
        /// Within which span.
        window: Window,
        /// How long a window is.
        over: Duration,
        /// Whether it is lengthened to whole pulse cycles.
        whole_cycles: bool,
    },
    /// The error of the worst single bolus: volume in excess of the continuous rate, minus the bolus commanded.
    WorstBolusError {
        /// One window a bolus.
        windows: Vec<Window>,
        /// In what unit.
        unit: ErrorUnit,
    },
    /// The mean error over all boluses of a step.
    MeanBolusError {
        /// One window a bolus.
        windows: Vec<Window>,
        /// In what unit.
        unit: ErrorUnit,
    },
}

impl Figure {
    /// The symbol of the figure's unit.
    #[must_use]
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::VolumeError { unit, .. } | Self::WorstBolusError { unit, .. } | Self::MeanBolusError { unit, .. } => {
                unit.symbol()
            }
            Self::ExcessVolume { .. } => ErrorUnit::Microlitre.symbol(),
            Self::FlowError { .. } => ErrorUnit::PercentOfCommanded.symbol(),
        }
    }
}

/// A check of the plan: what it is called, why it is there, and its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckHead {
    /// Unique in the run.
    pub name: String,
    /// The step it stands in.
    pub step: String,
    /// The reason for its limits.
    pub because: String,
    /// The requirements it verifies.
    pub requirements: Vec<String>,
}

/// A check as decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// What it is called and why it is there.
    pub head: CheckHead,
    /// What was decided.
    pub verdict: CheckVerdict,
    /// The value, in `unit`, if there is one.
    pub value: Option<f64>,
    /// The unit of value, uncertainty and limits.
    pub unit: String,
    /// The expanded uncertainty of the value, if it is known.
    pub expanded_uncertainty: Option<f64>,
    /// The coverage factor of the expanded uncertainty.
    pub coverage_factor: Option<f64>,
    /// The limits it was held against.
    pub limits: Limits,
    /// Why it is no pass, as a sentence; `None` for a pass.
    pub reason: Option<String>,
    /// What was measured, for a settled check; `None` for one decided in the moment.
    pub figure: Option<Figure>,
    /// What else can be said of it, such as flags that did not change it.
    pub notes: Vec<String>,
}

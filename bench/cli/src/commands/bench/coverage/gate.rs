//! What held a pass back, told from a check's reason: the gates between a measurement and its verdict.
//!
//! The reasons are sentences for people; whole runs with effects hold the words by which they are told apart.

use core::fmt;

/// A gate, by what it looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gate {
    /// The room is as declared (`bench/measure/src/conditions.rs`).
    Climate,
    /// The mass jumped without flow (`bench/measure/src/jumps.rs`).
    Jump,
    /// Evaporation after the steps is that before them.
    EvaporationChange,
    /// The vessel loses mass with the pump stopped.
    Gain,
    /// A release takes nothing out of the vessel.
    Implausible,
    /// There is no value: a weighing, or what was commanded, is not known.
    NoValue,
    /// Any other reason.
    Other,
}

impl Gate {
    /// The gate that a reason speaks of.
    pub(super) fn of(reason: &str) -> Self {
        const WORDS: [(&str, Gate); 10] = [
            ("as the rig file declares", Gate::Climate),
            ("within its sensor's range", Gate::Climate),
            ("the mass jumped by", Gate::Jump),
            ("expected evaporation to change by at most", Gate::EvaporationChange),
            ("expected the vessel to lose mass", Gate::Gain),
            ("expected no less than nothing in excess", Gate::Implausible),
            ("readings of the balance for the weighing", Gate::NoValue),
            ("the run never came to the weighing", Gate::NoValue),
            ("is in doubt", Gate::NoValue),
            ("was not measured", Gate::NoValue),
        ];
        WORDS.into_iter().find(|(words, _)| reason.contains(words)).map_or(Self::Other, |(_, gate)| gate)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Climate => "climate",
            Self::Jump => "jump",
            Self::EvaporationChange => "evaporation change",
            Self::Gain => "gain of mass",
            Self::Implausible => "implausible release",
            Self::NoValue => "no value",
            Self::Other => "other",
        })
    }
}

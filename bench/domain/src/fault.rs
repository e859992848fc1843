//! Faults of the bench: what kept an instrument or this program from doing its work.
//!
//! They say nothing about the device under test, and are a type of their own so that nobody can mistake one for it.

use serde::{Deserialize, Serialize};

use crate::verdict::RunVerdict;

/// Why an exchange with an instrument failed. A refusal is not among them: an instrument that refuses is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum LinkFault {
    /// The port cannot be opened, or vanished.
    #[error("port {port} is not there ({why}); check the cable and the rig file's port")]
    Vanished {
        /// The port as the rig file names it.
        port: String,
        /// What the system said.
        why: String,
    },
    /// The port is there, but another program holds it.
    #[error("port {port} is locked, another program uses it; wait for it or stop it")]
    Locked {
        /// The port as the rig file names it.
        port: String,
    },
    /// Nothing, or not the whole answer, came in time.
    #[error(
        "no answer to {request} within {deadline_ms} ms, but {received} bytes of one; check power, cable and settings"
    )]
    Silent {
        /// What was asked.
        request: String,
        /// The deadline, in milliseconds.
        deadline_ms: u64,
        /// How many bytes had come.
        received: usize,
    },
    /// A debug probe, or the chip behind it, failed.
    #[error("{why}; check the probe, its cable and the board's power")]
    Debug {
        /// What was to be done and what was found.
        why: String,
    },
    /// What came is no answer of this protocol.
    #[error("expected {expected}, but found {found}; check baud rate, parity and wiring")]
    Broken {
        /// What was expected.
        expected: String,
        /// What came, escaped and cut.
        found: String,
    },
}

impl LinkFault {
    /// Whether the port cannot be had, rather than what is behind it not heard.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Vanished { .. } | Self::Locked { .. })
    }
}

/// A fault of the bench that ends a run as `error`, or keeps it from starting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// An instrument was away for longer than its rig entry allows.
    #[error("instrument {instrument} was away for longer than {allowed}: {cause}")]
    Away {
        /// The instrument's name.
        instrument: String,
        /// How long it may be away, as text with its unit.
        allowed: String,
        /// The last link fault, as text.
        cause: String,
    },
    /// An instrument could not be attached, or had not come back when the run ended.
    #[error("instrument {instrument}: {what}")]
    Instrument {
        /// The instrument's name.
        instrument: String,
        /// What happened, and what to do.
        what: String,
    },
    /// Nobody knows whether the pump did what it was told.
    #[error("nobody knows whether the pump did {command}: {reason}; look at the pump before the next run")]
    Unconfirmed {
        /// What was commanded.
        command: String,
        /// Why there is no answer.
        reason: String,
    },
    /// The pump refused a command that the plan thought legal.
    #[error("the pump refused to {command}: {refusal}; {advice}")]
    Refused {
        /// What was commanded.
        command: String,
        /// What the pump answered.
        refusal: String,
        /// What to do about it.
        advice: String,
    },
    /// The station could not be brought to its safe state and confirmed there.
    #[error("the station could not be confirmed safe: {why}; go and look at it")]
    NotSafe {
        /// What failed.
        why: String,
    },
    /// A limit of the rig was exceeded.
    #[error("{channel}: expected {expected}, but found {found} ({because}); bring the rig back within its limit")]
    Limit {
        /// The channel.
        channel: String,
        /// The limit, with its unit.
        expected: String,
        /// The value, with its unit.
        found: String,
        /// The reason of the limit.
        because: String,
    },
    /// Nobody answered an operator's step.
    #[error("nobody answered the prompt '{prompt}' within {within}; answer it with `dosebench answer`")]
    Unanswered {
        /// The prompt's name.
        prompt: String,
        /// How long it waited, with its unit.
        within: String,
    },
    /// This program, or the machine it runs on.
    #[error("{what}")]
    Program {
        /// What happened, as a sentence that names the object and what to do.
        what: String,
    },
}

/// What a run's end tells of its station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtStation {
    /// The run has come to its steps: all that it needs there has answered.
    Works,
    /// It ended in error before that, for this reason.
    Fails(String),
    /// Nothing.
    Untold,
}

impl AtStation {
    /// Of a run that has come to its steps or not, and what it ended as.
    #[must_use]
    pub fn of(has_begun: bool, verdict: RunVerdict, reason: Option<&str>) -> Self {
        match reason {
            _ if has_begun => Self::Works,
            Some(why) if verdict == RunVerdict::Error => Self::Fails(why.to_owned()),
            _ => Self::Untold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_fails_only_a_run_that_ends_in_error_before_its_steps() {
        let why = Some("the pump was away");
        for verdict in RunVerdict::ALL {
            assert_eq!(AtStation::of(true, verdict, why), AtStation::Works, "{verdict}");
            let fails = matches!(AtStation::of(false, verdict, why), AtStation::Fails(_));
            assert_eq!(fails, verdict == RunVerdict::Error, "{verdict}");
        }
    }
}

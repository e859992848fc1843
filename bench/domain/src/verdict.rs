//! Verdicts of checks and of runs, their order and their exit codes.
//!
//! The order is a promise: a check decided fail stays fail whatever breaks later, and nothing but a pass is green.

use core::fmt;

use serde::{Deserialize, Serialize};

/// What a check says of the device under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// Inside its limits, guard band included.
    Pass,
    /// Outside its limits by more than the measurement's uncertainty.
    Fail,
    /// Too near a limit for its uncertainty, or measured in a way that does not support a pass.
    Inconclusive,
    /// Not decided: the run ended before, for another reason than the device.
    NotRun,
}

impl CheckVerdict {
    /// The verdict as it stands in `summary.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotRun => "not_run",
        }
    }
}

/// What a run ended as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunVerdict {
    /// Every check passed.
    Pass,
    /// A check failed: the device under test is at fault.
    Fail,
    /// A value is too near its limit for its uncertainty.
    Inconclusive,
    /// An instrument, the rig or this program failed; nothing is said about the device.
    Error,
    /// A precondition was not met, so nothing was tried.
    NotRun,
    /// Stopped by an operator or a signal.
    Aborted,
}

impl RunVerdict {
    /// Every verdict, the best first.
    pub const ALL: [Self; 6] = [Self::Pass, Self::Fail, Self::Inconclusive, Self::Error, Self::NotRun, Self::Aborted];

    /// The verdict as it stands in `summary.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
            Self::NotRun => "not_run",
            Self::Aborted => "aborted",
        }
    }

    /// The exit code of a process whose only run ended so.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 3,
            Self::Error | Self::NotRun => 4,
            Self::Aborted => 5,
        }
    }
}

/// Exit code of what the bench is to blame for, or of what was not tried.
pub const BENCH_ERROR: u8 = RunVerdict::Error.exit_code();
/// Exit code of a stop that somebody wanted; the station was left safe.
pub const STOPPED: u8 = RunVerdict::Aborted.exit_code();

impl fmt::Display for RunVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRun => "not run",
            other => other.name(),
        })
    }
}

/// The exit code of several runs, or of several causes within one: the first of 5, 1, 4, 3 that occurred, else 0.
#[must_use]
pub fn exit_code_of(codes: impl IntoIterator<Item = u8>) -> u8 {
    const ORDER: [u8; 4] = [5, 1, 4, 3];
    let occurred: Vec<u8> = codes.into_iter().collect();
    ORDER.into_iter().find(|code| occurred.contains(code)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_5_1_4_3_decides() {
        assert_eq!(exit_code_of([0, 3, 4]), 4);
        assert_eq!(exit_code_of([4, 1, 3]), 1);
        assert_eq!(exit_code_of([1, 5]), 5);
        assert_eq!(exit_code_of([0, 0]), 0);
    }
}

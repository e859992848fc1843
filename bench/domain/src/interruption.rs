//! A run that was interrupted and goes on: what is known of the time in between.
//!
//! Nobody read anything meanwhile. The pump went on, its log was kept, and the vessel was filled; only time itself has to be
//! bridged, by a clock that counted on.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::{RunTime, span};

/// An interruption of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// The run time of the last event before it.
    pub last_ns: RunTime,
    /// By so much run time behind it may be off against run time before it: a half width, in ns.
    pub u_ns: u64,
    /// Which clock tells how long it was.
    pub by: Bridge,
    /// What ended the run's process.
    pub cause: String,
    /// What the host's clocks show when it goes on: the next interruption is bridged from there. Nothing in records of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks: Option<ClocksAt>,
}

/// What the host's clocks show at a run time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClocksAt {
    /// The run time.
    pub t_ns: RunTime,
    /// What they show then.
    pub host: HostClocks,
}

/// What the host's clocks show. Run time counts in a process; these count on without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostClocks {
    /// The wall clock, as RFC 3339.
    pub wall: String,
    /// Which boot of the host it is; empty where the host does not tell.
    pub boot: String,
    /// The time since that, in ns.
    pub since_boot_ns: u64,
}

/// The clock that bridges an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bridge {
    /// The host's time since it booted: it was not booted meanwhile.
    SinceBoot,
    /// The host's wall clock, since it was booted meanwhile. It may have been set.
    WallClock,
}

impl Bridge {
    /// The name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SinceBoot => "the host's time since it booted",
            Self::WallClock => "the host's wall clock",
        }
    }
}

impl Interruption {
    /// How long it was, if the run goes on at `now`.
    #[must_use]
    pub fn lasted(&self, now: RunTime) -> Duration {
        now.since(self.last_ns)
    }

    /// That it was, in a sentence, if the run goes on at `now`.
    #[must_use]
    pub fn told(&self, now: RunTime) -> String {
        let lasted = span(self.lasted(now));
        format!("interrupted for {lasted} behind {}: {self}", crate::time::clock(self.last_ns.since(RunTime::ZERO)))
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let u_s = crate::quantity::significant(Duration::from_nanos(self.u_ns).as_secs_f64());
        write!(f, "{}; its length is known to ±{u_s} s by {}", self.cause, self.by.name())
    }
}

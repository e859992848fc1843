//! Readings: a value of a channel with its own time and its status.
//!
//! A reading does not know its unit: the channel declares it once, in the run's first event.

use core::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::RunTime;

/// A channel's name, `instrument.quantity`, as in `balance.mass`. Cloning it is cheap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Channel(Arc<str>);

impl Channel {
    /// The channel of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The instrument's part of the name.
    #[must_use]
    pub fn instrument(&self) -> &str {
        // Asked of each reading: a search for a byte is several times as fast as one for a character.
        self.0.bytes().position(|byte| byte == b'.').map_or(&self.0, |end| &self.0[..end])
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the instrument, or the bench, says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing against it.
    Ok,
    /// The instrument calls it unstable or dynamic.
    Unstable,
    /// The instrument is over or under its range and gives no value; the one before it stands in its place.
    Overload,
    /// The bench doubts it.
    Suspect,
}

impl Status {
    /// The status as it stands in `samples.parquet`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unstable => "unstable",
            Self::Overload => "overload",
            Self::Suspect => "suspect",
        }
    }
}

/// A value that an instrument gave, in the unit its channel declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which channel.
    pub channel: Channel,
    /// When the value held: the middle between request and reply, or the instrument's own stamp.
    pub at_ns: RunTime,
    /// Half the round trip: how much earlier or later the value may have held.
    pub u_ns: u64,
    /// The value, finite, in the channel's unit.
    pub value: f64,
    /// What is said of it.
    pub status: Status,
}

//! Run time: the fold's clock, in whole nanoseconds since the run began.
//!
//! It is monotonic and has no relation to wall time, which is a label kept elsewhere. Spans are
//! [`core::time::Duration`], which holds no negative time.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment of a run, in nanoseconds since the run began; 64 bits hold 584 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunTime(u64);

impl RunTime {
    /// The moment the run began.
    pub const ZERO: Self = Self(0);

    /// The moment `ns` nanoseconds after the run began.
    #[must_use]
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the run began.
    #[must_use]
    pub const fn ns(self) -> u64 {
        self.0
    }

    /// Seconds since the run began.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0 as f64 * 1e-9
    }

    /// The span since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for RunTime {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(duration_ns(span)))
    }
}

impl Sub<Duration> for RunTime {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(duration_ns(span)))
    }
}

impl fmt::Display for RunTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clock(Duration::from_nanos(self.0)))
    }
}

/// The whole nanoseconds of a span, saturating at 584 years.
#[must_use]
pub fn duration_ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A span as people read it on a clock: `3 d 02:15:07` or `00:00:41`.
#[must_use]
pub fn clock(span: Duration) -> String {
    let s = span.as_secs();
    let (d, h, m, s) = (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60);
    if d > 0 { format!("{d} d {h:02}:{m:02}:{s:02}") } else { format!("{h:02}:{m:02}:{s:02}") }
}

/// A span in the largest unit that keeps it short: `72 h`, `30 min`, `12.5 s`, `250 ms`.
#[must_use]
pub fn span(d: Duration) -> String {
    let s = d.as_secs_f64();
    let (value, unit) = match s {
        s if s >= 7200.0 => (s / 3600.0, "h"),
        s if s >= 120.0 => (s / 60.0, "min"),
        s if s >= 1.0 || s == 0.0 => (s, "s"),
        s => (s * 1000.0, "ms"),
    };
    let text = format!("{value:.3}");
    format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        assert_eq!(span(Duration::from_secs(259_200)), "72 h");
        assert_eq!(span(Duration::from_millis(12_500)), "12.5 s");
        assert_eq!(span(Duration::from_millis(250)), "250 ms");
        assert_eq!(clock(Duration::from_secs(266_407)), "3 d 02:00:07");
    }

    #[test]
    fn subtraction_stops_at_the_beginning() {
        assert_eq!(RunTime::from_ns(5) - Duration::from_secs(1), RunTime::ZERO);
    }
}

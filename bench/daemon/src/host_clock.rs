//! The host's clocks, by which run time is bridged where the process that counted it has ended.
//!
//! The time since boot is exact while the host was not booted; the wall clock counts on over a boot, as well as it was kept.

use core::time::Duration;
use std::fs;

use domain::RunTime;
use domain::event::Bridge;
use jiff::Timestamp;
use record::Zero;
use rustix::time::{ClockId, clock_gettime};

/// A wall clock that was kept over a boot is off by so much at most: a clock of the board that is read in whole seconds, and one
/// step of a time server. An assumption, as a half width; the pump's own clock is held against it.
const WALL: Duration = Duration::from_secs(2);
/// And by one part in so many of the time since run time was zero: where no time server sets it, the system's clock departs from the
/// board's by as much, and is set by that when the host boots.
const WALL_DRIFT: u64 = 10_000;
/// The time since boot is read beside run time, within this.
const BESIDE: Duration = Duration::from_millis(1);

/// What the clocks show now, where run time is zero.
pub(crate) fn zero() -> Zero {
    Zero { wall: Timestamp::now().to_string(), boot: boot(), since_boot_ns: since_boot_ns() }
}

/// The run time now, by so much it may be off against run time before, and what tells it; `None` if the clocks then do not say.
pub(crate) fn run_time(zero: &Zero) -> Option<(RunTime, Duration, Bridge)> {
    if !zero.boot.is_empty() && zero.boot == boot() {
        return Some((RunTime::from_ns(since_boot_ns().checked_sub(zero.since_boot_ns)?), BESIDE, Bridge::SinceBoot));
    }
    let passed = Timestamp::now().duration_since(zero.wall.parse().ok()?).as_nanos();
    let now = RunTime::from_ns(u64::try_from(passed).ok()?);
    let drift = Duration::from_nanos(now.ns() / WALL_DRIFT);
    Some((now, WALL + drift, Bridge::WallClock))
}

/// Which boot of the host this is.
fn boot() -> String {
    // Where the host does not tell, each is another one, and the wall clock counts.
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Counts on while the host sleeps.
fn since_boot_ns() -> u64 {
    let at = clock_gettime(ClockId::Boottime);
    let (s, ns) = (u64::try_from(at.tv_sec).unwrap_or(0), u64::try_from(at.tv_nsec).unwrap_or(0));
    s.saturating_mul(1_000_000_000).saturating_add(ns)
}

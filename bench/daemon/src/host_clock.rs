//! The host's clocks, by which run time is bridged where the process that counted it has ended.
//!
//! The time since boot is exact while the host was not booted; the wall clock counts on over a boot, as well as it was kept.

use core::time::Duration;
use std::fs;

use domain::event::{Bridge, ClocksAt, HostClocks};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// A wall clock that was kept over a boot is off by so much at most: a clock of the board that is read in whole seconds, and one
/// step of a time server. An assumption, as a half width; the pump's own clock is held against it.
const WALL: Duration = Duration::from_secs(2);
/// And by one part in so many of the time since they were read: where no time server sets it, the system's clock departs from the
/// board's by as much, and is set by that when the host boots.
const WALL_DRIFT: u32 = 10_000;
/// The time since boot is read beside run time, within this.
const BESIDE: Duration = Duration::from_millis(1);

/// What the clocks show now.
pub(crate) fn now() -> HostClocks {
    HostClocks { wall: Timestamp::now().to_string(), boot: boot(), since_boot_ns: since_boot_ns() }
}

/// The run time now beside what the clocks show, by so much that may be off against run time before, and what tells it; `None` if
/// they do not say.
pub(crate) fn since(then: &ClocksAt) -> Option<(ClocksAt, Duration, Bridge)> {
    let host = now();
    let (passed, u, by) = if !host.boot.is_empty() && host.boot == then.host.boot {
        (Duration::from_nanos(host.since_boot_ns.checked_sub(then.host.since_boot_ns)?), BESIDE, Bridge::SinceBoot)
    } else {
        let wall = |clocks: &HostClocks| clocks.wall.parse::<Timestamp>().ok();
        let passed = Duration::try_from(wall(&host)?.duration_since(wall(&then.host)?)).ok()?;
        (passed, WALL + passed / WALL_DRIFT, Bridge::WallClock)
    };
    Some((ClocksAt { t_ns: then.t_ns + passed, host }, u, by))
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

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use domain::RunTime;
    use domain::event::{Bridge, ClocksAt};
    use jiff::{SignedDuration, Timestamp};

    use super::{BESIDE, WALL, now, since};

    fn ago(passed: Duration) -> ClocksAt {
        let mut host = now();
        let wall = Timestamp::now() - SignedDuration::try_from(passed).expect("a span");
        host.wall = wall.to_string();
        host.since_boot_ns -= u64::try_from(passed.as_nanos()).expect("a span");
        ClocksAt { t_ns: RunTime::from_ns(7_000_000_000), host }
    }

    #[test]
    fn the_clock_that_was_not_stopped_counts() {
        let passed = Duration::from_millis(1_500);
        let then = ago(passed);
        let (is, u, by) = since(&then).expect("they say");
        assert!(is.t_ns >= then.t_ns + passed && is.t_ns < then.t_ns + passed + Duration::from_secs(1), "{is:?}");
        assert_eq!((u, by), (BESIDE, Bridge::SinceBoot));
        let mut later = ago(Duration::ZERO);
        later.host.since_boot_ns += 1_000_000_000_000;
        assert_eq!(since(&later), None, "it ran backwards");
    }

    #[test]
    fn over_a_boot_the_wall_clock_counts_as_well_as_it_was_kept() {
        let passed = Duration::from_secs(100_000);
        let mut then = ago(Duration::ZERO);
        then.host.boot = "another".to_owned();
        then.host.wall = (Timestamp::now() - SignedDuration::try_from(passed).expect("a span")).to_string();
        let (is, u, by) = since(&then).expect("they say");
        assert!(is.t_ns >= then.t_ns + passed && is.t_ns < then.t_ns + passed + Duration::from_secs(1), "{is:?}");
        assert!(by == Bridge::WallClock && u >= WALL + Duration::from_secs(10) && u < WALL + Duration::from_secs(11));
        // From there, the next one is exact again.
        assert_eq!(since(&is).map(|(_, u, by)| (u, by)), Some((BESIDE, Bridge::SinceBoot)));
        then.host.wall = "2999-01-01T00:00:00Z".to_owned();
        assert_eq!(since(&then), None, "it was set back");
    }
}

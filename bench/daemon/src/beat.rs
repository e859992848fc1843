//! The beat of a run's loop, which whoever started the run watches: a loop that stands still makes nothing safe any more.
//!
//! It is the watchdog of the run itself; systemd's watches the daemon.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How often the loop beats at least.
pub(crate) const EVERY: Duration = Duration::from_millis(250);
/// The loop may stand for so long, beside what the safe stop may take: a command's intent is synced, a signal is heard.
const ALLOWED: Duration = Duration::from_secs(30);

/// When a loop was last seen to go on. Copies agree.
#[derive(Debug, Clone)]
pub(crate) struct Beat {
    began: Instant,
    last_ms: Arc<AtomicU64>,
    allowed: Duration,
}

impl Beat {
    /// A beat that may pause for as long as a safe stop takes.
    pub(crate) fn new(safe_stop: Duration) -> Self {
        Self { began: Instant::now(), last_ms: Arc::default(), allowed: ALLOWED + safe_stop }
    }

    /// The loop goes on.
    pub(crate) fn beat(&self) {
        self.last_ms.store(ms(self.began.elapsed()), Ordering::Relaxed);
    }

    /// For how long the loop has stood, if that is longer than it may.
    pub(crate) fn stood_still(&self) -> Option<Duration> {
        let since_ms = ms(self.began.elapsed()).saturating_sub(self.last_ms.load(Ordering::Relaxed));
        Some(Duration::from_millis(since_ms)).filter(|since| *since > self.allowed)
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_longer_than_it_may_is_found_out() {
        let beat = Beat { began: Instant::now(), last_ms: Arc::default(), allowed: Duration::from_millis(500) };
        assert_eq!(beat.stood_still(), None);
        std::thread::sleep(Duration::from_millis(600));
        assert!(beat.stood_still().is_some_and(|since| since >= Duration::from_millis(600)));
        beat.clone().beat();
        assert_eq!(beat.stood_still(), None);
    }
}

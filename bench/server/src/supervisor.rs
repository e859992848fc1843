//! What systemd is told, where it has started the daemon: that it is ready, that it ends, and that its queue goes on.
//!
//! Elsewhere nobody is told anything; the daemon watches its queue itself as well.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::error;

/// Ends the daemon if its queue has not looked for so long, whoever started it: the next one takes up its jobs, and runs do not end
/// with it.
pub(crate) fn watch(looked: &Arc<Mutex<Instant>>, at_most: Duration) {
    // A queue that has ended need not look.
    let looked = Arc::downgrade(looked);
    thread::spawn(move || {
        while let Some(looked) = looked.upgrade() {
            let since = looked.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            if since > at_most {
                error!(stood_s = since.as_secs(), "the queue stands still; start the daemon again");
                std::process::exit(i32::from(domain::RunVerdict::Error.exit_code()));
            }
            drop(looked);
            thread::sleep(at_most / 10);
        }
    });
}

/// Tells it.
pub(crate) fn tell(state: &NotifyState<'_>) {
    // Nobody may listen any more.
    let _ = sd_notify::notify(std::slice::from_ref(state));
}

/// Tells that the queue goes on: the thread that begins jobs and brings interrupted ones to their end. Nothing else may say so.
pub(crate) fn is_alive() {
    if sd_notify::watchdog_enabled().is_some() {
        tell(&NotifyState::Watchdog);
    }
}

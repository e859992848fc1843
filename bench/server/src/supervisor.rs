//! What systemd is told, where it has started the daemon: that it is ready, that it ends, and that its queue goes on.
//!
//! Elsewhere nobody is told anything.

use sd_notify::NotifyState;

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

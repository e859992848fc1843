//! The runtime that a run lives in: one thread, its clock virtual or real.
//!
//! The only place that builds one, so that no virtual run gets an I/O driver by mistake.

use domain::profile::Clock;
use tokio::runtime::{Builder, Runtime};

/// A current-thread runtime. A virtual one has no I/O driver: under a paused clock real sockets "time out".
pub(crate) fn build(clock: &Clock) -> std::io::Result<Runtime> {
    match clock {
        Clock::Virtual { .. } => Builder::new_current_thread().enable_time().start_paused(true).build(),
        Clock::Real => Builder::new_current_thread().enable_all().build(),
    }
}

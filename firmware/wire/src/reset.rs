//! Why a pump came up.
//!
//! It owns the causes. It must not know how a board finds out. The order of variants is the encoding: add at the end
//! only.

use serde::{Deserialize, Serialize};

/// Why the pump came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResetCause {
    /// Supply applied.
    PowerOn,
    /// The watchdog was not served.
    Watchdog,
    /// The firmware reset itself.
    Software,
    /// The supply fell below the brown-out level.
    Brownout,
    /// The reset line was pulled, by a debug probe or a button.
    External,
    /// The firmware met a fault that it could not go on from: a panic, a hard fault, a peripheral that is gone.
    Fault,
}

//! The watchdog: the control loop feeds it, and nothing else may.
//!
//! Its first timeout interrupts, which leaves the cause of the reset; its second resets. It must not know the loop.

use crate::register::Register;

/// A timeout, in ticks of 25 MHz: 1 s, so that the reset comes at most 2 s after the last feed.
const TIMEOUT_TICKS: u32 = 25_000_000;
const BASE: usize = 0x4000_8000;
const UNLOCK: u32 = 0x1ACC_E551;
const INTERRUPT_AND_RESET: u32 = 0b11;

// SAFETY: these are the registers of the CMSDK APB watchdog in the microcontroller's memory map.
const LOAD: Register = unsafe { Register::at(BASE) };
// SAFETY: as above.
const CONTROL: Register = unsafe { Register::at(BASE + 0x8) };
// SAFETY: as above.
const CLEAR: Register = unsafe { Register::at(BASE + 0xC) };
// SAFETY: as above.
const LOCK: Register = unsafe { Register::at(BASE + 0xC00) };

/// Starts it; nothing but a reset stops it again.
pub(crate) fn start() {
    LOCK.write(UNLOCK);
    LOAD.write(TIMEOUT_TICKS);
    CONTROL.write(INTERRUPT_AND_RESET);
    LOCK.write(0);
}

/// Feeds it.
pub(crate) fn feed() {
    LOCK.write(UNLOCK);
    CLEAR.write(1);
    LOCK.write(0);
}

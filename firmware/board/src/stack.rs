//! How much of the stack has ever been used.
//!
//! It owns the paint: the stack is filled with a pattern before it is used, and what is no longer of that pattern has
//! been reached. It must not know who used it.

use core::sync::atomic::{AtomicU32, Ordering};

const PAINT: u32 = 0xC0DE_57AC;
/// Below the stack pointer this much is left unpainted: the painter stands on it.
const MARGIN_BYTES: usize = 256;

unsafe extern "C" {
    static mut _stack_end: u32;
    static mut _stack_start: u32;
}

/// The most bytes of stack in use so far, for a debugger.
#[unsafe(no_mangle)]
pub(crate) static STACK_HIGH_WATER_BYTES: AtomicU32 = AtomicU32::new(0);

/// Paints the stack; call it once, before much of it is used.
pub(crate) fn paint() {
    let here = cortex_m::register::msp::read() as usize - MARGIN_BYTES;
    let mut place = (&raw mut _stack_end).addr();
    while place < here {
        // SAFETY: between the stack's end and below the stack pointer nothing lives.
        unsafe { (place as *mut u32).write_volatile(PAINT) };
        place += size_of::<u32>();
    }
}

/// Looks how far the stack has reached; whether that is further than before.
pub(crate) fn measure() -> Option<u32> {
    let start = (&raw const _stack_start).addr();
    let mut place = (&raw const _stack_end).addr();
    // SAFETY: the stack lies between these addresses; reading it changes nothing.
    while place < start && unsafe { (place as *const u32).read_volatile() } == PAINT {
        place += size_of::<u32>();
    }
    let used = (start - place) as u32;
    let before = STACK_HIGH_WATER_BYTES.swap(used, Ordering::Relaxed);
    (used > before).then_some(used)
}

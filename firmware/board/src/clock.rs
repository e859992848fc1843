//! The board's clock: microseconds since boot, and an alarm that ends a sleep.
//!
//! It owns the two timers. The first runs freely and wraps every 171 s, so that no interrupt which comes late loses
//! time; the second fires once. It must not know what is due.

use core::sync::atomic::{AtomicU32, Ordering};

use critical_section::with;

use crate::register::Register;

/// The timers' clock, ticks a microsecond.
const TICKS_PER_US: u64 = 25;
const TIMER0: usize = 0x4000_0000;
const TIMER1: usize = 0x4000_1000;
const ENABLE: u32 = 1 << 0;
const INTERRUPT_ENABLE: u32 = 1 << 3;

static WRAPS: AtomicU32 = AtomicU32::new(0);

struct Timer {
    control: Register,
    value: Register,
    reload: Register,
    interrupt: Register,
}

const fn timer(base: usize) -> Timer {
    // SAFETY: the bases are those of the CMSDK APB timers in the microcontroller's memory map.
    unsafe {
        Timer {
            control: Register::at(base),
            value: Register::at(base + 0x4),
            reload: Register::at(base + 0x8),
            interrupt: Register::at(base + 0xC),
        }
    }
}

const FREE: Timer = timer(TIMER0);
const ALARM: Timer = timer(TIMER1);

/// Starts the clock at zero.
pub(crate) fn start() {
    FREE.control.write(0);
    FREE.reload.write(u32::MAX);
    FREE.value.write(u32::MAX);
    FREE.interrupt.write(1);
    FREE.control.write(ENABLE | INTERRUPT_ENABLE);
    ALARM.control.write(0);
    ALARM.interrupt.write(1);
}

/// Time since boot, µs.
pub(crate) fn now_us() -> u64 {
    let ticks = with(|_| {
        let mut wraps = WRAPS.load(Ordering::Relaxed);
        let mut value = FREE.value.read();
        if FREE.interrupt.read() & 1 != 0 {
            // It wrapped, and its interrupt has not been served: the value is read anew, after the wrap for sure.
            wraps = wraps.wrapping_add(1);
            value = FREE.value.read();
        }
        (u64::from(wraps) << 32) + u64::from(u32::MAX - value)
    });
    ticks / TICKS_PER_US
}

/// Has an interrupt come at a time, or at once if that has passed. There is one alarm; the last one set counts.
pub(crate) fn wake_at(due_us: u64) {
    let ticks = due_us.saturating_sub(now_us()).saturating_mul(TICKS_PER_US);
    let ticks = u32::try_from(ticks).unwrap_or(u32::MAX).max(1);
    ALARM.control.write(0);
    ALARM.interrupt.write(1);
    ALARM.reload.write(ticks);
    ALARM.value.write(ticks);
    ALARM.control.write(ENABLE | INTERRUPT_ENABLE);
}

/// The free timer's interrupt.
pub(crate) fn wrapped() {
    WRAPS.fetch_add(1, Ordering::Relaxed);
    FREE.interrupt.write(1);
}

/// The alarm's interrupt: that it came has ended the sleep.
pub(crate) fn alarm() {
    ALARM.control.write(0);
    ALARM.interrupt.write(1);
}

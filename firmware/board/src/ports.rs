//! The board's serial ports.
//!
//! The host link, the motor driver and the analogue front end hang on one port each: the emulator's GPIO and ADC are
//! stubs, so nothing of this board is wired to them. It owns which port is whose, and the sleep until bytes come. It must not
//! know what is said on them.

use crate::clock;
use crate::interrupts::Line;
use crate::uart::Uart;

// SAFETY: the bases are those of the microcontroller's UARTs 0 to 2.
pub(crate) static HOST: Uart = unsafe { Uart::at(0x4000_4000) };
// SAFETY: as above.
pub(crate) static MOTOR: Uart = unsafe { Uart::at(0x4000_5000) };
// SAFETY: as above.
pub(crate) static SENSORS: Uart = unsafe { Uart::at(0x4000_6000) };

/// Opens the ports and lets their interrupts and the timers' through.
pub(crate) fn open() {
    for uart in [&HOST, &MOTOR, &SENSORS] {
        uart.open();
    }
    for line in Line::USED {
        // SAFETY: no critical section is under way, and each of these has its handler.
        unsafe { cortex_m::peripheral::NVIC::unmask(line) };
    }
}

/// Reads as many bytes as fit, until a time, µs since boot; whether they came.
pub(crate) fn read_exactly(uart: &Uart, bytes: &mut [u8], until_us: u64) -> bool {
    for place in bytes {
        *place = loop {
            if let Some(byte) = uart.read() {
                break byte;
            }
            if clock::now_us() >= until_us {
                return false;
            }
            sleep(uart, until_us);
        };
    }
    true
}

/// Sleeps until an interrupt comes, at most until a time, µs since boot; not at all if a byte waits on the port.
pub(crate) fn sleep(uart: &Uart, until_us: u64) {
    cortex_m::interrupt::disable();
    clock::wake_at(until_us);
    // An interrupt that is pending ends the sleep though it is held back: none can slip between look and sleep.
    if !uart.has_received() {
        cortex_m::asm::wfi();
    }
    // SAFETY: they were enabled before, and no critical section is left.
    unsafe { cortex_m::interrupt::enable() };
}

/// Bytes lost on all ports since boot.
pub(crate) fn lost() -> u32 {
    [&HOST, &MOTOR, &SENSORS].iter().map(|uart| uart.lost()).sum()
}

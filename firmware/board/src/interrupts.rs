//! The microcontroller's interrupts: which line calls what.
//!
//! It owns the vector table behind the core's own exceptions. It must not know what a handler does.

use cortex_m::interrupt::InterruptNumber;

use crate::clock;
use crate::ports::{HOST, MOTOR, SENSORS};

/// The lines that are used, by their number.
#[derive(Clone, Copy)]
#[repr(u16)]
pub(crate) enum Line {
    Uart0Received = 0,
    Uart0Sent = 1,
    Uart1Received = 2,
    Uart1Sent = 3,
    Uart2Received = 4,
    Uart2Sent = 5,
    Timer0 = 8,
    Timer1 = 9,
}

impl Line {
    pub(crate) const USED: [Self; 8] = [
        Self::Uart0Received,
        Self::Uart0Sent,
        Self::Uart1Received,
        Self::Uart1Sent,
        Self::Uart2Received,
        Self::Uart2Sent,
        Self::Timer0,
        Self::Timer1,
    ];
}

// SAFETY: each variant has the number of its line, and none is beyond the microcontroller's 32.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self as u16
    }
}

type Handler = extern "C" fn();

const LINES: usize = 32;

/// The vectors; a line that is not used has none, and stays masked.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
pub(crate) static __INTERRUPTS: [Option<Handler>; LINES] = {
    let mut vectors: [Option<Handler>; LINES] = [None; LINES];
    vectors[Line::Uart0Received as usize] = Some(uart0_received);
    vectors[Line::Uart0Sent as usize] = Some(uart0_sent);
    vectors[Line::Uart1Received as usize] = Some(uart1_received);
    vectors[Line::Uart1Sent as usize] = Some(uart1_sent);
    vectors[Line::Uart2Received as usize] = Some(uart2_received);
    vectors[Line::Uart2Sent as usize] = Some(uart2_sent);
    vectors[Line::Timer0 as usize] = Some(timer0);
    vectors[Line::Timer1 as usize] = Some(timer1);
    vectors
};

extern "C" fn uart0_received() {
    HOST.received();
}

extern "C" fn uart0_sent() {
    HOST.sent();
}

extern "C" fn uart1_received() {
    MOTOR.received();
}

extern "C" fn uart1_sent() {
    MOTOR.sent();
}

extern "C" fn uart2_received() {
    SENSORS.received();
}

extern "C" fn uart2_sent() {
    SENSORS.sent();
}

extern "C" fn timer0() {
    clock::wrapped();
}

extern "C" fn timer1() {
    clock::alarm();
}

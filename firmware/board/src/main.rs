//! The pump board's image: wires `logic` to a microcontroller's ports, timers and memory, and decides nothing.
//!
//! The control loop is the only thread. It steps the logic when that is due, when the host asks and when the head has
//! turned, carries out what a step wants, and feeds the watchdog; nothing else does. Interrupts move bytes and keep
//! time. Everything that cannot go on ends in `last_words`: the motor stops, the cause is left, the board resets.
#![no_std]
#![no_main]

mod board;
mod clock;
mod front_end;
mod interrupts;
mod last_words;
mod motor_driver;
mod ports;
mod register;
mod stack;
mod store;
mod uart;
mod watchdog;

use defmt_rtt as _;

use crate::board::Board;

defmt::timestamp!("{=u64:us}", clock::now_us());

#[cortex_m_rt::entry]
fn main() -> ! {
    stack::paint();
    let last = last_words::take();
    clock::start();
    ports::open();
    watchdog::start();
    // SAFETY: the only call.
    let (store, memory) = unsafe { store::Store::open() };
    Board::boot(last, store, memory).run()
}

//! Why the board is about to reset: left in memory that outlives the reset, and read when it comes up again.
//!
//! It owns the handlers of panics, faults and the watchdog's warning; each stops the motor before it resets. It must
//! not know what the pump makes of a cause.

use core::fmt::{self, Write};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::ptr::{addr_of, addr_of_mut};

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};
use wire::ResetCause;

use crate::motor_driver;

/// Marks memory that has been written since power came.
const WRITTEN: u32 = 0x5AFE_B007;
const TEXT_BYTES: usize = 96;

#[repr(C)]
#[derive(Clone, Copy)]
struct Words {
    written: u32,
    /// 0 if nothing was said.
    cause: u32,
    len: u32,
    text: [u8; TEXT_BYTES],
}

const WATCHDOG: u32 = 1;
const FAULT: u32 = 2;

#[unsafe(link_section = ".uninit.last_words")]
static mut WORDS: MaybeUninit<Words> = MaybeUninit::uninit();

/// What is known of the last reset before the supply is asked.
pub(crate) enum Last {
    /// Power came: nothing was written before.
    NothingWritten,
    /// The board was reset without a word.
    NothingSaid,
    /// It said why.
    Said(ResetCause),
}

/// Takes what was said before the last reset.
pub(crate) fn take() -> Last {
    // SAFETY: interrupts are still off and this is the only core; volatile, since the memory is written by a board that
    // has reset meanwhile. Any bytes are a value of this type.
    let words = unsafe { addr_of!(WORDS).cast::<Words>().read_volatile() };
    leave(0, &[]);
    if words.written != WRITTEN {
        return Last::NothingWritten;
    }
    let len = usize::try_from(words.len).unwrap_or(0).min(TEXT_BYTES);
    let text = core::str::from_utf8(&words.text[..len]).unwrap_or("");
    match words.cause {
        WATCHDOG => Last::Said(ResetCause::Watchdog),
        FAULT => {
            defmt::error!("the last run ended: {=str}", text);
            Last::Said(ResetCause::Fault)
        }
        _ => Last::NothingSaid,
    }
}

fn leave(cause: u32, text: &[u8]) {
    let mut words = Words { written: WRITTEN, cause, len: text.len() as u32, text: [0; TEXT_BYTES] };
    words.text[..text.len()].copy_from_slice(text);
    // SAFETY: whoever calls runs alone: at boot, or in a handler that nothing of ours can interrupt.
    unsafe { addr_of_mut!(WORDS).cast::<Words>().write_volatile(words) };
}

/// Stops the motor, leaves the cause and resets.
fn end(why: impl fmt::Display) -> ! {
    cortex_m::interrupt::disable();
    motor_driver::stop_now();
    let mut text = Text { bytes: [0; TEXT_BYTES], len: 0 };
    // What does not fit is cut off.
    let _ = write!(text, "{why}");
    leave(FAULT, &text.bytes[..text.len]);
    SCB::sys_reset()
}

struct Text {
    bytes: [u8; TEXT_BYTES],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (place, byte) in self.bytes[self.len..].iter_mut().zip(text.bytes()) {
            *place = if byte.is_ascii() { byte } else { b'?' };
            self.len += 1;
        }
        Ok(())
    }
}

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(at) => end(format_args!("panic at {}:{}: {}", at.file(), at.line(), info.message())),
        None => end(info.message()),
    }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    end(format_args!("hard fault at {:#010x}, called from {:#010x}", frame.pc(), frame.lr()))
}

#[exception]
unsafe fn DefaultHandler(number: i16) {
    end(format_args!("interrupt {number} that nobody serves"))
}

/// The watchdog's warning: the loop has not fed it, the reset is a timeout away.
#[exception]
unsafe fn NonMaskableInt() -> ! {
    motor_driver::stop_now();
    leave(WATCHDOG, &[]);
    loop {
        cortex_m::asm::nop();
    }
}

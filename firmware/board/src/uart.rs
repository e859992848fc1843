//! The serial ports: bytes that came, bytes that go, by interrupt.
//!
//! It owns the rings between interrupts and the control loop; what does not fit is counted, never waited for. It must
//! not know what is said on a port.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};

use critical_section::{Mutex, with};
use heapless::Deque;

use crate::register::Register;

/// Bytes a ring holds: two of the host link's frames.
const RING_BYTES: usize = 512;
const TX_FULL: u32 = 1 << 0;
const RX_FULL: u32 = 1 << 1;
const TX_INTERRUPT: u32 = 1 << 0;
const RX_INTERRUPT: u32 = 1 << 1;
/// Transmitter and receiver on, with their interrupts.
const CONTROL: u32 = 0b1111;
/// The least divisor there is: an emulated port has no speed.
const BAUD_DIVISOR: u32 = 16;
/// Looks at a transmitter before a byte is given up, where there is no clock to wait by.
const SPINS_MAX: u32 = 1_000_000;

/// One port.
pub(crate) struct Uart {
    data: Register,
    state: Register,
    control: Register,
    interrupt: Register,
    divisor: Register,
    rings: Mutex<RefCell<Rings>>,
    lost: AtomicU32,
}

struct Rings {
    received: Deque<u8, RING_BYTES>,
    to_send: Deque<u8, RING_BYTES>,
    sending: bool,
}

impl Uart {
    /// The port whose registers begin at a base.
    ///
    /// # Safety
    /// The base is that of a CMSDK APB UART.
    pub(crate) const unsafe fn at(base: usize) -> Self {
        // SAFETY: the caller vouches for the base; these are the UART's registers.
        unsafe {
            Self {
                data: Register::at(base),
                state: Register::at(base + 0x4),
                control: Register::at(base + 0x8),
                interrupt: Register::at(base + 0xC),
                divisor: Register::at(base + 0x10),
                rings: Mutex::new(RefCell::new(Rings {
                    received: Deque::new(),
                    to_send: Deque::new(),
                    sending: false,
                })),
                lost: AtomicU32::new(0),
            }
        }
    }

    /// Opens the port.
    pub(crate) fn open(&self) {
        self.divisor.write(BAUD_DIVISOR);
        self.control.write(CONTROL);
    }

    /// The next byte that came.
    pub(crate) fn read(&self) -> Option<u8> {
        with(|cs| self.rings.borrow_ref_mut(cs).received.pop_front())
    }

    /// Whether a byte waits to be read.
    pub(crate) fn has_received(&self) -> bool {
        with(|cs| !self.rings.borrow_ref(cs).received.is_empty())
    }

    /// Forgets what came and was not read.
    pub(crate) fn forget(&self) {
        with(|cs| self.rings.borrow_ref_mut(cs).received.clear());
    }

    /// Sends bytes, after those that still wait.
    pub(crate) fn write(&self, bytes: &[u8]) {
        for &byte in bytes {
            with(|cs| {
                let rings = &mut *self.rings.borrow_ref_mut(cs);
                if !rings.sending {
                    rings.sending = true;
                    self.data.write(u32::from(byte));
                } else if rings.to_send.push_back(byte).is_err() {
                    self.lose();
                }
            });
        }
    }

    /// Sends bytes without interrupts and before those that wait: the last words of a board that is about to reset.
    pub(crate) fn write_now(&self, bytes: &[u8]) {
        for &byte in bytes {
            let mut spins = 0;
            while self.state.read() & TX_FULL != 0 && spins < SPINS_MAX {
                spins += 1;
            }
            self.data.write(u32::from(byte));
        }
    }

    /// Bytes that came while nothing took them, or had no room to go.
    pub(crate) fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The receiver's interrupt.
    pub(crate) fn received(&self) {
        // First: a byte that comes from here on calls again.
        self.interrupt.write(RX_INTERRUPT);
        while self.state.read() & RX_FULL != 0 {
            let byte = self.data.read() as u8;
            if with(|cs| self.rings.borrow_ref_mut(cs).received.push_back(byte)).is_err() {
                self.lose();
            }
        }
    }

    /// The transmitter's interrupt.
    pub(crate) fn sent(&self) {
        self.interrupt.write(TX_INTERRUPT);
        with(|cs| {
            let rings = &mut *self.rings.borrow_ref_mut(cs);
            match rings.to_send.pop_front() {
                Some(byte) => self.data.write(u32::from(byte)),
                None => rings.sending = false,
            }
        });
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

//! One register of the microcontroller.
//!
//! It owns the volatile access, so that no other module of the HAL needs `unsafe` for it. It must not know which
//! peripheral a register belongs to.

/// A 32-bit register at a fixed address.
#[derive(Clone, Copy)]
pub(crate) struct Register(usize);

impl Register {
    /// The register at an address.
    ///
    /// # Safety
    /// The address is that of a 32-bit register whose reading and writing breaks no promise of Rust's: a peripheral's.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    pub(crate) fn read(self) -> u32 {
        // SAFETY: whoever made it vouches for the address.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: whoever made it vouches for the address.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }
}

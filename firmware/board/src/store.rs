//! What outlives a reset, in the board's FRAM: the programmed parameters as they are, and the rest in two copies of
//! which the newer whole one counts.
//!
//! It owns where these lie, and that a reset in the middle of writing leaves the copy before. It must not know what is
//! in them (`logic` does).

use core::ptr::{addr_of, addr_of_mut};

use crc::{CRC_32_ISO_HDLC, Crc};
use logic::{Memory, PARAMETERS_LEN, STORED_MAX};

const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// Marks a copy in this layout.
const LAYOUT: u32 = 0xF4A1_0001;
/// Layout, count and length.
const HEAD: usize = 12;
const CRC_LEN: usize = 4;
const COPY: usize = HEAD + STORED_MAX + CRC_LEN;

/// The programmed parameters with their check value: what the pump is told to do, here and nowhere else.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".fram.parameters")]
static mut PARAMETERS: [u8; PARAMETERS_LEN] = [0; PARAMETERS_LEN];

#[unsafe(link_section = ".fram.copies")]
static mut COPIES: [[u8; COPY]; 2] = [[0; COPY]; 2];

/// Where a copy is put together; on the stack it would be most of it.
static mut SCRATCH: [u8; COPY] = [0; COPY];

/// The FRAM. There is one, and the control loop has it.
pub(crate) struct Store {
    /// The count of the newest copy.
    count: u32,
}

impl Store {
    /// Opens the FRAM and reads what a run before the reset has left; `None` if nothing whole is there.
    ///
    /// # Safety
    /// Call it once: nobody else may touch what it stands for.
    pub(crate) unsafe fn open() -> (Self, Option<Memory>) {
        let mut store = Self { count: 0 };
        let mut newest = None;
        for place in 0..2 {
            if let Some((count, memory)) = store.read(place).filter(|(count, _)| newest.is_none() || *count > store.count)
            {
                store.count = count;
                newest = Some(memory);
            }
        }
        (store, newest)
    }

    /// The parameters as they lie there, for better or worse.
    pub(crate) fn parameters(&self) -> [u8; PARAMETERS_LEN] {
        // SAFETY: the store alone writes there, and a debugger, hence volatile.
        unsafe { addr_of!(PARAMETERS).read_volatile() }
    }

    /// Writes the parameters.
    pub(crate) fn set_parameters(&mut self, bytes: &[u8; PARAMETERS_LEN]) {
        // SAFETY: as above.
        unsafe { addr_of_mut!(PARAMETERS).write_volatile(*bytes) };
    }

    /// Writes a copy over the older one.
    pub(crate) fn write(&mut self, memory: &Memory) {
        self.count = self.count.wrapping_add(1);
        // SAFETY: the store is the scratch's only user.
        let scratch = unsafe { &mut *addr_of_mut!(SCRATCH) };
        let stored: &mut [u8; STORED_MAX] =
            (&mut scratch[HEAD..HEAD + STORED_MAX]).try_into().expect("a copy holds the greatest memory");
        let len = memory.store(stored);
        for (place, word) in scratch[..HEAD].chunks_exact_mut(4).zip([LAYOUT, self.count, len as u32]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let checksum = CHECKSUM.checksum(&scratch[..HEAD + len]).to_le_bytes();
        scratch[HEAD + len..HEAD + len + CRC_LEN].copy_from_slice(&checksum);
        let copy = addr_of_mut!(COPIES).cast::<u8>().wrapping_add((self.count % 2) as usize * COPY);
        for (at, byte) in scratch[..HEAD + len + CRC_LEN].iter().enumerate() {
            // SAFETY: within the copy, since the scratch is as long as one.
            unsafe { copy.add(at).write_volatile(*byte) };
        }
    }

    fn read(&self, place: usize) -> Option<(u32, Memory)> {
        // SAFETY: the store alone writes there, and no writing is under way.
        let copy: &[u8; COPY] = unsafe { &*addr_of!(COPIES).cast::<[u8; COPY]>().add(place) };
        let word = |at: usize| u32::from_le_bytes([copy[at], copy[at + 1], copy[at + 2], copy[at + 3]]);
        let (layout, count, len) = (word(0), word(4), word(8) as usize);
        if layout != LAYOUT || len > STORED_MAX {
            return None;
        }
        let (whole, checksum) = (&copy[..HEAD + len], word(HEAD + len));
        (CHECKSUM.checksum(whole) == checksum).then(|| Memory::restore(&whole[HEAD..])).flatten().map(|m| (count, m))
    }
}

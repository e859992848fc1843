//! The stepper's driver chip: where the motor is to go, written until the chip has counted it.
//!
//! It owns the chip's datagrams (8 bytes to write, 4 to ask, CRC-8 at the end, as a TMC2209 speaks; the motion registers
//! are a TMC5130's) and
//! the target position. A target is absolute, so that a datagram sent twice moves nothing twice. It must not know
//! pulses or doses.

use crc::{Algorithm, Crc};

use crate::clock;
use crate::ports::{self, MOTOR};

const SYNC: u8 = 0x05;
const SLAVE: u8 = 0x00;
const MASTER: u8 = 0xFF;
const WRITE: u8 = 0x80;
/// Datagrams that the chip has obeyed, modulo 256.
const IFCNT: u8 = 0x02;
/// Where the motor is, steps.
const XACTUAL: u8 = 0x21;
/// Where it is to go, steps.
const XTARGET: u8 = 0x2D;
/// Chopper; with its low nibble zero the bridges are off and the motor stands.
const CHOPCONF: u8 = 0x6C;
const BRIDGES_ON: u32 = 0x1000_0053;
const BRIDGES_OFF: u32 = 0x1000_0050;
const DATAGRAM: usize = 8;
/// How long the chip may take for an answer, µs.
const ANSWER_US: u64 = 100_000;
/// Tries of a datagram before the chip counts as gone.
const TRIES: u8 = 4;

/// CRC-8 of the datagrams: polynomial 0x07, each byte from its lowest bit, as the chip's data sheet prints it.
const CRC_8: Algorithm<u8> =
    Algorithm { width: 8, poly: 0x07, init: 0, refin: true, refout: false, xorout: 0, check: 0, residue: 0 };
const CHECKSUM: Crc<u8> = Crc::<u8>::new(&CRC_8);

/// The chip did not do, or did not tell, what it was asked.
#[derive(Clone, Copy)]
pub(crate) struct Gone {
    /// The register that was spoken to.
    pub(crate) register: u8,
}

/// The driver, with its motor at a known place.
pub(crate) struct MotorDriver {
    target: u32,
}

impl MotorDriver {
    /// Finds out where the motor is and switches it on. What a run before the reset had begun ends where it was to end.
    pub(crate) fn open() -> Result<Self, Gone> {
        let target = ask(XTARGET)?;
        let here = ask(XACTUAL)?;
        defmt::debug!("motor at step {=u32}, on its way to {=u32}", here, target);
        tell(CHOPCONF, BRIDGES_ON)?;
        Ok(Self { target })
    }

    /// Turns the motor on by so many steps.
    pub(crate) fn turn(&mut self, steps: u16) -> Result<(), Gone> {
        self.target = self.target.wrapping_add(u32::from(steps));
        tell(XTARGET, self.target)
    }
}

/// Stops the motor without waiting for anything: the last words of a board that is about to reset.
pub(crate) fn stop_now() {
    MOTOR.write_now(&to_write(CHOPCONF, BRIDGES_OFF));
}

fn tell(register: u8, value: u32) -> Result<(), Gone> {
    let counted = ask(IFCNT)?;
    for _ in 0..TRIES {
        MOTOR.write(&to_write(register, value));
        if ask(IFCNT)? != counted {
            return Ok(());
        }
    }
    Err(Gone { register })
}

fn ask(register: u8) -> Result<u32, Gone> {
    for _ in 0..TRIES {
        MOTOR.forget();
        let mut request = [SYNC, SLAVE, register, 0];
        request[3] = CHECKSUM.checksum(&request[..3]);
        MOTOR.write(&request);
        let mut answer = [0; DATAGRAM];
        if ports::read_exactly(&MOTOR, &mut answer, clock::now_us() + ANSWER_US)
            && answer[..3] == [SYNC, MASTER, register]
            && CHECKSUM.checksum(&answer[..DATAGRAM - 1]) == answer[DATAGRAM - 1]
        {
            return Ok(u32::from_be_bytes([answer[3], answer[4], answer[5], answer[6]]));
        }
    }
    Err(Gone { register })
}

fn to_write(register: u8, value: u32) -> [u8; DATAGRAM] {
    let [a, b, c, d] = value.to_be_bytes();
    let mut datagram = [SYNC, SLAVE, register | WRITE, a, b, c, d, 0];
    datagram[DATAGRAM - 1] = CHECKSUM.checksum(&datagram[..DATAGRAM - 1]);
    datagram
}

//! The analogue front end on the sensor bus: battery, line, rotation, sounder, and whether the supply dipped.
//!
//! It owns the bus: a request of 4 bytes (0x5A, command, argument, CRC-8/SMBUS), an answer that begins with 0xA5 and
//! the command. It must not know what a voltage or a turn means.

use crc::{CRC_8_SMBUS, Crc};
use logic::Senses;

use crate::clock;
use crate::ports::{self, SENSORS};

const REQUEST: u8 = 0x5A;
const ANSWER: u8 = 0xA5;
const MEASURE: u8 = 0x01;
const FORGET_DIP: u8 = 0x02;
const SOUND: u8 = 0x03;
const MEASURED: usize = 12;
const DONE: usize = 3;
const DIPPED: u8 = 1 << 0;
/// How long the front end may take for an answer, µs.
const ANSWER_US: u64 = 100_000;
/// Tries of a request before the front end counts as gone.
const TRIES: u8 = 4;
const CHECKSUM: Crc<u8> = Crc::<u8>::new(&CRC_8_SMBUS);

/// The front end did not answer.
#[derive(Clone, Copy)]
pub(crate) struct Gone;

/// What the front end measured.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) senses: Senses,
    /// Steps that the head has turned, modulo 65 536.
    pub(crate) turned: u16,
    /// Whether the supply was too low since that was last forgotten.
    pub(crate) dipped: bool,
}

/// Asks what there is to measure.
pub(crate) fn measure() -> Result<Measured, Gone> {
    let answer = ask::<MEASURED>(MEASURE, 0)?;
    let [_, _, b0, b1, l0, l1, l2, l3, t0, t1, flags, _] = answer;
    let senses =
        Senses { battery_mv: u16::from_le_bytes([b0, b1]), line_pa: i32::from_le_bytes([l0, l1, l2, l3]) };
    Ok(Measured { senses, turned: u16::from_le_bytes([t0, t1]), dipped: flags & DIPPED != 0 })
}

/// Has the front end forget that the supply dipped.
pub(crate) fn forget_dip() -> Result<(), Gone> {
    ask::<DONE>(FORGET_DIP, 0).map(|_| ())
}

/// Sounds so many tones.
pub(crate) fn sound(tones: u8) -> Result<(), Gone> {
    ask::<DONE>(SOUND, tones).map(|_| ())
}

fn ask<const LEN: usize>(command: u8, argument: u8) -> Result<[u8; LEN], Gone> {
    for _ in 0..TRIES {
        SENSORS.forget();
        let mut request = [REQUEST, command, argument, 0];
        request[3] = CHECKSUM.checksum(&request[..3]);
        SENSORS.write(&request);
        let mut answer = [0; LEN];
        if ports::read_exactly(&SENSORS, &mut answer, clock::now_us() + ANSWER_US)
            && answer[..2] == [ANSWER, command]
            && CHECKSUM.checksum(&answer[..LEN - 1]) == answer[LEN - 1]
        {
            return Ok(answer);
        }
    }
    Err(Gone)
}

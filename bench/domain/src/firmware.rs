//! The firmware of the device as a debug probe sees it: its image, its symbols, its log.
//!
//! It must not know a probe's protocol or an ELF's layout.

use core::fmt;

use serde::{Deserialize, Serialize};

/// What a symbol of the image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolType {
    /// 8 bits.
    U8,
    /// 16 bits.
    U16,
    /// 32 bits.
    U32,
    /// 8 bits, signed.
    I8,
    /// 16 bits, signed.
    I16,
    /// 32 bits, signed.
    I32,
}

impl SymbolType {
    /// Every type, by the names that scenarios write.
    pub const NAMES: &'static [&'static str] = &["u8", "u16", "u32", "i8", "i16", "i32"];

    /// The type of a name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "u8" => Self::U8,
            "u16" => Self::U16,
            "u32" => Self::U32,
            "i8" => Self::I8,
            "i16" => Self::I16,
            "i32" => Self::I32,
            _ => return None,
        })
    }

    /// Its name, as scenarios write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
        }
    }

    /// Its length, in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 => 4,
        }
    }

    /// The least and the greatest value.
    #[must_use]
    pub const fn range(self) -> (i64, i64) {
        match self {
            Self::U8 => (0, u8::MAX as i64),
            Self::U16 => (0, u16::MAX as i64),
            Self::U32 => (0, u32::MAX as i64),
            Self::I8 => (i8::MIN as i64, i8::MAX as i64),
            Self::I16 => (i16::MIN as i64, i16::MAX as i64),
            Self::I32 => (i32::MIN as i64, i32::MAX as i64),
        }
    }
}

/// A place in the image's memory, by the symbol that names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The symbol's name.
    pub symbol: String,
    /// Bytes behind its beginning.
    pub at: u64,
    /// What is there.
    pub of: SymbolType,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            0 => write!(f, "{} as {}", self.symbol, self.of.name()),
            at => write!(f, "{}+{at} as {}", self.symbol, self.of.name()),
        }
    }
}

/// A line of the firmware's own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareLine {
    /// The time that the firmware stamped on it, as text; empty if it stamps none.
    pub time: String,
    /// `trace`, `debug`, `info`, `warn`, `error`, or empty.
    pub level: String,
    /// What it says.
    pub text: String,
}

impl FirmwareLine {
    /// Its time stamp in us since boot, if it is one in seconds, as `12.345678`.
    #[must_use]
    pub fn stamp_us(&self) -> Option<u64> {
        let (whole, fraction) = self.time.split_once('.')?;
        let us: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(us)
    }
}

/// The image that the rig file names, held against what the board holds in its place: of each the SHA-256 of all bytes that
/// are loaded, each segment behind its address and its length (8 bytes each, little-endian).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// Of the rig file's image.
    pub file_sha256: String,
    /// Of what the board holds.
    pub board_sha256: String,
}

impl Images {
    /// Whether the board holds the rig file's image.
    #[must_use]
    pub fn agree(&self) -> bool {
        self.file_sha256 == self.board_sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_in_seconds_is_read_and_anything_else_is_none() {
        let stamp =
            |time: &str| FirmwareLine { time: time.to_owned(), level: String::new(), text: String::new() }.stamp_us();
        assert_eq!(stamp("12.345678"), Some(12_345_678));
        assert_eq!(stamp("0.5"), Some(500_000));
        assert_eq!([stamp(""), stamp("7"), stamp("1.2.3"), stamp("-1.0"), stamp("noon")], [None; 5]);
    }

    #[test]
    fn each_type_has_its_name_and_its_range() {
        for name in SymbolType::NAMES {
            let of = SymbolType::by_name(name).expect("a type of that name");
            assert_eq!(of.name(), *name);
            let (least, greatest) = of.range();
            assert_eq!(greatest - least + 1, 1_i64 << (8 * of.bytes()));
        }
        assert_eq!(SymbolType::by_name("f32"), None);
    }
}

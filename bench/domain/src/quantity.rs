//! Quantities that carry their unit in the type.
//!
//! Each holds a finite `f64` in its dimension's base unit (see [`crate::unit::Dimension`]). At the edges, in
//! events and files, a field's name carries the unit as well: `volume_ul: Volume`.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $symbol:literal, $from:ident, $get:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(f64);

        impl $name {
            #[doc = concat!("The quantity of `value` ", $symbol, ".")]
            ///
            /// # Panics
            /// If `value` is not finite: no quantity is NaN or infinite.
            #[must_use]
            pub fn $from(value: f64) -> Self {
                assert!(value.is_finite(), concat!(stringify!($name), " must be finite, but {} was given"), value);
                Self(value)
            }

            #[doc = concat!("The value in ", $symbol, ".")]
            #[must_use]
            pub const fn $get(self) -> f64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", significant(self.0), $symbol)
            }
        }
    };
}

quantity!(
    /// A volume, in microlitres.
    Volume, "uL", from_ul, ul
);
quantity!(
    /// A flow rate, in microlitres per hour.
    FlowRate, "uL/h", from_ul_per_h, ul_per_h
);
quantity!(
    /// A mass, in grams.
    Mass, "g", from_g, g
);
quantity!(
    /// A mass per time, in micrograms per second.
    MassRate, "ug/s", from_ug_per_s, ug_per_s
);
quantity!(
    /// A pressure, in kilopascals.
    Pressure, "kPa", from_kpa, kpa
);
quantity!(
    /// A temperature, in degrees Celsius.
    Temperature, "°C", from_c, c
);
quantity!(
    /// A ratio, in per cent.
    Ratio, "%", from_percent, percent
);
quantity!(
    /// A density, in kilograms per cubic metre.
    Density, "kg/m3", from_kg_per_m3, kg_per_m3
);
quantity!(
    /// A length, in millimetres.
    Length, "mm", from_mm, mm
);

quantity!(
    /// A volume per pressure, in microlitres per kilopascal.
    Compliance, "uL/kPa", from_ul_per_kpa, ul_per_kpa
);

quantity!(
    /// A voltage, in volts.
    Voltage, "V", from_v, v
);

impl Volume {
    /// The volume in whole nanolitres, as the pump takes it, rounded to the nearest.
    ///
    /// `None` if it is negative or above the pump's 32 bits (4.29 L).
    #[must_use]
    pub fn whole_nl(self) -> Option<u32> {
        whole(self.0 * 1e3)
    }
}

impl FlowRate {
    /// The rate in whole nanolitres per hour, as the pump takes it, rounded to the nearest.
    ///
    /// `None` if it is negative or above the pump's 32 bits (4.29 L/h).
    #[must_use]
    pub fn whole_nl_per_h(self) -> Option<u32> {
        whole(self.0 * 1e3)
    }
}

fn whole(value: f64) -> Option<u32> {
    let rounded = value.round();
    (0.0..=f64::from(u32::MAX)).contains(&rounded).then_some(rounded as u32)
}

/// A number as people read it: six significant digits, no trailing zeros.
#[must_use]
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let mut magnitude = 0_i32;
    let mut scaled = value.abs();
    while scaled >= 10.0 {
        scaled /= 10.0;
        magnitude += 1;
    }
    while scaled < 1.0 {
        scaled *= 10.0;
        magnitude -= 1;
    }
    let decimals = usize::try_from((5 - magnitude).max(0)).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A value with its expanded uncertainty, both to the decimal of the uncertainty's second significant digit.
///
/// Without a usable uncertainty (zero or not finite) both get six significant digits.
#[must_use]
pub fn with_uncertainty(value: f64, expanded: f64) -> (String, String) {
    if !(expanded.is_finite() && expanded > 0.0) {
        return (significant(value), significant(expanded));
    }
    let decimals = 1 - exponent_of(expanded, 2);
    (to_decimal(value, decimals), to_decimal(expanded, decimals))
}

/// The decimal exponent of a number that was rounded to so many digits, so that 0.0996 counts as 0.10.
#[must_use]
pub fn exponent_of(value: f64, digits: usize) -> i32 {
    let text = format!("{value:.*e}", digits.saturating_sub(1));
    text.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0)
}

/// A number rounded at a decimal place, before the point if it is negative; zero has no sign.
#[must_use]
pub fn to_decimal(value: f64, decimals: i32) -> String {
    let text = match usize::try_from(decimals) {
        Ok(decimals) => format!("{value:.decimals$}"),
        Err(_) => {
            let step = 10_f64.powi(-decimals);
            format!("{:.0}", (value / step).round() * step)
        }
    };
    let zero = text.trim_start_matches('-').bytes().all(|b| b == b'0' || b == b'.');
    if zero { text.trim_start_matches('-').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_the_unit() {
        assert_eq!(Volume::from_ul(10.0).to_string(), "10 uL");
        assert_eq!(FlowRate::from_ul_per_h(20.833_333_3).to_string(), "20.8333 uL/h");
        assert_eq!(Mass::from_g(0.000_012_3).to_string(), "0.0000123 g");
    }

    #[test]
    fn the_uncertainty_decides_the_digits() {
        assert_eq!(with_uncertainty(21.815_2, 1.765_86), ("21.8".into(), "1.8".into()));
        assert_eq!(with_uncertainty(-0.001, 0.0996), ("0.00".into(), "0.10".into()));
        assert_eq!(with_uncertainty(12_345.0, 420.0), ("12350".into(), "420".into()));
        assert_eq!(with_uncertainty(1.5, 0.0), ("1.5".into(), "0".into()));
    }

    #[test]
    fn whole_nanolitres_refuse_what_the_pump_cannot_hold() {
        assert_eq!(Volume::from_ul(0.5).whole_nl(), Some(500));
        assert_eq!(Volume::from_ul(-1.0).whole_nl(), None);
        assert_eq!(Volume::from_ul(5e6).whole_nl(), None);
    }

    #[test]
    #[should_panic(expected = "must be finite")]
    fn nan_is_no_quantity() {
        let _ = Volume::from_ul(f64::NAN);
    }
}

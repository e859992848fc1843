//! The units that scenario, rig and report may name, each with its dimension and its factor to the dimension's
//! base unit.
//!
//! One table, searched by symbol or alias. The three spellings of micro (`u`, `µ` U+00B5, `μ` U+03BC) are one.

use serde::{Deserialize, Serialize};

/// A physical dimension that the bench deals in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Base unit second.
    Time,
    /// Base unit microlitre.
    Volume,
    /// Base unit microlitre per hour.
    FlowRate,
    /// Base unit gram.
    Mass,
    /// Base unit microgram per second.
    MassRate,
    /// Base unit kilopascal.
    Pressure,
    /// Base unit degree Celsius.
    Temperature,
    /// Base unit per cent.
    Ratio,
    /// Base unit kilogram per cubic metre.
    Density,
    /// Base unit millimetre.
    Length,
    /// Base unit volt.
    Voltage,
    /// Base unit part per million.
    Frequency,
    /// Base unit ampere.
    Current,
    /// Base unit ohm.
    Resistance,
    /// Base unit microlitre per kilopascal.
    Compliance,
}

impl Dimension {
    /// The dimension's name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "a time",
            Self::Volume => "a volume",
            Self::FlowRate => "a flow rate",
            Self::Mass => "a mass",
            Self::MassRate => "a mass rate",
            Self::Pressure => "a pressure",
            Self::Temperature => "a temperature",
            Self::Ratio => "a ratio",
            Self::Density => "a density",
            Self::Length => "a length",
            Self::Voltage => "a voltage",
            Self::Frequency => "a clock error",
            Self::Current => "a current",
            Self::Resistance => "a resistance",
            Self::Compliance => "a compliance",
        }
    }

    /// The symbol of the base unit.
    #[must_use]
    pub const fn base_symbol(self) -> &'static str {
        match self {
            Self::Time => "s",
            Self::Volume => "uL",
            Self::FlowRate => "uL/h",
            Self::Mass => "g",
            Self::MassRate => "ug/s",
            Self::Pressure => "kPa",
            Self::Temperature => "°C",
            Self::Ratio => "%",
            Self::Density => "kg/m3",
            Self::Length => "mm",
            Self::Voltage => "V",
            Self::Frequency => "ppm",
            Self::Current => "A",
            Self::Resistance => "ohm",
            Self::Compliance => "uL/kPa",
        }
    }

    /// An example of a quantity of this dimension, for messages.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Time => "30 min",
            Self::Volume => "10 uL",
            Self::FlowRate => "0.5 mL/day",
            Self::Mass => "0.01 mg",
            Self::MassRate => "0.12 ug/s",
            Self::Pressure => "101.3 kPa",
            Self::Temperature => "37 °C",
            Self::Ratio => "14.5 %",
            Self::Density => "998.2 kg/m3",
            Self::Length => "0.5 mm",
            Self::Voltage => "2.9 V",
            Self::Frequency => "20 ppm",
            Self::Current => "50 mA",
            Self::Resistance => "20 ohm",
            Self::Compliance => "0.03 uL/kPa",
        }
    }
}

/// A unit: how it is written and what it means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// The spelling that the bench writes.
    pub symbol: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    /// Multiply a value in this unit by this to have it in the dimension's base unit.
    pub to_base: f64,
}

const fn unit(symbol: &'static str, dimension: Dimension, to_base: f64) -> Unit {
    Unit { symbol, dimension, to_base }
}

/// Every unit that may be written.
pub const UNITS: &[Unit] = &[
    unit("s", Dimension::Time, 1.0),
    unit("ms", Dimension::Time, 1e-3),
    unit("min", Dimension::Time, 60.0),
    unit("h", Dimension::Time, 3600.0),
    unit("day", Dimension::Time, 86_400.0),
    unit("nL", Dimension::Volume, 1e-3),
    unit("uL", Dimension::Volume, 1.0),
    unit("mL", Dimension::Volume, 1e3),
    unit("nL/h", Dimension::FlowRate, 1e-3),
    unit("uL/h", Dimension::FlowRate, 1.0),
    unit("uL/min", Dimension::FlowRate, 60.0),
    unit("uL/day", Dimension::FlowRate, 1.0 / 24.0),
    unit("mL/h", Dimension::FlowRate, 1e3),
    unit("mL/day", Dimension::FlowRate, 1e3 / 24.0),
    unit("ug", Dimension::Mass, 1e-6),
    unit("mg", Dimension::Mass, 1e-3),
    unit("g", Dimension::Mass, 1.0),
    unit("kg", Dimension::Mass, 1e3),
    unit("ug/s", Dimension::MassRate, 1.0),
    unit("ug/h", Dimension::MassRate, 1.0 / 3600.0),
    unit("mg/h", Dimension::MassRate, 1e3 / 3600.0),
    unit("mg/day", Dimension::MassRate, 1e3 / 86_400.0),
    unit("Pa", Dimension::Pressure, 1e-3),
    unit("hPa", Dimension::Pressure, 0.1),
    unit("kPa", Dimension::Pressure, 1.0),
    unit("°C", Dimension::Temperature, 1.0),
    unit("%", Dimension::Ratio, 1.0),
    unit("ppm", Dimension::Frequency, 1.0),
    unit("kg/m3", Dimension::Density, 1.0),
    unit("g/mL", Dimension::Density, 1e3),
    unit("mm", Dimension::Length, 1.0),
    unit("V", Dimension::Voltage, 1.0),
    unit("mV", Dimension::Voltage, 1e-3),
    unit("A", Dimension::Current, 1.0),
    unit("mA", Dimension::Current, 1e-3),
    unit("ohm", Dimension::Resistance, 1.0),
    unit("uL/kPa", Dimension::Compliance, 1.0),
];

/// The unit written `symbol`, in any of its spellings.
///
/// `None` if the table has none of that name; the caller says so with [`Unit::known`].
#[must_use]
pub fn find(symbol: &str) -> Option<Unit> {
    let plain = symbol.replace(['\u{b5}', '\u{3bc}'], "u").replace("m³", "m3");
    let plain = match plain.as_str() {
        "d" => "day",
        "degC" | "C" => "°C",
        "mL/d" => "mL/day",
        "uL/d" => "uL/day",
        "Ω" | "\u{2126}" => "ohm",
        other => other,
    };
    UNITS.iter().copied().find(|u| u.symbol == plain)
}

impl Unit {
    /// The symbols of a dimension, for messages: `s, ms, min, h, day`.
    #[must_use]
    pub fn known(dimension: Dimension) -> String {
        let symbols: Vec<&str> = UNITS.iter().filter(|u| u.dimension == dimension).map(|u| u.symbol).collect();
        symbols.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings_of_micro_are_one() {
        assert_eq!(find("uL"), find("µL"));
        assert_eq!(find("uL"), find("μL"));
        assert!(find("UL").is_none());
    }

    #[test]
    fn half_a_millilitre_a_day_is_20_83_microlitres_an_hour() {
        let unit = find("mL/day").expect("in the table");
        assert!((0.5 * unit.to_base - 20.833_333).abs() < 1e-6);
    }

    #[test]
    fn every_base_symbol_is_a_unit_of_factor_one() {
        for unit in UNITS {
            let base = find(unit.dimension.base_symbol()).expect("in the table");
            assert_eq!((base.dimension, base.to_base), (unit.dimension, 1.0));
        }
    }

    #[test]
    fn symbols_are_unique() {
        for (i, a) in UNITS.iter().enumerate() {
            assert!(UNITS[i + 1..].iter().all(|b| a.symbol != b.symbol), "{} stands twice", a.symbol);
        }
    }
}

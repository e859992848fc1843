//! Numbers as people read them in a report: as many digits as the uncertainty supports, a real minus sign, units
//! with their proper letters.
//!
//! `summary.json` and `samples.parquet` carry the numbers unrounded; nothing here touches those.

use domain::quantity::{exponent_of, significant, to_decimal, with_uncertainty};

/// A value with its expanded uncertainty, both to the digit that the uncertainty supports.
///
/// Two significant digits of the uncertainty decide; the value ends at the same decimal. Without a usable
/// uncertainty (missing, zero, not finite) the value gets six significant digits and the second text is `None`.
pub fn uncertain(value: f64, expanded: Option<f64>) -> (String, Option<String>) {
    match expanded.filter(|u| u.is_finite() && *u > 0.0) {
        Some(u) => {
            let (value, u) = with_uncertainty(value, u);
            (minus(&value), Some(u))
        }
        None => (plain(value), None),
    }
}

/// A number without a known uncertainty: six significant digits, with a real minus sign.
pub(crate) fn plain(value: f64) -> String {
    minus(&significant(value))
}

/// A number to so many significant digits, for tables of uncertainty components and constants.
pub(crate) fn rounded(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return plain(value);
    }
    let exponent = exponent_of(value, digits);
    if (-4..7).contains(&exponent) {
        let digits = i32::try_from(digits).unwrap_or(2);
        minus(&to_decimal(value, digits - 1 - exponent))
    } else {
        let text = format!("{value:.*e}", digits.saturating_sub(1));
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}\u{b7}10{}", minus(mantissa), superscript(exponent))
    }
}

/// A unit's symbol with the letters that print: `uL` becomes `µL`, `kg/m3` becomes `kg/m³`; a count (`1`) has none.
pub fn unit(symbol: &str) -> String {
    if symbol == "1" {
        return String::new();
    }
    let micro = match symbol.strip_prefix('u') {
        Some(rest) if rest.starts_with(['L', 'g', 's', 'A', 'V', 'm']) => format!("\u{b5}{rest}"),
        _ => symbol.to_owned(),
    };
    micro.replace("m3", "m\u{b3}")
}

/// A sentence of the record with the letters of its units that print.
pub(crate) fn prose(text: &str) -> String {
    let printed = |word: &str| {
        let symbol = word.trim_end_matches([',', ';', '.', ':', ')']);
        let known = symbol.starts_with('u') && domain::unit::find(symbol).is_some();
        if known { format!("{}{}", unit(symbol), &word[symbol.len()..]) } else { word.to_owned() }
    };
    text.split(' ').map(printed).collect::<Vec<_>>().join(" ")
}

/// A number at a fixed count of decimals, for axes.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    minus(&to_decimal(value, i32::try_from(decimals).unwrap_or(i32::MAX)))
}

fn minus(text: &str) -> String {
    text.strip_prefix('-').map_or_else(|| text.to_owned(), |rest| format!("\u{2212}{rest}"))
}

fn superscript(exponent: &str) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let letter = |c: char| match c.to_digit(10) {
        Some(digit) => DIGITS[digit as usize],
        None => '⁻',
    };
    exponent.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, u: f64, expect: &str) {
        let (value, u) = uncertain(value, Some(u));
        assert_eq!(format!("{value} ± {}", u.unwrap_or_default()), expect);
    }

    #[test]
    fn the_uncertainty_decides_the_digits() {
        check(1.234_56, 0.4567, "1.23 ± 0.46");
        check(-1.2, 0.012, "\u{2212}1.200 ± 0.012");
        check(12_345.0, 678.0, "12350 ± 680");
        check(0.5, 0.0996, "0.50 ± 0.10");
        check(-0.001, 0.5, "0.00 ± 0.50");
        check(3.0, 12.0, "3 ± 12");
    }

    #[test]
    fn without_uncertainty_six_digits() {
        assert_eq!(uncertain(-0.123_456_78, None), ("\u{2212}0.123457".to_owned(), None));
        assert_eq!(uncertain(1.0, Some(0.0)).1, None);
        assert_eq!(uncertain(1.0, Some(f64::NAN)).1, None);
    }

    #[test]
    fn very_small_numbers_get_a_power_of_ten() {
        assert_eq!(rounded(1.234e-7, 2), "1.2\u{b7}10⁻⁷");
        assert_eq!(rounded(0.012_34, 2), "0.012");
        assert_eq!(rounded(997.540_83, 6), "997.541");
    }

    #[test]
    fn units_print_with_their_letters() {
        assert_eq!(unit("uL/h"), "µL/h");
        assert_eq!(unit("kg/m3"), "kg/m³");
        assert_eq!(unit("%"), "%");
        assert_eq!(unit("unit"), "unit");
        assert_eq!(prose("delivered 1.9 uL, at 20 uL/h until used up"), "delivered 1.9 µL, at 20 µL/h until used up");
    }
}

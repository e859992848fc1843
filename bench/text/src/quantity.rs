//! Quantities as people write them: `30 min`, `37.0 ± 0.5 °C`, `±14.5 % of commanded`.
//!
//! A bare number is never a quantity. Results are in the dimension's base unit.

use domain::unit::{Dimension, Unit, find};

/// A value with the half width of the range it lies in, in the dimension's base unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The middle.
    pub value: f64,
    /// Half the width; zero if none was written.
    pub half_width: f64,
}

/// A tolerance: limits about zero, in per cent of the commanded or in a unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The lower limit, in base units.
    pub low: f64,
    /// The upper limit, in base units.
    pub high: f64,
    /// The dimension it was written in.
    pub dimension: Dimension,
}

/// A quantity of a dimension, in its base unit.
///
/// # Errors
/// What was expected and what was found, as `expected …, but found …`.
pub fn parse_quantity(text: &str, dimension: Dimension) -> Result<f64, String> {
    let (number, rest) = number(text).ok_or_else(|| expected(dimension, text))?;
    Ok(number * unit_of(rest, dimension, text)?)
}

/// A quantity of a dimension that may have a half width, `37.0 ± 0.5 °C`, in its base unit.
///
/// # Errors
/// As [`parse_quantity`].
pub fn parse_declared(text: &str, dimension: Dimension) -> Result<Span, String> {
    let Some((value, half)) = text.split_once('±') else {
        return Ok(Span { value: parse_quantity(text, dimension)?, half_width: 0.0 });
    };
    let (half, rest) = number(half).ok_or_else(|| expected(dimension, text))?;
    let factor = unit_of(rest, dimension, text)?;
    let (value, before) = number(value).ok_or_else(|| expected(dimension, text))?;
    if !before.trim().is_empty() && (unit_of(before, dimension, text)? - factor).abs() > 0.0 {
        return Err(format!("expected one unit on both sides of ±, but found '{}'", text.trim()));
    }
    if half < 0.0 {
        return Err(format!("expected a half width of zero or more, but found '{}'", text.trim()));
    }
    Ok(Span { value: value * factor, half_width: half * factor })
}

/// A tolerance: `±14.5 % of commanded`, `-5 % to +10 % of commanded` or `±0.5 uL`.
///
/// # Errors
/// As [`parse_quantity`]; also if the lower limit is above the upper.
pub fn parse_tolerance(text: &str) -> Result<Tolerance, String> {
    let wrong =
        || format!("expected a tolerance such as '±14.5 % of commanded' or '±0.5 uL', but found '{}'", text.trim());
    let (limits, dimension) = match text.trim().strip_suffix("of commanded") {
        Some(limits) => (limits.trim(), Dimension::Ratio),
        None => (text.trim(), Dimension::Volume),
    };
    if dimension == Dimension::Volume && limits.ends_with('%') {
        return Err(format!(
            "expected per cent of something, but found '{}'; write '{} of commanded'",
            text.trim(),
            limits
        ));
    }
    let (low, high) = if let Some(width) = limits.strip_prefix('±') {
        let width = parse_quantity(width, dimension).map_err(|_| wrong())?;
        (-width, width)
    } else {
        let (low, high) = limits.split_once(" to ").ok_or_else(wrong)?;
        (parse_quantity(low, dimension).map_err(|_| wrong())?, parse_quantity(high, dimension).map_err(|_| wrong())?)
    };
    if low > high {
        return Err(format!("expected the lower limit first, but found '{}'", text.trim()));
    }
    Ok(Tolerance { low, high, dimension })
}

/// The number at the beginning of a text, and what follows it.
fn number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && (*c == '-' || *c == '+'))))
        .map_or(text.len(), |(i, _)| i);
    let value: f64 = text[..end].parse().ok()?;
    value.is_finite().then_some((value, &text[end..]))
}

fn unit_of(rest: &str, dimension: Dimension, text: &str) -> Result<f64, String> {
    let symbol = rest.trim();
    if symbol.is_empty() {
        return Err(format!(
            "expected {} with its unit such as '{}', but found the bare number '{}'",
            dimension.name(),
            dimension.example(),
            text.trim()
        ));
    }
    match find(symbol) {
        Some(unit) if unit.dimension == dimension => Ok(unit.to_base),
        Some(unit) => Err(format!(
            "expected {} in one of {}, but found '{}', which is {}",
            dimension.name(),
            Unit::known(dimension),
            text.trim(),
            unit.dimension.name()
        )),
        None => Err(expected(dimension, text)),
    }
}

fn expected(dimension: Dimension, text: &str) -> String {
    format!(
        "expected {} in one of {}, such as '{}', but found '{}'",
        dimension.name(),
        Unit::known(dimension),
        dimension.example(),
        crate::tree::shorten(text.trim())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_carry_their_unit() {
        assert_eq!(parse_quantity("30 min", Dimension::Time), Ok(1800.0));
        assert_eq!(parse_quantity("10µL", Dimension::Volume), Ok(10.0));
        assert_eq!(parse_quantity("1.5 μL", Dimension::Volume), Ok(1.5));
        let error = parse_quantity("30", Dimension::Time).expect_err("bare");
        assert_eq!(error, "expected a time with its unit such as '30 min', but found the bare number '30'");
        let error = parse_quantity("30 mL", Dimension::Time).expect_err("a volume");
        assert!(error.ends_with("but found '30 mL', which is a volume"), "{error}");
    }

    #[test]
    fn half_widths_share_the_unit() {
        assert_eq!(parse_declared("37.0 ± 0.5 °C", Dimension::Temperature), Ok(Span { value: 37.0, half_width: 0.5 }));
        assert_eq!(parse_declared("1013 ± 10 hPa", Dimension::Pressure).map(|s| (s.value * 10.0).round()), Ok(1013.0));
    }

    #[test]
    fn tolerances_say_of_what() {
        let t = parse_tolerance("±14.5 % of commanded").expect("a tolerance");
        assert_eq!((t.low, t.high, t.dimension), (-14.5, 14.5, Dimension::Ratio));
        let t = parse_tolerance("-5 % to +10 % of commanded").expect("a tolerance");
        assert_eq!((t.low, t.high), (-5.0, 10.0));
        let t = parse_tolerance("±0.5 uL").expect("a tolerance");
        assert_eq!((t.high, t.dimension), (0.5, Dimension::Volume));
        assert!(parse_tolerance("±5 %").expect_err("of what").contains("of commanded"));
        assert!(parse_tolerance("+5 % to -5 % of commanded").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~±µμ°³]{0,40}") {
            let _ = parse_tolerance(&text);
            let _ = parse_declared(&text, Dimension::Temperature);
            let _ = parse_quantity(&text, Dimension::FlowRate);
        }
    }
}

//! The range of a parameter: from the least value that may be set to the greatest, in whatever quantity it is.
//!
//! What a scenario says it can be run with must be decidable at both ends, not only at its default.

use domain::Dimension;
use text::{Diagnostics, View, parse_quantity};

/// The quantities that a parameter may be. A text that fits several is taken as the first of them.
const DIMENSIONS: [Dimension; 11] = [
    Dimension::FlowRate,
    Dimension::Volume,
    Dimension::Time,
    Dimension::Pressure,
    Dimension::Temperature,
    Dimension::Ratio,
    Dimension::Voltage,
    Dimension::Resistance,
    Dimension::Current,
    Dimension::Mass,
    Dimension::Length,
];

/// What rounding makes of a quantity that is converted, relative.
const ROUNDING: f64 = 1e-9;

/// The range of a parameter, as it is written and in the base unit of its dimension.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    pub(crate) from: String,
    pub(crate) to: String,
    dimension: Dimension,
    low: f64,
    high: f64,
}

impl Range {
    /// The range that a parameter's entry states; a sentence if it states nonsense.
    pub(crate) fn of(view: View<'_>) -> Result<Option<Self>, String> {
        let (from, to) = match (view.text("from"), view.text("to")) {
            (None, None) => return Ok(None),
            (Some(from), Some(to)) => (from, to),
            _ => return Err("expected both 'from' and 'to', but found one of them".to_owned()),
        };
        if view.node("one of").is_some() {
            return Err("expected 'from' and 'to' beside a 'default', but found 'one of'".to_owned());
        }
        let both =
            |dimension| Some((dimension, parse_quantity(from, dimension).ok()?, parse_quantity(to, dimension).ok()?));
        let Some((dimension, low, high)) = DIMENSIONS.into_iter().find_map(both) else {
            return Err(format!("expected two quantities of one kind, but found '{from}' and '{to}'"));
        };
        if low >= high {
            return Err(format!("expected 'from' below 'to', but found '{from}' and '{to}'"));
        }
        Ok(Some(Self { from: from.to_owned(), to: to.to_owned(), dimension, low, high }))
    }

    /// Whether a value lies within it; a sentence if not.
    pub(crate) fn holds(&self, name: &str, value: &str) -> Result<(), String> {
        let found = parse_quantity(value, self.dimension).map_err(|why| format!("parameter {name}: {why}"))?;
        // The same quantity in another unit may differ in its last digits.
        let rounding = ROUNDING * self.low.abs().max(self.high.abs());
        if (self.low - rounding..=self.high + rounding).contains(&found) {
            return Ok(());
        }
        Err(format!("parameter {name}: expected a value from {} to {}, but found '{value}'", self.from, self.to))
    }
}

/// Problems of a parameter's range, and of a default beyond it.
pub(crate) fn check(name: &str, view: View<'_>, problems: &mut Diagnostics) {
    let range = match Range::of(view) {
        Ok(range) => range,
        Err(why) => return problems.push(view.pos(), format!("parameter {name}: {why}")),
    };
    if let (Some(range), Some(default)) = (range, view.text("default"))
        && let Err(why) = range.holds(name, default)
    {
        problems.push(view.pos_of("default"), why);
    }
}

#[cfg(test)]
mod tests {
    use text::{Node, Source, parse};

    use super::*;

    fn node(entry: &str) -> Node {
        let source = Source::new("t.yaml", entry.as_bytes().to_vec()).expect("small");
        parse(&source, &mut Diagnostics::new()).expect("a tree")
    }

    fn range(entry: &str) -> Result<Option<Range>, String> {
        Range::of(View::new(&node(entry)))
    }

    fn stated(entry: &str) -> Range {
        range(entry).expect("no nonsense").expect("a range")
    }

    /// Base units: µL/h, µL, s, kPa, °C, %, V, Ω, A, g, mm. 0.24 mL/day is 10 µL/h, 1 mL/h is 1000 µL/h.
    #[test]
    fn both_ends_are_of_one_quantity_in_its_base_unit() {
        for (entry, dimension, low, high) in [
            ("{from: 0.24 mL/day, to: 1 mL/h}", Dimension::FlowRate, 10.0, 1000.0),
            ("{from: 4 mL, to: 18 mL}", Dimension::Volume, 4000.0, 18_000.0),
            ("{from: 30 s, to: 2 min}", Dimension::Time, 30.0, 120.0),
            ("{from: -0.5 kPa, to: 5 kPa}", Dimension::Pressure, -0.5, 5.0),
            ("{from: -0.5 °C, to: 0 °C}", Dimension::Temperature, -0.5, 0.0),
            ("{from: 0 %, to: 50 %}", Dimension::Ratio, 0.0, 50.0),
            ("{from: 2.5 V, to: 3 V}", Dimension::Voltage, 2.5, 3.0),
        ] {
            let found = stated(entry);
            assert_eq!(found.dimension, dimension, "{entry}");
            assert!((found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9, "{found:?}");
        }
        assert_eq!(range("{default: 1 mL}"), Ok(None));
    }

    /// 10 µL/h to 1000 µL/h: 0.24 mL/day and 24 mL/day are its ends.
    #[test]
    fn a_value_may_be_at_an_end_in_any_unit() {
        let range = stated("{from: 10 uL/h, to: 1 mL/h}");
        for value in ["10 uL/h", "0.24 mL/day", "1000 uL/h", "24 mL/day", "0.5 mL/h"] {
            assert_eq!(range.holds("rate", value), Ok(()), "{value}");
        }
        let beyond =
            |value: &str| format!("parameter rate: expected a value from 10 uL/h to 1 mL/h, but found '{value}'");
        for value in ["9.99 uL/h", "0.239 mL/day", "1001 uL/h", "24.1 mL/day", "0 mL/h"] {
            assert_eq!(range.holds("rate", value), Err(beyond(value)));
        }
        for value in ["1 mL", "10", "fast"] {
            let why = range.holds("rate", value).expect_err("it is no rate");
            assert!(why.starts_with("parameter rate: "), "{why}");
        }
    }

    #[test]
    fn nonsense_is_refused_in_a_sentence() {
        for (entry, says) in [
            ("{from: 1 mL}", "expected both 'from' and 'to', but found one of them"),
            ("{to: 1 mL}", "expected both 'from' and 'to', but found one of them"),
            (
                "{from: 1 mL, to: 2 mL, one of: [1 mL]}",
                "expected 'from' and 'to' beside a 'default', but found 'one of'",
            ),
            ("{from: 1 mL, to: 2 h}", "expected two quantities of one kind, but found '1 mL' and '2 h'"),
            ("{from: 1, to: 2}", "expected two quantities of one kind, but found '1' and '2'"),
            ("{from: 2 mL, to: 1 mL}", "expected 'from' below 'to', but found '2 mL' and '1 mL'"),
            ("{from: 1 mL, to: 1000 uL}", "expected 'from' below 'to', but found '1 mL' and '1000 uL'"),
        ] {
            assert_eq!(range(entry), Err(says.to_owned()), "{entry}");
        }
        for (entry, problems) in [
            ("{default: 1.5 mL, from: 1 mL, to: 2 mL}", 0),
            ("{default: 3 mL, from: 1 mL, to: 2 mL}", 1),
            ("{default: 1.5 mL, from: 2 mL, to: 1 mL}", 1),
        ] {
            let mut found = Diagnostics::new();
            check("volume", View::new(&node(entry)), &mut found);
            assert_eq!(found.sorted().len(), problems, "{entry}");
        }
    }
}

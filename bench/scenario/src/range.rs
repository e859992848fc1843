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
        if (self.low..=self.high).contains(&found) {
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

//! `throughout`: limits on a channel that hold all the time.
//!
//! The limit's dimension is the channel's, so it is read here rather than by the file's shape.

use domain::check::CheckHead;
use domain::{Limits, Unit};
use text::{Diagnostics, Field, Kind, View, parse_quantity};

use crate::lower::{BECAUSE, Context, NAME, REQUIREMENT};

/// A limit on a channel that holds throughout the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// Its name and its reason.
    pub head: CheckHead,
    /// Which channel.
    pub channel: String,
    /// The symbol of the channel's unit.
    pub unit: String,
    /// The limits, in the channel's unit.
    pub limits: Limits,
    /// Whose fault it is when they are exceeded.
    pub otherwise: GuardElse,
}

/// Whose fault an exceeded limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardElse {
    /// The device's: the check fails, the station is made safe.
    Fail,
    /// The rig's: no check, the station is made safe, the run is a bench error.
    StopSafely,
}

/// The keys of a guard.
pub(crate) const FIELDS: &[Field] = &[
    Field::required("channel", Kind::Text, "which channel, as in balance.mass"),
    Field::optional("at least", Kind::Text, "the least value allowed, in a unit of the channel's dimension"),
    Field::optional("at most", Kind::Text, "the greatest value allowed, in a unit of the channel's dimension"),
    Field::required(
        "else",
        Kind::Word(&["fail", "stop safely"]),
        "whose fault it is: the device's (the check fails) or the rig's (a bench error); the station is made safe",
    ),
    BECAUSE,
    REQUIREMENT,
    NAME,
];

/// Lowers one guard. `None` after a problem.
pub(crate) fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Guard> {
    let channel = view.text("channel")?;
    let Some(profile) = context.profile.channel(channel) else {
        let known: Vec<&str> =
            context.profile.instruments.iter().flat_map(|i| &i.channels).map(|c| c.channel.as_str()).collect();
        let message = format!(
            "channel: expected one of rig '{}' ({}), but found '{channel}'",
            context.profile.name,
            known.join(", ")
        );
        context.problems.push(view.pos_of("channel"), message);
        return None;
    };
    let unit = domain::unit::find(&profile.unit)?;
    let limits = Limits {
        low: limit(view, "at least", unit, context.problems)?,
        high: limit(view, "at most", unit, context.problems)?,
    };
    if limits.low.is_none() && limits.high.is_none() {
        context.problems.push(view.pos(), "expected 'at least' or 'at most', but found neither");
        return None;
    }
    let otherwise = if view.text("else")? == "fail" { GuardElse::Fail } else { GuardElse::StopSafely };
    let name = view.text("name").map_or_else(|| format!("{channel} throughout"), str::to_owned);
    let head = context.check_head(view, "throughout", name);
    if otherwise == GuardElse::StopSafely {
        context.checks.retain(|n| *n != head.name);
    }
    Some(Guard { head, channel: channel.to_owned(), unit: unit.symbol.to_owned(), limits, otherwise })
}

/// The limit behind a key, in the channel's unit. The outer `None` after a problem.
fn limit(view: View<'_>, key: &str, unit: Unit, problems: &mut Diagnostics) -> Option<Option<f64>> {
    let Some(text) = view.text(key) else { return Some(None) };
    match parse_quantity(text, unit.dimension) {
        Ok(base) => Some(Some(base / unit.to_base)),
        Err(message) => {
            problems.push(view.pos_of(key), format!("{key}: {message}"));
            None
        }
    }
}

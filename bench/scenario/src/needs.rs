//! `needs`: what the rig must be brought to before anything is weighed, and must stay at.
//!
//! What is set for one station is set for all that share it: a need is the whole run's, no step's, so that runs which need the same
//! can have it together.

use core::fmt;
use core::time::Duration;

use domain::profile::{Declared, Role};
use domain::{Dimension, RigProfile, Temperature};
use text::{Diagnostics, Field, Kind, View};

/// A bath that takes longer is no bath for a test.
const WITHIN_MAX: Duration = Duration::from_secs(86_400);

const BATH: &[Field] = &[
    Field::required(
        "at",
        Kind::Declared(Dimension::Temperature),
        "its set-point, and how far off it may be until the run ends, as in 37 ± 0.5 °C",
    ),
    Field::required(
        "within",
        Kind::Quantity(Dimension::Time),
        "how long it may take to get there; else the run is not run",
    ),
];

pub(crate) const NEEDS: &[Field] =
    &[Field::optional("bath", Kind::Map(BATH), "the bath that keeps pump and liquid at a temperature")];

/// A bath at a temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct Bath {
    /// Its name in the rig file.
    pub instrument: String,
    /// Its set-point, and how far off it may be.
    pub at_c: Declared<Temperature>,
    /// How long it may take to get there.
    pub within: Duration,
}

impl fmt::Display for Bath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = domain::quantity::significant;
        write!(f, "{} ± {} °C", shown(self.at_c.value.c()), shown(self.at_c.half_width.c()))
    }
}

/// The bath that is needed; outer `None` after a problem.
pub(crate) fn bath(view: View<'_>, profile: &RigProfile, problems: &mut Diagnostics) -> Option<Option<Bath>> {
    let Some(view) = view.view("needs").and_then(|needs| needs.view("bath")) else { return Some(None) };
    let (span, within) = (view.declared("at", Dimension::Temperature)?, view.duration("within")?);
    let at_c = Declared { value: Temperature::from_c(span.value), half_width: Temperature::from_c(span.half_width) };
    let found = view.text("at").unwrap_or("");
    let Some(bath) = profile.by_role(Role::Bath) else {
        let message = format!("bath: expected a rig with a bath, but rig '{}' has none", profile.name);
        problems.push(view.pos(), message);
        return None;
    };
    if !(Duration::from_secs(1)..=WITHIN_MAX).contains(&within) {
        let found = view.text("within").unwrap_or("");
        problems.push(view.pos_of("within"), format!("within: expected 1 s to 24 h, but found '{found}'"));
        return None;
    }
    let wrong = match bath.settable_c {
        _ if span.half_width <= 0.0 => Some("a range around the set-point, as in 37 ± 0.5 °C".to_owned()),
        Some((from, to)) if !(from..=to).contains(&at_c.value) => {
            Some(format!("a set-point from {from} to {to}, which the bath of rig '{}' can be set to", profile.name))
        }
        _ => None,
    };
    if let Some(expected) = wrong {
        problems.push(view.pos_of("at"), format!("at: expected {expected}, but found '{found}'"));
        return None;
    }
    Some(Some(Bath { instrument: bath.name.clone(), at_c, within }))
}

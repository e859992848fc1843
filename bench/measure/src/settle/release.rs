//! What an occluded line releases: the volume beyond the commanded, and what of it the rig's own line held.
//!
//! A limit of a release is the device's. What is collected comes from the device and from the rig's line together, so a value
//! within its limits passes with both, and one beyond them fails only if it is beyond them without the rig's share.

use domain::Limits;
use domain::check::{DecisionRule, ErrorUnit, Window};
use domain::quantity::{significant, with_uncertainty};

use super::doubt::Without;
use super::{Measured, Of};
use crate::budget::{Budget, Distribution, Term};
use crate::decision::{Decision, decide_guarded};
use crate::interval::Question;
use crate::ledger::Ledger;

#[cfg(test)]
mod tests;

const KNOWN: f64 = f64::INFINITY;

/// What the rig's own line held under pressure, and so released with the device's share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stored {
    /// In uL.
    ul: f64,
    /// Half width of that, in uL.
    half_width_ul: f64,
    /// By how much the line's pressure fell, in kPa.
    fell_kpa: f64,
}

impl Stored {
    /// Whether a value, in uL, that has this in it is a failure without it too.
    pub(super) fn fails_without(&self, measured: &Measured, rule: DecisionRule, limits: Limits) -> bool {
        let distribution = Distribution::Rectangular { half_width: self.half_width_ul };
        let term = Term::type_b("line compliance", distribution, 1.0, KNOWN, "compliance of the line, as measured");
        let terms = measured.budget.terms.iter().cloned().chain(term).collect();
        let budget = Budget { terms, unit: measured.budget.unit.clone() };
        let value = measured.value - self.ul;
        let interval = budget.interval(Some(&measured.model), &Question { value, limits, rule }).ok();
        let band = interval.and_then(|interval| interval.band);
        band.is_some_and(|band| decide_guarded(value, band, limits) == Decision::Fail)
    }
}

impl core::fmt::Display for Stored {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (ul, half_width) = with_uncertainty(self.ul, self.half_width_ul);
        write!(
            f,
            "by its compliance and the {} kPa that its pressure fell the rig's own line can have held {ul} ± {half_width} uL of it",
            significant((self.fell_kpa * 10.0).round() / 10.0)
        )
    }
}

/// What was delivered beyond the commanded; an opening valve's displacement is added again.
pub(super) fn measure(ledger: &Ledger, window: &Window, valve_opened: bool) -> Result<Measured, String> {
    let mut measured = super::measure(ledger, window, Of::Commanded, ErrorUnit::Microlitre)?;
    if !valve_opened {
        return Ok(measured);
    }
    let method = &ledger.setup.as_ref().ok_or("the run has no balance")?.method;
    if let Some(displacement) = method.valve_displacement_ul {
        let back = displacement.value.ul();
        measured.value += back;
        measured.left_out = measured.left_out.map(|value| value + back);
        measured.blameless = measured.blameless.map(|without| Without { value: without.value + back, ..without });
        measured.notes.push(format!("the valve took back {} when it opened, which is added", displacement.value));
        let distribution = Distribution::Rectangular { half_width: displacement.half_width.ul() };
        let source = "blank actuation, declared in the rig file";
        measured.budget.terms.extend(Term::type_b("valve displacement", distribution, 1.0, KNOWN, source));
    }
    measured.stored = stored(ledger, window);
    measured.notes.extend(measured.stored.map(|stored| stored.to_string()));
    measured.unknown = unknown(ledger, window);
    Ok(measured)
}

fn stored(ledger: &Ledger, window: &Window) -> Option<Stored> {
    let compliance = ledger.setup.as_ref()?.method.characterised.line_compliance_ul_per_kpa?;
    let fell_kpa = ledger.fell_kpa(window)?;
    let held = |per_kpa: f64| per_kpa * fell_kpa.max(0.0);
    Some(Stored {
        ul: held(compliance.value.ul_per_kpa()),
        half_width_ul: held(compliance.half_width.ul_per_kpa()),
        fell_kpa,
    })
}

/// What a release cannot be judged without.
fn unknown(ledger: &Ledger, window: &Window) -> Option<String> {
    let method = &ledger.setup.as_ref()?.method;
    let measured = &method.characterised;
    let needed = [
        ("line compliance", measured.line_compliance_ul_per_kpa.is_some()),
        ("line leaks", measured.line_leak_ul_per_h.is_some()),
        ("valve displacement", method.valve_displacement_ul.is_some()),
        ("the day on which they were measured ('on')", measured.on.is_some()),
    ];
    let missing: Vec<&str> = needed.into_iter().filter(|(_, known)| !known).map(|(name, _)| name).collect();
    if !missing.is_empty() {
        return Some(format!("a release is not judged without what the rig file does not say: {}", missing.join(", ")));
    }
    let unread = ledger.fell_kpa(window).is_none();
    unread
        .then(|| "a release is not judged without the line's pressure before and after, which was not read".to_owned())
}

//! Settling: a figure of the plan becomes a value with its uncertainty and a verdict.
//!
//! A verdict never gets better by itself: what speaks against the measurement can only move a pass towards
//! inconclusive, and a figure that cannot be computed is inconclusive, never a pass.

use domain::check::{ErrorUnit, Figure, Window};
use domain::{CheckVerdict, Limits};

use crate::budget::Budget;
use crate::conversion::Conversion;
use crate::decision::{Decision, decide_guarded, guard_band};
use crate::ledger::Ledger;
use crate::settle::effects::undeclared;
use crate::settle::terms::{Weighed, displacement_term, volume_terms};

mod effects;
mod mean;
mod terms;

/// How sure a gain of mass must be before it is held against a measurement: a short weighing scatters.
const CERTAIN: f64 = 0.9998;

/// A figure, settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// What was decided.
    pub verdict: CheckVerdict,
    /// The value, in the figure's unit.
    pub value: Option<f64>,
    /// Its expanded uncertainty, in the figure's unit.
    pub expanded_uncertainty: Option<f64>,
    /// The coverage factor of that.
    pub coverage_factor: Option<f64>,
    /// Why it is no pass.
    pub reason: Option<String>,
    /// What else is to be said.
    pub notes: Vec<String>,
    /// Where the uncertainty comes from.
    pub budget: Option<Budget>,
}

/// An error of volume over one window, before it is judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// In the figure's unit.
    pub(crate) value: f64,
    /// In the figure's unit.
    pub(crate) budget: Budget,
    pub(crate) notes: Vec<String>,
}

/// The volume that an error is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// All that was commanded.
    Commanded,
    /// The bolus alone, in excess of the continuous rate.
    Bolus,
}

pub(crate) fn settle(ledger: &Ledger, figure: &Figure, limits: Limits) -> Settled {
    let measured = match figure {
        Figure::VolumeError { window, unit } => measure(ledger, window, Of::Commanded, *unit),
        Figure::ExcessVolume { window, valve_opened } => excess(ledger, window, *valve_opened),
        Figure::WorstBolusError { windows, unit } => worst(ledger, windows, *unit, limits),
        Figure::MeanBolusError { windows, unit } => mean::measure(ledger, windows, *unit),
    };
    match measured {
        Ok(measured) => judge(ledger, figure, measured, limits),
        Err(reason) => undecided(reason),
    }
}

/// Each bolus' error of a figure over boluses; those that could not be weighed are left out.
pub(crate) fn each(ledger: &Ledger, figure: &Figure) -> Vec<f64> {
    match figure {
        Figure::WorstBolusError { windows, unit } | Figure::MeanBolusError { windows, unit } => {
            windows.iter().filter_map(|window| Some(measure(ledger, window, Of::Bolus, *unit).ok()?.value)).collect()
        }
        Figure::VolumeError { .. } | Figure::ExcessVolume { .. } => Vec::new(),
    }
}

fn undecided(reason: String) -> Settled {
    Settled {
        verdict: CheckVerdict::Inconclusive,
        value: None,
        expanded_uncertainty: None,
        coverage_factor: None,
        reason: Some(reason),
        notes: Vec::new(),
        budget: None,
    }
}

fn judge(ledger: &Ledger, figure: &Figure, measured: Measured, limits: Limits) -> Settled {
    let combined = match measured.budget.combined() {
        Ok(combined) => combined,
        Err(error) => return undecided(format!("the uncertainty could not be computed: {error}")),
    };
    let unit = measured.budget.unit.clone();
    let Some(band) = guard_band(&combined, ledger.rule()) else {
        return undecided(format!("the decision rule has no guard band: {}", ledger.rule()));
    };
    let decision = decide_guarded(measured.value, band, limits);
    let (value, _) = domain::quantity::with_uncertainty(measured.value, combined.expanded);
    let mut reason = match decision {
        Decision::Pass => None,
        Decision::Fail if band <= 0.0 => {
            Some(format!("expected {}, but found {value} {unit}, outside of it", limits.shown(&unit)))
        }
        Decision::Fail => Some(format!(
            "expected {}, but found {value} {unit}, outside by more than the guard band of {} {unit}",
            limits.shown(&unit),
            domain::quantity::with_uncertainty(0.0, band).1
        )),
        Decision::Inconclusive => Some(format!(
            "expected {} with a guard band of {} {unit}, but found {value} {unit}, too near a limit to tell",
            limits.shown(&unit),
            domain::quantity::with_uncertainty(0.0, band).1
        )),
    };
    let mut verdict = CheckVerdict::from(decision);
    match (verdict, objection(ledger, figure).or_else(|| implausible(figure, measured.value, combined.expanded))) {
        (CheckVerdict::Pass, Some(against)) => {
            verdict = CheckVerdict::Inconclusive;
            reason = Some(against);
        }
        // Whoever reads of a failure must hear what else was seen.
        (CheckVerdict::Fail, Some(against)) => reason = reason.map(|why| format!("{why}; beside that, {against}")),
        _ => {}
    }
    Settled {
        verdict,
        value: Some(measured.value),
        expanded_uncertainty: Some(combined.expanded),
        coverage_factor: Some(combined.coverage_factor),
        reason,
        notes: measured.notes,
        budget: Some(measured.budget),
    }
}

/// A release that took liquid out of the vessel is none.
fn implausible(figure: &Figure, value: f64, expanded: f64) -> Option<String> {
    (matches!(figure, Figure::ExcessVolume { .. }) && value < -expanded).then(|| {
        format!("expected no less than nothing in excess, but found {} uL", domain::quantity::significant(value))
    })
}

/// What speaks against a pass although the value is within its limits.
fn objection(ledger: &Ledger, figure: &Figure) -> Option<String> {
    jumped(ledger, figure)
        .or_else(|| evaporated(ledger))
        .or_else(|| ledger.conditions.objection(&weighed_spans(ledger, figure)))
}

/// When the room bears upon a figure, in s of run time: while its volume gathers, and while evaporation is measured.
fn weighed_spans(ledger: &Ledger, figure: &Figure) -> Vec<(f64, f64)> {
    let gathered = windows(figure).iter().filter_map(|window| {
        let (from, to) = (ledger.weighing(&window.from)??, ledger.weighing(&window.to)??);
        Some((from.t_s.min(from.mark_s), to.t_s.max(to.mark_s)))
    });
    ledger.evaporation_spans().into_iter().chain(gathered).collect()
}

fn windows(figure: &Figure) -> &[Window] {
    match figure {
        Figure::VolumeError { window, .. } | Figure::ExcessVolume { window, .. } => core::slice::from_ref(window),
        Figure::WorstBolusError { windows, .. } | Figure::MeanBolusError { windows, .. } => windows,
    }
}

fn jumped(ledger: &Ledger, figure: &Figure) -> Option<String> {
    windows(figure).iter().find_map(|window| {
        let (from, to) = (ledger.weighing(&window.from)??, ledger.weighing(&window.to)??);
        // A release comes as a jump, and is what is measured; only a loss could hide it.
        let released = matches!(figure, Figure::ExcessVolume { .. });
        let jump = if released { ledger.loss(from.t_s, to.t_s)? } else { ledger.jump(from.t_s, to.t_s)? };
        Some(format!(
            "the mass jumped by {} mg at {:.0} s of run time, between {} and {}, and no flow explains it",
            domain::quantity::significant(jump.by_g * 1e3),
            jump.t_s,
            window.from,
            window.to
        ))
    })
}

fn evaporated(ledger: &Ledger) -> Option<String> {
    let evaporation = ledger.evaporation()?;
    let Some(after) = evaporation.after_ug_per_s() else {
        return Some("evaporation after the last step was not measured".to_owned());
    };
    for (when, loss) in [("before", evaporation.before_ug_per_s()), ("after", after)] {
        let factor = crate::student::coverage_factor(loss.dof, CERTAIN)?;
        if loss.value + factor * loss.u < 0.0 {
            return Some(format!(
                "expected the vessel to lose mass with the pump stopped, but found {} ug/s gained {when}; look for seepage",
                domain::quantity::significant(-loss.value)
            ));
        }
    }
    let change = (after.value - evaporation.before_ug_per_s().value).abs();
    let limit = ledger.setup.as_ref()?.change_at_most.ug_per_s();
    (change > limit).then(|| {
        format!(
            "expected evaporation to change by at most {} ug/s, but found {} ug/s before and {} ug/s after",
            domain::quantity::significant(limit),
            domain::quantity::significant(evaporation.before_ug_per_s().value),
            domain::quantity::significant(after.value)
        )
    })
}

/// The error over one window, with its budget.
fn measure(ledger: &Ledger, window: &Window, of: Of, unit: ErrorUnit) -> Result<Measured, String> {
    let (conversion, weighed) = weighed(ledger, window)?;
    let (from_s, to_s) = (weighed.from.t_s, weighed.to.t_s);
    let delivered_ul = weighed.delivered_ul(&conversion);
    let (expected_ul, reference_ul) = match of {
        Of::Commanded => {
            let commanded = ledger.dose.commanded_ul(from_s, to_s);
            (commanded, commanded)
        }
        Of::Bolus => {
            let bolus = ledger.dose.bolus_ul(from_s, to_s);
            (bolus + ledger.dose.basal_ul(from_s, to_s), bolus)
        }
    };
    let scale = match unit {
        ErrorUnit::Microlitre => 1.0,
        ErrorUnit::PercentOfCommanded if reference_ul > 0.0 => 100.0 / reference_ul,
        ErrorUnit::PercentOfCommanded => {
            return Err(format!(
                "expected a commanded volume between {} and {}, but none was commanded",
                window.from, window.to
            ));
        }
    };
    let terms =
        volume_terms(ledger, &conversion, &weighed, scale).ok_or("the balance has no calibration in the rig file")?;
    let budget = Budget { terms, unit: unit.symbol().to_owned() };
    let expanded_ul = budget.combined().map_or(0.0, |combined| combined.expanded / scale);
    let (delivered, _) = domain::quantity::with_uncertainty(delivered_ul, expanded_ul);
    let commanded = domain::quantity::significant(expected_ul);
    let mut notes = vec![format!("delivered {delivered} uL, commanded {commanded} uL")];
    notes.extend(weighed.note());
    notes.extend(undeclared(ledger));
    Ok(Measured { value: (delivered_ul - expected_ul) * scale, budget, notes })
}

/// What was delivered beyond the commanded; an opening valve's displacement is added again.
fn excess(ledger: &Ledger, window: &Window, valve_opened: bool) -> Result<Measured, String> {
    let mut measured = measure(ledger, window, Of::Commanded, ErrorUnit::Microlitre)?;
    let displacement = ledger.setup.as_ref().and_then(|s| s.method.valve_displacement_ul);
    if let (true, Some(displacement)) = (valve_opened, displacement) {
        measured.value += displacement.value.ul();
        measured.notes.push(format!("the valve took back {} when it opened, which is added", displacement.value));
        measured.budget.terms.extend(displacement_term(displacement.half_width.ul()));
    }
    Ok(measured)
}

fn weighed(ledger: &Ledger, window: &Window) -> Result<(Conversion, Weighed), String> {
    let weighing = |mark: &str| match ledger.weighing(mark) {
        None => Err(format!("the run never came to the weighing '{mark}'")),
        Some(None) => {
            Err(format!("expected at least 3 readings of the balance for the weighing '{mark}', but found fewer"))
        }
        Some(Some(weighing)) => Ok(weighing),
    };
    let (from, to) = (weighing(&window.from)?, weighing(&window.to)?);
    if to.t_s <= from.t_s {
        return Err(format!("expected some time between {} and {}, but found none", window.from, window.to));
    }
    if let Some(why) = ledger.dose.doubt(from.mark_s, to.mark_s) {
        return Err(format!("the commanded volume between {} and {} is in doubt: {why}", window.from, window.to));
    }
    Ok((ledger.converted()?, Weighed { from, to }))
}

/// The worst of several boluses: the one that is decided worst, and among those the one that is farthest off.
fn worst(ledger: &Ledger, windows: &[Window], unit: ErrorUnit, limits: Limits) -> Result<Measured, String> {
    let rank = |m: &Measured| {
        let decision = m
            .budget
            .combined()
            .ok()
            .and_then(|c| Some(decide_guarded(m.value, guard_band(&c, ledger.rule())?, limits)));
        let decision = decision.unwrap_or(Decision::Inconclusive);
        match decision {
            Decision::Fail => 2,
            Decision::Inconclusive => 1,
            Decision::Pass => 0,
        }
    };
    let mut worst: Option<(u8, usize, Measured)> = None;
    let mut broken = None;
    for (i, window) in windows.iter().enumerate() {
        match measure(ledger, window, Of::Bolus, unit) {
            Ok(measured) => {
                let rank = rank(&measured);
                let beats =
                    |w: &(u8, usize, Measured)| rank > w.0 || (rank == w.0 && measured.value.abs() > w.2.value.abs());
                if worst.as_ref().is_none_or(beats) {
                    worst = Some((rank, i + 1, measured));
                }
            }
            Err(why) => broken = broken.or(Some(why)),
        }
    }
    match (worst, broken) {
        // A bolus that failed is a fail, whatever could not be weighed besides.
        (Some((rank, number, mut measured)), broken) if rank == 2 || broken.is_none() => {
            if windows.len() > 1 {
                measured.notes.insert(0, format!("the worst of {} is bolus {number}", windows.len()));
            }
            Ok(measured)
        }
        (_, Some(why)) => Err(why),
        (_, None) => Err("expected at least one bolus, but found none".to_owned()),
    }
}

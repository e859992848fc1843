//! Settling: a figure of the plan becomes a value with its uncertainty and a verdict.
//!
//! A verdict never gets better by itself: what speaks against the measurement can only move a pass towards
//! inconclusive, and a figure that cannot be computed is inconclusive, never a pass.

use domain::check::{DecisionRule, ErrorUnit, Figure, Window};
use domain::{CheckVerdict, Limits};

use crate::budget::{Budget, BudgetError};
use crate::conversion::Conversion;
use crate::decision::{Decision, decide_guarded};
use crate::interval::{Interval, Question};
use crate::ledger::Ledger;
use crate::meter::Metered;
use crate::model::Model;
use crate::settle::doubt::{Without, stepped_ul};
use crate::settle::effects::{interrupted, undeclared};
use crate::settle::objection::{implausible, objection};
use crate::settle::release::Stored;
use crate::settle::terms::{Weighed, volume_terms};

mod doubt;
mod effects;
mod mean;
mod objection;
mod recorded;
mod release;
mod terms;
mod trumpet;

pub(crate) use trumpet::{between as flow_error, windows as flow_windows};

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
    /// The model that the value is found by, which trials are made of.
    pub model: Option<Model>,
    /// What the uncertainty is.
    pub interval: Option<Interval>,
}

/// An error of volume over one window, before it is judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// In the figure's unit.
    pub(crate) value: f64,
    /// In the figure's unit.
    pub(crate) budget: Budget,
    /// What the value is found by.
    pub(crate) model: Model,
    pub(crate) notes: Vec<String>,
    /// The value without the steps of the mass that are shown to be no flow, if there were such.
    pub(crate) left_out: Option<f64>,
    /// What that may be off by beside its uncertainty.
    pub(crate) left_out_within: f64,
    /// The value without the steps of the mass that the device cannot be blamed for, if there were such.
    pub(crate) blameless: Option<Without>,
    /// What a witness beside the balance has against it.
    pub(crate) against: Option<String>,
    /// What of it the rig's own line held, of a release.
    pub(crate) stored: Option<Stored>,
    /// What is not known of the rig, without which neither a pass nor a fail can be told.
    pub(crate) unknown: Option<String>,
}

impl Measured {
    /// Of which nothing else is to be said.
    const fn of(value: f64, budget: Budget, model: Model, notes: Vec<String>) -> Self {
        Self {
            value,
            budget,
            model,
            notes,
            left_out: None,
            left_out_within: 0.0,
            blameless: None,
            against: None,
            stored: None,
            unknown: None,
        }
    }

    /// The uncertainty about a value, which is this one or what it is without something.
    fn interval(&self, value: f64, rule: DecisionRule, limits: Limits) -> Result<Interval, BudgetError> {
        self.budget.interval(Some(&self.model), &Question { value, limits, rule })
    }
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
        Figure::ExcessVolume { window, valve_opened } => release::measure(ledger, window, *valve_opened),
        Figure::FlowError { window, over, whole_cycles } => {
            trumpet::measure(ledger, window, *over, *whole_cycles, limits)
        }
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
        Figure::VolumeError { .. } | Figure::ExcessVolume { .. } | Figure::FlowError { .. } => Vec::new(),
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
        model: None,
        interval: None,
    }
}

fn judge(ledger: &Ledger, figure: &Figure, measured: Measured, limits: Limits) -> Settled {
    let interval = match measured.interval(measured.value, ledger.rule(), limits) {
        Ok(interval) => interval,
        Err(error) => return undecided(format!("the uncertainty could not be computed: {error}")),
    };
    let unit = measured.budget.unit.clone();
    let Some(band) = interval.band else {
        return undecided(format!("the decision rule has no guard band: {}", ledger.rule()));
    };
    let decision = decide_guarded(measured.value, band, limits);
    let shown = |value| domain::quantity::with_uncertainty(value, interval.expanded).0;
    let mut reason = not_passed(decision, &shown(measured.value), band, limits, &unit);
    let mut verdict = CheckVerdict::from(decision);
    let mut notes = measured.notes.clone();
    notes.extend(interval.note(&unit));
    if let Some(left_out) = measured.left_out {
        // A pulse that came with a step was left out with it.
        let otherwise = CheckVerdict::from(decide_guarded(left_out, band + measured.left_out_within, limits));
        let what = excluded(figure);
        notes.push(format!("{what} are in it; without them it is {} {unit}", shown(left_out)));
        if otherwise != verdict {
            verdict = CheckVerdict::Inconclusive;
            reason = Some(format!(
                "expected {}, and found {} {unit} with {what}, {} {unit} without them: the decision hangs on them",
                limits.shown(&unit),
                shown(measured.value),
                shown(left_out)
            ));
        }
    }
    if let Some(excuse) = excuse(ledger, &measured, band, limits, &shown).filter(|_| verdict == CheckVerdict::Fail) {
        verdict = CheckVerdict::Inconclusive;
        let found = shown(measured.value);
        reason = Some(format!(
            "expected {}, and found {found} {unit}, but {excuse}: the decision hangs on them",
            limits.shown(&unit)
        ));
    }
    if let Some(unknown) = measured.unknown {
        verdict = CheckVerdict::Inconclusive;
        let found = shown(measured.value);
        reason = Some(format!("expected {}, and found {found} {unit}, but {unknown}", limits.shown(&unit)));
    }
    let against = objection(ledger, figure)
        .or_else(|| implausible(figure, measured.value, interval.expanded))
        .or(measured.against);
    if let Some(against) = against {
        // Whoever reads of a failure, or of doubt, must hear what else was seen.
        reason = if verdict == CheckVerdict::Pass {
            verdict = CheckVerdict::Inconclusive;
            Some(against)
        } else {
            reason.map(|why| format!("{why}; beside that, {against}"))
        };
    }
    Settled {
        verdict,
        value: Some(measured.value),
        expanded_uncertainty: Some(interval.expanded),
        coverage_factor: Some(interval.coverage_factor),
        reason,
        notes,
        budget: Some(measured.budget),
        model: Some(measured.model),
        interval: Some(interval),
    }
}

/// What a value may have in it that is none of the device's, without which it is no failure.
fn excuse(
    ledger: &Ledger,
    measured: &Measured,
    band: f64,
    limits: Limits,
    shown: &dyn Fn(f64) -> String,
) -> Option<String> {
    let stored = measured.stored.filter(|stored| !stored.fails_without(measured, ledger.rule(), limits));
    let blameless = measured.blameless.filter(|without| !without.fails(band, limits)).map(|without| {
        format!(
            "{} {} without the steps of the mass that were downwards, or came while the balance was not read or shaken",
            shown(without.value),
            measured.budget.unit
        )
    });
    stored.map(|stored| stored.to_string()).or(blameless)
}

/// What may be left out of a figure.
const fn excluded(figure: &Figure) -> &'static str {
    match figure {
        Figure::FlowError { .. } => "windows that flags touch",
        _ => "steps of the mass that the flow meter shows to be no flow",
    }
}

/// Why a value, as it is shown, is no pass; `None` if it is one.
fn not_passed(decision: Decision, value: &str, band: f64, limits: Limits, unit: &str) -> Option<String> {
    let limits = limits.shown(unit);
    let width = domain::quantity::with_uncertainty(0.0, band).1;
    match decision {
        Decision::Pass => None,
        Decision::Fail if band <= 0.0 => Some(format!("expected {limits}, but found {value} {unit}, outside of it")),
        Decision::Fail => Some(format!(
            "expected {limits}, but found {value} {unit}, outside by more than the guard band of {width} {unit}"
        )),
        Decision::Inconclusive => Some(format!(
            "expected {limits} with a guard band of {width} {unit}, but found {value} {unit}, too near a limit to tell"
        )),
    }
}

/// The error over one window, with its budget.
fn measure(ledger: &Ledger, window: &Window, of: Of, unit: ErrorUnit) -> Result<Measured, String> {
    let (conversion, weighed) = weighed(ledger, window)?;
    let delivered_ul = weighed.delivered_ul(&conversion);
    let bolus = weighed.sum(|from_s, to_s| ledger.dose.bolus_ul(from_s, to_s));
    let expected_ul = bolus + weighed.sum(|from_s, to_s| ledger.dose.basal_ul(from_s, to_s));
    let reference_ul = match of {
        Of::Commanded => expected_ul,
        Of::Bolus => bolus,
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
    notes.extend(interrupted(ledger, weighed.begins_s(), weighed.ends_s()));
    notes.extend(undeclared(ledger));
    let metered = (of == Of::Commanded && weighed.is_whole()).then(|| ledger.metered(window, expected_ul)).flatten();
    notes.extend(metered.map(|meter| format!("the flow meter: {}", shown(&meter))));
    let against = metered.filter(|meter| (meter.ul - delivered_ul).abs() > meter.within_ul + expanded_ul).map(|meter| {
        format!(
            "the balance found {delivered} uL between {} and {}, the flow meter {}: look for a leak or a blockage between \
             them, or for a meter that is off",
            window.from,
            window.to,
            shown(&meter)
        )
    });
    let value = (delivered_ul - expected_ul) * scale;
    let steps_g: Vec<f64> = weighed.pieces.iter().filter_map(|(from, to)| ledger.no_flow_g(from.t_s, to.t_s)).collect();
    let without = || value - steps_g.iter().sum::<f64>() * conversion.ul_per_g() * scale;
    let left_out = (!steps_g.is_empty()).then(without);
    let pulse_ul = ledger.setup.as_ref().map_or(0.0, |setup| setup.pulse_ul);
    let left_out_within = steps_g.len() as f64 * pulse_ul * scale;
    let blameless = stepped_ul(ledger, &weighed, &conversion).map(|(stepped_ul, within_ul)| Without {
        value: left_out.unwrap_or(value) - stepped_ul * scale,
        within: left_out_within + within_ul * scale,
    });
    let model = conversion.model(delivered_ul * scale);
    Ok(Measured { left_out, left_out_within, blameless, against, ..Measured::of(value, budget, model, notes) })
}

/// What a flow meter saw, as it is shown.
fn shown(meter: &Metered) -> String {
    let (ul, within) = domain::quantity::with_uncertainty(meter.ul, meter.within_ul);
    format!("{ul} ± {within} uL")
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
    let weighed = Weighed { pieces: ledger.pieces(from, to)? };
    Ok((ledger.converted()?, weighed))
}

/// The worst of several boluses: the one that is decided worst, and among those the one that is farthest off.
fn worst(ledger: &Ledger, windows: &[Window], unit: ErrorUnit, limits: Limits) -> Result<Measured, String> {
    let rank_of = |m: &Measured, value: f64| {
        let band = m.interval(value, ledger.rule(), limits).ok().and_then(|interval| interval.band);
        let decision = band.map(|band| decide_guarded(value, band, limits));
        let decision = decision.unwrap_or(Decision::Inconclusive);
        let hangs = || m.blameless.zip(band).is_some_and(|(without, band)| !without.fails(band, limits));
        match decision {
            Decision::Fail if hangs() => 1,
            Decision::Fail => 2_u8,
            Decision::Inconclusive => 1,
            Decision::Pass => 0,
        }
    };
    // The worst without the steps that were no flow, which may be another one.
    let mut left_out: Option<(u8, f64)> = None;
    let mut any_left_out = false;
    let mut worst: Option<(u8, usize, Measured)> = None;
    let mut broken = None;
    for (i, window) in windows.iter().enumerate() {
        match measure(ledger, window, Of::Bolus, unit) {
            Ok(measured) => {
                any_left_out |= measured.left_out.is_some();
                let rank = rank_of(&measured, measured.value);
                let ranked =
                    measured.left_out.map_or((rank, measured.value), |value| (rank_of(&measured, value), value));
                if left_out.is_none_or(|w| ranked.0 > w.0 || (ranked.0 == w.0 && ranked.1.abs() > w.1.abs())) {
                    left_out = Some(ranked);
                }
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
            measured.left_out = left_out.filter(|_| any_left_out).map(|(_, value)| value);
            Ok(measured)
        }
        (_, Some(why)) => Err(why),
        (_, None) => Err("expected at least one bolus, but found none".to_owned()),
    }
}

//! `check`: a figure that is settled after the closing weighing.
//!
//! A check whose limits are narrower than what the rig can tell at best can never pass; it is refused
//! before anything runs.

use domain::check::ErrorUnit;
use domain::{Dimension, Figure, Limits, Window};
use text::{Field, Kind, Tolerance, Variant, View};

use crate::lower::{BECAUSE, Context, NAME, Named, REQUIREMENT};
use crate::plan::{Check, Step, StepKind};
use crate::steps::{StepSpec, bolus_windows};

mod floor;
mod flow;

const FLOW_ERROR: &str = "flow error during";
const FIGURES: [&str; 5] = ["volume during", "each bolus of", "mean bolus of", "excess volume during", FLOW_ERROR];

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "check",
        kind: Kind::Map(&[
            Field::optional(
                "volume during",
                Kind::Text,
                "judge delivered minus commanded volume over that step, or over all from one to another, as in before to after",
            ),
            Field::optional("each bolus of", Kind::Text, "judge the worst single bolus of that step"),
            Field::optional("mean bolus of", Kind::Text, "judge the mean error of that step's boluses"),
            Field::optional(
                "excess volume during",
                Kind::Text,
                "judge what that step delivered beyond the commanded, as an occluded line does on its release",
            ),
            Field::optional(
                FLOW_ERROR,
                Kind::Text,
                "judge the worst error of the flow over windows of one length within that hold, as a trumpet curve shows it",
            ),
            Field::optional("over", Kind::Quantity(Dimension::Time), "of a flow error: how long a window is"),
            Field::optional(
                "rounded to",
                Kind::Word(&["whole pulse cycles"]),
                "of a flow error: lengthen the window to whole pulses of the pump, so that a pulsed pump is not called inaccurate",
            ),
            Field::optional("tolerance", Kind::Tolerance, "the limits of the error"),
            Field::optional("at most", Kind::Quantity(Dimension::Volume), "of an excess volume: the greatest allowed"),
            BECAUSE,
            REQUIREMENT,
            NAME,
        ]),
        doc: "hold a figure against its limits, once, after the closing weighing",
    },
    example: "- check: {volume during: baseline, tolerance: ±14.5 % of commanded, because: labelled accuracy}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let step = context.step_name(view, "check");
    let chosen: Vec<&str> = FIGURES.into_iter().filter(|k| view.node(k).is_some()).collect();
    let [key] = chosen.as_slice() else {
        let message = format!("check: expected exactly one of {}, but found {}", FIGURES.join(", "), chosen.len());
        context.problems.push(view.pos(), message);
        return None;
    };
    let of = view.text(key)?;
    let named = span(view, key, of, context)?;
    let (tolerance, limits, written) = limits(key, view, context)?;
    let unit = match tolerance.dimension {
        Dimension::Ratio => ErrorUnit::PercentOfCommanded,
        _ => ErrorUnit::Microlitre,
    };
    let name = view.text("name").map_or_else(|| format!("{key} {of}"), str::to_owned);
    let head = context.check_head(view, &step, name);
    only_of_a_flow_error(key, view, context)?;
    let figure = figure(key, view, &named, unit, context)?;
    decidable(view, &named, &figure, tolerance, context)?;
    context.named.push(Named::instant(&step));
    let over = view.text("over").map(|over| format!(" over {over}")).unwrap_or_default();
    let what = format!("check {key} {of}{over}: {written}");
    Some(Step { name: step, what, kind: StepKind::Check(Check { head, figure, limits }) })
}

/// The step, or for `A to B` the span from the beginning of one to the end of another, as if it were a step.
fn span(view: View<'_>, key: &str, of: &str, context: &mut Context<'_>) -> Option<Named> {
    let literal = context.named.iter().any(|n| n.name == of);
    let Some((first, last)) = of.split_once(" to ").filter(|_| !literal && key == FIGURES[0]) else {
        return context.earlier(view.pos_of(key), of);
    };
    for name in [first, last] {
        let step = context.earlier(view.pos_of(key), name)?;
        if !step.lasts {
            let message = format!("{key}: expected steps that last (hold, bolus), but '{name}' takes no time");
            context.problems.push(view.pos_of(key), message);
            return None;
        }
    }
    let place = |name: &str| context.named.iter().position(|n| n.name == name).unwrap_or(0);
    let (from, to) = (place(first), place(last));
    if from >= to {
        let message = format!("{key}: expected '{first}' before '{last}', but found them the other way round");
        context.problems.push(view.pos_of(key), message);
        return None;
    }
    let between = &context.named[from..=to];
    let commanded_ul = between.iter().map(|n| n.commanded_ul).sum();
    let hours = between.iter().map(|n| n.hours).sum();
    Some(Named { hours, ..Named::lasting(of, commanded_ul) })
}

/// The limits, as a tolerance for what can be decided at all, and as they are written.
fn limits<'a>(key: &str, view: View<'a>, context: &mut Context<'_>) -> Option<(Tolerance, Limits, String)> {
    let wanted = if key == FIGURES[3] { "at most" } else { "tolerance" };
    for other in ["at most", "tolerance"].into_iter().filter(|k| *k != wanted) {
        if view.node(other).is_some() {
            let message = format!("{other}: expected '{wanted}' for {key}, but found '{other}'");
            context.problems.push(view.pos_of(other), message);
            return None;
        }
    }
    let Some(text) = view.text(wanted) else {
        context.problems.push(view.pos(), format!("check: expected '{wanted}' for {key}, but it is missing"));
        return None;
    };
    if wanted == "at most" {
        let high = view.quantity("at most", Dimension::Volume)?;
        let limits = Limits { low: None, high: Some(high) };
        return Some((Tolerance { low: -high, high, dimension: Dimension::Volume }, limits, format!("at most {text}")));
    }
    let tolerance = view.tolerance("tolerance")?;
    let limits = Limits { low: Some(tolerance.low), high: Some(tolerance.high) };
    Some((tolerance, limits, text.to_owned()))
}

/// A released volume can be told only from a stopped pump, and only if it is known what the valve takes back.
fn released(key: &str, view: View<'_>, named: &Named, context: &mut Context<'_>) -> Option<()> {
    let why = if named.commanded_ul > 0.0 {
        format!("{key}: expected the pump to be stopped before '{}', but therapy runs", named.name)
    } else if !named.valve_opened {
        format!("{key}: expected a step that opens the valve, with 'collect for', but '{}' does not", named.name)
    } else if context.profile.method.valve_displacement_ul.is_none() {
        let rig = &context.profile.name;
        format!("{key}: expected a rig whose method declares 'valve displacement', but rig '{rig}' does not")
    } else {
        return Some(());
    };
    context.problems.push(view.pos_of(key), why);
    None
}

/// Words that belong to a flow error stand nowhere else.
fn only_of_a_flow_error(key: &str, view: View<'_>, context: &mut Context<'_>) -> Option<()> {
    let stray = |word: &&str| key != FLOW_ERROR && view.node(word).is_some();
    let Some(stray) = ["over", "rounded to"].into_iter().find(stray) else { return Some(()) };
    let message = format!("{stray}: expected it with '{FLOW_ERROR}', but found it with '{key}'");
    context.problems.push(view.pos_of(stray), message);
    None
}

fn figure(key: &str, view: View<'_>, named: &Named, unit: ErrorUnit, context: &mut Context<'_>) -> Option<Figure> {
    if key == FIGURES[0] || key == FIGURES[3] {
        if !named.lasts {
            let message =
                format!("{key}: expected a step that lasts (hold, bolus), but '{}' takes no time", named.name);
            context.problems.push(view.pos_of(key), message);
            return None;
        }
        let window = match named.name.split_once(" to ").filter(|_| !context.named.iter().any(|n| n.name == named.name))
        {
            Some((first, last)) => Window { from: Window::of(first).from, to: Window::of(last).to },
            None => Window::of(&named.name),
        };
        return Some(if key == FIGURES[0] {
            Figure::VolumeError { window, unit }
        } else {
            released(key, view, named, context)?;
            Figure::ExcessVolume { window, valve_opened: named.valve_opened }
        });
    }
    if key == FLOW_ERROR {
        return flow::figure(view, named, unit, context);
    }
    let Some((times, _)) = named.boluses else {
        if named.commanded_ul.is_finite() {
            context
                .problems
                .push(view.pos_of(key), format!("{key}: expected a bolus step, but '{}' is none", named.name));
        }
        return None;
    };
    let windows = bolus_windows(&named.name, times);
    Some(if key == FIGURES[1] {
        Figure::WorstBolusError { windows, unit }
    } else {
        Figure::MeanBolusError { windows, unit }
    })
}

/// Refuses a check that the rig cannot decide, whatever the pump does.
fn decidable(
    view: View<'_>,
    named: &Named,
    figure: &Figure,
    tolerance: Tolerance,
    context: &mut Context<'_>,
) -> Option<()> {
    let calibration = context.balance(view.pos())?;
    let commanded_ul = match (figure, named.boluses) {
        (Figure::FlowError { .. }, _) => flow::decidable(view, named, figure, tolerance, context)?,
        (Figure::VolumeError { .. } | Figure::ExcessVolume { .. }, _) | (_, None) => named.commanded_ul,
        (_, Some((_, volume_ul))) => volume_ul,
    };
    if commanded_ul <= 0.0 && tolerance.dimension == Dimension::Ratio {
        let message =
            format!("tolerance: expected a tolerance in uL, since nothing is commanded during '{}'", named.name);
        context.problems.push(view.pos_of("tolerance"), message);
        return None;
    }
    let hours = match figure {
        Figure::FlowError { over, .. } => over.as_secs_f64() / 3600.0,
        _ => named.hours,
    };
    let leaks = context.profile.method.characterised.line_leak_ul_per_h;
    let floor_ul = floor::expanded_ul(&calibration, leaks, hours);
    let expanded = match tolerance.dimension {
        Dimension::Ratio => floor_ul / commanded_ul * 100.0,
        _ => floor_ul,
    };
    let half = (tolerance.high - tolerance.low) / 2.0;
    if expanded >= half {
        let unit = if tolerance.dimension == Dimension::Ratio { "%" } else { "uL" };
        let key = if matches!(figure, Figure::ExcessVolume { .. }) { "at most" } else { "tolerance" };
        let message = format!(
            "{key}: expected limits wider than the rig can tell at best (U = {} {unit} over '{}'), but found '{}'",
            domain::quantity::with_uncertainty(0.0, expanded).1,
            named.name,
            view.text(key).unwrap_or("")
        );
        context.problems.push_hint(view.pos_of(key), message, "measure a greater volume, or use a better balance");
        return None;
    }
    Some(())
}

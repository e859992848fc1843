//! `check`: a figure that is settled after the closing weighing.
//!
//! A check whose limits are narrower than what the balance's certificate alone allows can never pass; it is refused
//! before anything runs.

use domain::check::ErrorUnit;
use domain::{Dimension, Figure, Limits, Window};
use text::{Field, Kind, Tolerance, Variant, View};

use crate::lower::{BECAUSE, Context, NAME, Named, REQUIREMENT};
use crate::plan::{Check, Step, StepKind};
use crate::steps::{StepSpec, bolus_windows};

const FIGURES: [&str; 3] = ["volume during", "each bolus of", "mean bolus of"];

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "check",
        kind: Kind::Map(&[
            Field::optional("volume during", Kind::Text, "judge delivered minus commanded volume over that step"),
            Field::optional("each bolus of", Kind::Text, "judge the worst single bolus of that step"),
            Field::optional("mean bolus of", Kind::Text, "judge the mean error of that step's boluses"),
            Field::required("tolerance", Kind::Tolerance, "the limits of the error"),
            Field::optional(
                "rule",
                Kind::Word(&["w = U"]),
                "the decision rule: a guard band as wide as the expanded uncertainty",
            ),
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
    let named = context.earlier(view.pos_of(key), of)?;
    let tolerance = view.tolerance("tolerance")?;
    let unit = match tolerance.dimension {
        Dimension::Ratio => ErrorUnit::PercentOfCommanded,
        _ => ErrorUnit::Microlitre,
    };
    let name = view.text("name").map_or_else(|| format!("{key} {of}"), str::to_owned);
    let head = context.check_head(view, &step, name);
    let figure = figure(key, view, &named, unit, context)?;
    decidable(view, &named, &figure, tolerance, context)?;
    context.named.push(Named { name: step.clone(), commanded_ul: 0.0, boluses: None, lasts: false });
    let what = format!("check {key} {of}: {}", view.text("tolerance").unwrap_or(""));
    let limits = Limits { low: Some(tolerance.low), high: Some(tolerance.high) };
    Some(Step { name: step, what, kind: StepKind::Check(Check { head, figure, limits }) })
}

fn figure(key: &str, view: View<'_>, named: &Named, unit: ErrorUnit, context: &mut Context<'_>) -> Option<Figure> {
    if key == FIGURES[0] {
        if !named.lasts {
            let message =
                format!("{key}: expected a step that lasts (hold, bolus), but '{}' takes no time", named.name);
            context.problems.push(view.pos_of(key), message);
            return None;
        }
        return Some(Figure::VolumeError { window: Window::of(&named.name), unit });
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
        (Figure::VolumeError { .. }, _) | (_, None) => named.commanded_ul,
        (_, Some((_, volume_ul))) => volume_ul,
    };
    if commanded_ul <= 0.0 && tolerance.dimension == Dimension::Ratio {
        let message =
            format!("tolerance: expected a tolerance in uL, since nothing is commanded during '{}'", named.name);
        context.problems.push(view.pos_of("tolerance"), message);
        return None;
    }
    // One microlitre of water weighs close enough to 1 mg for a bound.
    let certificate_ul = calibration.expanded_uncertainty_g.g() * 1e3;
    let expanded = match tolerance.dimension {
        Dimension::Ratio => certificate_ul / commanded_ul * 100.0,
        _ => certificate_ul,
    };
    let half = (tolerance.high - tolerance.low) / 2.0;
    if expanded >= half {
        let unit = if tolerance.dimension == Dimension::Ratio { "%" } else { "uL" };
        let message = format!(
            "tolerance: expected limits wider than the balance's certificate allows (U = {} {unit} of what '{}' commands), but found '{}'",
            domain::quantity::significant(expanded),
            named.name,
            view.text("tolerance").unwrap_or("")
        );
        context.problems.push_hint(
            view.pos_of("tolerance"),
            message,
            "measure a greater volume, or use a better balance",
        );
        return None;
    }
    Some(())
}

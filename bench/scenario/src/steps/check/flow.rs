//! `flow error during`: the trumpet curve at one length of window, and what the rig can tell of it at all.
//!
//! In a short window a pulsed pump shows its pulses, and the balance its noise: a limit narrower than those is refused.

use domain::Figure;
use domain::check::{
    ErrorUnit, SAMPLE_READINGS, SCATTER_DEVIATIONS, SCATTER_SHARE_MAX, Window, sample_s, whole_cycles_s,
};
use domain::profile::Role;
use text::{Tolerance, View};

use super::FLOW_ERROR;
use crate::lower::{Context, Named};

/// The figure; a problem where the step has no one rate, or is shorter than the window.
pub(super) fn figure(view: View<'_>, named: &Named, unit: ErrorUnit, context: &mut Context<'_>) -> Option<Figure> {
    let mut refuse = |key: &str, message: String| context.problems.push(view.pos_of(key), message);
    let Some((lasts, ul_per_h)) = named.steady else {
        let message = format!("{FLOW_ERROR}: expected a hold with one continuous rate, but '{}' is none", named.name);
        refuse(FLOW_ERROR, message);
        return None;
    };
    if unit != ErrorUnit::PercentOfCommanded {
        let message = format!("tolerance: expected % of commanded for {FLOW_ERROR}, but found uL");
        refuse("tolerance", message);
        return None;
    }
    let Some(over) = view.duration("over").filter(|over| !over.is_zero()) else {
        refuse(FLOW_ERROR, format!("{FLOW_ERROR}: expected 'over', the length of a window, but it is missing"));
        return None;
    };
    let whole_cycles = view.node("rounded to").is_some();
    let poll_s = context.profile.by_role(Role::Balance).map_or(0.0, |balance| balance.poll.as_secs_f64());
    let sample_s = sample_s(poll_s);
    if window_s(over.as_secs_f64(), whole_cycles, ul_per_h, context) + 2.0 * sample_s > lasts.as_secs_f64() {
        let message = format!(
            "over: expected a window that fits into '{}' ({}) with a sample of {sample_s} s at either end, but found {}",
            named.name,
            domain::time::span(lasts),
            view.text("over").unwrap_or("")
        );
        context.problems.push(view.pos_of("over"), message);
        return None;
    }
    Some(Figure::FlowError { window: Window::of(&named.name), over, whole_cycles })
}

/// How long a window is that is asked to be so long, in s.
fn window_s(over_s: f64, whole_cycles: bool, ul_per_h: f64, context: &Context<'_>) -> f64 {
    let cycle_s = context.profile.pump.pulse_ul.ul() / ul_per_h * 3600.0;
    if whole_cycles { whole_cycles_s(over_s, cycle_s) } else { over_s }
}

/// Refuses a window too short for its limit; the volume that is commanded in one, in uL.
pub(super) fn decidable(
    view: View<'_>,
    named: &Named,
    figure: &Figure,
    tolerance: Tolerance,
    context: &mut Context<'_>,
) -> Option<f64> {
    let (Figure::FlowError { over, whole_cycles, .. }, Some((_, ul_per_h))) = (figure, named.steady) else {
        return None;
    };
    let calibration = context.balance(view.pos())?;
    let over_s = window_s(over.as_secs_f64(), *whole_cycles, ul_per_h, context);
    let commanded_ul = ul_per_h * over_s / 3600.0;
    let limit = tolerance.low.abs().min(tolerance.high.abs());
    let percent = |ul: f64| ul / commanded_ul * 100.0;
    // One microlitre of water weighs close enough to 1 mg for a bound.
    let noise_g = (2.0 / f64::from(SAMPLE_READINGS)).sqrt() * calibration.repeatability_g.g();
    let scatter = percent(SCATTER_DEVIATIONS * noise_g * 1e3);
    let pulse = percent(context.profile.pump.pulse_ul.ul());
    let (found, hint) = if scatter > limit * SCATTER_SHARE_MAX {
        let shown = domain::quantity::with_uncertainty(0.0, scatter).1;
        (format!("the rig scatters by {shown} % at no flow"), "use a longer window, or a better balance")
    } else if !whole_cycles && pulse > limit {
        let shown = domain::quantity::with_uncertainty(0.0, pulse).1;
        (format!("one pulse is {shown} % of a window"), "use a longer window, or 'rounded to: whole pulse cycles'")
    } else {
        return Some(commanded_ul);
    };
    let written = view.text("tolerance").unwrap_or_default();
    let message = format!("over: expected a window long enough for '{written}', but {found}");
    context.problems.push_hint(view.pos_of("over"), message, hint);
    None
}

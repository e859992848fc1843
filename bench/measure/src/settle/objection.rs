//! What speaks against a pass although the value is within its limits.
//!
//! Each is a sentence. None of them touches a fail (what may is in `doubt`), and none of them makes anything better.

use domain::check::{Figure, Window};

use crate::flags::{Flag, FlagKind};
use crate::ledger::Ledger;

/// How sure a gain of mass must be before it is held against a measurement: a short weighing scatters.
const CERTAIN: f64 = 0.9998;

/// A release that took liquid out of the vessel is none.
pub(super) fn implausible(figure: &Figure, value: f64, expanded: f64) -> Option<String> {
    (matches!(figure, Figure::ExcessVolume { .. }) && value < -expanded).then(|| {
        format!("expected no less than nothing in excess, but found {} uL", domain::quantity::significant(value))
    })
}

/// What speaks against a pass although the value is within its limits.
pub(super) fn objection(ledger: &Ledger, figure: &Figure) -> Option<String> {
    let happened = match (jumped(ledger, figure), left_out(ledger, figure)) {
        (Some(jumped), Some(too_much)) => Some(format!("{jumped}; and {too_much}")),
        (jumped, too_much) => jumped.or(too_much),
    };
    happened.or_else(|| evaporated(ledger)).or_else(|| ledger.conditions.objection(&weighed_spans(ledger, figure)))
}

/// When the room bears upon a figure, in s of run time: while its volume gathers, and while evaporation is measured.
fn weighed_spans(ledger: &Ledger, figure: &Figure) -> Vec<(f64, f64)> {
    let gathered = windows(figure).iter().filter_map(|window| {
        let (from, to) = (ledger.weighing(&window.from)??, ledger.weighing(&window.to)??);
        Some((from.t_s.min(from.mark_s), to.t_s.max(to.mark_s)))
    });
    ledger.evaporation_spans().into_iter().chain(gathered).collect()
}

pub(super) fn windows(figure: &Figure) -> &[Window] {
    match figure {
        Figure::VolumeError { window, .. } | Figure::ExcessVolume { window, .. } | Figure::FlowError { window, .. } => {
            core::slice::from_ref(window)
        }
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

/// More of the time is flagged than may be.
fn left_out(ledger: &Ledger, figure: &Figure) -> Option<String> {
    let allowed = ledger.setup.as_ref()?.left_out_at_most.percent();
    // A release comes as a step upwards, and is what is measured.
    let released = matches!(figure, Figure::ExcessVolume { .. });
    let is_release = |flag: &Flag| released && flag.kind == FlagKind::Step && flag.by_g > 0.0 && !flag.shown_no_flow;
    let counts = |flag: &Flag| flag.kind != FlagKind::Gap && !is_release(flag);
    let flags: Vec<Flag> = ledger.flags().into_iter().filter(counts).collect();
    let spans = windows(figure).iter().filter_map(|window| {
        let (from, to) = (ledger.weighing(&window.from)??, ledger.weighing(&window.to)??);
        Some((from.t_s, to.t_s))
    });
    let (mut flagged_s, mut all_s) = (0.0, 0.0);
    for (from_s, to_s) in spans {
        all_s += to_s - from_s;
        let mut until_s = from_s;
        // In order of time; what overlaps counts once.
        for flag in flags.iter().filter(|flag| flag.touches(from_s, to_s)) {
            let end_s = flag.to_s.min(to_s);
            flagged_s += (end_s - flag.from_s.max(until_s)).max(0.0);
            until_s = until_s.max(end_s);
        }
    }
    let share = 100.0 * flagged_s / all_s;
    (share > allowed).then(|| {
        format!(
            "expected at most {} % of the time to be flagged (vibration, steps, adjustments, tares), but found {} %",
            domain::quantity::significant(allowed),
            domain::quantity::with_uncertainty(0.0, share).1
        )
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

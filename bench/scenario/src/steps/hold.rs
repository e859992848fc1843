//! `hold`: time passes; a volume may be measured over it.
//!
//! Rounded to whole pulse cycles it only ever gets longer, by less than one pulse.

use core::time::Duration;

use domain::check::whole_cycles_s;
use domain::{Dimension, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{Context, NAME, Named, Rate};
use crate::plan::{Hold, Step, StepKind};
use crate::steps::StepSpec;

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "hold",
        kind: Kind::Map(&[
            Field::required("for", Kind::Quantity(Dimension::Time), "how long"),
            Field::optional(
                "rounded to",
                Kind::Word(&["whole pulse cycles"]),
                "lengthen it to a whole number of the pump's pulses, so that a pulsed pump is not called inaccurate",
            ),
            NAME,
        ]),
        doc: "let time pass with whatever therapy runs",
    },
    example: "- hold: {name: baseline, for: 24 h, rounded to: whole pulse cycles}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "hold");
    let Some(mut lasts) = view.duration("for") else {
        let found = view.text("for").unwrap_or("");
        context.problems.push(view.pos_of("for"), format!("for: expected a time of zero or more, but found '{found}'"));
        return None;
    };
    if view.node("rounded to").is_some() && context.rate == Rate::None {
        let message = "rounded to: expected a therapy that runs, but found none started before this step";
        context.problems.push(view.pos_of("rounded to"), message);
        return None;
    }
    if let (Some(_), Rate::Varies(_)) = (view.node("rounded to"), context.rate) {
        let message = "rounded to: expected a continuous therapy, but found a flex schedule, whose pulses are uneven";
        context.problems.push(view.pos_of("rounded to"), message);
        return None;
    }
    if let (true, Rate::Known(rate)) = (view.node("rounded to").is_some(), context.rate) {
        let cycle_s = context.profile.pump.pulse_ul.ul() / rate.ul_per_h() * 3600.0;
        lasts = Duration::from_secs_f64(whole_cycles_s(lasts.as_secs_f64(), cycle_s));
    }
    let commanded_ul = if lasts.is_zero() { 0.0 } else { context.rate.ul_per_h() * lasts.as_secs_f64() / 3600.0 };
    let steady = match context.rate {
        Rate::Known(rate) => Some((lasts, rate.ul_per_h())),
        _ => None,
    };
    let hours = lasts.as_secs_f64() / 3600.0;
    context.named.push(Named { steady, hours, ..Named::lasting(&name, commanded_ul) });
    Some(Step { name, what: format!("hold for {}", time::span(lasts)), kind: StepKind::Hold(Hold { lasts }) })
}

//! `close` and `open`: the occlusion valve moves, and its position shows that it has.
//!
//! An opening valve releases what an occluded line has stored: the step can go on to collect that.

use core::time::Duration;

use domain::profile::Role;
use domain::{Dimension, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{Context, NAME, Named};
use crate::plan::{Step, StepKind, Valve};
use crate::steps::StepSpec;

const WITHIN_DEFAULT: Duration = Duration::from_secs(10);

const VALVE: Kind = Kind::Word(&["occlusion valve"]);

const WITHIN: Field = Field::optional(
    "within",
    Kind::Quantity(Dimension::Time),
    "how long it may take by its position; 10 s unless given",
);

pub(super) const CLOSE: StepSpec = StepSpec {
    variant: Variant {
        key: "close",
        kind: Kind::Short(&VALVE, &Kind::Map(&[Field::required("valve", VALVE, "which valve"), WITHIN, NAME])),
        doc: "close the occlusion valve and wait until its position says so",
    },
    example: "- close: occlusion valve",
    lower: |view, context| lower(view, context, true),
};

pub(super) const OPEN: StepSpec = StepSpec {
    variant: Variant {
        key: "open",
        kind: Kind::Short(
            &VALVE,
            &Kind::Map(&[
                Field::required("valve", VALVE, "which valve"),
                Field::optional(
                    "collect for",
                    Kind::Quantity(Dimension::Time),
                    "how long the step goes on, so that what is released can be measured over it",
                ),
                WITHIN,
                NAME,
            ]),
        ),
        doc: "open the occlusion valve and wait until its position says so",
    },
    example: "- open: {valve: occlusion valve, name: on release, collect for: 30 min}",
    lower: |view, context| lower(view, context, false),
};

fn lower(view: View<'_>, context: &mut Context<'_>, closed: bool) -> Option<Step> {
    let verb = if closed { "close" } else { "open" };
    let name = context.step_name(view, verb);
    let instrument = context.instrument(view.pos(), Role::Valve)?;
    let within = view.duration("within").unwrap_or(WITHIN_DEFAULT);
    let collect = view.duration("collect for").unwrap_or(Duration::ZERO);
    context.named.push(Named {
        valve_opened: !closed,
        ..Named::lasting(&name, context.rate.ul_per_h() * collect.as_secs_f64() / 3600.0)
    });
    let mut what = format!("{verb} the occlusion valve");
    if !collect.is_zero() {
        what.push_str(&format!(" and collect for {}", time::span(collect)));
    }
    Some(Step { name, what, kind: StepKind::Valve(Valve { instrument, closed, within, collect }) })
}

//! `start`: simple-continuous therapy begins.
//!
//! The rate is held against the limits that the rig file gives the pump, before anything moves.

use domain::{Dimension, FlowRate};
use text::{Field, Kind, Variant, View};

use crate::lower::{Context, NAME, Named, Rate};
use crate::plan::{Start, Step, StepKind};
use crate::steps::StepSpec;

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "start",
        kind: Kind::Map(&[
            Field::required("continuous", Kind::Quantity(Dimension::FlowRate), "the rate of simple-continuous therapy"),
            NAME,
        ]),
        doc: "start simple-continuous therapy and wait until the pump has confirmed it",
    },
    example: "- start: {continuous: 0.5 mL/day}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "start");
    let pump = &context.profile.pump;
    let (low, high) = (pump.rate_min_ul_per_h, pump.rate_max_ul_per_h);
    let shown = format!("a rate from {low} to {high}");
    context.rate = Rate::Unknown;
    let rate = context.within(view, "continuous", Dimension::FlowRate, low.ul_per_h(), high.ul_per_h(), &shown)?;
    let rate = FlowRate::from_ul_per_h(rate);
    context.rate = Rate::Known(rate);
    context.named.push(Named { name: name.clone(), commanded_ul: 0.0, boluses: None, lasts: false });
    Some(Step { name, what: format!("start at {rate}"), kind: StepKind::Start(Start { rate }) })
}

//! `stimulate`: something is done to the simulated plant; only a rig with simulators has one.
//!
//! The words are the table's in `domain::stimulus`, one key a step.

use domain::profile::Role;
use domain::stimulus::{STIMULI, StimulusValue};
use domain::{Dimension, Stimulus};
use text::{Field, Kind, Variant, View};

use crate::lower::{Context, Named};
use crate::plan::{Step, StepKind, Stimulate};
use crate::steps::StepSpec;

const FIELDS: &[Field] = &{
    let mut fields = [Field::optional("", Kind::Text, ""); STIMULI.len()];
    let mut i = 0;
    while i < STIMULI.len() {
        let kind = match STIMULI[i].value {
            StimulusValue::Quantity(dimension) => Kind::Quantity(dimension),
            StimulusValue::Switch => Kind::Word(&["on", "off"]),
            StimulusValue::Once => Kind::Word(&["once"]),
        };
        fields[i] = Field::optional(STIMULI[i].name, kind, STIMULI[i].doc);
        i += 1;
    }
    fields
};

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "stimulate",
        kind: Kind::Map(FIELDS),
        doc: "do one thing to the simulated plant, over its control socket",
    },
    example: "- stimulate: {leak: 0.5 uL/h}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "stimulate");
    context.named.push(Named::instant(&name));
    let instrument = context.instrument(view.pos(), Role::Plant)?;
    let chosen: Vec<_> = STIMULI.iter().filter(|s| view.node(s.name).is_some()).collect();
    let [spec] = chosen.as_slice() else {
        let message = format!("stimulate: expected exactly one stimulus, but found {}", chosen.len());
        context.problems.push(view.pos(), message);
        return None;
    };
    let value = match spec.value {
        StimulusValue::Quantity(dimension) => view.quantity(spec.name, dimension)?,
        StimulusValue::Switch => f64::from(u8::from(view.text(spec.name) == Some("on"))),
        StimulusValue::Once => 1.0,
    };
    if !(f64::from(spec.range.0)..=f64::from(spec.range.1)).contains(&value) {
        let unit = match spec.value {
            StimulusValue::Quantity(dimension) => dimension.base_symbol(),
            StimulusValue::Switch | StimulusValue::Once => Dimension::Ratio.base_symbol(),
        };
        let found = view.text(spec.name).unwrap_or("");
        let message =
            format!("{}: expected {} to {} {unit}, but found '{found}'", spec.name, spec.range.0, spec.range.1);
        context.problems.push(view.pos_of(spec.name), message);
        return None;
    }
    let stimulus = Stimulus { name: spec.name.to_owned(), value };
    let what = format!("stimulate the plant: {stimulus}");
    Some(Step { name, what, kind: StepKind::Stimulate(Stimulate { instrument, stimulus }) })
}

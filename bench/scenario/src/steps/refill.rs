//! `refill`: the pump is told what its reservoir holds, as a clinician does after a refill.
//!
//! What is really in it is another matter: an operator's, or on a simulated rig a stimulus.

use domain::{Dimension, Volume};
use text::{Field, Kind, Variant, View};

use crate::lower::{Context, NAME, Named};
use crate::plan::{Refill, Step, StepKind};
use crate::steps::StepSpec;

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "refill",
        kind: Kind::Map(&[
            Field::required("volume", Kind::Quantity(Dimension::Volume), "what the reservoir holds now"),
            Field::required("low at", Kind::Quantity(Dimension::Volume), "below what it is low"),
            NAME,
        ]),
        doc: "tell the pump what its reservoir holds",
    },
    example: "- refill: {volume: 18 mL, low at: 2 mL}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "refill");
    context.named.push(Named::instant(&name));
    let most = context.profile.pump.reservoir_ul;
    let shown = format!("a volume from 0 uL to {most}");
    let volume = context.within(view, "volume", Dimension::Volume, 0.0, most.ul(), &shown)?;
    let low = context.within(view, "low at", Dimension::Volume, 0.0, most.ul(), &shown)?;
    if low >= volume {
        let found = view.text("low at").unwrap_or("");
        let message = format!("low at: expected less than the reservoir holds, but found '{found}'");
        context.problems.push(view.pos_of("low at"), message);
        return None;
    }
    let (volume, low) = (Volume::from_ul(volume), Volume::from_ul(low));
    let what = format!("tell the pump that its reservoir holds {volume}, low below {low}");
    Some(Step { name, what, kind: StepKind::Refill(Refill { volume, low }) })
}

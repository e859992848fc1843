//! `stop`: therapy ends.
//!
//! It asks for nothing; what the station's safe state is, is the rig file's word and comes after all steps.

use text::{Kind, Variant, View};

use crate::lower::{Context, NAME, Named, Rate};
use crate::plan::{Step, StepKind};
use crate::steps::StepSpec;

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "stop",
        kind: Kind::Map(&[NAME]),
        doc: "stop therapy and wait until the pump has confirmed it",
    },
    example: "- stop: {}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "stop");
    context.rate = Rate::None;
    context.named.push(Named::instant(&name));
    Some(Step { name, what: "stop therapy".to_owned(), kind: StepKind::Stop })
}

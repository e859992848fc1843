//! `expect`: an alarm must come in time.
//!
//! Only alarms that the bench knows by name can be expected: a typing error must not become a failed device.

use domain::{Dimension, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{BECAUSE, Context, NAME, Named, REQUIREMENT};
use crate::plan::{Expect, Step, StepKind};
use crate::steps::StepSpec;

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "expect",
        kind: Kind::Map(&[
            Field::required("alarm", Kind::Word(domain::pump::ALARMS), "which alarm"),
            Field::required(
                "within",
                Kind::Quantity(Dimension::Time),
                "how long it may take from the step's beginning",
            ),
            BECAUSE,
            REQUIREMENT,
            NAME,
        ]),
        doc: "wait for an alarm; that it comes in time is a check of its own",
    },
    example: "- expect: {alarm: motor stall, within: 5 min, because: risk file RM-004}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let step = context.step_name(view, "expect");
    let alarm = view.text("alarm")?.to_owned();
    let Some(within) = view.duration("within").filter(|d| !d.is_zero()) else {
        let found = view.text("within").unwrap_or("");
        context
            .problems
            .push(view.pos_of("within"), format!("within: expected a time above zero, but found '{found}'"));
        return None;
    };
    let name = view.text("name").map_or_else(|| format!("alarm {alarm}"), str::to_owned);
    let head = context.check_head(view, &step, name);
    context.named.push(Named { name: step.clone(), commanded_ul: 0.0, boluses: None, lasts: false });
    let what = format!("expect the alarm '{alarm}' within {}", time::span(within));
    Some(Step { name: step, what, kind: StepKind::Expect(Expect { head, alarm, within }) })
}

//! `expect`: an alarm, a reset or a line of the firmware's log must come in time.
//!
//! Only alarms that the bench knows by name can be expected: a typing error must not become a failed device.

use core::time::Duration;

use domain::profile::Role;
use domain::{Dimension, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{BECAUSE, Context, NAME, Named, REQUIREMENT, Rate};
use crate::plan::{Expect, Expected, Step, StepKind};
use crate::steps::StepSpec;

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "expect",
        kind: Kind::Map(&[
            Field::optional("alarm", Kind::Word(domain::pump::ALARMS), "which alarm must come"),
            Field::optional("reset", Kind::Word(domain::pump::RESETS), "from which cause the board must be reset"),
            Field::optional("log", Kind::Text, "a part of the line that the firmware must log, by a debug probe"),
            Field::optional(
                "within",
                Kind::Quantity(Dimension::Time),
                "how long it may take from the step's beginning",
            ),
            Field::optional(
                "not before",
                Kind::Quantity(Dimension::Time),
                "how long it must take from the step's beginning; one that comes earlier fails",
            ),
            Field::optional(
                "before missed volume exceeds",
                Kind::Quantity(Dimension::Volume),
                "how long it may take, as the volume that the commanded rate would have delivered meanwhile",
            ),
            BECAUSE,
            REQUIREMENT,
            NAME,
        ]),
        doc: "wait for an alarm, a reset or a line of the firmware's log; that it comes in time is a check of its own",
    },
    example: "- expect: {alarm: motor stall, within: 5 min, because: risk file RM-004}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let step = context.step_name(view, "expect");
    context.named.push(Named::instant(&step));
    let what = match (view.text("alarm"), view.text("reset"), view.text("log")) {
        (Some(alarm), None, None) => Expected::Alarm(alarm.to_owned()),
        (None, Some(cause), None) => Expected::Reset(cause.to_owned()),
        (None, None, Some(text)) if !text.is_empty() => {
            context.instrument(view.pos_of("log"), Role::Probe)?;
            Expected::Log(text.to_owned())
        }
        (alarm, reset, log) => {
            let found = [alarm, reset, log].into_iter().flatten().count();
            let message = format!("expect: expected exactly one of 'alarm', 'reset' and 'log', but found {found}");
            context.problems.push(view.pos(), message);
            return None;
        }
    };
    let within = deadline(view, context)?;
    let not_before = view.duration("not before");
    if not_before.is_some_and(|least| least >= within) {
        let found = view.text("not before").unwrap_or("");
        let message = format!("not before: expected less than {}, but found '{found}'", time::span(within));
        context.problems.push(view.pos_of("not before"), message);
        return None;
    }
    let called = match &what {
        Expected::Alarm(alarm) => format!("alarm {alarm}"),
        Expected::Reset(cause) => format!("reset by {cause}"),
        Expected::Log(text) => format!("log {text}"),
    };
    let name = view.text("name").map_or(called, str::to_owned);
    let head = context.check_head(view, &step, name);
    let shown = format!("expect {} within {}", what.shown(), time::span(within));
    Some(Step { name: step, what: shown, kind: StepKind::Expect(Expect { head, what, not_before, within }) })
}

/// How long it may take: as written, or as long as the commanded rate takes for a volume.
fn deadline(view: View<'_>, context: &mut Context<'_>) -> Option<Duration> {
    const MISSED: &str = "before missed volume exceeds";
    let within = match (view.node("within"), view.node(MISSED)) {
        (Some(_), None) => view.duration("within"),
        (None, Some(_)) => match context.rate {
            Rate::Known(rate) | Rate::Varies(rate) => {
                let seconds = view.quantity(MISSED, Dimension::Volume)? / rate.ul_per_h() * 3600.0;
                Duration::try_from_secs_f64(seconds).ok()
            }
            Rate::None => {
                let message = format!("{MISSED}: expected a therapy that runs, but found none started before");
                context.problems.push(view.pos_of(MISSED), message);
                return None;
            }
            Rate::Unknown => return None,
        },
        (found, _) => {
            let found = if found.is_some() { "both" } else { "neither" };
            context.problems.push(view.pos(), format!("expected either 'within' or '{MISSED}', but found {found}"));
            return None;
        }
    };
    let usable = within.filter(|d| !d.is_zero());
    if usable.is_none() {
        let key = if view.node("within").is_some() { "within" } else { MISSED };
        let found = view.text(key).unwrap_or("");
        context.problems.push(view.pos_of(key), format!("{key}: expected more than zero, but found '{found}'"));
    }
    usable
}

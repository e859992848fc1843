//! `start` and `change dose`: therapy begins, or a running one is changed by telemetry.
//!
//! Every rate is held against the limits that the rig file gives the pump, before anything moves.

use domain::pump::FlexStep;
use domain::{Dimension, FlowRate};
use text::{Field, Kind, Node, Variant, View};

use crate::lower::{Context, NAME, Named, Rate};
use crate::plan::{Step, StepKind, Therapy};
use crate::steps::StepSpec;

/// Most steps of a schedule.
const FLEX_STEPS_MAX: usize = 8;
const DAY_MIN: u16 = 24 * 60;

const FLEX: &[Field] = &[
    Field::required("from", Kind::Text, "the time of the pump's day, as in 06:30"),
    Field::required("rate", Kind::Quantity(Dimension::FlowRate), "the rate from then on"),
];

const FIELDS: &[Field] = &[
    Field::optional("continuous", Kind::Quantity(Dimension::FlowRate), "the rate of simple-continuous therapy"),
    Field::optional(
        "flex",
        Kind::List(&Kind::Map(FLEX), 1),
        "a schedule over the pump's day, in order; the last rate holds over midnight until the first",
    ),
    Field::optional("at", Kind::Text, "the time of the pump's day at which a flex schedule starts, as in 20:00"),
    NAME,
];

pub(super) const START: StepSpec = StepSpec {
    variant: Variant {
        key: "start",
        kind: Kind::Map(FIELDS),
        doc: "start therapy, continuous or by a schedule, and wait until the pump has confirmed it",
    },
    example: "- start: {continuous: 0.5 mL/day}",
    lower: lower_start,
};

pub(super) const CHANGE: StepSpec = StepSpec {
    variant: Variant {
        key: "change dose",
        kind: Kind::Map(FIELDS),
        doc: "change the running therapy by telemetry: open, change, close; the new dose holds from its confirmation",
    },
    example: "- change dose: {continuous: 1 mL/day}",
    lower: lower_change,
};

fn lower_start(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "start");
    let (therapy, shown) = therapy(view, context)?;
    context.named.push(Named::instant(&name));
    Some(Step { name, what: format!("start {shown}"), kind: StepKind::Start(therapy) })
}

fn lower_change(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "change dose");
    if context.rate == Rate::None {
        context.problems.push(view.pos(), "change dose: expected a therapy that runs, but found none started before");
        return None;
    }
    let (therapy, shown) = therapy(view, context)?;
    context.named.push(Named::instant(&name));
    Some(Step { name, what: format!("by telemetry, change to {shown}"), kind: StepKind::ChangeDose(therapy) })
}

fn therapy(view: View<'_>, context: &mut Context<'_>) -> Option<(Therapy, String)> {
    context.rate = Rate::Unknown;
    match (view.node("continuous"), view.node("flex")) {
        (Some(_), None) => {
            if view.node("at").is_some() {
                let message = "at: expected it with a flex schedule alone, but found a continuous rate";
                context.problems.push(view.pos_of("at"), message);
            }
            let rate = rate(view, "continuous", context)?;
            context.rate = Rate::Known(rate);
            Some((Therapy::Continuous(rate), format!("at {rate}")))
        }
        (None, Some(flex)) => schedule(view, flex, context),
        (found, _) => {
            let found = if found.is_some() { "both" } else { "neither" };
            context.problems.push(view.pos(), format!("expected either 'continuous' or 'flex', but found {found}"));
            None
        }
    }
}

fn rate(view: View<'_>, key: &str, context: &mut Context<'_>) -> Option<FlowRate> {
    let pump = &context.profile.pump;
    let (low, high) = (pump.rate_min_ul_per_h, pump.rate_max_ul_per_h);
    let shown = format!("a rate from {low} to {high}");
    context.within(view, key, Dimension::FlowRate, low.ul_per_h(), high.ul_per_h(), &shown).map(FlowRate::from_ul_per_h)
}

fn schedule(view: View<'_>, flex: &Node, context: &mut Context<'_>) -> Option<(Therapy, String)> {
    let Some(at) = view.text("at") else {
        let message = "flex: expected 'at', the time of the pump's day at which it starts, but it is missing";
        context.problems.push(view.pos_of("flex"), message);
        return None;
    };
    let minute_of_day = minute(view, "at", at, context)?;
    let mut steps: Vec<FlexStep> = Vec::new();
    for node in flex.list()? {
        let step = View::new(node);
        let from_min = minute(step, "from", step.text("from")?, context)?;
        let rate_nl_per_h = rate(step, "rate", context)?.whole_nl_per_h()?;
        if steps.last().is_some_and(|last| last.from_min >= from_min) {
            let found = step.text("from").unwrap_or("");
            let message = format!("from: expected a time after the step before it, but found '{found}'");
            context.problems.push(step.pos_of("from"), message);
            return None;
        }
        steps.push(FlexStep { from_min, rate_nl_per_h });
    }
    if steps.len() > FLEX_STEPS_MAX {
        let message = format!("flex: expected at most {FLEX_STEPS_MAX} steps, but found {}", steps.len());
        context.problems.push(view.pos_of("flex"), message);
        return None;
    }
    context.rate = Rate::Varies(mean(&steps));
    let shown = format!("a flex schedule of {} steps at {at} of the pump's day", steps.len());
    Some((Therapy::Flex { minute_of_day, steps }, shown))
}

/// The mean rate of a schedule over a day.
fn mean(steps: &[FlexStep]) -> FlowRate {
    let lasts = |i: usize| {
        let next = steps.get(i + 1).map_or(steps[0].from_min + DAY_MIN, |s| s.from_min);
        f64::from(next - steps[i].from_min)
    };
    let volume: f64 = steps.iter().enumerate().map(|(i, s)| f64::from(s.rate_nl_per_h) * 1e-3 * lasts(i)).sum();
    FlowRate::from_ul_per_h(volume / f64::from(DAY_MIN))
}

/// A time of the day, `HH:MM`, as its minute.
fn minute(view: View<'_>, key: &str, text: &str, context: &mut Context<'_>) -> Option<u16> {
    let parsed = text.split_once(':').and_then(|(h, m)| {
        let two = |t: &str| t.parse::<u16>().ok().filter(|_| t.len() == 2);
        let (hours, minutes) = (two(h)?, two(m)?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    });
    if parsed.is_none() {
        let message = format!("{key}: expected a time of the day such as 06:30, but found '{text}'");
        context.problems.push(view.pos_of(key), message);
    }
    parsed
}

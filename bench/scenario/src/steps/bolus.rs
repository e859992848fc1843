//! `bolus`: one bolus or a train of equal ones, each weighed on its own.
//!
//! A train that leaves the balance no time to settle and to be read between two boluses is refused.

use core::time::Duration;

use domain::{Dimension, FlowRate, Volume, Window, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{Context, NAME, Named};
use crate::plan::{Bolus, Step, StepKind};
use crate::steps::StepSpec;

/// How many boluses a train may have.
const TIMES_MAX: u32 = 1000;

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "bolus",
        kind: Kind::Map(&[
            Field::required(
                "volume",
                Kind::Quantity(Dimension::Volume),
                "the volume of each, in excess of the continuous rate",
            ),
            Field::required("over", Kind::Quantity(Dimension::Time), "how long each takes"),
            Field::optional("times", Kind::Count(1, TIMES_MAX), "how many; one unless given"),
            Field::optional(
                "every",
                Kind::Quantity(Dimension::Time),
                "from one to the next; as short as weighing allows unless given",
            ),
            NAME,
        ]),
        doc: "give a bolus, or a train of them, and weigh each after the balance has settled",
    },
    example: "- bolus: {name: train, volume: 20 uL, over: 1 min, times: 25, every: 10 min}",
    lower,
};

/// The windows over which the boluses of a step are weighed.
#[must_use]
pub fn windows(step: &str, times: u32) -> Vec<Window> {
    (1..=times).map(|i| Window::of(&format!("{step}[{i}]"))).collect()
}

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "bolus");
    let pump = context.profile.pump.clone();
    let shown = format!("a bolus from {} to {}", pump.bolus_min_ul, pump.bolus_max_ul);
    let volume =
        context.within(view, "volume", Dimension::Volume, pump.bolus_min_ul.ul(), pump.bolus_max_ul.ul(), &shown)?;
    let over = view.duration("over").filter(|d| *d >= Duration::from_secs(1) && *d <= Duration::from_secs(86_400 * 7));
    let Some(over) = over else {
        let found = view.text("over").unwrap_or("");
        context
            .problems
            .push(view.pos_of("over"), format!("over: expected a time from 1 s to 7 day, but found '{found}'"));
        return None;
    };
    let rate = FlowRate::from_ul_per_h(volume / over.as_secs_f64() * 3600.0);
    if rate > pump.bolus_rate_max_ul_per_h {
        let message = format!(
            "over: expected a bolus of at most {} for the pump of rig '{}', but found {rate}",
            pump.bolus_rate_max_ul_per_h, context.profile.name
        );
        context.problems.push_hint(view.pos_of("over"), message, "give it more time");
        return None;
    }
    let method = &context.profile.method;
    let least = over + method.settling + method.averaging;
    let every = view.duration("every").unwrap_or(least);
    if every < least {
        let message = format!(
            "every: expected at least {} (the bolus, settling and averaging), but found {}",
            time::span(least),
            time::span(every)
        );
        context.problems.push(view.pos_of("every"), message);
        return None;
    }
    let times = view.count("times").unwrap_or(1);
    let basal = context.rate.ul_per_h();
    let lasts_h = every.as_secs_f64() * f64::from(times) / 3600.0;
    let commanded_ul = volume * f64::from(times) + basal * lasts_h;
    context.named.push(Named { boluses: Some((times, volume)), ..Named::lasting(&name, commanded_ul) });
    let volume = Volume::from_ul(volume);
    let train = if times > 1 {
        format!("{times} times {volume} every {}, each", time::span(every))
    } else {
        format!("{volume}")
    };
    let what = format!("bolus of {train} over {}", time::span(over));
    Some(Step { name, what, kind: StepKind::Bolus(Bolus { volume, over, times, every }) })
}

//! `press`: the patient's button, again and again.
//!
//! Which presses must be answered by a bolus is part of the step: lockout and daily maximum are held by a check.

use core::time::Duration;

use domain::{Dimension, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{BECAUSE, Context, NAME, Named, REQUIREMENT};
use crate::plan::{Press, Step, StepKind};
use crate::steps::StepSpec;

const PRESSES_MAX: u32 = 100;
const EVERY_LEAST: Duration = Duration::from_secs(1);

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "press",
        kind: Kind::Map(&[
            Field::required("times", Kind::Count(1, PRESSES_MAX), "how often the patient's button is pressed"),
            Field::required("every", Kind::Quantity(Dimension::Time), "from one to the next"),
            Field::required(
                "given",
                Kind::List(&Kind::Count(1, PRESSES_MAX), 0),
                "which presses, from 1, must be answered by a bolus; all others must be refused",
            ),
            BECAUSE,
            REQUIREMENT,
            NAME,
        ]),
        doc: "press the patient's button; that just the right presses are answered is a check of its own",
    },
    example: "- press: {times: 3, every: 10 min, given: [1], because: a lockout of 30 min is programmed}",
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "press");
    let times = view.count("times")?;
    let Some(every) = view.duration("every").filter(|d| *d >= EVERY_LEAST) else {
        let found = view.text("every").unwrap_or("");
        context.problems.push(view.pos_of("every"), format!("every: expected at least 1 s, but found '{found}'"));
        return None;
    };
    let given: Vec<u32> = view.texts("given").iter().filter_map(|t| t.parse().ok()).collect();
    if let Some(beyond) = given.iter().find(|n| **n > times) {
        let message = format!("given: expected presses from 1 to {times}, but found {beyond}");
        context.problems.push(view.pos_of("given"), message);
        return None;
    }
    let Some(volume_ul) = context.patient_ul else {
        let message = "press: expected a step 'patient' before it that says what is given, but found none";
        context.problems.push(view.pos(), message);
        return None;
    };
    let lasts_h = every.as_secs_f64() * f64::from(times) / 3600.0;
    let commanded_ul = volume_ul * given.len() as f64 + context.rate.ul_per_h() * lasts_h;
    context.named.push(Named::lasting(&name, commanded_ul));
    let check = view.text("name").map_or_else(|| format!("answers to {name}"), |n| format!("answers to {n}"));
    let head = context.check_head(view, &name, check);
    let what = format!("press the patient's button {times} times every {}", time::span(every));
    Some(Step { name, what, kind: StepKind::Press(Press { head, times, every, given }) })
}

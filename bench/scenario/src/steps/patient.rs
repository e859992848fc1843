//! `patient` and `press`: what the patient may give himself, and his button.
//!
//! Which presses must be answered by a bolus is part of the step: lockout and daily maximum are held by a check.

use core::time::Duration;

use domain::{Dimension, FlowRate, Volume, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{BECAUSE, Context, NAME, Named, REQUIREMENT};
use crate::plan::{Patient, Press, Step, StepKind};
use crate::steps::StepSpec;

const PRESSES_MAX: u32 = 100;
const DAILY_MAX: u32 = 255;
const OVER_LEAST: Duration = Duration::from_secs(1);
const SPAN_MAX: Duration = Duration::from_secs(86_400 * 7);

pub(super) const PATIENT: StepSpec = StepSpec {
    variant: Variant {
        key: "patient",
        kind: Kind::Map(&[
            Field::required("volume", Kind::Quantity(Dimension::Volume), "the volume of each patient bolus"),
            Field::required("over", Kind::Quantity(Dimension::Time), "how long each takes"),
            Field::required(
                "lockout",
                Kind::Quantity(Dimension::Time),
                "how long after the beginning of one no other is given",
            ),
            Field::required("daily maximum", Kind::Count(1, DAILY_MAX), "how many are given within 24 h at most"),
            NAME,
        ]),
        doc: "program what the patient may give himself",
    },
    example: "- patient: {volume: 5 uL, over: 1 min, lockout: 30 min, daily maximum: 4}",
    lower: lower_patient,
};

pub(super) const PRESS: StepSpec = StepSpec {
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
    lower: lower_press,
};

fn lower_patient(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "patient");
    context.named.push(Named::instant(&name));
    let pump = context.profile.pump.clone();
    let shown = format!("a bolus from {} to {}", pump.bolus_min_ul, pump.bolus_max_ul);
    let volume =
        context.within(view, "volume", Dimension::Volume, pump.bolus_min_ul.ul(), pump.bolus_max_ul.ul(), &shown)?;
    let mut span = |key: &str, least: Duration| {
        let found = view.duration(key).filter(|d| (least..=SPAN_MAX).contains(d));
        if found.is_none() {
            let (least, text) = (time::span(least), view.text(key).unwrap_or(""));
            let message = format!("{key}: expected a time from {least} to 7 day, but found '{text}'");
            context.problems.push(view.pos_of(key), message);
        }
        found
    };
    let (over, lockout) = (span("over", OVER_LEAST)?, span("lockout", Duration::ZERO)?);
    let rate = FlowRate::from_ul_per_h(volume / over.as_secs_f64() * 3600.0);
    if rate > pump.bolus_rate_max_ul_per_h {
        let message = format!("over: expected a bolus of at most {}, but found {rate}", pump.bolus_rate_max_ul_per_h);
        context.problems.push_hint(view.pos_of("over"), message, "give it more time");
        return None;
    }
    let daily_max = u8::try_from(view.count("daily maximum")?).ok()?;
    context.patient_ul = Some(volume);
    let volume = Volume::from_ul(volume);
    let what = format!(
        "allow the patient {volume} over {} each {}, at most {daily_max} a day",
        time::span(over),
        time::span(lockout)
    );
    Some(Step { name, what, kind: StepKind::Patient(Patient { volume, over, lockout, daily_max }) })
}

fn lower_press(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "press");
    let times = view.count("times")?;
    let Some(every) = view.duration("every").filter(|d| *d >= OVER_LEAST) else {
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

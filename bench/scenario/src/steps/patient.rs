//! `patient`: what the patient may give himself.
//!
//! It owns the step's keys and their ranges. It must not know how the pump enforces them.

use core::time::Duration;

use domain::{Dimension, FlowRate, Volume, time};
use text::{Field, Kind, Variant, View};

use crate::lower::{Context, NAME, Named};
use crate::plan::{Patient, Step, StepKind};
use crate::steps::StepSpec;

const DAILY_MAX: u32 = 255;
const OVER_LEAST: Duration = Duration::from_secs(1);
const SPAN_MAX: Duration = Duration::from_secs(86_400 * 7);

pub(super) const SPEC: StepSpec = StepSpec {
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
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
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

//! What is delivered is the integral of the commanded rate, through telemetry, schedules, stops and resets.

use crate::support::{DAY_US, HOUR_US, Rig, TURN_US};
use proptest::prelude::*;
use wire::{DoseId, FLEX_STEPS_MAX, FlexStep, Request, ResetCause};

/// What the test holds the commanded rate to be, kept without the pump's own words.
#[derive(Clone, Debug)]
enum Commanded {
    Rate(u64),
    Flex { from_us: u64, minute: u64, steps: Vec<(u64, u64)> },
}

impl Commanded {
    /// The exact integral over a span, nL·µs/h, a minute of the schedule at a time.
    fn integral(&self, begin_us: u64, end_us: u64) -> u64 {
        match self {
            Self::Rate(rate) => rate * (end_us - begin_us),
            Self::Flex { from_us, minute, steps } => {
                let (mut at_us, mut sum) = (begin_us, 0);
                while at_us < end_us {
                    let since_us = at_us - from_us;
                    let day_min = (minute + since_us / 60_000_000) % 1_440;
                    let next_us = (from_us + (since_us / 60_000_000 + 1) * 60_000_000).min(end_us);
                    let held = steps.iter().rfind(|step| step.0 <= day_min).or(steps.last());
                    sum += held.expect("has a step").1 * (next_us - at_us);
                    at_us = next_us;
                }
                sum
            }
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let rate = prop_oneof![1 => Just(0u64), 4 => 2_000u64..200_000];
    proptest::collection::btree_map(0u64..1_440, rate, 1..=FLEX_STEPS_MAX).prop_map(|steps| steps.into_iter().collect())
}

fn action() -> impl Strategy<Value = (u8, u64, u64, Vec<(u64, u64)>)> {
    (0u8..8, 2_000u64..200_000, 0u64..1_440, steps())
}

fn flex_request(dose: DoseId, minute: u64, steps: &[(u64, u64)]) -> Request {
    let mut given = [None; FLEX_STEPS_MAX];
    for (place, step) in given.iter_mut().zip(steps) {
        let from_min = u16::try_from(step.0).expect("is a minute");
        let rate_nl_per_h = u32::try_from(step.1).expect("is a rate");
        *place = Some(FlexStep { from_min, rate_nl_per_h });
    }
    Request::StartFlex { dose, minute_of_day: u16::try_from(minute).expect("is a minute"), steps: given }
}

/// Executes an action; the rate that is commanded from now on, if it changed.
fn act(rig: &mut Rig, id: u64, action: &(u8, u64, u64, Vec<(u64, u64)>)) -> Option<Commanded> {
    let (kind, rate, minute, steps) = action;
    let dose = DoseId(id);
    match kind {
        0 => rig.accept(Request::TelemetryOpen),
        1 => rig.accept(Request::TelemetryClose),
        2 | 3 => {
            rig.accept(Request::TelemetryOpen);
            rig.accept(Request::Start { dose, rate_nl_per_h: u32::try_from(*rate).expect("is a rate") });
            return Some(Commanded::Rate(*rate));
        }
        4 => {
            rig.accept(Request::TelemetryOpen);
            rig.accept(flex_request(dose, *minute, steps));
            return Some(Commanded::Flex { from_us: rig.now_us, minute: *minute, steps: steps.clone() });
        }
        5 => {
            rig.accept(Request::Stop);
            return Some(Commanded::Rate(0));
        }
        // A reset in the middle of a turn either loses the rotation, and the pulse is driven again, or not.
        6 => rig.reset(ResetCause::Watchdog, true),
        _ => rig.reset(ResetCause::Brownout, false),
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_interleaving_loses_or_doubles_volume(
        actions in proptest::collection::vec((0..6 * HOUR_US, action()), 1..16),
        mut extra_us in proptest::collection::vec(0..2 * DAY_US, 0..100),
    ) {
        extra_us.sort_unstable();
        let mut rig = Rig::new();
        let (mut commanded, mut account, mut at_us) = (Commanded::Rate(0), 0u64, 0u64);
        for (id, (wait_us, action)) in (1..).zip(&actions) {
            account += commanded.integral(at_us, at_us + wait_us);
            at_us += wait_us;
            rig.run_until(at_us, &extra_us);
            if let Some(changed) = act(&mut rig, id, action) {
                commanded = changed;
            }
        }
        // The last hours run without a pause, then everything owed is given.
        rig.accept(Request::TelemetryOpen);
        rig.accept(Request::Start { dose: DoseId(1_000), rate_nl_per_h: 2_000 });
        rig.accept(Request::TelemetryClose);
        let end_us = at_us + HOUR_US;
        rig.run_until(end_us, &extra_us);
        // A pulse that falls due within the last turn of the head is not sensed yet.
        account += 2_000 * (HOUR_US - TURN_US);
        prop_assert_eq!(rig.sounding, None);
        let sensed = rig.sensed + u64::from(rig.status().pulses);
        prop_assert_eq!(sensed, account / (500 * HOUR_US));
    }
}

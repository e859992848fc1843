//! Properties over arbitrary programmes and step times.

use crate::support::{HOUR_US, Rig};
use logic::{Config, Input, Pump, Senses};
use proptest::prelude::*;
use wire::{DoseId, Request, ResetCause};

/// A programme: what is asked, and how long after the request before, µs.
fn programme() -> impl Strategy<Value = Vec<(u64, Request)>> {
    let request = prop_oneof![
        3 => (1_000u32..1_100_000)
            .prop_map(|rate_nl_per_h| Request::Start { dose: DoseId(0), rate_nl_per_h }),
        3 => (400u32..50_000, 0u32..2_000_000).prop_map(|(volume_nl, duration_ms)| {
            Request::Bolus { dose: DoseId(0), volume_nl, duration_ms }
        }),
        1 => Just(Request::Stop),
        1 => Just(Request::MinimumRate),
        2 => Just(Request::TelemetryOpen),
        1 => Just(Request::TelemetryClose),
    ];
    let programme = proptest::collection::vec((0..HOUR_US / 4, request), 1..12);
    programme.prop_map(|mut programme| {
        for (id, (_, request)) in (1..).zip(&mut programme) {
            if let Request::Start { dose, .. } | Request::Bolus { dose, .. } = request {
                *dose = DoseId(id);
            }
        }
        programme
    })
}

fn run(programme: &[(u64, Request)], extra_us: &[u64]) -> Rig {
    let mut rig = Rig::new();
    let mut at_us = 0;
    for (wait_us, request) in programme {
        at_us += wait_us;
        rig.run_until(at_us, extra_us);
        rig.ask(*request);
    }
    rig.run_until(at_us + HOUR_US, extra_us);
    rig
}

proptest! {
    #[test]
    fn extra_steps_change_nothing(
        programme in programme(),
        mut extra_us in proptest::collection::vec(0..4 * HOUR_US, 0..200),
    ) {
        extra_us.sort_unstable();
        let mut plain = run(&programme, &[]);
        let mut stepped = run(&programme, &extra_us);
        prop_assert_eq!(&plain.runs, &stepped.runs);
        prop_assert_eq!(plain.log(), stepped.log());
        prop_assert_eq!(plain.pump, stepped.pump);
    }

    #[test]
    fn late_steps_deliver_as_many_pulses_and_none_early(
        rate_nl_per_h in 2_000u32..1_000_000,
        volume_nl in 500u32..100_000,
        lateness_us in proptest::collection::vec(0..10 * 60 * 1_000_000u64, 1..50),
    ) {
        let start = Request::Start { dose: DoseId(1), rate_nl_per_h };
        let bolus = Request::Bolus { dose: DoseId(2), volume_nl, duration_ms: 3_600_000 };
        let programme = [(0, start), (0, bolus)];
        let plain = run(&programme, &[]);

        let mut pump = Pump::new(Config::reference(), ResetCause::PowerOn, 0);
        pump.step(0, Senses::NOMINAL, Input::Request(start));
        let mut due_us = pump.step(0, Senses::NOMINAL, Input::Request(bolus)).next_due_us;
        let mut runs = Vec::new();
        let mut late = lateness_us.iter().cycle();
        let mut stopped = false;
        // Called late every time; the pulses of the first hour are then worked off.
        while let Some(due) = due_us {
            let mut now_us = due + if stopped { 0 } else { *late.next().expect("cycles") };
            if !stopped && now_us >= HOUR_US {
                now_us = HOUR_US.max(due);
                stopped = true;
            }
            if stopped && due > HOUR_US && runs.len() >= plain.runs.len() {
                break;
            }
            let output = pump.step(now_us, Senses::NOMINAL, Input::Time);
            due_us = output.next_due_us;
            if let Some(run) = output.motor {
                runs.push(now_us);
                due_us = pump.step(now_us, Senses::NOMINAL, Input::Rotation { steps: run.steps }).next_due_us;
            }
        }
        prop_assert_eq!(runs.len(), plain.runs.len());
        for (late, plain) in runs.iter().zip(&plain.runs) {
            prop_assert!(*late >= plain.0);
        }
    }

    #[test]
    fn pulses_are_the_account_divided_by_a_pulse(
        rate_nl_per_h in 2_000u32..=1_000_000,
        volume_nl in 500u32..=1_000_000,
        begin_us in 0..HOUR_US,
        duration_ms in 900_000u32..3_600_000,
    ) {
        let start = Request::Start { dose: DoseId(1), rate_nl_per_h };
        let bolus = Request::Bolus { dose: DoseId(2), volume_nl, duration_ms };
        let end_us = begin_us + 2 * HOUR_US;
        let mut rig = Rig::new();
        rig.accept(start);
        rig.run_until(begin_us, &[]);
        rig.accept(bolus);
        rig.run_until(end_us, &[]);
        let account = u64::from(rate_nl_per_h) * end_us + u64::from(volume_nl) * HOUR_US;
        prop_assert_eq!(rig.runs.len() as u64, account / (500 * HOUR_US));
    }

    #[test]
    fn any_inputs_keep_the_pump_sane(
        inputs in proptest::collection::vec((any::<u64>(), 0u8..10, any::<(u32, u32, u64)>()), 0..60),
    ) {
        let mut pump = Pump::new(Config::reference(), ResetCause::Brownout, 0);
        let mut twin = pump.clone();
        let mut now_us = 0u64;
        for (wait_us, kind, (a, b, id)) in inputs {
            // Half a year at most, and often far less.
            now_us += wait_us >> (20 + wait_us % 44);
            let dose = DoseId(id);
            let input = match kind {
                0 => Input::Time,
                1 => Input::Rotation { steps: u16::try_from(a % 100).expect("is small") },
                2 => Input::Request(Request::Start { dose, rate_nl_per_h: a % 1_100_000 }),
                3 => Input::Request(Request::Bolus {
                    dose,
                    volume_nl: a % 1_100_000,
                    duration_ms: b,
                }),
                4 => Input::Request(Request::Stop),
                6 => Input::Request(Request::TelemetryOpen),
                7 => Input::Request(Request::PatientBolus { dose }),
                8 => Input::Request(Request::SetReservoir { volume_nl: a % 50_000_000, low_nl: b }),
                9 => Input::Request(Request::SetPatient {
                    volume_nl: a % 10_000,
                    duration_ms: b,
                    lockout_s: b % 7_200,
                    daily_max: id.to_le_bytes()[0],
                }),
                _ => Input::Request(Request::Status),
            };
            let output = pump.step(now_us, Senses::NOMINAL, input);
            prop_assert_eq!(output, twin.step(now_us, Senses::NOMINAL, input));
            prop_assert!(output.next_due_us.is_none_or(|due| due > now_us));
            prop_assert_eq!(output.reply.is_some(), matches!(input, Input::Request(_)));
        }
    }
}

//! Schedules, telemetry, the patient's button and resets, as a host would see them.

use crate::support::{DAY_US, HOUR_US, Rig};
use logic::Answer;
use wire::{Alarm, DoseId, FLEX_STEPS_MAX, FlexStep, LogEvent, Refusal, Request, ResetCause, Therapy};

const RATE: Request = Request::Start { dose: DoseId(1), rate_nl_per_h: 20_833 };
const MINUTE_US: u64 = 60_000_000;

fn flex(dose: u64, minute_of_day: u16) -> Request {
    let mut steps = [None; FLEX_STEPS_MAX];
    steps[0] = Some(FlexStep { from_min: 360, rate_nl_per_h: 50_000 });
    steps[1] = Some(FlexStep { from_min: 1_320, rate_nl_per_h: 0 });
    Request::StartFlex { dose: DoseId(dose), minute_of_day, steps }
}

fn patient(lockout_s: u32, daily_max: u8) -> Request {
    Request::SetPatient { volume_nl: 1_000, duration_ms: 60_000, lockout_s, daily_max }
}

fn button(dose: u64) -> Request {
    Request::PatientBolus { dose: DoseId(dose) }
}

#[test]
fn a_schedule_steps_at_its_minutes_and_over_midnight() {
    let mut rig = Rig::new();
    rig.run_until(7, &[]);
    rig.accept(flex(1, 300));
    assert_eq!((rig.status().therapy, rig.status().rate_nl_per_h), (Therapy::Flex, 0));
    rig.run_until(7 + DAY_US, &[]);
    let expect = [
        (7, LogEvent::FlexStarted { dose: DoseId(1), minute_of_day: 300, rate_nl_per_h: 0 }),
        (7 + 60 * MINUTE_US, LogEvent::FlexStepped { rate_nl_per_h: 50_000 }),
        (7 + 1_020 * MINUTE_US, LogEvent::FlexStepped { rate_nl_per_h: 0 }),
    ];
    assert_eq!(rig.events(), expect);
    // 16 h at 50 000 nL/h.
    assert_eq!(rig.runs.len(), 1_600);
    assert_eq!(rig.runs[0].0, 7 + 60 * MINUTE_US + 36_000_000);
}

#[test]
fn a_running_therapy_is_changed_by_telemetry_only() {
    let mut rig = Rig::new();
    rig.accept(Request::MinimumRate);
    rig.accept(RATE);
    let other = Request::Start { dose: DoseId(2), rate_nl_per_h: 30_000 };
    rig.refuse(other, Refusal::TelemetryClosed);
    rig.refuse(flex(3, 0), Refusal::TelemetryClosed);
    rig.accept(Request::TelemetryOpen);
    rig.accept(other);
    rig.accept(flex(3, 0));
    rig.accept(Request::TelemetryClose);
    rig.accept(Request::TelemetryClose);
    rig.refuse(Request::Start { dose: DoseId(4), rate_nl_per_h: 30_000 }, Refusal::TelemetryClosed);
    rig.accept(Request::Stop);
    rig.accept(Request::Start { dose: DoseId(4), rate_nl_per_h: 30_000 });
}

#[test]
fn a_bad_schedule_is_refused() {
    let mut rig = Rig::new();
    let steps = [None; FLEX_STEPS_MAX];
    rig.refuse(Request::StartFlex { dose: DoseId(1), minute_of_day: 0, steps }, Refusal::BadSchedule);
    let mut steps = steps;
    steps[0] = Some(FlexStep { from_min: 0, rate_nl_per_h: 1_999 });
    let refusal = Refusal::RateOutOfRange { min_nl_per_h: 2_000, max_nl_per_h: 1_000_000 };
    rig.refuse(Request::StartFlex { dose: DoseId(1), minute_of_day: 0, steps }, refusal);
}

#[test]
fn telemetry_rests_the_motor_and_closes_by_itself() {
    let mut rig = Rig::new();
    rig.accept(Request::Start { dose: DoseId(1), rate_nl_per_h: 180_000 });
    rig.run_until(10_000_100, &[]);
    // A run is under way; it ends and is no stall.
    assert_eq!(rig.runs.len(), 1);
    rig.accept(Request::TelemetryOpen);
    rig.run_until(60_000_000, &[]);
    rig.accept(Request::TelemetryOpen);
    assert!(rig.status().telemetry);
    rig.run_until(179_999_999, &[]);
    assert_eq!((rig.runs.len(), rig.status().pulses), (1, 1));
    rig.run_until(200_000_000 - 1, &[]);
    assert_eq!(rig.runs.len(), 19);
    assert_eq!(rig.runs[1].0, 180_000_000);
    assert_eq!(rig.events().last(), Some(&(180_000_000, LogEvent::TelemetryClosed { timed_out: true })));
    assert_eq!(rig.sounding, None);
}

#[test]
fn the_patient_is_locked_out_to_the_microsecond() {
    let mut rig = Rig::new();
    rig.refuse(button(1), Refusal::NoPatientBolus);
    rig.accept(patient(600, 2));
    rig.accept(button(1));
    assert_eq!(rig.ask(button(1)), Answer::Accepted { at_us: 0, repeated: true });
    rig.run_until(600_000_000 - 1, &[]);
    rig.refuse(button(2), Refusal::Lockout { remaining_s: 1 });
    assert_eq!(rig.events().last().map(|entry| entry.1), Some(LogEvent::PatientRefused { dose: DoseId(2) }));
    rig.run_until(600_000_000, &[]);
    rig.accept(button(2));
    rig.run_until(DAY_US - 1, &[]);
    rig.refuse(button(3), Refusal::DailyMaximum { max: 2 });
    rig.run_until(DAY_US, &[]);
    rig.accept(button(3));
    rig.refuse(button(4), Refusal::Lockout { remaining_s: 600 });
    rig.run_until(DAY_US + 599_000_000, &[]);
    assert_eq!(rig.runs.len(), 6);
}

#[test]
fn a_patient_bolus_waits_for_a_running_one_and_for_the_alarm() {
    let mut rig = Rig::new();
    rig.accept(patient(0, 9));
    rig.accept(Request::Bolus { dose: DoseId(1), volume_nl: 1_000, duration_ms: 60_000 });
    rig.refuse(button(2), Refusal::BolusRunning);
    rig.slip = 48;
    rig.run_until(HOUR_US, &[]);
    rig.refuse(button(2), Refusal::CriticalAlarm(Alarm::MotorStall));
}

#[test]
fn a_reset_resumes_therapy_and_ends_the_bolus() {
    let mut rig = Rig::new();
    rig.accept(patient(3_600, 5));
    rig.accept(flex(1, 350));
    rig.accept(button(2));
    rig.run_until(30_000_000, &[]);
    rig.reset(ResetCause::Watchdog, false);
    let events = rig.events();
    let ended = LogEvent::BolusEnded { dose: DoseId(2), delivered_nl: 500 };
    let expect = [(30_000_000, LogEvent::Booted(ResetCause::Watchdog)), (30_000_000, ended)];
    assert_eq!(events[events.len() - 2..], expect);
    assert_eq!((rig.status().therapy, rig.status().bolus), (Therapy::Flex, None));
    assert_eq!(rig.ask(button(2)), Answer::Accepted { at_us: 0, repeated: true });
    rig.refuse(button(3), Refusal::Lockout { remaining_s: 3_570 });
    rig.run_until(11 * MINUTE_US, &[]);
    let stepped = (10 * MINUTE_US, LogEvent::FlexStepped { rate_nl_per_h: 50_000 });
    assert!(rig.events().contains(&stepped));
}

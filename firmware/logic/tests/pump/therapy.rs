//! What the pump delivers, refuses and logs, as a host would see it.

use crate::support::{DAY_US, HOUR_US, Rig};
use logic::{Answer, Config, Input, LOG_CAPACITY, PUMP_STOPPED_US, Pump, Senses};
use wire::{Alarm, DoseId, LogEvent, Refusal, Request, ResetCause, Therapy};

const RATE: Request = Request::Start { dose: DoseId(1), rate_nl_per_h: 20_833 };
const BOLUS: Request = Request::Bolus { dose: DoseId(2), volume_nl: 5_000, duration_ms: 600_000 };

fn running() -> Rig {
    let mut rig = Rig::new();
    rig.accept(RATE);
    rig
}

#[test]
fn three_days_at_a_constant_rate() {
    let mut rig = running();
    rig.run_until(3 * DAY_US, &[]);
    // 72 h at 20 833 nL/h are 1 499 976 nL, 2 999 pulses and 476 nL; each comes at the first whole microsecond.
    assert_eq!(rig.runs.len(), 2_999);
    assert_eq!(rig.status().pulses, 2_999);
    for (pulse, &(at_us, steps)) in (1u128..).zip(&rig.runs) {
        let expect = (pulse * 500 * 3_600_000_000).div_ceil(20_833);
        assert_eq!((u128::from(at_us), steps), (expect, 48));
    }
}

#[test]
fn a_bolus_adds_exactly_its_volume() {
    let mut rig = running();
    rig.run_until(HOUR_US + 12_345, &[]);
    rig.accept(BOLUS);
    assert_eq!(rig.status().rate_nl_per_h, 20_833 + 30_000);
    rig.run_until(3 * DAY_US, &[]);
    // 1 504 976 nL.
    assert_eq!(rig.runs.len(), 3_009);
    let ended = LogEvent::BolusEnded { dose: DoseId(2), delivered_nl: 5_000 };
    assert_eq!(rig.events().last(), Some(&(HOUR_US + 12_345 + 600_000_000, ended)));
}

#[test]
fn a_bolus_runs_while_therapy_is_stopped() {
    let mut rig = Rig::new();
    rig.accept(BOLUS);
    rig.run_until(300_000_000, &[]);
    let status = rig.status();
    assert_eq!((status.therapy, status.rate_nl_per_h), (Therapy::Stopped, 30_000));
    assert_eq!(status.bolus.map(|bolus| bolus.remaining_nl), Some(2_500));
    rig.run_until(600_000_000, &[]);
    // The last pulse is due at the very end.
    assert_eq!(rig.runs.len(), 10);
    rig.run_until(DAY_US, &[]);
    assert_eq!((rig.runs.len(), rig.status().pulses), (10, 10));
}

#[test]
fn the_account_goes_on_over_rate_changes_and_stops() {
    let mut rig = running();
    rig.run_until(10 * HOUR_US + 1, &[]);
    rig.change(Request::Start { dose: DoseId(2), rate_nl_per_h: 999_999 });
    rig.run_until(11 * HOUR_US + 2, &[]);
    rig.accept(Request::Stop);
    rig.run_until(20 * HOUR_US, &[]);
    rig.accept(Request::MinimumRate);
    rig.run_until(30 * HOUR_US, &[]);
    let account = 20_833 * (10 * HOUR_US + 1) + 999_999 * (HOUR_US + 1) + 250 * 10 * HOUR_US;
    assert_eq!(rig.runs.len() as u64, account / (500 * HOUR_US));
    assert_eq!(rig.status().therapy, Therapy::MinimumRate);
}

#[test]
fn a_stop_discards_the_bolus() {
    let mut rig = running();
    rig.accept(BOLUS);
    rig.run_until(60_000_000, &[]);
    rig.accept(Request::Stop);
    rig.run_until(HOUR_US, &[]);
    // 60 s at 50 833 nL/h are 847.2 nL, and of the bolus 500 nL.
    assert_eq!(rig.runs.len(), 1);
    let expect = [
        (0, LogEvent::TherapyStarted { dose: DoseId(1), rate_nl_per_h: 20_833 }),
        (0, LogEvent::BolusStarted { dose: DoseId(2), volume_nl: 5_000, duration_ms: 600_000 }),
        (60_000_000, LogEvent::BolusEnded { dose: DoseId(2), delivered_nl: 500 }),
        (60_000_000, LogEvent::TherapyStopped),
    ];
    assert_eq!(rig.events(), expect);
}

#[test]
fn a_pulse_that_is_owed_waits_while_the_pump_is_stopped() {
    let mut rig = running();
    rig.now_us = 300_000_000;
    rig.accept(Request::Stop);
    rig.run_until(HOUR_US, &[]);
    assert_eq!(rig.runs, []);
    rig.accept(Request::MinimumRate);
    rig.run_until(HOUR_US + 1_000_000, &[]);
    // 300 s at 20 833 nL/h are three pulses.
    let times = [HOUR_US, HOUR_US + 200_000, HOUR_US + 400_000];
    assert_eq!(rig.runs, times.map(|at_us| (at_us, 48)));
}

#[test]
fn a_repeated_dose_is_delivered_once() {
    let mut rig = Rig::new();
    rig.run_until(7, &[]);
    rig.accept(BOLUS);
    for at_us in [8, 700_000_000, DAY_US] {
        rig.run_until(at_us, &[]);
        assert_eq!(rig.ask(BOLUS), Answer::Accepted { at_us: 7, repeated: true });
    }
    assert_eq!((rig.runs.len(), rig.log().len()), (10, 3));
}

#[test]
fn what_cannot_be_done_is_refused() {
    let mut rig = Rig::new();
    let mut check = |request, refusal| assert_eq!(rig.ask(request), Answer::Refused(refusal));
    let rate = Refusal::RateOutOfRange { min_nl_per_h: 2_000, max_nl_per_h: 1_000_000 };
    let volume = Refusal::VolumeOutOfRange { min_nl: 500, max_nl: 1_000_000 };
    let fast = Refusal::BolusTooFast { max_nl_per_h: 4_000_000 };
    let dose = DoseId(9);
    check(Request::Start { dose, rate_nl_per_h: 1_999 }, rate);
    check(Request::Start { dose, rate_nl_per_h: 1_000_001 }, rate);
    check(Request::Bolus { dose, volume_nl: 499, duration_ms: 1_000_000 }, volume);
    check(Request::Bolus { dose, volume_nl: 1_000_001, duration_ms: 1_000_000 }, volume);
    check(Request::Bolus { dose, volume_nl: 500, duration_ms: 0 }, fast);
    check(Request::Bolus { dose, volume_nl: 500, duration_ms: 449 }, fast);
    // A refused id was not executed.
    rig.accept(Request::Bolus { dose, volume_nl: 500, duration_ms: 450 });
    let second = Request::Bolus { dose: DoseId(10), volume_nl: 500, duration_ms: 450 };
    assert_eq!(rig.ask(second), Answer::Refused(Refusal::BolusRunning));
}

#[test]
fn the_fastest_delivery_keeps_the_motor_up() {
    let mut rig = Rig::new();
    rig.accept(Request::Start { dose: DoseId(1), rate_nl_per_h: 1_000_000 });
    rig.accept(Request::Bolus { dose: DoseId(2), volume_nl: 1_000_000, duration_ms: 900_000 });
    rig.run_until(900_000_000, &[]);
    assert_eq!(rig.runs.len(), 2_500);
    for (pulse, &(at_us, _)) in (1u64..).zip(&rig.runs) {
        assert_eq!(at_us, pulse * 360_000);
    }
}

#[test]
fn a_late_step_owes_every_pulse_and_ends_the_bolus_in_time() {
    let mut rig = Rig::new();
    rig.accept(BOLUS);
    rig.step(HOUR_US, Input::Time);
    rig.run_until(2 * HOUR_US, &[]);
    assert_eq!(rig.runs.len(), 10);
    assert_eq!(rig.runs[1].0 - rig.runs[0].0, 200_000);
    let ended = LogEvent::BolusEnded { dose: DoseId(2), delivered_nl: 5_000 };
    assert_eq!(rig.events().last(), Some(&(600_000_000, ended)));
}

#[test]
fn a_stalled_motor_stops_therapy_until_stop_clears_it() {
    let mut rig = running();
    rig.slip = 48;
    rig.run_until(HOUR_US, &[]);
    let first = 86_401_383;
    assert_eq!(rig.runs, [(first, 48), (first + 400_000, 48)]);
    assert_eq!(rig.sounding, Some(Alarm::MotorStall));
    let stalled = first + 800_000;
    let expect = [(stalled, LogEvent::AlarmRaised(Alarm::MotorStall)), (stalled, LogEvent::TherapyStopped)];
    assert_eq!(rig.events()[1..], expect);
    let locked = Answer::Refused(Refusal::CriticalAlarm(Alarm::MotorStall));
    let again = Request::Start { dose: DoseId(3), rate_nl_per_h: 20_833 };
    assert_eq!(rig.ask(again), locked);
    assert_eq!(rig.ask(Request::MinimumRate), locked);
    assert_eq!(rig.ask(BOLUS), locked);
    // What was executed before is still answered.
    assert_eq!(rig.ask(RATE), Answer::Accepted { at_us: 0, repeated: true });

    rig.slip = 0;
    rig.accept(Request::Stop);
    assert_eq!(rig.sounding, None);
    let cleared = (HOUR_US, LogEvent::AlarmCleared(Alarm::MotorStall));
    assert_eq!(rig.events().last(), Some(&cleared));
    rig.accept(again);
    // The pulse that is owed comes at once.
    assert_eq!(rig.runs.last(), Some(&(HOUR_US, 48)));
    rig.run_until(2 * HOUR_US, &[]);
    let seconds_run = stalled + HOUR_US;
    assert_eq!(u64::from(rig.status().pulses), seconds_run * 20_833 / (500 * HOUR_US));
}

#[test]
fn a_head_that_slips_is_turned_on_by_the_retry() {
    let mut rig = running();
    rig.slip = 10;
    rig.run_until(90_000_000, &[]);
    assert_eq!(rig.runs.iter().map(|run| run.1).collect::<Vec<_>>(), [48, 10]);
    assert_eq!(rig.sounding, Some(Alarm::MotorStall));
    rig.slip = 3;
    rig.accept(Request::Stop);
    rig.accept(Request::MinimumRate);
    rig.run_until(91_000_000, &[]);
    assert_eq!(rig.runs.last().map(|run| run.1), Some(3));
}

#[test]
fn two_days_of_rest_raise_an_alarm_that_therapy_clears() {
    let mut rig = Rig::new();
    rig.run_until(PUMP_STOPPED_US - 1, &[]);
    assert_eq!(rig.sounding, None);
    rig.run_until(PUMP_STOPPED_US, &[]);
    assert_eq!(rig.sounding, Some(Alarm::PumpStopped48h));
    assert_eq!(rig.status().alarms, Alarm::PumpStopped48h.bit());
    rig.accept(Request::Stop);
    assert_eq!(rig.sounding, Some(Alarm::PumpStopped48h));
    rig.accept(RATE);
    assert_eq!(rig.sounding, None);
    let expect = [
        (PUMP_STOPPED_US, LogEvent::AlarmRaised(Alarm::PumpStopped48h)),
        (PUMP_STOPPED_US, LogEvent::TherapyStarted { dose: DoseId(1), rate_nl_per_h: 20_833 }),
        (PUMP_STOPPED_US, LogEvent::AlarmCleared(Alarm::PumpStopped48h)),
    ];
    assert_eq!(rig.events(), expect);
}

#[test]
fn a_late_step_logs_the_rest_alarm_at_its_time() {
    let mut rig = Rig::new();
    rig.accept(BOLUS);
    rig.run_until(601_000_000, &[]);
    rig.step(10 * DAY_US, Input::Time);
    let raised = LogEvent::AlarmRaised(Alarm::PumpStopped48h);
    assert_eq!(rig.events().last(), Some(&(600_000_000 + PUMP_STOPPED_US, raised)));
}

#[test]
fn the_log_is_read_by_index_over_its_wrap() {
    let mut rig = Rig::new();
    rig.accept(Request::TelemetryOpen);
    for dose in 0..200 {
        rig.accept(Request::Start { dose: DoseId(dose), rate_nl_per_h: 2_000 });
    }
    let log = rig.log();
    assert_eq!(log.len(), LOG_CAPACITY as usize);
    assert!((74..).zip(&log).all(|(index, entry)| entry.index == index));
    let status = rig.status();
    assert_eq!((status.log_oldest, status.log_next), (74, 202));
}

#[test]
fn time_never_runs_backwards() {
    let mut pump = Pump::new(Config::reference(), ResetCause::Watchdog, 1_000);
    pump.step(5_000, Senses::NOMINAL, Input::Request(RATE));
    let before = pump.clone();
    let output = pump.step(10, Senses::NOMINAL, Input::Request(Request::Stop));
    assert_eq!(output.reply, Some(Answer::Accepted { at_us: 5_000, repeated: false }));
    let mut pump = before.clone();
    pump.step(0, Senses::NOMINAL, Input::Time);
    assert_eq!(pump, before);
}

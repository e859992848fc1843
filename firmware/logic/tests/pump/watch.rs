//! What the pump watches by itself: battery, line, reservoir, its own memory; and what it sounds.

use crate::support::{DAY_US, HOUR_US, Rig};
use logic::{Config, Input, PARAMETERS_LEN, Pump, Senses, Tone};
use wire::{Alarm, DoseId, LogEvent, Refusal, Request, ResetCause, Therapy};

const MINUTE_US: u64 = 60_000_000;

fn start(dose: u64) -> Request {
    Request::Start { dose: DoseId(dose), rate_nl_per_h: 300_000 }
}

fn running() -> Rig {
    let mut rig = Rig::new();
    rig.accept(start(1));
    rig
}

fn raised(rig: &mut Rig, alarm: Alarm) -> Option<u64> {
    rig.events().iter().find(|entry| entry.1 == LogEvent::AlarmRaised(alarm)).map(|entry| entry.0)
}

fn check_locked(rig: &mut Rig, alarm: Alarm) {
    assert_eq!((rig.sounding, rig.status().therapy), (Some(alarm), Therapy::Stopped));
    rig.refuse(start(99), Refusal::CriticalAlarm(alarm));
}

#[test]
fn three_low_samples_at_rest_call_for_a_replacement_and_stay() {
    let mut rig = running();
    rig.senses.battery_mv = 2_599;
    rig.run_until(3 * MINUTE_US + 1_000_000, &[]);
    assert!(raised(&mut rig, Alarm::ElectiveReplacement).is_some_and(|at| at >= 3 * MINUTE_US));
    rig.senses.battery_mv = 3_000;
    rig.run_until(HOUR_US, &[]);
    rig.accept(Request::Stop);
    rig.reset(ResetCause::Software, false);
    assert_eq!((rig.sounding, rig.status().battery_mv), (Some(Alarm::ElectiveReplacement), 3_000));
}

#[test]
fn a_battery_low_under_load_ends_service_until_it_is_good() {
    let mut rig = running();
    rig.loaded_mv = 2_399;
    rig.run_until(MINUTE_US, &[]);
    assert_eq!(rig.runs.len(), 3);
    assert_eq!(raised(&mut rig, Alarm::EndOfService), Some(rig.runs[2].0 + 100_000));
    assert_eq!(rig.status().battery_loaded_mv, 2_399);
    rig.senses.battery_mv = 2_399;
    rig.accept(Request::Stop);
    check_locked(&mut rig, Alarm::EndOfService);
    rig.senses.battery_mv = 2_400;
    rig.accept(Request::Stop);
    rig.accept(start(2));
}

#[test]
fn an_occlusion_stops_therapy_until_stop_clears_it() {
    let mut rig = running();
    rig.senses.line_pa = 60_001;
    rig.run_until(MINUTE_US, &[]);
    assert_eq!((rig.runs.len(), raised(&mut rig, Alarm::Occlusion)), (3, Some(rig.runs[2].0 + 200_000)));
    check_locked(&mut rig, Alarm::Occlusion);
    rig.senses.line_pa = 0;
    rig.accept(Request::Stop);
    rig.accept(start(2));
    assert_eq!(rig.sounding, None);
}

#[test]
fn a_pump_without_sensing_goes_on_against_a_closed_line() {
    let mut rig = Rig::with(Config { occlusion_pa: None, ..Config::reference() });
    rig.senses.line_pa = 900_000;
    rig.accept(start(1));
    rig.run_until(HOUR_US, &[]);
    assert_eq!((rig.sounding, rig.runs.len()), (None, 600));
}

#[test]
fn the_reservoir_is_low_then_empty_then_refilled() {
    let mut rig = running();
    let refill = |volume_nl| Request::SetReservoir { volume_nl, low_nl: 2_000 };
    rig.refuse(refill(40_000_001), Refusal::ReservoirOutOfRange { max_nl: 40_000_000 });
    rig.accept(refill(3_000));
    rig.run_until(HOUR_US, &[]);
    assert_eq!(rig.runs.len(), 6);
    assert_eq!(raised(&mut rig, Alarm::LowReservoir), Some(rig.runs[2].0 + 150_000));
    assert_eq!(raised(&mut rig, Alarm::EmptyReservoir), Some(rig.runs[5].0 + 150_000));
    rig.accept(Request::Stop);
    check_locked(&mut rig, Alarm::EmptyReservoir);
    rig.accept(refill(20_000_000));
    assert_eq!((rig.sounding, rig.status().reservoir_nl), (None, 20_000_000));
    rig.accept(start(2));
}

#[test]
fn every_flipped_bit_of_the_programme_stops_the_pump() {
    let rig = running();
    for bit in 0..PARAMETERS_LEN * 8 {
        let mut pump = rig.pump.clone();
        pump.parameters_mut()[bit / 8] ^= 1 << (bit % 8);
        let output = pump.step(1_000_000, Senses::NOMINAL, Input::Time);
        assert_eq!(output.sounding, Some(Alarm::MemoryError), "bit {bit}");
        let mut memory = rig.pump.memory();
        memory.parameters_mut()[bit / 8] ^= 1 << (bit % 8);
        let mut pump = Pump::restart(Config::reference(), memory, ResetCause::PowerOn, 0);
        let output = pump.step(HOUR_US, Senses::NOMINAL, Input::Time);
        assert_eq!((output.sounding, output.motor), (Some(Alarm::MemoryError), None), "bit {bit} at a restart");
    }
}

#[test]
fn damaged_memory_stays_locked_until_stop_brings_safe_parameters() {
    let mut rig = running();
    rig.pump.parameters_mut()[1] ^= 1;
    rig.run_until(MINUTE_US, &[]);
    check_locked(&mut rig, Alarm::MemoryError);
    rig.pump.parameters_mut()[1] ^= 1;
    rig.run_until(2 * MINUTE_US, &[]);
    check_locked(&mut rig, Alarm::MemoryError);
    rig.refuse(Request::SetReservoir { volume_nl: 1, low_nl: 1 }, Refusal::CriticalAlarm(Alarm::MemoryError));
    rig.accept(Request::Stop);
    rig.refuse(Request::PatientBolus { dose: DoseId(5) }, Refusal::NoPatientBolus);
    rig.accept(start(2));
    assert_eq!(rig.sounding, None);
}

#[test]
fn a_mute_pump_just_goes_on() {
    let mut rig = running();
    rig.pump.set_alarms_enabled(0);
    rig.senses = Senses { battery_mv: 1_000, line_pa: 900_000 };
    rig.loaded_mv = 900;
    rig.accept(Request::SetReservoir { volume_nl: 1_000, low_nl: 2_000 });
    rig.slip = 48;
    rig.run_until(MINUTE_US, &[]);
    rig.slip = 0;
    rig.run_until(HOUR_US + 1_000_000, &[]);
    assert_eq!((u64::from(rig.status().pulses), rig.status().therapy), (600, Therapy::Continuous));
    assert_eq!((rig.sounding, rig.tones.len(), rig.status().alarms), (None, 0, 0));
    // The rate's byte of 65 536 nL/h: what is damaged is done.
    rig.pump.parameters_mut()[3] ^= 1;
    rig.run_until(HOUR_US + 1_000_001, &[]);
    assert_eq!(rig.status().rate_nl_per_h, 300_000 ^ 65_536);
}

#[test]
fn a_critical_alarm_sounds_every_ten_minutes_and_another_every_hour() {
    let mut rig = running();
    rig.accept(Request::SetReservoir { volume_nl: 1_000_000, low_nl: 2_000_000 });
    rig.run_until(HOUR_US, &[]);
    let low = Tone { alarm: Alarm::LowReservoir, tones: 1 };
    assert_eq!(rig.tones, [(0, low), (HOUR_US, low)]);
    rig.tones.clear();
    rig.slip = 48;
    rig.run_until(HOUR_US + 30 * MINUTE_US, &[]);
    let begin = raised(&mut rig, Alarm::MotorStall).expect("is stalled");
    let stall = Tone { alarm: Alarm::MotorStall, tones: 2 };
    assert_eq!(rig.tones, [0, 10, 20].map(|minutes| (begin + minutes * MINUTE_US, stall)));
    rig.run_until(DAY_US, &[]);
}

#[test]
fn the_pump_fits_a_small_controller() {
    assert!(size_of::<Pump>() <= 16 * 1_024, "{} bytes", size_of::<Pump>());
}

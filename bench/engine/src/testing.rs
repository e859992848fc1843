//! A station for tests: a pump and a balance, nothing else.
//!
//! Compiled for tests alone.

use core::time::Duration;

use domain::RigProfile;
use domain::profile::{
    ChannelProfile, Clock, Declared, Fluid, InstrumentProfile, Method, PumpLimits, Role, SafePump, SafeState,
};
use domain::quantity::{FlowRate, Length, Pressure, Ratio, Temperature, Volume};
use scenario::Plan;

fn sure<T>(value: T, zero: T) -> Declared<T> {
    Declared { value, half_width: zero }
}

fn instrument(name: &str, role: Role, channel: &str, unit: &str) -> InstrumentProfile {
    InstrumentProfile {
        name: name.to_owned(),
        role,
        driver: name.to_owned(),
        poll: Duration::from_secs(1),
        deadline: Duration::from_millis(500),
        away_at_most: Duration::from_secs(60),
        channels: vec![ChannelProfile { channel: channel.to_owned(), unit: unit.to_owned() }],
        calibration: None,
        meter: None,
        settings: None,
        settable_c: None,
    }
}

/// A plan of these steps for a station.
pub(crate) fn plan(steps: &str, profile: &RigProfile) -> Plan {
    let text = format!(
        "scenario: plan\nweighing: {{before: 14 s, after: 14 s, evaporation changes at most: 1 ug/s}}\nsteps:\n{steps}"
    );
    let source = text::Source::new("plan.yaml", text.into_bytes()).expect("text");
    let document = scenario::Document::parse(source).expect("a scenario");
    scenario::resolve(&document, &[], profile).expect("a plan")
}

/// The station.
pub(crate) fn profile() -> RigProfile {
    let (rate, volume) = (FlowRate::from_ul_per_h, Volume::from_ul);
    let (c, mm) = (Temperature::from_c, Length::from_mm);
    RigProfile {
        name: "test".to_owned(),
        station: "1".to_owned(),
        clock: Clock::Real,
        instruments: vec![
            instrument("pump", Role::Pump, "pump.commanded_rate", "mL/h"),
            instrument("balance", Role::Balance, "balance.mass", "g"),
        ],
        pump: PumpLimits {
            rate_min_ul_per_h: rate(1.0),
            rate_max_ul_per_h: rate(1000.0),
            minimum_rate_ul_per_h: rate(0.25),
            bolus_min_ul: volume(0.5),
            bolus_max_ul: volume(100.0),
            bolus_rate_max_ul_per_h: rate(4000.0),
            pulse_ul: volume(0.5),
            reservoir_ul: volume(40_000.0),
            supply_v: None,
        },
        method: Method {
            fluid: Fluid::Water,
            vessel_c: sure(c(23.0), c(0.0)),
            stated_c: c(37.0),
            air_c: sure(c(23.0), c(0.0)),
            air_kpa: sure(Pressure::from_kpa(101.3), Pressure::from_kpa(0.0)),
            humidity_percent: sure(Ratio::from_percent(50.0), Ratio::from_percent(0.0)),
            needle_mm: sure(mm(0.5), mm(0.0)),
            vessel_mm: sure(mm(20.0), mm(0.0)),
            evaporation: domain::profile::EvaporationModel::Linear,
            evaporation_swing: Ratio::from_percent(30.0),
            averaging: Duration::from_secs(8),
            settling: Duration::from_secs(4),
            valve_displacement_ul: None,
            characterised: domain::profile::Characterised::default(),
        },
        safe: SafeState {
            pump: SafePump::Stopped,
            valve_open: true,
            supply_v: None,
            supply_off: false,
            within: Duration::from_secs(10),
        },
        scripted_operator: false,
        script: Vec::new(),
    }
}

//! A run for tests: a stream of a pump and a balance, with whatever the mass, the dose and the line are to be.
//!
//! Compiled for tests alone. Vessel, air and stated volume are at 23 °C, nothing evaporates, and readings scatter by a known
//! amount to either side in turn, so that what a figure must come to can be worked by hand.

use core::time::Duration;

use domain::check::{DecisionRule, Figure, Limits};
use domain::event::{FORMAT, Opened, Phase, flagged_at_most};
use domain::profile::{
    Calibration, ChannelProfile, Characterised, Clock, Declared, EvaporationModel, Fluid, InstrumentProfile, Method,
    PumpLimits, RigProfile, Role, SafePump, SafeState,
};
use domain::pump::{PumpOutcome, PumpRequest};
use domain::quantity::{FlowRate, Length, Mass, MassRate, Pressure, Ratio, Temperature, Volume};
use domain::{Channel, CheckVerdict, EventKind, Reading, RunTime, Status};

use crate::{Ledger, Settled};

/// How long the vessel is weighed before the steps, and behind them, in s.
pub(crate) const WEIGHED_S: u32 = 600;
/// The air's pressure, in hPa, and humidity, in %.
const AIR: (f64, f64) = (1013.0, 50.0);
const VESSEL_C: f64 = 23.0;
const NEEDLE_MM: f64 = 0.5;
const VESSEL_MM: f64 = 20.0;

/// A value that is known exactly.
pub(crate) fn sure<T>(value: T, zero: T) -> Declared<T> {
    Declared { value, half_width: zero }
}

/// Microlitres per gram indicated, under these conditions: by the functions that have oracles of their own.
pub(crate) fn ul_per_g() -> f64 {
    let water = crate::water::density_kg_per_m3(VESSEL_C).expect("in range");
    let air = crate::air::cipm_2007_kg_per_m3(VESSEL_C, AIR.0, AIR.1).expect("in range");
    let ml_per_g = crate::buoyancy::volume_per_indicated_mass_ml_per_g(air, water, water).expect("in range");
    ml_per_g * crate::buoyancy::needle_factor(NEEDLE_MM, VESSEL_MM).expect("in range") * 1e3
}

/// A run under way.
pub(crate) struct Run {
    ledger: Ledger,
    /// The readings scatter by so much to either side, in g.
    scatter_g: f64,
    command: u32,
    /// The time up to which the balance was read, in s.
    read_s: u32,
}

impl Run {
    /// A run on a station, weighed before its first step; it stands at [`WEIGHED_S`].
    pub(crate) fn on(profile: RigProfile, scatter_g: f64) -> Self {
        let mut run = Self { ledger: Ledger::new(), scatter_g, command: 0, read_s: 0 };
        run.take(0, &EventKind::Opened(Box::new(opened(profile))));
        run.take(0, &EventKind::PhaseEntered(Phase::OpeningWeighing));
        run.weigh_until(WEIGHED_S, |_| 0.0);
        run.take(WEIGHED_S, &EventKind::PhaseEntered(Phase::Steps));
        run
    }

    pub(crate) fn take(&mut self, at_s: u32, kind: &EventKind) {
        self.ledger.take(RunTime::from_ns(u64::from(at_s) * 1_000_000_000), kind);
    }

    pub(crate) fn mark(&mut self, at_s: u32, mark: &str) {
        self.take(at_s, &EventKind::Marked { mark: mark.to_owned() });
    }

    /// Tells the pump, which accepts at once.
    pub(crate) fn command(&mut self, at_s: u32, request: PumpRequest) {
        self.command += 1;
        let command = self.command;
        self.take(at_s, &EventKind::Commanded { command, request });
        let at_ns = RunTime::from_ns(u64::from(at_s) * 1_000_000_000);
        let outcome = PumpOutcome::Accepted { pump_us: u64::from(at_s) * 1_000_000, repeated: false };
        self.take(at_s, &EventKind::PumpAnswered { command, at_ns, u_ns: 0, outcome });
    }

    /// Reads a channel.
    pub(crate) fn read(&mut self, at_s: u32, channel: &str, value: f64) {
        let at_ns = RunTime::from_ns(u64::from(at_s) * 1_000_000_000);
        let reading = Reading { channel: Channel::new(channel), at_ns, u_ns: 0, value, status: Status::Ok };
        self.take(at_s, &EventKind::Reading(reading));
    }

    /// Reads the balance each second until then, of a volume in µL by time in s.
    pub(crate) fn weigh_until(&mut self, to_s: u32, ul: impl Fn(f64) -> f64) {
        for t_s in self.read_s + 1..=to_s {
            let scatter_g = if t_s % 2 == 0 { self.scatter_g } else { -self.scatter_g };
            self.read(t_s, "balance.mass", 20.0 + ul(f64::from(t_s)) / ul_per_g() + scatter_g);
        }
        self.read_s = to_s;
    }

    /// Nobody reads anything until then.
    pub(crate) fn skip_until(&mut self, to_s: u32) {
        self.read_s = to_s;
    }

    /// The closing weighing of a volume that stays, and the ledger of the whole.
    pub(crate) fn close(mut self, ul: f64) -> Ledger {
        let begun = self.read_s;
        self.take(begun, &EventKind::PhaseEntered(Phase::ClosingWeighing));
        self.weigh_until(begun + WEIGHED_S, |_| ul);
        self.ledger
    }
}

/// A figure held against limits.
pub(crate) fn settled(ledger: &Ledger, figure: &Figure, low: Option<f64>, high: Option<f64>) -> Settled {
    ledger.settle(figure, &Limits { low, high })
}

/// What must have come of it: value, within, verdict, and what its reason says.
#[track_caller]
pub(crate) fn check(found: &Settled, value: f64, within: f64, verdict: CheckVerdict, says: &str) {
    let error = (found.value.expect("a value") - value).abs();
    assert!(error <= within, "expected {value}, but found {found:?}");
    assert_eq!(found.verdict, verdict, "{found:?}");
    assert!(found.reason.as_deref().unwrap_or_default().contains(says), "expected '{says}', but found {found:?}");
}

/// The standard uncertainty of a term in the figure's unit; `None` if the budget does not have it.
pub(crate) fn term_u(found: &Settled, name: &str) -> Option<f64> {
    found.budget.as_ref()?.terms.iter().find(|term| term.name == name).map(|term| term.u)
}

fn opened(profile: RigProfile) -> Opened {
    Opened {
        format: FORMAT,
        version: String::new(),
        seed: 1,
        title: String::new(),
        protocol: None,
        method: String::new(),
        requirements: Vec::new(),
        parameters: Vec::new(),
        scenario_yaml: String::new(),
        pattern_sha256: None,
        scenario: String::new(),
        device_expected: None,
        ends_on: "2026-01-01".to_owned(),
        dose_base: 0,
        profile,
        evaporation_changes_at_most_ug_per_s: MassRate::from_ug_per_s(1.0),
        flagged_at_most: flagged_at_most(),
        decision_rule: DecisionRule::GuardBand,
        stated: domain::stated::Stated::default(),
        overdue_accepted: None,
        bath_c: None,
        checks: Vec::new(),
    }
}

fn instrument(role: Role, channel: &str, unit: &str) -> InstrumentProfile {
    InstrumentProfile {
        name: role.name().to_owned(),
        role,
        driver: role.name().to_owned(),
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

/// A station whose balance is all but perfect, with a pulse of so many µL.
pub(crate) fn profile(pulse_ul: f64) -> RigProfile {
    let (rate, volume) = (FlowRate::from_ul_per_h, Volume::from_ul);
    let (c, mm) = (Temperature::from_c, Length::from_mm);
    let tiny = Mass::from_g(1e-9);
    let calibration = Calibration {
        certificate: "none".to_owned(),
        due: "2027-01-01".to_owned(),
        expanded_uncertainty_g: tiny,
        coverage_factor: 2.0,
        linearity_g: tiny,
        repeatability_g: tiny,
        resolution_g: Mass::from_g(1e-5),
    };
    let balance =
        InstrumentProfile { calibration: Some(calibration), ..instrument(Role::Balance, "balance.mass", "g") };
    RigProfile {
        name: "test".to_owned(),
        station: "1".to_owned(),
        clock: Clock::Real,
        instruments: vec![
            instrument(Role::Pump, "pump.commanded_rate", "mL/h"),
            balance,
            instrument(Role::Line, "line.pressure", "kPa"),
            instrument(Role::Valve, "valve.position", "%"),
        ],
        pump: PumpLimits {
            rate_min_ul_per_h: rate(1.0),
            rate_max_ul_per_h: rate(1000.0),
            minimum_rate_ul_per_h: rate(1.0),
            bolus_min_ul: volume(1.0),
            bolus_max_ul: volume(100.0),
            bolus_rate_max_ul_per_h: rate(5000.0),
            pulse_ul: volume(pulse_ul),
            reservoir_ul: volume(40_000.0),
            supply_v: None,
        },
        method: Method {
            fluid: Fluid::Water,
            vessel_c: sure(c(VESSEL_C), c(0.0)),
            stated_c: c(VESSEL_C),
            air_c: sure(c(VESSEL_C), c(0.0)),
            air_kpa: sure(Pressure::from_kpa(AIR.0 / 10.0), Pressure::from_kpa(0.0)),
            humidity_percent: sure(Ratio::from_percent(AIR.1), Ratio::from_percent(0.0)),
            needle_mm: sure(mm(NEEDLE_MM), mm(0.0)),
            vessel_mm: sure(mm(VESSEL_MM), mm(0.0)),
            evaporation: EvaporationModel::Linear,
            evaporation_swing: Ratio::from_percent(0.0),
            averaging: Duration::from_secs(8),
            settling: Duration::from_secs(4),
            valve_displacement_ul: None,
            characterised: Characterised::default(),
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

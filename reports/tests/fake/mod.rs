//! A run that never was: a stream of events as the engine would have written it, with readings from formulae.
//!
//! The pump gives pulses of 2 µL, the balance has a small ripple, the vessel evaporates at a constant rate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::check::{CheckHead, ErrorUnit};
use domain::event::{Opened, Phase, Protocol, SafeStopReport};
use domain::identity::Nature;
use domain::profile::{
    Calibration, ChannelProfile, Clock, Declared, Fluid, InstrumentProfile, Method, PumpLimits, RigProfile, Role,
    SafePump, SafeState,
};
use domain::pump::{PumpOutcome, PumpRequest};
use domain::{
    Channel, CheckRecord, CheckVerdict, Event, EventKind, Figure, FlowRate, Identity, Length, Limits, LinkFault, Mass,
    MassRate, Pressure, Ratio, Reading, RunTime, RunVerdict, Status, Temperature, Volume, Window,
};
use measure::Ledger;
use record::{Metadata, Pace, Recorder};

/// When the rig is ready, in s of run time.
pub(crate) const READY_S: u64 = 3;
/// When each part begins, in s of run time.
const OPENING_S: u64 = 5;
const STEPS_S: u64 = 605;

/// What a fake run is like.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    /// How long the step lasts, in s.
    pub(crate) lasts_s: u64,
    /// How much more the pump delivers than commanded, in per cent.
    pub(crate) error_percent: f64,
    /// The title of the scenario and the model that the balance states.
    pub(crate) title: String,
    /// What stands behind the wires.
    pub(crate) nature: Nature,
    /// Whether time was virtual.
    pub(crate) virtual_time: bool,
    /// The balance does not answer for a while.
    pub(crate) gap: bool,
    /// The commanded rate, in nL/h.
    pub(crate) rate_nl_per_h: u32,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            lasts_s: 7200,
            error_percent: 0.6,
            title: "Basal delivery over two hours".to_owned(),
            nature: Nature::Simulated,
            virtual_time: true,
            gap: false,
            rate_nl_per_h: 100_000,
        }
    }
}

/// The events of a run, in order, with consecutive numbers.
pub(crate) struct Stream {
    pub(crate) events: Vec<Event>,
    ledger: Ledger,
}

impl Stream {
    fn push(&mut self, t_ns: u64, kind: EventKind) {
        let seq = self.events.len() as u64;
        let event = Event { seq, t_ns: RunTime::from_ns(t_ns), station: Arc::from("1"), kind };
        self.ledger.apply(&event);
        self.events.push(event);
    }

    /// Writes the events as a finished record.
    pub(crate) fn record(&self, folder: &Path) {
        let mut recorder = Recorder::create(folder, &metadata(), Pace::Virtual).expect("a new record");
        for event in &self.events {
            recorder.append(event).expect("an event that can be recorded");
        }
        recorder.finish(1.25).expect("a finished record");
    }
}

fn metadata() -> Metadata {
    Metadata {
        run: "20261122-160000-basal".to_owned(),
        started: "2026-11-22T16:00:00Z".to_owned(),
        purpose: "engineering".to_owned(),
        operator: None,
        tool: "dosebench 0.1.0".to_owned(),
        host: "bench".to_owned(),
        zero: None,
    }
}

fn s(seconds: u64) -> u64 {
    seconds * 1_000_000_000
}

fn identity(model: &str, nature: Nature) -> Identity {
    Identity {
        model: Some(model.to_owned()),
        serial: Some("S-0042".to_owned()),
        hardware: None,
        firmware: Some("1.4.2".to_owned()),
        nature,
    }
}

fn profile(virtual_time: bool) -> RigProfile {
    let instrument = |name: &str, role, channels: &[(&str, &str)], calibration| InstrumentProfile {
        name: name.to_owned(),
        role,
        driver: name.to_owned(),
        poll: Duration::from_secs(1),
        deadline: Duration::from_millis(500),
        away_at_most: Duration::from_secs(600),
        channels: channels
            .iter()
            .map(|(channel, unit)| ChannelProfile { channel: (*channel).to_owned(), unit: (*unit).to_owned() })
            .collect(),
        calibration,
        meter: None,
        settings: None,
        settable_c: None,
    };
    let calibration = Calibration {
        certificate: "DKD-2026-0815".to_owned(),
        due: "2026-10-31".to_owned(),
        expanded_uncertainty_g: Mass::from_g(4e-5),
        coverage_factor: 2.0,
        linearity_g: Mass::from_g(3e-5),
        repeatability_g: Mass::from_g(1.5e-5),
        resolution_g: Mass::from_g(1e-5),
    };
    let epoch = "2026-11-22T16:00:00Z".to_owned();
    RigProfile {
        name: if virtual_time { "virtual" } else { "bench-2" }.to_owned(),
        station: "1".to_owned(),
        clock: if virtual_time { Clock::Virtual { epoch } } else { Clock::Real },
        instruments: vec![
            instrument("pump", Role::Pump, &[("pump.commanded_rate", "mL/h")], None),
            instrument("balance", Role::Balance, &[("balance.mass", "g")], Some(calibration)),
        ],
        pump: PumpLimits {
            rate_min_ul_per_h: FlowRate::from_ul_per_h(1.0),
            rate_max_ul_per_h: FlowRate::from_ul_per_h(1000.0),
            minimum_rate_ul_per_h: FlowRate::from_ul_per_h(2.0),
            bolus_min_ul: Volume::from_ul(1.0),
            bolus_max_ul: Volume::from_ul(100.0),
            bolus_rate_max_ul_per_h: FlowRate::from_ul_per_h(5000.0),
            pulse_ul: Volume::from_ul(2.0),
            reservoir_ul: Volume::from_ul(40_000.0),
            supply_v: None,
        },
        method: method(),
        safe: SafeState {
            pump: SafePump::Stopped,
            valve_open: true,
            supply_v: None,
            supply_off: false,
            within: Duration::from_secs(10),
        },
        scripted_operator: true,
        script: Vec::new(),
    }
}

fn method() -> Method {
    let c = |value, half| Declared { value: Temperature::from_c(value), half_width: Temperature::from_c(half) };
    let mm = |value, half| Declared { value: Length::from_mm(value), half_width: Length::from_mm(half) };
    Method {
        fluid: Fluid::Water,
        vessel_c: c(23.0, 0.5),
        stated_c: Temperature::from_c(37.0),
        air_c: c(23.0, 1.0),
        air_kpa: Declared { value: Pressure::from_kpa(101.3), half_width: Pressure::from_kpa(1.0) },
        humidity_percent: Declared { value: Ratio::from_percent(50.0), half_width: Ratio::from_percent(10.0) },
        needle_mm: mm(0.5, 0.02),
        vessel_mm: mm(20.0, 0.1),
        evaporation: domain::profile::EvaporationModel::Linear,
        evaporation_swing: Ratio::from_percent(30.0),
        averaging: Duration::from_secs(30),
        settling: Duration::from_secs(20),
        valve_displacement_ul: None,
        characterised: domain::profile::Characterised::default(),
    }
}

fn opened(fake: &Fake) -> Opened {
    Opened {
        format: domain::event::FORMAT,
        version: "0.1.0".to_owned(),
        seed: 1,
        title: fake.title.clone(),
        protocol: Some(Protocol { id: "VP-017".to_owned(), revision: Some("B".to_owned()) }),
        method: "Weigh, run at a continuous rate, weigh again.\nThe vessel stands in a draught shield.".to_owned(),
        requirements: vec![("SRS-042".to_owned(), "The delivered volume is within 5 % of the commanded.".to_owned())],
        parameters: vec![("rate".to_owned(), "100 uL/h".to_owned())],
        scenario_yaml: "title: fake\n".to_owned(),
        pattern_sha256: None,
        scenario: "smoke/fake".to_owned(),
        device_expected: None,
        ends_on: "2026-11-22".to_owned(),
        overdue_accepted: None,
        bath_c: None,
        dose_base: 0,
        profile: profile(fake.virtual_time),
        evaporation_changes_at_most_ug_per_s: MassRate::from_ug_per_s(0.5),
        flagged_at_most: domain::event::flagged_at_most(),
        decision_rule: domain::check::DecisionRule::default(),
        stated: domain::stated::Stated::default(),
        checks: vec!["no alarm".to_owned(), "accuracy".to_owned(), "worst hour".to_owned()],
    }
}

/// What the balance shows: the pump's whole pulses, what evaporated, a ripple.
fn mass_g(fake: &Fake, t_s: f64) -> f64 {
    let running = (t_s - STEPS_S as f64).clamp(0.0, fake.lasts_s as f64);
    let ul = running / 3600.0 * f64::from(fake.rate_nl_per_h) * 1e-3 * (1.0 + fake.error_percent / 100.0);
    let pulsed = (ul / 2.0).floor() * 2.0;
    let ripple = 8e-6 * (t_s * 12.9898).sin() + 4e-6 * (t_s * 78.233).cos();
    5.0 + pulsed * 0.9923e-3 - 0.12e-6 * t_s + ripple
}

fn head(name: &str) -> CheckHead {
    CheckHead {
        name: name.to_owned(),
        step: "basal".to_owned(),
        because: "the specification's accuracy".to_owned(),
        requirements: vec!["SRS-042".to_owned()],
    }
}

fn check(name: &str, verdict: CheckVerdict) -> CheckRecord {
    CheckRecord {
        head: head(name),
        verdict,
        value: None,
        unit: String::new(),
        expanded_uncertainty: None,
        coverage_factor: None,
        limits: Limits::default(),
        reason: None,
        figure: None,
        notes: Vec::new(),
    }
}

fn settled(ledger: &Ledger, name: &str, unit: ErrorUnit, half_width: f64) -> CheckRecord {
    let figure = Figure::VolumeError { window: Window::of("basal"), unit };
    let limits = Limits { low: Some(-half_width), high: Some(half_width) };
    ledger.settle(&figure, &limits).recorded(head(name), figure, limits)
}

/// The whole run, to its end.
pub(crate) fn stream(fake: &Fake) -> Stream {
    let mut stream = Stream { events: Vec::new(), ledger: Ledger::default() };
    stream.push(0, EventKind::Opened(Box::new(opened(fake))));
    for (name, model) in [("pump", "ref-board"), ("balance", fake.title.as_str())] {
        let identity = identity(model, fake.nature);
        stream.push(s(1), EventKind::Attached { instrument: name.to_owned(), identity });
    }
    readings(&mut stream, fake, 1, READY_S);
    stream.push(s(READY_S), EventKind::RigReady);
    readings(&mut stream, fake, READY_S, OPENING_S);
    stream.push(s(OPENING_S), EventKind::PhaseEntered(Phase::OpeningWeighing));
    readings(&mut stream, fake, OPENING_S, STEPS_S);
    let end_s = run_steps(&mut stream, fake);
    stream.push(s(end_s), EventKind::PhaseEntered(Phase::ClosingWeighing));
    readings(&mut stream, fake, end_s, end_s + 600);
    let t = s(end_s + 600);
    let accuracy = settled(&stream.ledger, "accuracy", ErrorUnit::PercentOfCommanded, 5.0);
    let worst = settled(&stream.ledger, "worst hour", ErrorUnit::Microlitre, 4.0);
    let verdict = worse(accuracy.verdict, worst.verdict);
    stream.push(t, EventKind::CheckDecided(Box::new(check("no alarm", CheckVerdict::Pass))));
    stream.push(t, EventKind::CheckDecided(Box::new(accuracy)));
    stream.push(t, EventKind::CheckDecided(Box::new(worst)));
    stream.push(t, EventKind::SafeStopBegan { cause: "the plan came to its end".to_owned() });
    let report = SafeStopReport {
        wanted: SafePump::Stopped,
        actions: vec!["told the pump to stop".to_owned()],
        log_read: true,
        confirmed: true,
        unconfirmed: Vec::new(),
        took_ms: 41,
    };
    stream.push(t + 41_000_000, EventKind::SafeStopped(report));
    let reason = (verdict != RunVerdict::Pass).then(|| "a check did not pass".to_owned());
    stream.push(t + 41_000_000, EventKind::Ended { verdict, reason, fault: None });
    stream
}

fn worse(a: CheckVerdict, b: CheckVerdict) -> RunVerdict {
    match (a, b) {
        (CheckVerdict::Pass, CheckVerdict::Pass) => RunVerdict::Pass,
        (CheckVerdict::Fail, _) | (_, CheckVerdict::Fail) => RunVerdict::Fail,
        _ => RunVerdict::Inconclusive,
    }
}

fn run_steps(stream: &mut Stream, fake: &Fake) -> u64 {
    let end_s = STEPS_S + fake.lasts_s;
    stream.push(s(STEPS_S), EventKind::PhaseEntered(Phase::Steps));
    let entered =
        |index, name: &str, what: &str| EventKind::StepEntered { index, name: name.into(), what: what.into() };
    stream.push(s(STEPS_S), entered(0, "basal", "run at 100 uL/h"));
    stream.push(s(STEPS_S), EventKind::Marked { mark: "basal.begin".to_owned() });
    let request = PumpRequest::Start { dose: 1, rate_nl_per_h: fake.rate_nl_per_h };
    stream.push(s(STEPS_S), EventKind::Commanded { command: 1, request });
    stream.push(s(STEPS_S), accepted(1, s(STEPS_S)));
    let middle_s = STEPS_S + fake.lasts_s / 2;
    readings(stream, fake, STEPS_S, middle_s);
    stream.push(s(middle_s), entered(1, "second half with a long name", "go on"));
    let mut from_s = middle_s;
    if fake.gap {
        let fault = LinkFault::Silent { request: "SI".to_owned(), deadline_ms: 500, received: 0 };
        let frames = vec!["SI\\r\\n".to_owned()];
        stream.push(s(middle_s + 60), EventKind::Lost { instrument: "balance".to_owned(), fault, frames });
        from_s = middle_s + 360;
        let identity = identity("XPR", fake.nature);
        stream.push(s(from_s), EventKind::Attached { instrument: "balance".to_owned(), identity });
    }
    readings(stream, fake, from_s, end_s);
    stream.push(s(end_s), EventKind::Commanded { command: 2, request: PumpRequest::Stop });
    stream.push(s(end_s), accepted(2, s(end_s)));
    stream.push(s(end_s), EventKind::Marked { mark: "basal.end".to_owned() });
    end_s
}

fn accepted(command: u32, at: u64) -> EventKind {
    let outcome = PumpOutcome::Accepted { pump_us: at / 1000, repeated: false };
    EventKind::PumpAnswered { command, at_ns: RunTime::from_ns(at), u_ns: 2_000_000, outcome }
}

fn readings(stream: &mut Stream, fake: &Fake, from_s: u64, to_s: u64) {
    let (mass, rate) = (Channel::new("balance.mass"), Channel::new("pump.commanded_rate"));
    let mut read = |channel: &Channel, t_s: u64, value| {
        let at_ns = RunTime::from_ns(s(t_s) - 20_000_000);
        let reading = Reading { channel: channel.clone(), at_ns, u_ns: 5_000_000, value, status: Status::Ok };
        stream.push(s(t_s), EventKind::Reading(reading));
    };
    for t_s in from_s + 1..=to_s {
        read(&mass, t_s, (mass_g(fake, t_s as f64 - 0.02) * 1e5).round() / 1e5);
        if t_s % 10 == 0 {
            let running = t_s > STEPS_S && t_s <= STEPS_S + fake.lasts_s;
            read(&rate, t_s, if running { f64::from(fake.rate_nl_per_h) * 1e-6 } else { 0.0 });
        }
    }
}

/// The derived files of a run, and its summary.
pub(crate) fn derive(stream: &Stream) -> (tempfile::TempDir, reports::Summary) {
    let folder = tempfile::tempdir().expect("a folder");
    stream.record(folder.path());
    let summary = reports::write(folder.path(), &reports::Wanted::default()).expect("derived files");
    (folder, summary)
}

/// A derived file's text.
pub(crate) fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a derived file")
}

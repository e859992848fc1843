//! The record of a run that never was, for benchmarks: five channels at 10 Hz around one accuracy check.
//!
//! The readings come from formulae; the check is settled as the engine settles it, so that its report has nothing to object to.

use std::path::Path;
use std::sync::Arc;

use daemon::Request;
use domain::check::{CheckHead, ErrorUnit};
use domain::event::{FORMAT, Opened, Phase, SafeStopReport};
use domain::identity::Nature;
use domain::profile::SafePump;
use domain::pump::{PumpOutcome, PumpRequest};
use domain::{
    Channel, CheckRecord, CheckVerdict, Event, EventKind, Figure, Identity, Limits, Reading, RunTime, RunVerdict,
    Status, Window,
};
use measure::Ledger;
use record::{Pace, Recorder, WriteError};
use serde_json::{Value, json};

use super::log::{HZ, Plant, UL_PER_DAY, normal};
use crate::Failure;

/// How long the vessel is weighed before the steps, and behind them.
const WEIGHED_S: u64 = 600;
const NS_PER_S: u64 = 1_000_000_000;
/// How long before its event a value held.
const AGE_NS: u64 = 20_000_000;
const DOSE_RATE_NL_PER_H: u32 = (UL_PER_DAY * 1000.0 / 24.0) as u32;

/// The other channels, each with what it reads and how much that scatters.
const OTHERS: [(&str, f64, f64); 4] = [
    ("line.pressure", 12.0, 0.05),
    ("climate.temperature", 23.0, 0.02),
    ("climate.pressure", 1013.0, 0.1),
    ("climate.humidity", 50.0, 0.1),
];

/// A run under way.
struct Run {
    recorder: Recorder,
    ledger: Ledger,
    station: Arc<str>,
    seq: u64,
    plant: Plant,
    channels: Vec<Channel>,
}

impl Run {
    fn push(&mut self, t_ns: u64, kind: EventKind) -> Result<(), WriteError> {
        let event = Event { seq: self.seq, t_ns: RunTime::from_ns(t_ns), station: Arc::clone(&self.station), kind };
        self.ledger.apply(&event);
        self.seq += 1;
        self.recorder.append(&event)
    }

    /// The readings behind one moment until another, in s.
    fn readings(&mut self, from_s: u64, to_s: u64) -> Result<(), WriteError> {
        let hz = HZ as u64;
        for tick in from_s * hz + 1..=to_s * hz {
            let t_ns = tick * NS_PER_S / hz;
            let at_ns = RunTime::from_ns(t_ns - AGE_NS);
            for i in 0..self.channels.len() {
                let value = match i.checked_sub(1) {
                    None => self.plant.mass_g(tick, at_ns.seconds()),
                    Some(other) => {
                        let (_, mean, scatter) = OTHERS[other];
                        let seed = self.plant.seed + i as u64;
                        ((mean + scatter * normal(seed, tick)) * 1e4).round() / 1e4
                    }
                };
                let channel = self.channels[i].clone();
                let reading = Reading { channel, at_ns, u_ns: 5_000_000, value, status: Status::Ok };
                self.push(t_ns, EventKind::Reading(reading))?;
            }
        }
        Ok(())
    }

    fn command(&mut self, command: u32, at_s: u64, request: PumpRequest) -> Result<(), WriteError> {
        let t_ns = at_s * NS_PER_S;
        self.push(t_ns, EventKind::Commanded { command, request })?;
        let outcome = PumpOutcome::Accepted { pump_us: t_ns / 1000, repeated: false };
        self.push(t_ns, EventKind::PumpAnswered { command, at_ns: RunTime::from_ns(t_ns), u_ns: 2_000_000, outcome })
    }

    /// The whole run, with its steps between two moments in s.
    fn go(&mut self, opened: Opened, steps_s: (u64, u64)) -> Result<(), WriteError> {
        let (from, to) = steps_s;
        let names: Vec<String> = opened.profile.instruments.iter().map(|i| i.name.clone()).collect();
        self.push(0, EventKind::Opened(Box::new(opened)))?;
        for instrument in names {
            let identity =
                Identity { model: None, serial: None, hardware: None, firmware: None, nature: Nature::Simulated };
            self.push(0, EventKind::Attached { instrument, identity })?;
        }
        self.push(0, EventKind::RigReady)?;
        self.push(0, EventKind::PhaseEntered(Phase::OpeningWeighing))?;
        self.readings(0, from)?;
        self.push(from * NS_PER_S, EventKind::PhaseEntered(Phase::Steps))?;
        let step = EventKind::StepEntered { index: 0, name: "basal".into(), what: "run at one rate".into() };
        self.push(from * NS_PER_S, step)?;
        self.push(from * NS_PER_S, EventKind::Marked { mark: "basal.begin".into() })?;
        self.command(1, from, PumpRequest::Start { dose: 1, rate_nl_per_h: DOSE_RATE_NL_PER_H })?;
        self.readings(from, to)?;
        self.command(2, to, PumpRequest::Stop)?;
        self.push(to * NS_PER_S, EventKind::Marked { mark: "basal.end".into() })?;
        self.push(to * NS_PER_S, EventKind::PhaseEntered(Phase::ClosingWeighing))?;
        self.readings(to, to + WEIGHED_S)?;
        self.close((to + WEIGHED_S) * NS_PER_S)
    }

    fn close(&mut self, t_ns: u64) -> Result<(), WriteError> {
        let check = self.check();
        let verdict = match check.verdict {
            CheckVerdict::Pass => RunVerdict::Pass,
            CheckVerdict::Fail => RunVerdict::Fail,
            CheckVerdict::Inconclusive | CheckVerdict::NotRun => RunVerdict::Inconclusive,
        };
        self.push(t_ns, EventKind::CheckDecided(Box::new(check)))?;
        self.push(t_ns, EventKind::SafeStopBegan { cause: "the plan came to its end".into() })?;
        let report = SafeStopReport {
            wanted: SafePump::Stopped,
            actions: Vec::new(),
            log_read: true,
            confirmed: true,
            unconfirmed: Vec::new(),
            took_ms: 41,
        };
        self.push(t_ns, EventKind::SafeStopped(report))?;
        self.push(t_ns, EventKind::Ended { verdict, reason: None, fault: None })
    }

    fn check(&self) -> CheckRecord {
        let figure = Figure::VolumeError { window: Window::of("basal"), unit: ErrorUnit::PercentOfCommanded };
        let limits = Limits { low: Some(-5.0), high: Some(5.0) };
        let settled = self.ledger.settle(&figure, &limits);
        let head = CheckHead {
            name: "accuracy".to_owned(),
            step: "basal".to_owned(),
            because: "a benchmark has a check".to_owned(),
            requirements: Vec::new(),
        };
        settled.recorded(head, figure, limits)
    }
}

/// Writes a record of about so many readings into a folder, of a run as it is asked for.
pub(super) fn write(folder: &Path, count: u64, seed: u64, request: &Request) -> Result<Value, Failure> {
    let channels = 1 + OTHERS.len() as u64;
    let lasts_s = count / channels / HZ as u64;
    if lasts_s <= 3 * WEIGHED_S {
        return Err(Failure::input(format!(
            "expected a --count of more than {}, but found {count}",
            3 * WEIGHED_S * channels * HZ as u64
        )));
    }
    let steps_s = (WEIGHED_S, lasts_s - WEIGHED_S);
    let recorder = Recorder::create(folder, &super::metadata(), Pace::Virtual).map_err(Failure::bench)?;
    let mut run = Run {
        recorder,
        ledger: Ledger::new(),
        station: Arc::from("1"),
        seq: 0,
        plant: Plant { seed, runs_s: (steps_s.0 as f64, steps_s.1 as f64) },
        channels: std::iter::once("balance.mass").chain(OTHERS.map(|(name, _, _)| name)).map(Channel::new).collect(),
    };
    run.go(opened(request, seed), steps_s).map_err(Failure::bench)?;
    let events = run.seq;
    drop(run.recorder.finish(0.0).map_err(Failure::bench)?);
    Ok(json!({"path": folder.display().to_string(), "readings": lasts_s * HZ as u64 * channels, "events": events}))
}

fn opened(request: &Request, seed: u64) -> Opened {
    let plan = &request.plan;
    Opened {
        format: FORMAT,
        version: request.version.clone(),
        seed,
        title: plan.title.clone(),
        protocol: None,
        method: plan.method.clone(),
        requirements: Vec::new(),
        parameters: Vec::new(),
        scenario_yaml: plan.resolved_yaml.clone(),
        pattern_sha256: None,
        scenario: request.scenario.clone(),
        device_expected: None,
        ends_on: "2026-01-12".to_owned(),
        dose_base: 0,
        profile: (*request.station.profile).clone(),
        evaporation_changes_at_most_ug_per_s: plan.weighing.change_at_most,
        flagged_at_most: plan.weighing.flagged_at_most,
        decision_rule: plan.decision_rule,
        stated: domain::stated::Stated::default(),
        overdue_accepted: None,
        bath_c: None,
        checks: vec!["accuracy".to_owned()],
    }
}

//! One run of the study: made as `run` makes it, then its figures against the simulators' sealed truth.
//!
//! The record gives what the measurement claims, `truth.mcap` what was so. Limits are placed behind the run: just inside
//! its true error, so that the pump is just outside of them whatever its head was drawn to.

use std::path::Path;
use std::sync::Arc;

use daemon::Request;
use domain::check::{DecisionRule, Figure, Window};
use domain::{CheckVerdict, EventKind, Limits, RunTime};
use measure::decision::{Decision, decide_guarded};
use measure::{Ledger, Question};
use record::Reader;
use scenario::Document;
use serde_json::Value;
use text::Source;

use super::gate::Gate;
use super::plant::Plant;
use crate::{Failure, load};

/// The risk of the rule that states one, in %.
pub(super) const STATED_RISK_PERCENT: f64 = 5.0;
/// The probability at which the study asks for coverage.
const PROBABILITY: f64 = 0.95;
/// How far a limit lies inside the true error, in its unit: nothing that a measurement could see.
const JUST: f64 = 1e-9;
/// No value is beyond such limits: what does not pass them is held back by a gate.
const WIDE: f64 = 1e9;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Volume error over the basal window, in % of the commanded.
    Basal,
    /// Error of the flow over the worst hour of the second half of the basal window, in %: Ep(max) or Ep(min), as the limit asks.
    Flow,
    /// Error of a single bolus, in %.
    Bolus,
    /// Mean error of the boluses, in %.
    Boluses,
    /// Excess volume on the release of an occlusion, in uL.
    Occlusion,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Basal, Self::Flow, Self::Bolus, Self::Boluses, Self::Occlusion];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Basal => "basal",
            Self::Flow => "flow, worst hour",
            Self::Bolus => "each bolus",
            Self::Boluses => "mean of the boluses",
            Self::Occlusion => "occlusion, excess",
        }
    }

    /// Whether the table of effects has it: each bolus is in their mean, and the hours of the flow are in the basal window.
    pub(super) const fn is_of_effects(self) -> bool {
        !matches!(self, Self::Flow | Self::Bolus)
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Occlusion => "uL",
            _ => "%",
        }
    }
}

/// A figure beside its truth, in the figure's unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compared {
    pub(super) kind: Kind,
    /// Measured less true.
    pub(super) error: f64,
    /// The expanded uncertainty at 95 %.
    pub(super) expanded: f64,
    /// The expanded uncertainty that a report prints.
    pub(super) printed: f64,
    /// Whether a pump just outside a limit was passed, by the guard band and by the stated risk.
    pub(super) accepted: [bool; 2],
    /// What held a pass back whatever the limits.
    pub(super) gate: Option<Gate>,
    /// The terms of the uncertainty, each with its share in the variance, 0 to 1.
    pub(super) shares: Vec<(String, f64)>,
}

/// A run's figures; those without a value are only counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Trial {
    pub(super) compared: Vec<Compared>,
    pub(super) without_value: Vec<(Kind, Gate)>,
    /// Why the run gave nothing at all.
    pub(super) broken: Option<String>,
}

/// Makes a run in a folder, compares its figures and removes it.
pub(super) fn run(scenario: &Source, plant: &Plant, seed: u64, folder: &Path) -> Result<Trial, Failure> {
    let station = load::rig(&plant.rig)?.station(None).map_err(Failure::bench)?.clone();
    let document = Document::parse(scenario.clone()).map_err(|p| load::rendered(&p, scenario))?;
    let plan = scenario::resolve(&document, &[], &station.profile).map_err(|p| load::rendered(&p, scenario))?;
    let request = Request {
        scenario: "coverage".to_owned(),
        plan: Arc::new(plan),
        station,
        rig_yaml: plant.rig.text().to_owned(),
        seed,
        device: None,
        overdue_accepted: None,
        purpose: "engineering".to_owned(),
        operator: None,
        runs: folder.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let finished = daemon::spawn(request).map_err(Failure::bench)?.join();
    let trial = compare(&finished.folder, plant, seed);
    drop(std::fs::remove_dir_all(&finished.folder));
    let mut trial = trial.map_err(|why| Failure::bench(format!("seed {seed}: {why}")))?;
    if trial.compared.is_empty() {
        trial.broken = Some(finished.reason.unwrap_or_else(|| "it came to no figure".to_owned()));
    }
    Ok(trial)
}

/// The ledgers of a record, by the guard band and by the stated risk, and the figures of its checks.
fn read(folder: &Path) -> Result<([Ledger; 2], Vec<Figure>), String> {
    let mut ledgers = [Ledger::new(), Ledger::new()];
    let mut figures = Vec::new();
    let mut reader = Reader::open(folder).map_err(|e| e.to_string())?;
    let tail = reader.for_each(|event| {
        ledgers[0].apply(&event);
        match event.kind {
            EventKind::Opened(mut opened) => {
                opened.decision_rule = DecisionRule::StatedRisk { false_acceptance_percent: STATED_RISK_PERCENT };
                ledgers[1].take(event.t_ns, &EventKind::Opened(opened));
            }
            EventKind::CheckDecided(check) => figures.extend(check.figure),
            kind => ledgers[1].take(event.t_ns, &kind),
        }
    });
    match tail.map_err(|e| e.to_string())?.torn {
        Some(torn) => Err(torn),
        None => Ok((ledgers, figures)),
    }
}

fn compare(folder: &Path, plant: &Plant, seed: u64) -> Result<Trial, String> {
    let (ledgers, figures) = read(folder)?;
    let truth = Truth::read(&folder.join("truth.mcap"))?;
    let context = Context { ledgers, truth, displacement_ul: plant.displacement_ul };
    let mut trial = Trial::default();
    for (number, (kind, figure)) in (0_u64..).zip(figures.iter().flat_map(singles)) {
        match context.compare(kind, &figure, (seed + number).is_multiple_of(2)) {
            Ok(compared) => trial.compared.push(compared),
            Err(gate) => trial.without_value.push((kind, gate)),
        }
    }
    Ok(trial)
}

/// A figure as the study takes it: the worst bolus is each of them.
fn singles(figure: &Figure) -> Vec<(Kind, Figure)> {
    match figure {
        Figure::VolumeError { .. } => vec![(Kind::Basal, figure.clone())],
        Figure::FlowError { .. } => vec![(Kind::Flow, figure.clone())],
        Figure::ExcessVolume { .. } => vec![(Kind::Occlusion, figure.clone())],
        Figure::MeanBolusError { .. } => vec![(Kind::Boluses, figure.clone())],
        Figure::WorstBolusError { windows, unit } => {
            let one = |window: &Window| Figure::WorstBolusError { windows: vec![window.clone()], unit: *unit };
            windows.iter().map(|window| (Kind::Bolus, one(window))).collect()
        }
    }
}

/// All that is known of a run.
struct Context {
    ledgers: [Ledger; 2],
    truth: Truth,
    displacement_ul: f64,
}

impl Context {
    /// A figure beside its truth; without a value, why.
    fn compare(&self, kind: Kind, figure: &Figure, above: bool) -> Result<Compared, Gate> {
        // The side of the limit is that of the extreme which is looked at.
        let wide = if above { Limits { low: None, high: Some(WIDE) } } else { Limits { low: Some(-WIDE), high: None } };
        let settled = self.ledgers[0].settle(figure, &wide);
        let gate = settled.reason.as_deref().map(Gate::of);
        let unsettled = || gate.unwrap_or(Gate::Other);
        let value = settled.value.ok_or_else(unsettled)?;
        let printed = settled.expanded_uncertainty.ok_or_else(unsettled)?;
        let budget = settled.budget.ok_or_else(unsettled)?;
        let asked = Question { value, limits: wide, rule: DecisionRule::GuardBand };
        let interval = budget.interval_at(PROBABILITY, settled.model.as_ref(), &asked).map_err(|_| unsettled())?;
        let names = budget.terms.iter().map(|term| term.name.clone());
        let truth = self.really(figure, above).ok_or_else(unsettled)?;
        let limits = if above {
            Limits { low: None, high: Some(truth - JUST) }
        } else {
            Limits { low: Some(truth + JUST), high: None }
        };
        // Most are rejected at once, by the band alone: settling is for those that may pass.
        let may_pass =
            |band: Option<f64>| band.is_some_and(|band| decide_guarded(value, band, limits) == Decision::Pass);
        let rule = DecisionRule::StatedRisk { false_acceptance_percent: STATED_RISK_PERCENT };
        let stated = budget.interval(settled.model.as_ref(), &Question { rule, ..asked }).map_err(|_| unsettled())?;
        let passed = |ledger: &Ledger| ledger.settle(figure, &limits).verdict == CheckVerdict::Pass;
        let bands = [settled.interval.and_then(|interval| interval.band), stated.band];
        let accepted = core::array::from_fn(|i| may_pass(bands[i]) && passed(&self.ledgers[i]));
        let error = value - truth;
        Ok(Compared {
            kind,
            // Outwards, or that extremes are found too far out would cancel.
            error: if kind == Kind::Flow && !above { -error } else { error },
            expanded: interval.expanded,
            printed,
            accepted,
            gate,
            shares: names.zip(budget.shares()).collect(),
        })
    }

    /// The true value of a figure, in its unit; of a worst one that towards the limit `above` or below.
    fn really(&self, figure: &Figure, above: bool) -> Option<f64> {
        match figure {
            Figure::VolumeError { window, .. } => self.percent(window),
            Figure::WorstBolusError { windows, .. } | Figure::MeanBolusError { windows, .. } => {
                // The pump is stopped between boluses: all that is commanded is theirs.
                let errors: Option<Vec<f64>> = windows.iter().map(|window| self.percent(window)).collect();
                let errors = errors.filter(|errors| !errors.is_empty())?;
                Some(errors.iter().sum::<f64>() / errors.len() as f64)
            }
            Figure::FlowError { window, over, whole_cycles } => {
                let windows = self.ledgers[0].flow_windows(window, *over, *whole_cycles).ok()?;
                let errors: Option<Vec<f64>> =
                    windows.into_iter().map(|(from_s, to_s)| self.error(from_s, to_s)).collect();
                let farther = |a: f64, b: f64| if above { a.max(b) } else { a.min(b) };
                errors?.into_iter().reduce(farther)
            }
            // What the valve takes back as it opens was released all the same.
            Figure::ExcessVolume { window, .. } => {
                let (delivered_ul, commanded_ul) = self.volumes(window)?;
                Some(delivered_ul - commanded_ul + self.displacement_ul)
            }
        }
    }

    fn percent(&self, window: &Window) -> Option<f64> {
        let ledger = &self.ledgers[0];
        self.error(ledger.weighing(&window.from)??.t_s, ledger.weighing(&window.to)??.t_s)
    }

    /// The error of what was delivered between two moments, in %.
    fn error(&self, from_s: f64, to_s: f64) -> Option<f64> {
        let (delivered_ul, commanded_ul) = self.volumes_between(from_s, to_s)?;
        Some((delivered_ul / commanded_ul - 1.0) * 100.0)
    }

    /// Delivered and commanded between the weighings of a window, in uL.
    fn volumes(&self, window: &Window) -> Option<(f64, f64)> {
        let ledger = &self.ledgers[0];
        self.volumes_between(ledger.weighing(&window.from)??.t_s, ledger.weighing(&window.to)??.t_s)
    }

    fn volumes_between(&self, from_s: f64, to_s: f64) -> Option<(f64, f64)> {
        let at = |s: f64| RunTime::from_ns((s * 1e9) as u64);
        let delivered_ul = self.truth.delivered_ul(to_s)? - self.truth.delivered_ul(from_s)?;
        Some((delivered_ul, self.ledgers[0].commanded_ul(at(from_s), at(to_s))))
    }
}

/// What was really delivered, told at each pulse and each minute: run time in s, volume in uL.
struct Truth(Vec<(f64, f64)>);

impl Truth {
    fn read(path: &Path) -> Result<Self, String> {
        let unreadable = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let bytes = std::fs::read(path).map_err(|e| unreadable(&e))?;
        let mut told = Vec::new();
        for message in mcap::MessageStream::new(&bytes).map_err(|e| unreadable(&e))? {
            let message = message.map_err(|e| unreadable(&e))?;
            let value: Value = serde_json::from_slice(&message.data).map_err(|e| unreadable(&e))?;
            if let (Some(t_ns), Some(ul)) = (value["t_ns"].as_f64(), value["delivered_ul"].as_f64()) {
                told.push((t_ns * 1e-9, ul));
            }
        }
        Ok(Self(told))
    }

    /// Delivered by a moment, straight between what was told before and after it.
    fn delivered_ul(&self, at_s: f64) -> Option<f64> {
        let next = self.0.partition_point(|(t_s, _)| *t_s <= at_s);
        let (&(from_s, from_ul), &(to_s, to_ul)) = (self.0.get(next.checked_sub(1)?)?, self.0.get(next)?);
        Some(from_ul + (to_ul - from_ul) * (at_s - from_s) / (to_s - from_s))
    }
}

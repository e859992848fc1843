//! The fold of a run's stream into what figures need: weighings at marks, drifts with the pump stopped, the dose.
//!
//! Bounded by the plan, not by the run's length. Engine and reports apply the same events and so have the same
//! ledger.

use std::collections::BTreeMap;

use domain::check::{DecisionRule, ErrorUnit, Figure};
use domain::event::{Opened, Phase};
use domain::profile::{Calibration, EvaporationModel, Method, Role};
use domain::pump::{PumpOutcome, PumpRequest, PumpState, STOPPING_ALARMS, Therapy};
use domain::{Event, EventKind, Limits, MassRate, Reading, RunTime, Status};

use crate::budget::{Budget, Estimate};
use crate::conditions::Conditions;
use crate::conversion::{Conversion, declared_air, factors};
use crate::dose::Dose;
use crate::evaporation::{Drift, Evaporation};
use crate::fit::LineFit;
use crate::jumps::{Jump, Jumps};
use crate::room::Room;
use crate::settle::{self, Settled};
use crate::weighing::{Recent, Weighing};

/// What the rig declares of the measurement, taken from the run's first event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    pub(crate) method: Method,
    pub(crate) calibration: Option<Calibration>,
    pub(crate) channel: String,
    /// The pump's name.
    pump: String,
    pub(crate) poll_s: f64,
    pub(crate) pulse_ul: f64,
    /// Standard deviation of a reading and one digit, whichever is greater, in g.
    noise_g: f64,
    pub(crate) minimum_ul_per_h: f64,
    pub(crate) change_at_most: MassRate,
    rule: DecisionRule,
}

/// In fewer cells of readings than this a reference vessel has lost too little to follow it.
const REFERENCE_CELLS_MIN: usize = 60;

/// The mass while the pump stands.
#[derive(Debug, Clone, Default)]
struct Still {
    fit: LineFit,
    span_s: Option<(f64, f64)>,
}

impl Still {
    fn push(&mut self, t_s: f64, mass_g: f64) {
        if self.fit.push(t_s, mass_g) {
            let (from_s, to_s) = self.span_s.unwrap_or((t_s, t_s));
            self.span_s = Some((from_s.min(t_s), to_s.max(t_s)));
        }
    }

    fn drift(&self) -> Option<Drift> {
        let slope = self.fit.slope_estimate()?;
        let ug_per_s = Estimate::new(-slope.value * 1e6, slope.u * 1e6, slope.dof)?;
        Some(Drift { ug_per_s, t_s: self.fit.mean_t_s()?, span_s: self.span_s? })
    }
}

/// Everything that figures need of a run so far.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub(crate) setup: Option<Setup>,
    pub(crate) dose: Dose,
    recent: Recent,
    weighings: BTreeMap<String, Option<Weighing>>,
    phase: Option<(Phase, RunTime)>,
    /// When the steps began.
    steps_from: Option<RunTime>,
    before: Still,
    after: Still,
    zero: Option<(f64, f64)>,
    /// Commands without an answer yet, and when they were decided.
    pending: BTreeMap<u32, (PumpRequest, RunTime)>,
    jumps: Jumps,
    pub(crate) conditions: Conditions,
    room: Room,
    /// The last look at the pump but the one that is under way, and the last one.
    looked: (RunTime, RunTime),
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event of the stream.
    pub fn apply(&mut self, event: &Event) {
        self.take(event.t_ns, &event.kind);
    }

    /// Takes what happened at that moment: an event that has no place in the stream yet.
    pub fn take(&mut self, at: RunTime, kind: &EventKind) {
        match kind {
            EventKind::Reading(reading) => self.reading(reading),
            EventKind::Opened(opened) => {
                self.setup = setup(opened);
                self.conditions = Conditions::of(&opened.profile);
                self.room = Room::of(&opened.profile);
            }
            EventKind::PhaseEntered(phase) => self.enter(*phase, at),
            EventKind::Marked { mark } => {
                let weighing = self.weigh(at);
                self.weighings.insert(mark.clone(), weighing);
            }
            EventKind::Commanded { command, request } => {
                self.pending.insert(*command, (request.clone(), at));
            }
            // A pump that stops without an alarm has been told to, or is at fault: what was commanded stands.
            EventKind::PumpChanged(state) if ended_by_alarm(state) => self.dose.halted(self.looked.0, at),
            EventKind::PumpAnswered { command, at_ns, u_ns, outcome } => {
                self.answered(*command, *at_ns, *u_ns, outcome);
            }
            _ => {}
        }
    }

    fn answered(&mut self, command: u32, at: RunTime, u_ns: u64, outcome: &PumpOutcome) {
        let Some((request, sent)) = self.pending.remove(&command) else { return };
        let minimum = self.setup.as_ref().map_or(0.0, |s| s.minimum_ul_per_h);
        match outcome {
            PumpOutcome::Accepted { .. } => {
                self.dose.accepted(&request, at, minimum);
                self.dose.vague(&request, at, u_ns);
            }
            PumpOutcome::Refused { .. } => {}
            PumpOutcome::Unanswered { .. } => self.dose.unknown(&request, sent),
        }
    }

    fn enter(&mut self, phase: Phase, at: RunTime) {
        if phase == Phase::Steps {
            self.zero = self.weigh(at).map(|w| (w.t_s, w.mass_g));
            self.steps_from = Some(at);
        }
        self.phase = Some((phase, at));
    }

    fn reading(&mut self, reading: &Reading) {
        let Some(setup) = &self.setup else { return };
        if reading.channel.instrument() == setup.pump && reading.at_ns > self.looked.1 {
            self.looked = (self.looked.1, reading.at_ns);
        }
        if reading.channel.as_str() != setup.channel {
            self.room.push(reading);
            return self.conditions.push(reading);
        }
        if reading.status == Status::Overload {
            return;
        }
        let (t_s, mass_g) = (reading.at_ns.seconds(), reading.value);
        self.jumps.push(t_s, mass_g, &self.dose, setup.noise_g, setup.pulse_ul);
        self.recent.push(reading, setup.method.averaging.as_secs_f64());
        let Some((phase, since)) = self.phase else { return };
        // The liquid and the balance settle first; what is read then says nothing of evaporation.
        if reading.at_ns.since(since) < setup.method.settling || reading.status != Status::Ok {
            return;
        }
        match phase {
            Phase::OpeningWeighing => self.before.push(t_s, mass_g),
            Phase::ClosingWeighing => self.after.push(t_s, mass_g),
            Phase::Steps => {}
        }
    }

    fn weigh(&self, at: RunTime) -> Option<Weighing> {
        let setup = self.setup.as_ref()?;
        self.recent.weigh(at.seconds(), setup.method.averaging.as_secs_f64())
    }

    /// The weighing at a mark: `None` if the mark was never set, inner `None` if too little was read before it.
    #[must_use]
    pub fn weighing(&self, mark: &str) -> Option<Option<Weighing>> {
        self.weighings.get(mark).copied()
    }

    /// The first jump of the mass within a span that no flow explains, if there was one.
    #[must_use]
    pub fn jump(&self, from_s: f64, to_s: f64) -> Option<Jump> {
        self.jumps.within(from_s, to_s)
    }

    /// The first jump of the mass downwards within a span, if there was one.
    #[must_use]
    pub fn loss(&self, from_s: f64, to_s: f64) -> Option<Jump> {
        self.jumps.loss_within(from_s, to_s)
    }

    /// When evaporation is measured, in s of run time: before the steps, and in the closing weighing.
    pub(crate) fn evaporation_spans(&self) -> Vec<(f64, f64)> {
        let before = self.steps_from.map(|steps| (0.0, steps.seconds()));
        let closing = self.phase.filter(|(phase, _)| *phase == Phase::ClosingWeighing);
        before.into_iter().chain(closing.map(|(_, since)| (since.seconds(), f64::INFINITY))).collect()
    }

    /// Evaporation, as soon as the opening weighing has shown it.
    #[must_use]
    pub fn evaporation(&self) -> Option<Evaporation> {
        let (before, after) = (self.before.drift()?, self.after.drift());
        let method = &self.setup.as_ref()?.method;
        match method.evaporation {
            EvaporationModel::Constant | EvaporationModel::Linear => {
                Some(Evaporation::plain(before, after, method.evaporation))
            }
            driven => {
                let drive = self.room.drive(method);
                // A reference vessel shows nothing within minutes, in which nothing swings either.
                if driven == EvaporationModel::Reference && drive.0.len() < REFERENCE_CELLS_MIN {
                    return Some(Evaporation::plain(before, after, EvaporationModel::Linear));
                }
                Evaporation::driven(before, after, driven, &drive)
            }
        }
    }

    /// By which rule values are decided.
    pub(crate) fn rule(&self) -> DecisionRule {
        self.setup.as_ref().map_or(DecisionRule::default(), |setup| setup.rule)
    }

    /// What turns an indicated mass into a delivered volume, as soon as the opening weighing is done.
    #[must_use]
    pub fn conversion(&self) -> Option<Conversion> {
        self.converted().ok()
    }

    /// The conversion, or why there is none.
    pub(crate) fn converted(&self) -> Result<Conversion, String> {
        let unmeasured = || match &self.setup {
            Some(setup) if self.before.drift().is_some() => format!(
                "what drives evaporation by the model '{}' was not read, or did not rise, while the pump stood",
                setup.method.evaporation.name()
            ),
            _ => "evaporation before the first step was not measured".to_owned(),
        };
        let method = &self.setup.as_ref().ok_or("the run has no balance")?.method;
        let evaporation = self.evaporation().ok_or_else(unmeasured)?;
        let air = self.room.mean_air_kg_per_m3().or_else(|| declared_air(method));
        let (z_ml_per_g, needle) = air
            .and_then(|air| factors(method, air))
            .ok_or("the rig file's method declares conditions beyond the formulae for density and buoyancy")?;
        let measured = &method.characterised;
        Ok(Conversion {
            z_ml_per_g,
            needle,
            evaporation,
            zero: self.zero.ok_or("the vessel was not weighed before the first step")?,
            air_kg_per_m3: self.room.air_kg_per_m3(),
            displaced_ul: measured.displaced_ul.map_or(0.0, |displaced| displaced.value.ul()),
            leak_ul_per_h: measured.line_leak_ul_per_h.map_or(0.0, |leak| leak.value.ul_per_h()),
        })
    }

    /// The room as it was read.
    pub(crate) const fn room(&self) -> &Room {
        &self.room
    }

    /// The volume commanded within a span, in uL.
    #[must_use]
    pub fn commanded_ul(&self, from: RunTime, to: RunTime) -> f64 {
        self.dose.commanded_ul(from.seconds(), to.seconds())
    }

    /// The continuous rate commanded at a moment, in uL/h.
    #[must_use]
    pub fn rate_ul_per_h(&self, at: RunTime) -> f64 {
        self.dose.rate_ul_per_h(at.seconds())
    }

    /// The longest time within a span in which one constant rate was commanded and no bolus, from and to in s of run time.
    #[must_use]
    pub fn steady(&self, from: RunTime, to: RunTime) -> Option<(f64, f64)> {
        self.dose.steady(from.seconds(), to.seconds())
    }

    /// Whether it is not known what was commanded within a span, in s of run time.
    #[must_use]
    pub fn in_doubt(&self, from_s: f64, to_s: f64) -> bool {
        self.dose.doubt(from_s, to_s).is_some()
    }

    /// The scatter of a reading with the pump stopped, about the drift of the opening weighing, in g.
    #[must_use]
    pub fn still_scatter_g(&self) -> Option<f64> {
        self.before.fit.residual_s()
    }

    /// The values of which a figure is the worst or the mean, each bolus', in the figure's unit; nothing for other figures.
    #[must_use]
    pub fn each(&self, figure: &Figure) -> Vec<f64> {
        settle::each(self, figure)
    }

    /// What is to be doubted of a figure's uncertainty, a sentence each: of volumes in % of the commanded alone.
    #[must_use]
    pub fn doubts(&self, figure: &Figure, budget: &Budget) -> Vec<String> {
        let Figure::VolumeError { window, unit: ErrorUnit::PercentOfCommanded } = figure else { return Vec::new() };
        let (Some(Some(from)), Some(Some(to))) = (self.weighing(&window.from), self.weighing(&window.to)) else {
            return Vec::new();
        };
        let lasts_s = to.t_s - from.t_s;
        let ul_per_h = self.dose.commanded_ul(from.t_s, to.t_s) / lasts_s * 3600.0;
        crate::plausibility::doubts(budget, ul_per_h, lasts_s)
    }

    /// Settles a figure against its limits.
    #[must_use]
    pub fn settle(&self, figure: &Figure, limits: &Limits) -> Settled {
        settle::settle(self, figure, *limits)
    }
}

/// Whether a pump stands because an alarm has ended its therapy.
fn ended_by_alarm(state: &PumpState) -> bool {
    let stops = |alarm: &String| STOPPING_ALARMS.contains(&alarm.as_str());
    state.therapy == Therapy::Stopped && !state.bolus_running && state.alarms.iter().any(stops)
}

fn setup(opened: &Opened) -> Option<Setup> {
    let profile = &opened.profile;
    let balance = profile.by_role(Role::Balance)?;
    Some(Setup {
        method: profile.method.clone(),
        calibration: balance.calibration.clone(),
        channel: balance.channels.first()?.channel.clone(),
        pump: profile.by_role(Role::Pump).map_or_else(String::new, |pump| pump.name.clone()),
        poll_s: balance.poll.as_secs_f64(),
        pulse_ul: profile.pump.pulse_ul.ul(),
        noise_g: balance.calibration.as_ref().map_or(0.0, |c| c.repeatability_g.g().max(c.resolution_g.g())),
        minimum_ul_per_h: profile.pump.minimum_rate_ul_per_h.ul_per_h(),
        change_at_most: opened.evaporation_changes_at_most_ug_per_s,
        rule: opened.decision_rule,
    })
}

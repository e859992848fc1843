//! The fold of a run's stream into what figures need: weighings at marks, drifts with the pump stopped, the dose.
//!
//! Bounded by the plan, not by the run's length. Engine and reports apply the same events and so have the same
//! ledger.

use std::collections::BTreeMap;

use domain::check::{DecisionRule, Window};
use domain::event::{Opened, Phase};
use domain::profile::{Calibration, Method, Role};
use domain::pump::{PumpOutcome, PumpRequest, PumpState, STOPPING_ALARMS, Therapy};
use domain::quantity::Ratio;
use domain::{Event, EventKind, MassRate, Reading, RunTime, Status};

use crate::budget::Estimate;
use crate::conditions::Conditions;
use crate::course::Course;
use crate::dose::Dose;
use crate::evaporation::Drift;
use crate::fit::LineFit;
use crate::flags::Gaps;
use crate::jumps::Jumps;
use crate::meter::{self, FlowMeter};
use crate::occlusion::Occlusions;
use crate::room::Room;
use crate::weighing::{Recent, Weighing};

mod asked;

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
    /// How much of the time of a check may be flagged.
    pub(crate) left_out_at_most: Ratio,
}

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

/// A time in which the run was interrupted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interrupted {
    /// The last event before it, in s of run time.
    pub(crate) from_s: f64,
    /// When the run went on.
    pub(crate) to_s: f64,
    /// By how much its length may be off, a half width in s.
    pub(crate) u_s: f64,
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
    gaps: Gaps,
    meter: FlowMeter,
    /// When somebody handled the vessel: the weighings before and after, `None` where too little was read.
    handled: Vec<(Option<Weighing>, Option<Weighing>)>,
    handling: bool,
    pub(crate) conditions: Conditions,
    room: Room,
    occlusions: Occlusions,
    course: Course,
    /// When the run was interrupted.
    interruptions: Vec<Interrupted>,
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
        self.occlusions.take(at, kind);
        match kind {
            EventKind::Reading(reading) => self.reading(reading),
            EventKind::Opened(opened) => {
                self.setup = setup(opened);
                self.course = Course::of(self.setup.as_ref().map_or(0.0, |setup| setup.poll_s));
                self.conditions = Conditions::of(opened);
                self.room = Room::of(&opened.profile);
                self.meter = FlowMeter::of(&opened.profile);
                self.occlusions = Occlusions::of(&opened.profile);
            }
            EventKind::PhaseEntered(phase) => self.enter(*phase, at),
            EventKind::Resumed(interruption) => {
                let from_s = interruption.last_ns.seconds();
                let u_s = RunTime::from_ns(interruption.u_ns).seconds();
                self.jumps.interrupted();
                self.interruptions.push(Interrupted { from_s, to_s: at.seconds(), u_s });
            }
            EventKind::Marked { mark } => {
                let weighing = self.weigh(at);
                self.weighings.insert(mark.clone(), weighing);
                self.meter.mark(mark, at.seconds());
                self.handle(mark, weighing);
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
        if phase == Phase::OpeningWeighing {
            self.conditions.begin(at.seconds());
        }
        if phase == Phase::Steps {
            self.zero = self.weigh(at).map(|w| (w.t_s, w.mass_g));
            self.steps_from = Some(at);
        }
        if phase == Phase::ClosingWeighing {
            // It begins anew where it was interrupted.
            self.after = Still::default();
        }
        self.phase = Some((phase, at));
    }

    fn reading(&mut self, reading: &Reading) {
        let Some(setup) = &self.setup else { return };
        if reading.channel.instrument() == setup.pump && reading.at_ns > self.looked.1 {
            self.looked = (self.looked.1, reading.at_ns);
        }
        if reading.channel.as_str() != setup.channel {
            if self.meter.push(reading) {
                return self.witness(reading.at_ns.seconds());
            }
            if self.occlusions.push(reading) {
                return;
            }
            self.room.push(reading);
            return self.conditions.push(reading);
        }
        if reading.status == Status::Overload {
            return;
        }
        let (t_s, mass_g) = (reading.at_ns.seconds(), reading.value);
        self.gaps.push(t_s, setup.poll_s);
        self.course.push(reading);
        if !self.handling {
            self.jumps.push(t_s, mass_g, &self.dose, setup.noise_g, setup.pulse_ul);
        }
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

    /// Begins or ends what a person does to the vessel; no step of the mass is looked for meanwhile.
    fn handle(&mut self, mark: &str, weighing: Option<Weighing>) {
        if Window::begins_handling(mark) {
            self.handled.push((weighing, None));
            self.handling = true;
        } else if Window::ends_handling(mark) {
            if let Some(last) = self.handled.last_mut() {
                last.1 = weighing;
            }
            self.handling = false;
            self.jumps.forget();
        }
    }

    /// Asks the flow meter of jumps that lie long enough behind it.
    fn witness(&mut self, t_s: f64) {
        let Self { jumps, meter: witness, dose, .. } = self;
        jumps.ask(t_s - meter::LAG_S, |jump| {
            let commanded = |from_s: f64, to_s: f64| dose.commanded_ul(from_s, to_s);
            witness.shows_no_flow(jump.t_s, jump.by_g * 1e3, commanded)
        });
    }

    fn weigh(&self, at: RunTime) -> Option<Weighing> {
        let setup = self.setup.as_ref()?;
        self.recent.weigh(at.seconds(), setup.method.averaging.as_secs_f64())
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
        left_out_at_most: opened.flagged_at_most,
    })
}

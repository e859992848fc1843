//! The run as a reader of its report wants it: who was there, what was decided, what happened when.
//!
//! A fold over the stream and nothing else. It judges nothing; [`crate::outcome`] does.

use std::collections::BTreeMap;

use domain::check::CheckRecord;
use domain::event::{Answer, Event, EventKind, Interruption, Opened, Phase, SafeStopReport};
use domain::identity::{Identity, Nature};
use domain::pump::{PumpLogEntry, PumpLogged};
use domain::{CheckVerdict, Order, RunTime, RunVerdict};

use crate::pump_clock::PumpClock;
use crate::series::Series;
use crate::timeline::{Moment, moment};

/// A step of the plan that was entered.
#[derive(Debug, Clone)]
pub(crate) struct Entered {
    /// When.
    pub(crate) at: RunTime,
    /// The step's name, or the phase's.
    pub(crate) name: String,
    /// Which phase began, if it is none of the plan's steps.
    pub(crate) phase: Option<Phase>,
}

/// A time in which an instrument did not answer.
#[derive(Debug, Clone)]
pub(crate) struct Gap {
    /// Which instrument.
    pub(crate) instrument: String,
    /// Since when.
    pub(crate) from: RunTime,
    /// Until when; `None` if it did not come back.
    pub(crate) to: Option<RunTime>,
}

/// How the run ended, by its own last event.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// What it ended as.
    pub(crate) verdict: RunVerdict,
    /// Why, when it is no pass.
    pub(crate) reason: Option<String>,
    /// The bench's fault, as a sentence.
    pub(crate) fault: Option<String>,
}

/// What the stream told.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// How the run was set up.
    pub(crate) opened: Option<Opened>,
    /// What each instrument said of itself, the last time it was attached.
    pub(crate) identities: BTreeMap<String, Identity>,
    /// SHA-256 of the image that the board held when it was last read.
    pub(crate) board_sha256: Option<String>,
    /// What stood behind the wires, each time an instrument was attached.
    pub(crate) natures: Vec<Nature>,
    /// When every instrument had answered.
    pub(crate) ready: Option<RunTime>,
    /// When the last event entered the stream.
    pub(crate) last: RunTime,
    /// The readings.
    pub(crate) series: Series,
    /// The checks that were decided, in the order of their decisions.
    pub(crate) checks: Vec<CheckRecord>,
    /// The steps and phases that were entered.
    pub(crate) steps: Vec<Entered>,
    /// The times in which an instrument was away.
    pub(crate) gaps: Vec<Gap>,
    /// The interruptions of the run, a sentence each.
    pub(crate) interruptions: Vec<String>,
    /// What a person would tell of the run.
    pub(crate) timeline: Vec<Moment>,
    /// Who or what asked the run to stop.
    pub(crate) stop: Option<String>,
    /// How the safe stop went.
    pub(crate) safe_stop: Option<SafeStopReport>,
    /// The end, if the stream has one.
    pub(crate) ending: Option<Ending>,
    /// The pump's alarms: when the bench heard of each, and its name.
    pub(crate) alarms: Vec<(RunTime, String)>,
    /// When the valve was told to close, or to open.
    pub(crate) valve: Vec<(RunTime, bool)>,
    /// The pump's clock.
    pub(crate) pump_clock: PumpClock,
    /// A script answered for an operator.
    pub(crate) scripted_answers: bool,
    /// What operators entered, and the script in their place.
    pub(crate) answers: Vec<Answer>,
}

impl Story {
    /// Takes the next event.
    pub(crate) fn apply(&mut self, event: &Event) {
        let at = event.t_ns;
        self.last = self.last.max(at);
        if let Some(moment) = moment(event) {
            self.timeline.push(moment);
        }
        match &event.kind {
            EventKind::Opened(opened) => self.opened = Some((**opened).clone()),
            EventKind::Attached { instrument, identity } => self.attached(at, instrument, identity),
            EventKind::Lost { instrument, .. } => self.lost(at, instrument),
            EventKind::Resumed(interruption) => self.interrupted(at, interruption),
            EventKind::RigReady => self.ready = self.ready.or(Some(at)),
            EventKind::ImagesCompared { images, .. } => self.board_sha256 = Some(images.board_sha256.clone()),
            EventKind::Reading(reading) => self.series.push(reading),
            EventKind::PumpLogged(PumpLogEntry { what: PumpLogged::Booted { .. }, .. }) => self.pump_clock.restarted(),
            EventKind::PumpLogged(PumpLogEntry { what: PumpLogged::AlarmRaised { alarm }, .. }) => {
                self.alarms.push((at, alarm.clone()));
            }
            EventKind::PumpClockRead { at_ns, u_ns, pump_us } => self.pump_clock.push(*at_ns, *u_ns, *pump_us),
            EventKind::Ordered { what: Order::Valve { closed }, .. } => self.valve.push((at, *closed)),
            EventKind::Answered(answer) => {
                self.scripted_answers |= answer.simulated;
                self.answers.push(answer.clone());
            }
            EventKind::StopAsked { cause } => {
                self.stop.get_or_insert_with(|| cause.clone());
            }
            EventKind::SafeStopped(report) => self.safe_stop = Some(report.clone()),
            EventKind::PhaseEntered(phase) => self.entered(at, phase.name(), Some(*phase)),
            EventKind::StepEntered { name, .. } => self.entered(at, name, None),
            EventKind::CheckDecided(check) => self.decided(check),
            EventKind::Ended { verdict, reason, fault } => {
                let fault = fault.as_ref().map(ToString::to_string);
                self.ending = Some(Ending { verdict: *verdict, reason: reason.clone(), fault });
            }
            _ => {}
        }
    }

    /// Seconds from the moment the rig was ready to `at`; negative before it. Without that moment, from the start.
    pub(crate) fn seconds(&self, at: RunTime) -> f64 {
        let ready = self.ready.unwrap_or(RunTime::ZERO).ns();
        let at = at.ns();
        if at >= ready { (at - ready) as f64 / 1e9 } else { -((ready - at) as f64 / 1e9) }
    }

    /// What an operator entered last under that name; it says so if a script did.
    pub(crate) fn written_down(&self, name: &str) -> Option<String> {
        let entries =
            self.answers.iter().rev().flat_map(|answer| answer.entries.iter().map(move |entry| (answer, entry)));
        let (answer, (_, value)) = entries.into_iter().find(|(_, (entry, _))| entry == name)?;
        Some(if answer.simulated { format!("{value} (a script's answer)") } else { value.clone() })
    }

    /// From when to when the scenario's steps ran.
    pub(crate) fn steps_span(&self) -> Option<(RunTime, RunTime)> {
        let entered = |phase: Phase| self.steps.iter().find(|step| step.phase == Some(phase)).map(|step| step.at);
        let from = entered(Phase::Steps)?;
        let to = entered(Phase::ClosingWeighing).unwrap_or(self.last);
        (to > from).then_some((from, to))
    }

    /// Seconds from the moment the rig was ready to the last event, if it ever was.
    pub(crate) fn rig_seconds(&self) -> Option<f64> {
        self.ready.map(|_| self.seconds(self.last))
    }

    /// The checks in the order of the plan, then those that it does not name.
    ///
    /// Each comes with what was decided, or `None` if the run did not come that far.
    pub(crate) fn checks_as_planned(&self) -> Vec<(&str, Option<&CheckRecord>)> {
        let planned: &[String] = self.opened.as_ref().map_or(&[], |opened| &opened.checks);
        let of = |name: &str| self.checks.iter().find(|check| check.head.name == name);
        let mut all: Vec<(&str, Option<&CheckRecord>)> = planned.iter().map(|name| (name.as_str(), of(name))).collect();
        for check in &self.checks {
            if !planned.contains(&check.head.name) {
                all.push((&check.head.name, Some(check)));
            }
        }
        all
    }

    fn entered(&mut self, at: RunTime, name: &str, phase: Option<Phase>) {
        self.steps.push(Entered { at, name: name.to_owned(), phase });
    }

    fn attached(&mut self, at: RunTime, instrument: &str, identity: &Identity) {
        self.natures.push(identity.nature);
        self.identities.insert(instrument.to_owned(), identity.clone());
        let open = self.gaps.iter_mut().filter(|gap| gap.instrument == instrument && gap.to.is_none());
        for gap in open {
            gap.to = Some(at);
        }
    }

    /// Nobody was there to read any instrument.
    fn interrupted(&mut self, at: RunTime, interruption: &Interruption) {
        self.interruptions.push(interruption.told(at));
        let names: Vec<String> = self.identities.keys().cloned().collect();
        names.iter().for_each(|name| self.lost(interruption.last_ns, name));
    }

    fn lost(&mut self, from: RunTime, instrument: &str) {
        if !self.gaps.iter().any(|gap| gap.instrument == instrument && gap.to.is_none()) {
            self.gaps.push(Gap { instrument: instrument.to_owned(), from, to: None });
        }
    }

    /// Takes a decision. A name that is decided twice keeps the worse of both.
    fn decided(&mut self, check: &CheckRecord) {
        match self.checks.iter_mut().find(|known| known.head.name == check.head.name) {
            Some(known) => {
                if gravity(check.verdict) > gravity(known.verdict) {
                    *known = check.clone();
                }
            }
            None => self.checks.push(check.clone()),
        }
    }
}

/// The order of check verdicts from harmless to grave, as exit codes have it.
const fn gravity(verdict: CheckVerdict) -> u8 {
    match verdict {
        CheckVerdict::Pass => 0,
        CheckVerdict::Inconclusive => 1,
        CheckVerdict::NotRun => 2,
        CheckVerdict::Fail => 3,
    }
}

//! A plan: what a run will do, with every quantity resolved. The engine executes it, the command line prints it.
//!
//! Data only: nothing in it refers to the file, the rig's ports or the time at which it is executed.

use core::time::Duration;

use domain::check::CheckHead;
use domain::event::{PromptEntry, Protocol};
use domain::{Figure, FlowRate, Limits, MassRate, Volume};

/// A scenario, resolved against a rig's station.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The scenario's title.
    pub title: String,
    /// The protocol it carries out.
    pub protocol: Option<Protocol>,
    /// What it says of its method.
    pub method: String,
    /// The requirements it names, with their texts.
    pub requirements: Vec<(String, String)>,
    /// The parameters as set.
    pub parameters: Vec<(String, String)>,
    /// The weighings before and after, for evaporation.
    pub weighing: Weighing,
    /// The steps, in order; at least one.
    pub steps: Vec<Step>,
    /// What must hold all the time.
    pub throughout: Vec<Guard>,
    /// The names of all checks, in order, the implicit ones first.
    pub checks: Vec<String>,
    /// The scenario as resolved: it can be run again as it stands.
    pub resolved_yaml: String,
}

impl Plan {
    /// The least time that the plan takes: holds, boluses and weighings, without waiting for people or alarms.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let steps: Duration = self.steps.iter().map(Step::duration).sum();
        self.weighing.before + steps + self.weighing.after
    }
}

/// The weighings with the pump stopped that tell what evaporation was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighing {
    /// How long before the first step.
    pub before: Duration,
    /// How long after the last step.
    pub after: Duration,
    /// By how much the two may differ before a pass becomes inconclusive.
    pub change_at_most: MassRate,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name, unique in the plan.
    pub name: String,
    /// What it does, in a sentence.
    pub what: String,
    /// What it is.
    pub kind: StepKind,
}

impl Step {
    /// The least time it takes.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match &self.kind {
            StepKind::Hold(hold) => hold.lasts,
            StepKind::Bolus(bolus) => bolus.every * bolus.times,
            StepKind::Start(_) | StepKind::Check(_) | StepKind::Expect(_) | StepKind::Operator(_) | StepKind::Stop => {
                Duration::ZERO
            }
        }
    }
}

/// What a step is. Adding one here makes the compiler name every place that must know it.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// Start simple-continuous therapy.
    Start(Start),
    /// Let time pass.
    Hold(Hold),
    /// Give boluses.
    Bolus(Bolus),
    /// Settle a figure after the closing weighing.
    Check(Check),
    /// Wait for an alarm.
    Expect(Expect),
    /// Ask a person.
    Operator(Operator),
    /// Stop therapy.
    Stop,
}

/// Start simple-continuous therapy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// At this rate.
    pub rate: FlowRate,
}

/// Let time pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// For so long.
    pub lasts: Duration,
}

/// Give one bolus or a train of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bolus {
    /// The volume of each, in excess of the continuous rate.
    pub volume: Volume,
    /// How long each takes.
    pub over: Duration,
    /// How many.
    pub times: u32,
    /// From the beginning of one to the beginning of the next; of the last, to the end of the step.
    pub every: Duration,
}

/// Settle a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Its name and its reason.
    pub head: CheckHead,
    /// What is measured.
    pub figure: Figure,
    /// The limits.
    pub limits: Limits,
}

/// Wait for an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Its name and its reason.
    pub head: CheckHead,
    /// Which alarm.
    pub alarm: String,
    /// How long it may take from the step's beginning.
    pub within: Duration,
}

/// Ask a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// The instruction.
    pub instruction: String,
    /// What is to be entered.
    pub entries: Vec<PromptEntry>,
    /// How long the person has.
    pub within: Duration,
    /// What happens when nobody answers.
    pub otherwise: Else,
}

/// What happens when nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Else {
    /// The run ends as not run.
    NotRun,
    /// The run ends as a bench error.
    StopSafely,
    /// The run goes on.
    GoOn,
}

/// A limit on a channel that holds throughout the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// Its name and its reason.
    pub head: CheckHead,
    /// Which channel.
    pub channel: String,
    /// The symbol of the channel's unit.
    pub unit: String,
    /// The limits, in the channel's unit.
    pub limits: Limits,
    /// Whose fault it is when they are exceeded.
    pub otherwise: GuardElse,
}

/// Whose fault an exceeded limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardElse {
    /// The device's: the check fails, the station is made safe.
    Fail,
    /// The rig's: no check, the station is made safe, the run is a bench error.
    StopSafely,
}

//! A plan: what a run will do, with every quantity resolved. The engine executes it, the command line prints it.
//!
//! Data only: nothing in it refers to the file, the rig's ports or the time at which it is executed.

use core::time::Duration;

use domain::check::{CheckHead, DecisionRule};
use domain::event::{PromptEntry, Protocol};
use domain::firmware::Place;
use domain::profile::Role;
use domain::pump::{FlexStep, PumpLogged};
use domain::stated::TestStated;
use domain::{EventKind, Figure, FlowRate, Limits, MassRate, Order, Ratio, Stimulus, Voltage, Volume};

use crate::guard::Guard;
use crate::needs::Bath;

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
    /// By which rule values with an uncertainty are decided.
    pub decision_rule: DecisionRule,
    /// The bath that it needs.
    pub bath: Option<Bath>,
    /// How long a run may have been interrupted and still go on; it does not if this is nothing.
    pub resume_within: Option<Duration>,
    /// What it states for the report.
    pub stated: TestStated,
    /// The steps, in order; at least one.
    pub steps: Vec<Step>,
    /// What must hold all the time.
    pub throughout: Vec<Guard>,
    /// The names of all checks, in order, the implicit ones first.
    pub checks: Vec<String>,
    /// The scenario as resolved: it can be run again as it stands.
    pub resolved_yaml: String,
    /// The scenario with its parameters' names where their values stand: the same for each of its variants.
    pub pattern_yaml: String,
}

impl Plan {
    /// Whether the board is flashed: then it may hold another image at first.
    #[must_use]
    pub fn flashes(&self) -> bool {
        self.steps.iter().any(|s| matches!(&s.kind, StepKind::Probe(Probe { order: Order::Flash, .. })))
    }

    /// Whether that is the first thing that is done: then the board may be empty.
    #[must_use]
    pub fn flashes_first(&self) -> bool {
        self.steps.first().is_some_and(|s| matches!(&s.kind, StepKind::Probe(Probe { order: Order::Flash, .. })))
    }

    /// The least time that the plan takes: holds, boluses and weighings, without waiting for people, alarms or a bath.
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
    /// How much of a check's time may be flagged (vibration, steps, adjustments) before a pass becomes inconclusive.
    pub flagged_at_most: Ratio,
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
            StepKind::Press(press) => press.every * press.times,
            StepKind::Valve(valve) => valve.collect,
            StepKind::Start(_)
            | StepKind::ChangeDose(_)
            | StepKind::Check(_)
            | StepKind::Expect(_)
            | StepKind::Operator(_)
            | StepKind::Patient(_)
            | StepKind::Peek(_)
            | StepKind::Probe(_)
            | StepKind::Refill(_)
            | StepKind::Stimulate(_)
            | StepKind::Stop
            | StepKind::Supply(_) => Duration::ZERO,
        }
    }
}

/// What a step is. Adding one here makes the compiler name every place that must know it.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// Start therapy.
    Start(Therapy),
    /// Change a running therapy by telemetry.
    ChangeDose(Therapy),
    /// Let time pass.
    Hold(Hold),
    /// Give boluses.
    Bolus(Bolus),
    /// Settle a figure after the closing weighing.
    Check(Check),
    /// Wait for an alarm, a reset or a line of the firmware's log.
    Expect(Expect),
    /// Ask a person.
    Operator(Operator),
    /// Set what the patient may give himself.
    Patient(Patient),
    /// Read a place in the board's memory.
    Peek(Peek),
    /// Press the patient's button.
    Press(Press),
    /// Do something to the board by its debug probe.
    Probe(Probe),
    /// Tell the pump what its reservoir holds.
    Refill(Refill),
    /// Do something to the simulated plant.
    Stimulate(Stimulate),
    /// Stop therapy.
    Stop,
    /// Set the supply that plays the battery.
    Supply(Supply),
    /// Close or open the occlusion valve.
    Valve(Valve),
}

/// A therapy.
#[derive(Debug, Clone, PartialEq)]
pub enum Therapy {
    /// The same rate all the time.
    Continuous(FlowRate),
    /// A schedule over the pump's day.
    Flex {
        /// The minute of the pump's day at which it starts.
        minute_of_day: u16,
        /// The steps, in order of the day.
        steps: Vec<FlexStep>,
    },
}

/// What the patient may give himself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patient {
    /// The volume of each bolus.
    pub volume: Volume,
    /// How long each takes.
    pub over: Duration,
    /// How long after the beginning of one no other is given.
    pub lockout: Duration,
    /// How many are given within 24 h at most.
    pub daily_max: u8,
}

/// Press the patient's button, and hold what the pump does against what it must.
#[derive(Debug, Clone, PartialEq)]
pub struct Press {
    /// Its name and its reason.
    pub head: CheckHead,
    /// How often.
    pub times: u32,
    /// From one to the next; of the last, to the end of the step.
    pub every: Duration,
    /// Which presses, from 1, must be answered by a bolus; all others must be refused.
    pub given: Vec<u32>,
}

/// What the pump is told of its reservoir.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refill {
    /// What it holds.
    pub volume: Volume,
    /// Below what it is low.
    pub low: Volume,
}

/// Do something to the board by its debug probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The probe's name in the rig file.
    pub instrument: String,
    /// What: anything but to peek, which is a check.
    pub order: Order,
    /// For how long the pump may be silent because of it.
    pub silent: Duration,
}

/// Read a place in the board's memory, and hold it against its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Peek {
    /// Its name and its reason.
    pub head: CheckHead,
    /// The probe's name in the rig file.
    pub instrument: String,
    /// Where.
    pub place: Place,
    /// The limits of the value.
    pub limits: Limits,
}

/// Do something to the simulated plant.
#[derive(Debug, Clone, PartialEq)]
pub struct Stimulate {
    /// The plant's name in the rig file.
    pub instrument: String,
    /// What.
    pub stimulus: Stimulus,
}

/// Set the supply that plays the battery.
#[derive(Debug, Clone, PartialEq)]
pub struct Supply {
    /// Its name in the rig file.
    pub instrument: String,
    /// The voltage; unchanged if it is not given.
    pub voltage: Option<Voltage>,
    /// Whether its output is on.
    pub output: bool,
    /// For how long the pump may be silent because of it.
    pub silent: Duration,
}

/// Close or open the occlusion valve.
#[derive(Debug, Clone, PartialEq)]
pub struct Valve {
    /// Its name in the rig file.
    pub instrument: String,
    /// Closed rather than open.
    pub closed: bool,
    /// How long it may take to get there, by its position.
    pub within: Duration,
    /// How long the step goes on after that, to collect what comes.
    pub collect: Duration,
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

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// An alarm, by its name.
    Alarm(String),
    /// A reset, by its cause.
    Reset(String),
    /// A line of the firmware's log, by a part of its text.
    Log(String),
}

impl Expected {
    /// In a sentence.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Alarm(alarm) => format!("the alarm '{alarm}'"),
            Self::Reset(cause) => format!("a reset ({cause})"),
            Self::Log(text) => format!("'{text}' in the firmware's log"),
        }
    }

    /// Whether an event is it.
    #[must_use]
    pub fn meets(&self, event: &EventKind) -> bool {
        match (self, event) {
            (Self::Log(expected), EventKind::FirmwareLogged { line, .. }) => line.text.contains(expected),
            (Self::Alarm(expected), EventKind::PumpLogged(entry)) => {
                matches!(&entry.what, PumpLogged::AlarmRaised { alarm } if alarm == expected)
            }
            (Self::Reset(expected), EventKind::PumpLogged(entry)) => {
                matches!(&entry.what, PumpLogged::Booted { cause } if cause == expected)
            }
            _ => false,
        }
    }

    /// Who hears of it.
    #[must_use]
    pub const fn heard_by(&self) -> Role {
        match self {
            Self::Alarm(_) | Self::Reset(_) => Role::Pump,
            Self::Log(_) => Role::Probe,
        }
    }
}

/// Wait for an alarm, a reset or a line of the firmware's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Its name and its reason.
    pub head: CheckHead,
    /// What must come.
    pub what: Expected,
    /// How long it must take from the step's beginning, at the least.
    pub not_before: Option<Duration>,
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
    /// Whether the vessel is handled: it is weighed before, and when it has settled after.
    pub handles_vessel: bool,
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

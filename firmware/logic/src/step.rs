//! What a step of the pump is told and what it gives back.
//!
//! It owns the words at the crate's edge: senses, inputs, outputs, answers and tones. It must not know what the pump
//! makes of them (`pump` does) nor how they travel (`link` does).

use wire::{Alarm, LogPage, Refusal, Reply, Request, Status};

use crate::{Config, MotorRun};

/// What the board's analogue front end shows at the time of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Senses {
    /// The battery's voltage, mV; while the motor runs it is the loaded one.
    pub battery_mv: u16,
    /// Gauge pressure at the outlet, Pa.
    pub line_pa: i32,
}

impl Senses {
    /// A fresh battery and an open line.
    pub const NOMINAL: Self = Self { battery_mv: 3_000, line_pa: 0 };
}

/// What a step is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time passed.
    Time,
    /// The head's sensor saw it turn.
    Rotation {
        /// How far since the last report, steps.
        steps: u16,
    },
    /// The host asks.
    Request(Request),
}

/// What a step wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Drive the motor now.
    pub motor: Option<MotorRun>,
    /// Answer the host; there is an answer exactly if there was a request.
    pub reply: Option<Answer>,
    /// Call again at this time at the latest, µs. Later than the step's own time, if there is one. Voltage and
    /// pressure are sampled at such times, so that the senses of a late step are those of the wrong moment.
    pub next_due_us: Option<u64>,
    /// The alarm that the pump is in: the most urgent active one that is enabled.
    pub sounding: Option<Alarm>,
    /// Sound this now.
    pub tone: Option<Tone>,
}

/// What the pump's sounder is to do once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tone {
    /// The alarm that sounds.
    pub alarm: Alarm,
    /// Tones in a row: 2 for a critical alarm, 1 for another.
    pub tones: u8,
}

/// A reply without borrowed texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The identity in the configuration.
    Identity,
    /// What the pump is doing.
    Status(Status),
    /// The request was executed, now or before.
    Accepted {
        /// When, µs since boot.
        at_us: u64,
        /// Whether the dose id had been executed before.
        repeated: bool,
    },
    /// The request was not executed.
    Refused(Refusal),
    /// A page of the event log.
    Log(LogPage),
}

impl Answer {
    /// The reply that goes to the host.
    pub fn to_reply<'a>(&self, config: &'a Config) -> Reply<'a> {
        match *self {
            Self::Identity => Reply::Identity(config.identity()),
            Self::Status(status) => Reply::Status(status),
            Self::Accepted { at_us, repeated } => Reply::Accepted { at_us, repeated },
            Self::Refused(refusal) => Reply::Refused(refusal),
            Self::Log(page) => Reply::Log(page),
        }
    }
}

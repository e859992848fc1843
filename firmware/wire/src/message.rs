//! What host and pump say to each other.
//!
//! It owns the requests, the replies and the entries of the pump's event log; every quantity is an integer whose
//! unit ends its name. It must not know bytes (`frame` does) nor what a pump does with a request (`logic` does).
//! The order of variants and fields is the encoding: add at the end only.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{Alarm, ResetCause};

/// Most entries that one reply carries; the longest such page fits one frame.
pub const LOG_PAGE_MAX: usize = 6;

/// Most steps of a flex schedule.
pub const FLEX_STEPS_MAX: usize = 8;

/// Names one delivery of drug. The pump executes each id once and answers a repeated one from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DoseId(pub u64);

/// What the host asks of the pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Who are you?
    Hello,
    /// What are you doing?
    Status,
    /// Infuse continuously at this rate from now on; a running bolus goes on.
    Start {
        /// The delivery's id.
        dose: DoseId,
        /// Continuous rate, nL/h.
        rate_nl_per_h: u32,
    },
    /// Deliver this volume on top of the continuous rate, evenly over the duration.
    Bolus {
        /// The delivery's id.
        dose: DoseId,
        /// Volume in excess of the continuous rate, nL.
        volume_nl: u32,
        /// Time over which it is spread, ms.
        duration_ms: u32,
    },
    /// Stop therapy, discard a running bolus, clear the alarms that wait for a stop: motor stall, occlusion, memory
    /// error, and end of service if the voltage is good again.
    Stop,
    /// Infuse at the lowest rate that keeps the rotor moving.
    MinimumRate,
    /// Read the event log.
    Log {
        /// Index of the first entry wanted.
        from: u32,
    },
    /// Infuse by a schedule over the day from now on; a running bolus goes on.
    StartFlex {
        /// The delivery's id.
        dose: DoseId,
        /// The minute of the pump's day that begins now, 0 to 1439.
        minute_of_day: u16,
        /// The steps, all that exist before the first `None`, in order of the day; the last holds over midnight.
        steps: [Option<FlexStep>; FLEX_STEPS_MAX],
    },
    /// Open telemetry: a running therapy may be changed. The motor rests meanwhile; what falls due is given after.
    TelemetryOpen,
    /// Close telemetry.
    TelemetryClose,
    /// Set what the patient may give himself.
    SetPatient {
        /// Volume of a patient's bolus, nL; 0 forbids them.
        volume_nl: u32,
        /// Time over which it is spread, ms.
        duration_ms: u32,
        /// Time from the beginning of one within which no other is given, s.
        lockout_s: u32,
        /// Most that are given within 24 h.
        daily_max: u8,
    },
    /// The patient's button.
    PatientBolus {
        /// The delivery's id.
        dose: DoseId,
    },
    /// Take the reservoir to hold this much, after a refill.
    SetReservoir {
        /// What it holds, nL.
        volume_nl: u32,
        /// Below what it is low, nL.
        low_nl: u32,
    },
}

/// From a minute of the day on, a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlexStep {
    /// The minute of the day, 0 to 1439.
    pub from_min: u16,
    /// Continuous rate, nL/h.
    pub rate_nl_per_h: u32,
}

/// What the pump answers; it never speaks unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// Answers [`Request::Hello`].
    #[serde(borrow)]
    Identity(Identity<'a>),
    /// Answers [`Request::Status`].
    Status(Status),
    /// The request was executed.
    Accepted {
        /// When it was executed, µs since boot.
        at_us: u64,
        /// Whether the dose id had been executed before; then nothing was done now and `at_us` is the first time.
        repeated: bool,
    },
    /// The request was not executed.
    Refused(Refusal),
    /// Answers [`Request::Log`].
    Log(LogPage),
}

/// Who the pump is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity<'a> {
    /// Version of the messages, [`PROTOCOL`](crate::PROTOCOL).
    pub protocol: u8,
    /// Model of the pump.
    pub model: &'a str,
    /// Serial number of the board.
    pub serial: &'a str,
    /// Revision of the board.
    pub hardware: &'a str,
    /// Version of the firmware.
    pub firmware: &'a str,
    /// What the logic runs on.
    pub target: Target,
}

/// What the pump's logic runs on. A simulator says that it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// In a process of the host.
    Host,
    /// As a firmware image in an emulated microcontroller.
    Emulated,
    /// On a real board.
    Board,
}

/// What the pump is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The pump's own time, µs since boot.
    pub now_us: u64,
    /// The continuous therapy; a bolus may run in each of them.
    pub therapy: Therapy,
    /// The rate commanded now, a running bolus included, nL/h, rounded down.
    pub rate_nl_per_h: u32,
    /// The bolus that is running.
    pub bolus: Option<BolusProgress>,
    /// Pulses whose rotation was sensed since boot.
    pub pulses: u32,
    /// Index of the oldest entry that the log still holds.
    pub log_oldest: u32,
    /// Index that the next entry of the log will have.
    pub log_next: u32,
    /// The active alarms, each [`Alarm::bit`].
    pub alarms: u16,
    /// What the reservoir holds by the pump's calculation, nL.
    pub reservoir_nl: u32,
    /// The battery's voltage with the motor at rest, mV.
    pub battery_mv: u16,
    /// The battery's voltage while the motor last ran, mV; 0 before its first run.
    pub battery_loaded_mv: u16,
    /// Gauge pressure at the pump's outlet, Pa.
    pub line_pa: i32,
    /// Whether telemetry is open.
    pub telemetry: bool,
}

/// The pump's continuous therapy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Therapy {
    /// No continuous infusion.
    Stopped,
    /// Continuous infusion at the programmed rate.
    Continuous,
    /// Continuous infusion at the lowest rate.
    MinimumRate,
    /// Continuous infusion by a schedule over the day.
    Flex,
}

/// How far a bolus has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BolusProgress {
    /// The delivery's id.
    pub dose: DoseId,
    /// Volume not yet scheduled, nL, rounded up.
    pub remaining_nl: u32,
}

/// Why the pump did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The continuous rate is outside the pump's range.
    RateOutOfRange {
        /// Lowest rate, nL/h.
        min_nl_per_h: u32,
        /// Highest rate, nL/h.
        max_nl_per_h: u32,
    },
    /// The bolus' volume is outside the pump's range.
    VolumeOutOfRange {
        /// Smallest bolus, nL.
        min_nl: u32,
        /// Largest bolus, nL.
        max_nl: u32,
    },
    /// Another bolus is running.
    BolusRunning,
    /// Volume over duration is more than the pump can do.
    BolusTooFast {
        /// Highest rate of a bolus, nL/h.
        max_nl_per_h: u32,
    },
    /// An alarm locks therapy until [`Request::Stop`] clears it.
    CriticalAlarm(Alarm),
    /// The frame arrived whole but holds no request that this pump knows.
    NotUnderstood,
    /// A running therapy is changed by telemetry only, and telemetry is closed.
    TelemetryClosed,
    /// The schedule has no step, its minutes are not in order, or not below 1440.
    BadSchedule,
    /// No patient bolus is allowed.
    NoPatientBolus,
    /// The last patient bolus was too short a time ago.
    Lockout {
        /// Time until the next one is given, s, rounded up.
        remaining_s: u32,
    },
    /// As many patient boluses as are allowed were given within 24 h.
    DailyMaximum {
        /// How many are allowed.
        max: u8,
    },
    /// More than the reservoir can hold.
    ReservoirOutOfRange {
        /// What it can hold, nL.
        max_nl: u32,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateOutOfRange { min_nl_per_h, max_nl_per_h } => {
                write!(f, "rate out of range, expected {min_nl_per_h} to {max_nl_per_h} nL/h")
            }
            Self::VolumeOutOfRange { min_nl, max_nl } => {
                write!(f, "bolus volume out of range, expected {min_nl} to {max_nl} nL")
            }
            Self::BolusRunning => f.write_str("a bolus is running, wait for its end or stop it"),
            Self::BolusTooFast { max_nl_per_h } => {
                write!(f, "bolus too fast, expected at most {max_nl_per_h} nL/h, lengthen its duration")
            }
            Self::CriticalAlarm(alarm) => {
                write!(f, "therapy is locked by the alarm {alarm}, stop the pump to clear it")
            }
            Self::NotUnderstood => f.write_str("request not understood"),
            Self::TelemetryClosed => f.write_str("a therapy is running, open telemetry to change it"),
            Self::BadSchedule => f.write_str("bad schedule, expected 1 to 8 steps with rising minutes below 1440"),
            Self::NoPatientBolus => f.write_str("no patient bolus is programmed"),
            Self::Lockout { remaining_s } => write!(f, "patient bolus locked out for another {remaining_s} s"),
            Self::DailyMaximum { max } => write!(f, "the daily maximum of {max} patient boluses has been given"),
            Self::ReservoirOutOfRange { max_nl } => write!(f, "reservoir out of range, expected at most {max_nl} nL"),
        }
    }
}

impl core::error::Error for Refusal {}

/// A page of the event log. An entry that the ring has lost already is missing: compare the index asked for with
/// `oldest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Index of the oldest entry that the log still holds.
    pub oldest: u32,
    /// Index that the next entry of the log will have.
    pub next: u32,
    /// Entries with consecutive indices; all that exist come before the first `None`.
    pub entries: [Option<LogEntry>; LOG_PAGE_MAX],
}

/// One entry of the pump's event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Counts from 0 at the first boot, one more for each entry, over resets.
    pub index: u32,
    /// When it happened, µs since its own boot: the last [`LogEvent::Booted`] before it.
    pub at_us: u64,
    /// What happened.
    pub event: LogEvent,
}

/// What the pump writes in its event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogEvent {
    /// The pump came up. Log, dose memory and programme outlive a reset; times begin anew, telemetry is closed.
    Booted(ResetCause),
    /// Continuous infusion began or changed its rate.
    TherapyStarted {
        /// The delivery's id.
        dose: DoseId,
        /// Continuous rate, nL/h.
        rate_nl_per_h: u32,
    },
    /// Continuous infusion at the lowest rate began.
    MinimumRateStarted {
        /// Continuous rate, nL/h.
        rate_nl_per_h: u32,
    },
    /// Continuous infusion ended.
    TherapyStopped,
    /// A bolus began.
    BolusStarted {
        /// The delivery's id.
        dose: DoseId,
        /// Volume in excess of the continuous rate, nL.
        volume_nl: u32,
        /// Time over which it is spread, ms.
        duration_ms: u32,
    },
    /// A bolus ended, by itself or cut short.
    BolusEnded {
        /// The delivery's id.
        dose: DoseId,
        /// Volume scheduled until then, nL, rounded down.
        delivered_nl: u32,
    },
    /// An alarm became active.
    AlarmRaised(Alarm),
    /// An alarm is no longer active.
    AlarmCleared(Alarm),
    /// Infusion by a schedule began or changed its schedule.
    FlexStarted {
        /// The delivery's id.
        dose: DoseId,
        /// The minute of the day that began then.
        minute_of_day: u16,
        /// Continuous rate then, nL/h.
        rate_nl_per_h: u32,
    },
    /// The schedule came to its next step.
    FlexStepped {
        /// Continuous rate from then on, nL/h.
        rate_nl_per_h: u32,
    },
    /// Telemetry was opened.
    TelemetryOpened,
    /// Telemetry was closed.
    TelemetryClosed {
        /// By the pump, because the host had forgotten it.
        timed_out: bool,
    },
    /// What the patient may give himself was set.
    PatientSet {
        /// Volume of a patient's bolus, nL.
        volume_nl: u32,
        /// Lockout, s.
        lockout_s: u32,
        /// Most within 24 h.
        daily_max: u8,
    },
    /// The patient's button was pressed and nothing was given.
    PatientRefused {
        /// The delivery's id.
        dose: DoseId,
    },
    /// The reservoir's content was set.
    ReservoirSet {
        /// What it holds, nL.
        volume_nl: u32,
    },
}

//! The pump as a capability: what the bench may ask of one, whatever link or protocol it speaks.
//!
//! Integers in the pump's own units (nL, nL/h, ms, µs), because that is what a pump is told. No wire format here.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::{FlowRate, Volume};

/// What the bench commands. Each request that delivers drug carries a dose id, which the pump executes once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PumpRequest {
    /// Start simple-continuous therapy.
    Start {
        /// The id of this delivery.
        dose: u64,
        /// The rate, in nL/h.
        rate_nl_per_h: u32,
    },
    /// Give a bolus in excess of the continuous rate.
    Bolus {
        /// The id of this delivery.
        dose: u64,
        /// The volume, in nL.
        volume_nl: u32,
        /// How long it takes, in ms.
        duration_ms: u32,
    },
    /// Stop therapy.
    Stop,
    /// Run at the pump's minimum rate.
    MinimumRate,
    /// Start flex therapy: a schedule of rates over the day.
    StartFlex {
        /// The id of this delivery.
        dose: u64,
        /// The minute of the pump's day at which it starts, 0 to 1439.
        minute_of_day: u16,
        /// The steps, in order of the day; the last holds over midnight until the first.
        steps: Vec<FlexStep>,
    },
    /// Open telemetry: a running therapy may be changed; pulses that fall due meanwhile are given after it closes.
    TelemetryOpen,
    /// Close telemetry.
    TelemetryClose,
    /// Set what the patient may give himself.
    SetPatient {
        /// The volume of a patient's bolus, in nL; 0 forbids them.
        volume_nl: u32,
        /// How long it takes, in ms.
        duration_ms: u32,
        /// How long after the beginning of one no other is given, in s.
        lockout_s: u32,
        /// How many are given within 24 h at most.
        daily_max: u8,
    },
    /// The patient's button.
    PatientBolus {
        /// The id of this delivery.
        dose: u64,
    },
    /// Tell the pump what its reservoir holds after a refill.
    SetReservoir {
        /// What it holds, in nL.
        volume_nl: u32,
        /// Below what it is low, in nL.
        low_nl: u32,
    },
}

/// From a minute of the day on, a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlexStep {
    /// The minute of the day, 0 to 1439.
    pub from_min: u16,
    /// The continuous rate, in nL/h.
    pub rate_nl_per_h: u32,
}

impl PumpRequest {
    /// Whether this delivers drug, so that its intent must be on disk before it goes out.
    #[must_use]
    pub const fn delivers(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Bolus { .. } | Self::StartFlex { .. } | Self::PatientBolus { .. })
    }
}

impl fmt::Display for PumpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { rate_nl_per_h, .. } => {
                write!(f, "start at {}", FlowRate::from_ul_per_h(f64::from(*rate_nl_per_h) * 1e-3))
            }
            Self::Bolus { volume_nl, duration_ms, .. } => {
                let volume = Volume::from_ul(f64::from(*volume_nl) * 1e-3);
                write!(f, "give a bolus of {volume} over {} s", f64::from(*duration_ms) * 1e-3)
            }
            Self::Stop => f.write_str("stop"),
            Self::MinimumRate => f.write_str("run at its minimum rate"),
            Self::StartFlex { steps, .. } => write!(f, "start a flex schedule of {} steps", steps.len()),
            Self::TelemetryOpen => f.write_str("open telemetry"),
            Self::TelemetryClose => f.write_str("close telemetry"),
            Self::SetPatient { volume_nl, lockout_s, daily_max, .. } => {
                let volume = Volume::from_ul(f64::from(*volume_nl) * 1e-3);
                write!(f, "allow the patient {volume} each {lockout_s} s, at most {daily_max} a day")
            }
            Self::PatientBolus { .. } => f.write_str("give a patient bolus"),
            Self::SetReservoir { volume_nl, .. } => {
                write!(f, "take its reservoir to hold {}", Volume::from_ul(f64::from(*volume_nl) * 1e-3))
            }
        }
    }
}

/// Why a pump refuses, as far as a verdict depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The patient may have no bolus now: lockout, or the daily maximum.
    PatientLimit,
    /// A value is outside what the pump takes.
    OutOfRange,
    /// An alarm locks therapy.
    Alarm,
    /// Anything else.
    Other,
}

impl RefusalKind {
    /// What to do about a refusal that nobody wanted.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::PatientLimit => "compare the presses with lockout and daily maximum",
            Self::OutOfRange => "compare the rig file's pump limits with the board's",
            Self::Alarm => "put a step 'stop' behind the alarm, which clears it",
            Self::Other => "look at what the steps before it left the pump doing",
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PumpOutcome {
    /// The pump executes it, or has executed it before.
    Accepted {
        /// When, by the pump's own clock, in µs since it booted.
        pump_us: u64,
        /// It had been executed before under the same dose id, and was not executed again.
        repeated: bool,
    },
    /// The pump will not.
    Refused {
        /// What kind of reason it has.
        kind: RefusalKind,
        /// Why, in the pump's words.
        reason: String,
    },
    /// Nobody knows: the pump did not answer in time, and was asked again.
    Unanswered {
        /// The last link fault, as text.
        reason: String,
    },
}

/// What the pump is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Therapy {
    /// Nothing is delivered but a bolus that may be running.
    Stopped,
    /// Simple-continuous therapy.
    Continuous,
    /// The pump's minimum rate.
    MinimumRate,
    /// A schedule of rates over the day.
    Flex,
}

impl Therapy {
    /// The name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Continuous => "continuous",
            Self::MinimumRate => "minimum rate",
            Self::Flex => "flex",
        }
    }
}

/// What the pump says of itself when asked, as far as the bench follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PumpState {
    /// What it is doing.
    pub therapy: Therapy,
    /// The rate commanded now, a running bolus included, in nL/h.
    pub rate_nl_per_h: u32,
    /// Whether a bolus runs.
    pub bolus_running: bool,
    /// The alarms that are active, as scenarios write them.
    pub alarms: Vec<String>,
}

/// An entry of the pump's event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PumpLogEntry {
    /// Its index in the pump's log; consecutive, over resets as well.
    pub index: u32,
    /// When, by the pump's own clock, in µs since it booted.
    pub pump_us: u64,
    /// What happened.
    pub what: PumpLogged,
}

/// What a pump logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PumpLogged {
    /// The board started.
    Booted {
        /// Why it had been reset.
        cause: String,
    },
    /// A therapy, a bolus or a stop, in the pump's words.
    Therapy {
        /// What it did.
        what: String,
    },
    /// An alarm began.
    AlarmRaised {
        /// Its name, as scenarios write it.
        alarm: String,
    },
    /// An alarm ended.
    AlarmCleared {
        /// Its name, as scenarios write it.
        alarm: String,
    },
}

/// The alarms that the bench knows by name; scenarios may expect these.
pub const ALARMS: &[&str] = &[
    "motor stall",
    "occlusion",
    "empty reservoir",
    "end of service",
    "memory error",
    "pump stopped 48 h",
    "low reservoir",
    "elective replacement",
];

/// The alarms among [`ALARMS`] that a low supply brings about.
pub const BATTERY_ALARMS: &[&str] = &["end of service", "elective replacement"];

/// The alarms among [`ALARMS`] by which a pump ends therapy.
pub const STOPPING_ALARMS: &[&str] = &["motor stall", "occlusion", "empty reservoir", "end of service", "memory error"];

/// The alarm among [`ALARMS`] that a closed line brings about.
pub const OCCLUSION_ALARM: &str = "occlusion";

/// Why a pump may have been reset, by the names that scenarios know.
pub const RESETS: &[&str] = &["power on", "watchdog", "software", "brown-out", "external reset", "fault"];

/// The resets among [`RESETS`] that a low supply brings about.
pub const POWER_RESETS: &[&str] = &["power on", "brown-out"];

/// The resets among [`RESETS`] that a debug probe brings about; one that has written the image may find what it was lost.
pub const ORDERED_RESETS: &[&str] = &["external reset", "power on"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cause_explains_is_among_what_there_is() {
        let alarms = BATTERY_ALARMS.iter().chain(STOPPING_ALARMS).chain([&OCCLUSION_ALARM]);
        assert!(alarms.clone().all(|alarm| ALARMS.contains(alarm)));
        assert!(ORDERED_RESETS.iter().all(|reset| RESETS.contains(reset)));
        assert!(POWER_RESETS.iter().all(|reset| RESETS.contains(reset)));
    }
}

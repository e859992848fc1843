//! The one stream: every event of a run, in the order in which it was linearised.
//!
//! An event is either an *input* (the world told the engine) or a *decision* (the engine told the world). The
//! decisions that follow from an input stand right behind it, so feeding the inputs through the engine again must
//! give the same decisions; `engine::replay` checks that.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::check::{CheckRecord, DecisionRule};
use crate::fault::{Fault, LinkFault};
use crate::firmware::{FirmwareLine, Images};
use crate::identity::Identity;
pub use crate::interruption::{Bridge, ClocksAt, HostClocks, Interruption};
use crate::order::{Order, OrderOutcome};
use crate::profile::{Declared, RigProfile, SafePump};
pub use crate::prompt::{Answer, Prompt, PromptEntry};
use crate::pump::{PumpLogEntry, PumpOutcome, PumpRequest, PumpState};
use crate::quantity::{MassRate, Ratio, Temperature};
use crate::reading::Reading;
use crate::settings::BalanceSettings;
use crate::stated::{OverdueAccepted, Stated};
use crate::time::RunTime;
use crate::verdict::RunVerdict;

pub use crate::stated::Protocol;

/// The version of the events' encoding.
///
/// - 1: the first.
/// - 2: kinds of refusals, a port that is locked, the firmware's image and log, values that are read.
/// - 3: the pump's clock, lines of the firmware's log that are lost, deadlines, the decision rule, models of evaporation, what
///   is known of the rig, what was stated for the report.
/// - 4: errors of the flow over windows, overdue certificates that somebody has accepted; a release is judged with what the rig's
///   own line held, a step of the mass with the tail of the balance's filter.
/// - 5: a verdict's interval is by trials of the model where that is wider than the GUM's; what a balance says of its settings.
/// - 6: a run that goes on after it was interrupted.
/// - 7: a bath, and the temperature that a run needs of it. Later, beside what was there: the host's clocks where a run goes on.
pub const FORMAT: u32 = 7;

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Consecutive from 0, without gaps.
    pub seq: u64,
    /// When it entered the stream, in run time.
    pub t_ns: RunTime,
    /// The station it belongs to.
    pub station: Arc<str>,
    /// What happened.
    pub kind: EventKind,
}

/// How a run was set up: the first event, and with it the record explains itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The encoding's version, [`FORMAT`].
    pub format: u32,
    /// The version of the tool that ran it.
    pub version: String,
    /// The seed of everything random in the simulators.
    pub seed: u64,
    /// The scenario's title.
    pub title: String,
    /// The protocol's id and revision.
    pub protocol: Option<Protocol>,
    /// What the scenario says of its method.
    pub method: String,
    /// The requirements it names, with their texts.
    pub requirements: Vec<(String, String)>,
    /// The parameters as set.
    pub parameters: Vec<(String, String)>,
    /// The resolved scenario: it can be run again as it stands.
    pub scenario_yaml: String,
    /// The SHA-256, in hexadecimal, of the scenario with its parameters' names where their values stand: runs whose parameters
    /// alone differ have the same. Nothing in records of the formats before 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern_sha256: Option<String>,
    /// The name by which the scenario was called.
    pub scenario: String,
    /// The serial number that the device must have, if one was asked for.
    pub device_expected: Option<String>,
    /// The day on which the run is planned to end, `YYYY-MM-DD`: no calibration may fall due before.
    pub ends_on: String,
    /// The id of the first dose less one: doses of different runs must differ on a real pump.
    pub dose_base: u64,
    /// The rig's station.
    pub profile: RigProfile,
    /// By how much evaporation may differ between before and after.
    pub evaporation_changes_at_most_ug_per_s: MassRate,
    /// How much of a check's time may be flagged before a pass is inconclusive; 2 % in records of the formats before 3.
    #[serde(default = "flagged_at_most")]
    pub flagged_at_most: Ratio,
    /// By which rule values with an uncertainty are decided; the guard band in records of the formats before 3.
    #[serde(default)]
    pub decision_rule: DecisionRule,
    /// What people stated for the report; nothing in records of the formats before 3.
    #[serde(default)]
    pub stated: Stated,
    /// Who runs it although a certificate falls due, and why; nobody in records of the formats before 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_accepted: Option<OverdueAccepted>,
    /// The range in which the bath must be from the opening weighing on, if the scenario needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bath_c: Option<Declared<Temperature>>,
    /// The checks that the plan holds, in order.
    pub checks: Vec<String>,
}

impl Opened {
    /// Every certificate that falls due before the planned end: the instrument's name, the certificate, the day. Days as
    /// `YYYY-MM-DD` are in the order of their letters.
    pub fn overdue(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let of_balances = self.profile.instruments.iter().filter_map(|instrument| {
            let calibration = instrument.calibration.as_ref()?;
            Some((instrument.name.as_str(), calibration.certificate.as_str(), calibration.due.as_str()))
        });
        let of_sensors = self.stated.site.papers.iter().filter_map(|papers| {
            let due = papers.due.as_deref()?;
            Some((papers.instrument.as_str(), papers.certificate.as_deref().unwrap_or("without a number"), due))
        });
        of_balances.chain(of_sensors).filter(|(_, _, due)| *due < self.ends_on.as_str())
    }
}

/// The share of a check's time that may be flagged unless the scenario says otherwise.
#[must_use]
pub fn flagged_at_most() -> Ratio {
    Ratio::from_percent(2.0)
}

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The pump is stopped and the vessel weighed, to know evaporation before.
    OpeningWeighing,
    /// The scenario's steps.
    Steps,
    /// The pump is stopped and the vessel weighed, to know evaporation after.
    ClosingWeighing,
}

impl Phase {
    /// The name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpeningWeighing => "opening weighing",
            Self::Steps => "steps",
            Self::ClosingWeighing => "closing weighing",
        }
    }
}

/// How a safe stop went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeStopReport {
    /// What the pump was to do.
    pub wanted: SafePump,
    /// What was done, a sentence an action.
    pub actions: Vec<String>,
    /// Whether the pump's log was read to its end once the pump was as wanted. Entries that it had overwritten by then are missing
    /// all the same: [`EventKind::PumpLogGap`].
    pub log_read: bool,
    /// Whether the station confirmed it: the pump, and valve and supply where there are such.
    pub confirmed: bool,
    /// What did not confirm, and why, a sentence each; empty if the station is safe.
    pub unconfirmed: Vec<String>,
    /// How long it took, in ms.
    pub took_ms: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Input: the run began.
    Opened(Box<Opened>),
    /// Input: an instrument answered, for the first time or again.
    Attached {
        /// Which.
        instrument: String,
        /// What it said of itself.
        identity: Identity,
    },
    /// Input: an exchange with an instrument failed, and it is being attached again.
    Lost {
        /// Which.
        instrument: String,
        /// Why.
        fault: LinkFault,
        /// The last raw frames on its line, escaped, oldest first.
        frames: Vec<String>,
    },
    /// Input: every instrument of the rig has answered once.
    RigReady,
    /// Input: the run's process ended before the run did, and another goes on with it.
    Resumed(Interruption),
    /// Input: a value.
    Reading(Reading),
    /// Input: what became of a command.
    PumpAnswered {
        /// The command's number.
        command: u32,
        /// The middle between request and reply.
        at_ns: RunTime,
        /// Half the round trip.
        u_ns: u64,
        /// What became of it.
        outcome: PumpOutcome,
    },
    /// Input: what became of an order.
    OrderAnswered {
        /// The order's number.
        order: u32,
        /// The middle between request and reply.
        at_ns: RunTime,
        /// Half the round trip.
        u_ns: u64,
        /// What became of it.
        outcome: OrderOutcome,
    },
    /// Input: the pump's state changed between two polls.
    PumpChanged(PumpState),
    /// Input: a new entry of the pump's log.
    PumpLogged(PumpLogEntry),
    /// Input: entries of the pump's log were overwritten before they were read.
    PumpLogGap {
        /// The first index that is lost.
        from: u32,
        /// The first index that is there again.
        to: u32,
    },
    /// Input: the pump's clock was read: when its link was attached or it was reset, and from time to time since.
    PumpClockRead {
        /// The middle between request and reply.
        at_ns: RunTime,
        /// Half the round trip.
        u_ns: u64,
        /// That clock, in µs since the pump booted.
        pump_us: u64,
    },
    /// Input: a balance told how it is set: when it was attached, and when that had changed since.
    SettingsTold {
        /// Which.
        instrument: String,
        /// What it told.
        settings: BalanceSettings,
    },
    /// Input: the board's image was read and held against the rig file's.
    ImagesCompared {
        /// Which instrument read it.
        instrument: String,
        /// What was found.
        images: Images,
    },
    /// Input: the firmware has logged a line.
    FirmwareLogged {
        /// Which instrument heard it.
        instrument: String,
        /// The line.
        line: FirmwareLine,
    },
    /// Input: lines of the firmware's log may be missing here: damaged, overwritten, or lost with a reset before they were
    /// read.
    FirmwareLogGap {
        /// Which instrument listens to it.
        instrument: String,
        /// Whether the firmware has begun anew, and its log with it.
        restarted: bool,
    },
    /// Input: an operator, or the script in his place, answered.
    Answered(Answer),
    /// Input: a remark for the record.
    Remarked {
        /// What was said.
        text: String,
        /// By whom.
        by: String,
    },
    /// Input: somebody wants the run to stop.
    StopAsked {
        /// Who or what.
        cause: String,
    },
    /// Input: this program or the machine failed.
    Broke(Fault),
    /// Input: a moment came that the engine had asked for.
    Tick,
    /// Input: the safe stop was carried out.
    SafeStopped(SafeStopReport),

    /// Decision: a part of the run begins.
    PhaseEntered(Phase),
    /// Decision: a step begins.
    StepEntered {
        /// Its place in the plan, from 0.
        index: u32,
        /// Its name.
        name: String,
        /// What it does, in a sentence.
        what: String,
    },
    /// Decision: the vessel is weighed here; the moment has a name.
    Marked {
        /// The mark's name.
        mark: String,
    },
    /// Decision: a command for the pump.
    Commanded {
        /// Its number in the run.
        command: u32,
        /// What is commanded.
        request: PumpRequest,
    },
    /// Decision: an order for an instrument of the rig.
    Ordered {
        /// Its number in the run.
        order: u32,
        /// Which instrument.
        instrument: String,
        /// What it is to do.
        what: Order,
    },
    /// Decision: an operator is asked.
    Prompted(Prompt),
    /// Decision: a check was decided.
    CheckDecided(Box<CheckRecord>),
    /// Decision: the station is to be made safe.
    SafeStopBegan {
        /// Why: the plan came to its end, or what went wrong.
        cause: String,
    },
    /// Decision: the last event of a run.
    Ended {
        /// What it ended as.
        verdict: RunVerdict,
        /// Why, when it is no pass.
        reason: Option<String>,
        /// The bench's fault, if there was one, whatever the verdict.
        fault: Option<Fault>,
    },
}

impl EventKind {
    /// Whether the world told the engine, rather than the other way round.
    #[must_use]
    pub const fn is_input(&self) -> bool {
        !matches!(
            self,
            Self::PhaseEntered(_)
                | Self::StepEntered { .. }
                | Self::Marked { .. }
                | Self::Commanded { .. }
                | Self::Ordered { .. }
                | Self::Prompted(_)
                | Self::CheckDecided(_)
                | Self::SafeStopBegan { .. }
                | Self::Ended { .. }
        )
    }
}

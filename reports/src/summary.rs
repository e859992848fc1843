//! `summary.json`: a run in one object, for scripts and CI.
//!
//! Its keys are a promise to the outside: all of them are always there, and what is not known is null.

use std::path::Path;

use domain::event::Opened;
use domain::identity::{Identity, Nature, Tier};
use domain::profile::{Clock, Fluid, Role};
use domain::{CheckRecord, CheckVerdict, RunVerdict};
use measure::{Flag, Ledger};
use record::Metadata;
use serde::{Deserialize, Serialize};

use crate::number::{plain, uncertain, unit};
use crate::outcome::Outcome;
use crate::story::Story;

/// The version of this object.
const SCHEMA: u32 = 1;

/// The names of operators' entries that stand here.
const DEVICE_LOT: &str = "device lot";
const DEVICE_HARDWARE: &str = "device hardware";
const FLUID_LOT: &str = "fluid lot";

/// A run in one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this object's shape.
    pub schema: u32,
    /// The run's id.
    pub run: String,
    /// The name by which the scenario was called.
    pub scenario: String,
    /// The rig's name.
    pub rig: String,
    /// How real the rig was, derived from what answered.
    pub tier: Option<Tier>,
    /// The station's name.
    pub station: String,
    /// The seed of everything random in the simulators.
    pub seed: u64,
    /// What the run ended as.
    pub verdict: RunVerdict,
    /// Why, when it is no pass.
    pub reason: Option<String>,
    /// SHA-256 over the events in canonical encoding, as hexadecimal digits.
    pub stream_sha256: String,
    /// What the run was for.
    pub purpose: String,
    /// The test protocol.
    pub protocol: ProtocolSummary,
    /// Who ran it.
    pub operator: Option<String>,
    /// The device under test.
    pub device: DeviceSummary,
    /// The liquid in the vessel.
    pub fluid: FluidSummary,
    /// Each instrument of the rig, the pump among them.
    pub instruments: Vec<InstrumentSummary>,
    /// By which rule values with an uncertainty were decided.
    #[serde(default)]
    pub decision_rule: String,
    /// What was left out of the figures, a sentence each.
    pub exclusions: Vec<String>,
    /// Where the run departed from its protocol, a sentence each.
    pub deviations: Vec<String>,
    /// The wall time at which it began, RFC 3339.
    pub started: String,
    /// Seconds of run time from the moment the rig was ready to the last event.
    pub rig_seconds: Option<f64>,
    /// Seconds that passed on the wall.
    pub wall_seconds: Option<f64>,
    /// The run's folder.
    pub folder: String,
    /// The checks, in the order of the plan.
    pub checks: Vec<CheckSummary>,
}

/// A test protocol under revision control.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProtocolSummary {
    /// Its number.
    pub id: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
}

/// The device under test, as it said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceSummary {
    /// Model or type designation.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Lot.
    pub lot: Option<String>,
    /// Hardware revision.
    pub hardware: Option<String>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// SHA-256 of the image that the board held at the end, as [`domain::Images`] has it.
    pub image_sha256: Option<String>,
}

/// The liquid in the vessel.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FluidSummary {
    /// What it is.
    pub name: Option<String>,
    /// Its lot.
    pub lot: Option<String>,
    /// Its density at the vessel's temperature, in kg/m³.
    pub density_kg_per_m3: Option<f64>,
    /// The standard uncertainty of that, in kg/m³.
    pub u: Option<f64>,
}

/// An instrument of the rig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentSummary {
    /// What it is for.
    pub role: String,
    /// Model or type designation.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// The day its calibration falls due, as `YYYY-MM-DD`.
    pub calibration_due: Option<String>,
    /// Whether it is none, but a simulator; null if it never answered.
    pub simulated: Option<bool>,
}

/// A check of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckSummary {
    /// Unique in the run.
    pub name: String,
    /// The step it stands in.
    pub step: Option<String>,
    /// What was decided.
    pub verdict: CheckVerdict,
    /// The value, in `unit`.
    pub value: Option<f64>,
    /// The unit of value, uncertainty and limits.
    pub unit: Option<String>,
    /// The expanded uncertainty of the value.
    pub expanded_uncertainty: Option<f64>,
    /// The coverage factor of that.
    pub coverage_factor: Option<f64>,
    /// The least value that is allowed.
    pub limit_low: Option<f64>,
    /// The greatest value that is allowed.
    pub limit_high: Option<f64>,
    /// The requirements it verifies.
    pub requirements: Vec<String>,
}

/// What the stream's reader knows beside the events.
pub(crate) struct Origin<'a> {
    /// The run's folder.
    pub(crate) folder: &'a Path,
    /// The record's metadata.
    pub(crate) metadata: &'a Metadata,
    /// SHA-256 over the events.
    pub(crate) stream_sha256: &'a str,
    /// Seconds that passed on the wall.
    pub(crate) wall_seconds: Option<f64>,
    /// What measurement knows of the run.
    pub(crate) ledger: &'a Ledger,
}

impl Summary {
    /// The summary of a run.
    pub(crate) fn new(opened: &Opened, story: &Story, outcome: &Outcome, origin: &Origin<'_>) -> Self {
        let profile = &opened.profile;
        let protocol = opened.protocol.as_ref();
        Self {
            schema: SCHEMA,
            run: origin.metadata.run.clone(),
            scenario: opened.scenario.clone(),
            rig: profile.name.clone(),
            tier: Tier::derive(matches!(profile.clock, Clock::Virtual { .. }), story.natures.iter().copied()),
            station: profile.station.clone(),
            seed: opened.seed,
            verdict: outcome.verdict,
            reason: outcome.reason.clone(),
            stream_sha256: origin.stream_sha256.to_owned(),
            purpose: origin.metadata.purpose.clone(),
            protocol: ProtocolSummary {
                id: protocol.map(|p| p.id.clone()),
                revision: protocol.and_then(|p| p.revision.clone()),
            },
            operator: origin.metadata.operator.clone(),
            device: device(opened, story),
            fluid: fluid(opened, story),
            instruments: instruments(opened, story),
            decision_rule: opened.decision_rule.to_string(),
            exclusions: exclusions(origin.ledger),
            deviations: deviations(opened, story),
            started: origin.metadata.started.clone(),
            rig_seconds: story.rig_seconds(),
            wall_seconds: origin.wall_seconds,
            folder: origin.folder.display().to_string(),
            checks: story.checks_as_planned().into_iter().map(|(name, check)| check_summary(name, check)).collect(),
        }
    }

    /// The exit code of a process whose only run this was.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }
}

/// What the figures are stated with and without: flags delete nothing.
fn exclusions(ledger: &Ledger) -> Vec<String> {
    let said = |flag: Flag| format!("{flag}; figures are stated with and without it");
    ledger.flags().into_iter().filter(|flag| flag.shown_no_flow).map(said).collect()
}

/// Where the run departs from what a run must be.
fn deviations(opened: &Opened, story: &Story) -> Vec<String> {
    let interruptions = story.interruptions.iter().map(|told| format!("the run was {told}"));
    interruptions.chain(overdue(opened)).collect()
}

/// The certificates that fell due, and who took that upon himself.
fn overdue(opened: &Opened) -> Vec<String> {
    let Some(accepted) = &opened.overdue_accepted else { return Vec::new() };
    let said = |(instrument, certificate, due): (&str, &str, &str)| {
        format!(
            "certificate {certificate} of {instrument} fell due on {due}, before the planned end on {}; accepted by {}: {}",
            opened.ends_on, accepted.by, accepted.reason
        )
    };
    opened.overdue().map(said).collect()
}

fn device(opened: &Opened, story: &Story) -> DeviceSummary {
    let pump = opened.profile.by_role(Role::Pump).and_then(|pump| story.identities.get(&pump.name));
    pump.map_or_else(DeviceSummary::default, |identity| DeviceSummary {
        model: identity.model.clone(),
        serial: identity.serial.clone(),
        lot: story.written_down(DEVICE_LOT),
        hardware: identity.hardware.clone().or_else(|| story.written_down(DEVICE_HARDWARE)),
        firmware: identity.firmware.clone(),
        image_sha256: story.board_sha256.clone(),
    })
}

fn fluid(opened: &Opened, story: &Story) -> FluidSummary {
    let method = &opened.profile.method;
    let (name, density, u) = match &method.fluid {
        Fluid::Water => {
            let u_c = rectangular(method.vessel_c.half_width.c());
            let density = measure::water::density_with_u(method.vessel_c.value.c(), u_c);
            ("water", density.map(|d| d.value), density.map(|d| d.u))
        }
        Fluid::Given { name, at_vessel_kg_per_m3: density, .. } => {
            (name.as_str(), Some(density.value.kg_per_m3()), Some(rectangular(density.half_width.kg_per_m3())))
        }
    };
    FluidSummary { name: Some(name.to_owned()), lot: story.written_down(FLUID_LOT), density_kg_per_m3: density, u }
}

/// The standard uncertainty of a value that lies anywhere within a half width.
fn rectangular(half_width: f64) -> f64 {
    half_width / 3.0_f64.sqrt()
}

fn instruments(opened: &Opened, story: &Story) -> Vec<InstrumentSummary> {
    let said = |name: &str, what: fn(&Identity) -> Option<String>| story.identities.get(name).and_then(what);
    let one = |i: &domain::profile::InstrumentProfile| InstrumentSummary {
        role: i.role.name().to_owned(),
        model: said(&i.name, |identity| identity.model.clone()),
        serial: said(&i.name, |identity| identity.serial.clone()),
        calibration_due: i
            .calibration
            .as_ref()
            .map(|c| c.due.clone())
            .or_else(|| opened.stated.site.papers_of(&i.name)?.due.clone()),
        simulated: story.identities.get(&i.name).map(|identity| identity.nature != Nature::Real),
    };
    opened.profile.instruments.iter().map(one).collect()
}

fn check_summary(name: &str, check: Option<&CheckRecord>) -> CheckSummary {
    let finite = |value: Option<f64>| value.filter(|v| v.is_finite());
    CheckSummary {
        name: name.to_owned(),
        step: check.map(|c| c.head.step.clone()),
        verdict: check.map_or(CheckVerdict::NotRun, |c| c.verdict),
        value: finite(check.and_then(|c| c.value)),
        unit: check.map(|c| c.unit.clone()).filter(|unit| !unit.is_empty()),
        expanded_uncertainty: finite(check.and_then(|c| c.expanded_uncertainty)),
        coverage_factor: finite(check.and_then(|c| c.coverage_factor)),
        limit_low: finite(check.and_then(|c| c.limits.low)),
        limit_high: finite(check.and_then(|c| c.limits.high)),
        requirements: check.map(|c| c.head.requirements.clone()).unwrap_or_default(),
    }
}

impl CheckSummary {
    /// Its value with its uncertainty and unit, as people read it.
    pub(crate) fn value_text(&self) -> String {
        let Some(value) = self.value else { return "–".to_owned() };
        let (value, u) = uncertain(value, self.expanded_uncertainty);
        let u = u.map_or(String::new(), |u| format!(" ± {u}"));
        format!("{value}{u} {}", self.symbol()).trim_end().to_owned()
    }

    /// Its limits with their unit, as people read them.
    pub(crate) fn limits_text(&self) -> String {
        let text = match (self.limit_low, self.limit_high) {
            (Some(low), Some(high)) => format!("{} … {} {}", plain(low), plain(high), self.symbol()),
            (Some(low), None) => format!("≥ {} {}", plain(low), self.symbol()),
            (None, Some(high)) => format!("≤ {} {}", plain(high), self.symbol()),
            (None, None) => "–".to_owned(),
        };
        text.trim_end().to_owned()
    }

    fn symbol(&self) -> String {
        self.unit.as_deref().map(unit).unwrap_or_default()
    }
}

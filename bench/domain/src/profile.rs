//! What a rig is, as far as scenario, engine and measurement need to know it: instruments, channels, ranges,
//! calibrations, the pump's limits, the conditions of the measurement, and what is safe.
//!
//! No port, no driver and no simulator is known here; the crate `rig` binds those.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::quantity::{Compliance, Density, FlowRate, Length, Mass, Pressure, Ratio, Temperature, Voltage, Volume};
use crate::settings::Switches;

/// Where the run's time comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Virtual time that starts at a fixed epoch, RFC 3339.
    Virtual {
        /// The wall time at which each virtual run begins.
        epoch: String,
    },
    /// The machine's monotonic clock.
    Real,
}

impl Clock {
    /// Whether it is the machine's.
    #[must_use]
    pub const fn is_real(&self) -> bool {
        matches!(self, Self::Real)
    }
}

/// What an instrument is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The device under test.
    Pump,
    /// The balance that weighs the delivered liquid.
    Balance,
    /// A balance with an undisturbed vessel that shows evaporation.
    Reference,
    /// The liquid flow meter in the line.
    Flow,
    /// The pressure sensor in the line.
    Line,
    /// The valve that occludes the line, with its position.
    Valve,
    /// The liquid's temperature.
    Fluid,
    /// The room's air: temperature, pressure, humidity.
    Climate,
    /// The bath that keeps pump and liquid at a temperature.
    Bath,
    /// The supply that plays the pump's battery.
    Supply,
    /// The debug probe on the board.
    Probe,
    /// The simulated plant's control socket.
    Plant,
}

impl Role {
    /// The role as it stands in files and in `summary.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pump => "pump",
            Self::Balance => "balance",
            Self::Reference => "reference",
            Self::Flow => "flow",
            Self::Line => "line",
            Self::Valve => "valve",
            Self::Fluid => "fluid",
            Self::Climate => "climate",
            Self::Bath => "bath",
            Self::Supply => "supply",
            Self::Probe => "probe",
            Self::Plant => "plant",
        }
    }

    /// Every role, in the order in which rig files and reports name them.
    pub const ALL: [Self; 12] = [
        Self::Pump,
        Self::Balance,
        Self::Reference,
        Self::Flow,
        Self::Line,
        Self::Valve,
        Self::Fluid,
        Self::Climate,
        Self::Bath,
        Self::Supply,
        Self::Probe,
        Self::Plant,
    ];
}

/// A channel that an instrument declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelProfile {
    /// `instrument.quantity`.
    pub channel: String,
    /// The symbol of its unit.
    pub unit: String,
}

/// A calibration certificate with what the measurement takes from it, for a balance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The certificate's number.
    pub certificate: String,
    /// The day it falls due, as `YYYY-MM-DD`.
    pub due: String,
    /// Expanded uncertainty of a mass difference.
    pub expanded_uncertainty_g: Mass,
    /// The coverage factor of that.
    pub coverage_factor: f64,
    /// Half width of the deviation from linearity.
    pub linearity_g: Mass,
    /// Standard deviation of repeated readings.
    pub repeatability_g: Mass,
    /// The readability (one digit).
    pub resolution_g: Mass,
}

/// What a flow meter's data sheet or certificate says: within it the meter is a witness beside the balance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Meter {
    /// The least flow that it tells.
    pub from_ul_per_h: FlowRate,
    /// The greatest.
    pub to_ul_per_h: FlowRate,
    /// Half width of its error, in per cent of the flow.
    pub accuracy: Ratio,
    /// Half width of its zero's error.
    pub zero_ul_per_h: FlowRate,
}

/// An instrument of the rig.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstrumentProfile {
    /// Its name in the rig file, which is its role's; first part of its channels' names.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// The driver that speaks to it.
    pub driver: String,
    /// The time between two polls.
    pub poll: Duration,
    /// Deadline of one exchange; 0 in records of the formats before 3, which do not tell.
    #[serde(default)]
    pub deadline: Duration,
    /// How long it may be away before the run ends as a bench error.
    pub away_at_most: Duration,
    /// What it measures.
    pub channels: Vec<ChannelProfile>,
    /// Its calibration, where one is needed.
    pub calibration: Option<Calibration>,
    /// What is declared of a flow meter.
    #[serde(default)]
    pub meter: Option<Meter>,
    /// What is declared of a balance's settings. None of anything else, and none in records of the formats before 5, whose
    /// balances were not asked.
    #[serde(default)]
    pub settings: Option<Switches>,
    /// From which to which temperature a bath may be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settable_c: Option<(Temperature, Temperature)>,
}

/// What the pump can do, from its specification: a plan beyond it is refused before anything moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PumpLimits {
    /// The least continuous rate.
    pub rate_min_ul_per_h: FlowRate,
    /// The greatest continuous rate.
    pub rate_max_ul_per_h: FlowRate,
    /// The rate it runs at when told to run at its minimum.
    pub minimum_rate_ul_per_h: FlowRate,
    /// The least bolus.
    pub bolus_min_ul: Volume,
    /// The greatest bolus.
    pub bolus_max_ul: Volume,
    /// The greatest rate of a bolus.
    pub bolus_rate_max_ul_per_h: FlowRate,
    /// The volume of one pulse of its head, nominally.
    pub pulse_ul: Volume,
    /// The most that its reservoir holds.
    pub reservoir_ul: Volume,
    /// The supply's voltage at which it must work; where it is declared, a silence can be the device's.
    pub supply_v: Option<Declared<Voltage>>,
}

/// A value with the range around it, as the rig file declares it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Declared<T> {
    /// The value.
    pub value: T,
    /// Half width of the range that it lies in, all values alike likely.
    pub half_width: T,
}

/// The liquid in the vessel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fluid {
    /// Degassed water: density by temperature.
    Water,
    /// A liquid whose density was measured at the vessel's and at the stated temperature.
    Given {
        /// What it is.
        name: String,
        /// Density at the vessel's temperature.
        at_vessel_kg_per_m3: Declared<Density>,
        /// Density at the stated temperature.
        at_stated_kg_per_m3: Declared<Density>,
    },
}

/// How the loss by evaporation is carried from what was measured before the steps to what was measured after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaporationModel {
    /// The mean of both, all the time.
    Constant,
    /// On a line; the only one in records of the formats before 3.
    #[default]
    Linear,
    /// As the room dries, by its temperature and humidity as they are read.
    Climate,
    /// As a reference vessel loses mass.
    Reference,
}

impl EvaporationModel {
    /// The model as rig files name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Climate => "climate",
            Self::Reference => "reference vessel",
        }
    }
}

/// What the rig itself does to a measurement, as somebody measured it; what was not measured is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Characterised {
    /// The day on which that was measured, as `YYYY-MM-DD`.
    pub on: Option<String>,
    /// What vessel and liquid displace of the air when a run begins.
    pub displaced_ul: Option<Declared<Volume>>,
    /// Half width by which the liquid's pull at the needle may differ between two weighings.
    pub wetting_g: Option<Mass>,
    /// Half width of the wander of the balance's zero over a day.
    pub zero_drift_g: Option<Mass>,
    /// What the line holds between pump and vessel.
    pub line_volume_ul: Option<Declared<Volume>>,
    /// What leaves the line before the vessel, at the pressure of undisturbed flow.
    pub line_leak_ul_per_h: Option<Declared<FlowRate>>,
    /// What the rig's own line stores under pressure: it is released together with what the device stores.
    pub line_compliance_ul_per_kpa: Option<Declared<Compliance>>,
}

/// The conditions under which mass becomes volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// The liquid.
    pub fluid: Fluid,
    /// Its temperature in the vessel.
    pub vessel_c: Declared<Temperature>,
    /// The temperature at which volumes are stated.
    pub stated_c: Temperature,
    /// Air temperature at the balance.
    pub air_c: Declared<Temperature>,
    /// Air pressure at the balance.
    pub air_kpa: Declared<Pressure>,
    /// Relative humidity at the balance.
    pub humidity_percent: Declared<Ratio>,
    /// Diameter of the needle that dips into the vessel.
    pub needle_mm: Declared<Length>,
    /// Inner diameter of the vessel.
    pub vessel_mm: Declared<Length>,
    /// How evaporation is carried from before the steps to after them.
    #[serde(default)]
    pub evaporation: EvaporationModel,
    /// By how much evaporation may have differed in between from what that says.
    pub evaporation_swing: Ratio,
    /// Over how long readings are averaged into one weighing.
    pub averaging: Duration,
    /// How long the balance settles after a bolus before it is weighed.
    pub settling: Duration,
    /// What the valve pushes towards the vessel when it closes, and takes back when it opens, by a blank actuation.
    pub valve_displacement_ul: Option<Declared<Volume>>,
    /// What else is known of the rig.
    #[serde(default)]
    pub characterised: Characterised,
}

/// What the pump does when the station is made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SafePump {
    /// Stopped, and confirmed to be.
    Stopped,
    /// At its minimum rate, since some pumps stall when they stand still for days.
    MinimumRate,
    /// Left as it is, into waste.
    LeftRunning,
}

/// The station's safe state: data, resolved before the run, executed without engine or plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SafeState {
    /// What the pump does.
    pub pump: SafePump,
    /// Whether the valve is opened, where the station has one.
    pub valve_open: bool,
    /// The voltage that the supply is set to first, so that the board can hear, where the station has one.
    pub supply_v: Option<Voltage>,
    /// Whether the supply is switched off if the pump does not confirm.
    pub supply_off: bool,
    /// The bound on reaching it, from its cause on.
    pub within: Duration,
}

/// An answer that the virtual rig gives to an operator's step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptedAnswer {
    /// The entry's name.
    pub entry: String,
    /// What is entered.
    pub value: String,
}

/// A rig's station, as scenario, engine and measurement see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RigProfile {
    /// The rig's name.
    pub name: String,
    /// The station's name.
    pub station: String,
    /// Where time comes from.
    pub clock: Clock,
    /// The instruments, the pump among them.
    pub instruments: Vec<InstrumentProfile>,
    /// The pump's limits.
    pub pump: PumpLimits,
    /// The conditions of the measurement.
    pub method: Method,
    /// What is safe.
    pub safe: SafeState,
    /// Whether a script answers the operator's steps.
    pub scripted_operator: bool,
    /// What the script enters; an entry it does not name gets the middle of its plausible range.
    pub script: Vec<ScriptedAnswer>,
}

impl RigProfile {
    /// The instrument that fills a role, if the rig has one.
    #[must_use]
    pub fn by_role(&self, role: Role) -> Option<&InstrumentProfile> {
        self.instruments.iter().find(|i| i.role == role)
    }

    /// Whether the instrument of that name is the one that fills the role.
    #[must_use]
    pub fn fills(&self, name: &str, role: Role) -> bool {
        self.by_role(role).is_some_and(|instrument| instrument.name == name)
    }

    /// The instrument of that name, if the rig has it.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&InstrumentProfile> {
        self.instruments.iter().find(|i| i.name == name)
    }

    /// The declared channel of that name, if an instrument has it.
    #[must_use]
    pub fn channel(&self, channel: &str) -> Option<&ChannelProfile> {
        self.instruments.iter().flat_map(|i| &i.channels).find(|c| c.channel == channel)
    }
}

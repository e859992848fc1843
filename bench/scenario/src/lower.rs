//! What lowering a step may use: the rig, the steps before it, and a place for problems.
//!
//! It keeps what earlier steps command, so that a check can be refused before anything runs if it cannot be decided.

use core::time::Duration;

use domain::check::CheckHead;
use domain::profile::{Calibration, Role};
use domain::unit::Dimension;
use domain::{FlowRate, RigProfile};
use text::{Diagnostics, Field, Kind, Pos, View};

/// Keys that every check takes: its name, its reason, its requirements.
pub(crate) const NAME: Field =
    Field::optional("name", Kind::Text, "a name for results and for other steps to refer to");
/// The reason of a limit.
pub(crate) const BECAUSE: Field = Field::required("because", Kind::Text, "where the limit comes from");
/// The requirements that are verified.
pub(crate) const REQUIREMENT: Field = Field::optional(
    "requirement",
    Kind::Short(&Kind::Text, &Kind::List(&Kind::Text, 1)),
    "the requirement that this verifies, as listed above",
);

/// What an earlier step contributes to later ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    /// The step's name.
    pub name: String,
    /// The volume that is commanded during the step, in uL.
    pub commanded_ul: f64,
    /// How many boluses it gives, and the volume of each, in uL.
    pub boluses: Option<(u32, f64)>,
    /// Whether it lasts for a time, so that a volume can be measured over it.
    pub lasts: bool,
    /// Whether the occlusion valve opens in it.
    pub valve_opened: bool,
    /// How long it lasts, and at what one rate in uL/h, of a hold with such a therapy.
    pub steady: Option<(Duration, f64)>,
    /// How many hours it holds.
    pub hours: f64,
}

impl Named {
    /// A step that takes no time of its own.
    pub(crate) fn instant(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            commanded_ul: 0.0,
            boluses: None,
            lasts: false,
            valve_opened: false,
            steady: None,
            hours: 0.0,
        }
    }

    /// A step over which a volume can be measured.
    pub(crate) fn lasting(name: &str, commanded_ul: f64) -> Self {
        Self { commanded_ul, lasts: true, ..Self::instant(name) }
    }
}

/// The continuous rate after the steps so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// No therapy runs.
    None,
    /// Therapy runs at this rate.
    Known(FlowRate),
    /// Therapy runs by a schedule with this mean.
    Varies(FlowRate),
    /// A step that should have started therapy is wrong; what follows from that is not reported again.
    Unknown,
}

impl Rate {
    /// The rate in uL/h; without bound if it is not known, so that nothing is called undecidable for it.
    pub(crate) fn ul_per_h(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Known(rate) | Self::Varies(rate) => rate.ul_per_h(),
            Self::Unknown => f64::INFINITY,
        }
    }
}

/// The context of lowering.
pub(crate) struct Context<'a> {
    /// The rig's station.
    pub profile: &'a RigProfile,
    /// The requirements that the scenario declares.
    pub requirements: &'a [(String, String)],
    /// The steps so far.
    pub named: Vec<Named>,
    /// The rate commanded after the steps so far.
    pub rate: Rate,
    /// The volume of a patient's bolus, in uL, once it is programmed.
    pub patient_ul: Option<f64>,
    /// The names of checks so far.
    pub checks: Vec<String>,
    /// How many steps of each kind there were.
    pub counts: Vec<(&'static str, u32)>,
    /// Where problems go.
    pub problems: &'a mut Diagnostics,
}

impl Context<'_> {
    /// The step's name: as written, or its kind and number.
    pub(crate) fn step_name(&mut self, view: View<'_>, kind: &'static str) -> String {
        let count = match self.counts.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.counts.push((kind, 1));
                1
            }
        };
        let name = view.text("name").map_or_else(|| format!("{kind} {count}"), str::to_owned);
        if self.named.iter().any(|n| n.name == name) {
            self.problems
                .push(view.pos_of("name"), format!("expected each step's name once, but found '{name}' again"));
        }
        name
    }

    /// The head of a check, its requirements looked up.
    pub(crate) fn check_head(&mut self, view: View<'_>, step: &str, name: String) -> CheckHead {
        if self.checks.contains(&name) {
            self.problems
                .push(view.pos_of("name"), format!("expected each check's name once, but found '{name}' again"));
        }
        self.checks.push(name.clone());
        let requirements: Vec<String> = view.texts("requirement").into_iter().map(str::to_owned).collect();
        for id in &requirements {
            if !self.requirements.iter().any(|(known, _)| known == id) {
                let message = format!("expected a requirement that is listed under 'requirements', but found '{id}'");
                self.problems.push(view.pos_of("requirement"), message);
            }
        }
        CheckHead { name, step: step.to_owned(), because: view.text("because").unwrap_or("").to_owned(), requirements }
    }

    /// An earlier step by name; a problem if there is none.
    pub(crate) fn earlier(&mut self, pos: Pos, name: &str) -> Option<Named> {
        let found = self.named.iter().find(|n| n.name == name).cloned();
        if found.is_none() {
            let known: Vec<&str> = self.named.iter().filter(|n| n.lasts).map(|n| n.name.as_str()).collect();
            let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
            self.problems.push(pos, format!("expected the name of an earlier step ({known}), but found '{name}'"));
        }
        found
    }

    /// The name of the instrument that fills a role; a problem if the rig has none.
    pub(crate) fn instrument(&mut self, pos: Pos, role: Role) -> Option<String> {
        let found = self.profile.by_role(role).map(|i| i.name.clone());
        if found.is_none() {
            let rig = &self.profile.name;
            let role = role.name();
            let message = format!("expected a rig whose station has a {role}, but that of rig '{rig}' has none");
            self.problems.push(pos, message);
        }
        found
    }

    /// The balance's calibration; a problem if the rig has no calibrated balance.
    pub(crate) fn balance(&mut self, pos: Pos) -> Option<Calibration> {
        let found = self.profile.by_role(Role::Balance).and_then(|b| b.calibration.clone());
        if found.is_none() {
            let rig = &self.profile.name;
            self.problems.push(pos, format!("expected a rig with a calibrated balance, but rig '{rig}' has none"));
        }
        found
    }

    /// A quantity between two bounds of the pump, in the dimension's base unit.
    pub(crate) fn within(
        &mut self,
        view: View<'_>,
        key: &str,
        dimension: Dimension,
        low: f64,
        high: f64,
        shown: &str,
    ) -> Option<f64> {
        let value = view.quantity(key, dimension)?;
        if value < low * (1.0 - 1e-9) || value > high * (1.0 + 1e-9) {
            let found = view.text(key).unwrap_or("");
            let message =
                format!("{key}: expected {shown} for the pump of rig '{}', but found '{found}'", self.profile.name);
            self.problems.push(view.pos_of(key), message);
            return None;
        }
        Some(value)
    }
}

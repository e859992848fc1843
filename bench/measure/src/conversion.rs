//! From an indicated mass to a volume at the stated temperature: evaporation, buoyancy, density, needle, leak.
//!
//! Every factor is an estimate with its standard uncertainty; nothing here decides anything.

use crate::budget::Estimate;
use crate::evaporation::Evaporation;
use crate::model::{Factors, Model};
use crate::track::Course;

/// What turns an indicated mass into a volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// Volume at the stated temperature per indicated mass, in mL/g, buoyancy included.
    pub z_ml_per_g: Estimate,
    /// The needle's factor.
    pub needle: Estimate,
    /// What both are computed from.
    pub(crate) factors: Factors,
    /// Evaporation.
    pub evaporation: Evaporation,
    /// When delivery is counted from, in s of run time, and the mass indicated then, in g.
    pub zero: (f64, f64),
    /// The density of the air over the run, in kg/m³, and what vessel and liquid displace of it from the beginning, in µL.
    pub(crate) air_kg_per_m3: Course,
    pub(crate) displaced_ul: f64,
    /// What leaves the line before the vessel, in µL/h.
    pub(crate) leak_ul_per_h: f64,
}

/// Grams in the product of a volume in µL and a density in kg/m³.
pub(crate) const G_PER_UL_KG_PER_M3: f64 = 1e-6;

impl Conversion {
    /// Microlitres at the stated temperature per gram indicated.
    #[must_use]
    pub fn ul_per_g(&self) -> f64 {
        self.z_ml_per_g.value * self.needle.value * 1e3
    }

    /// The model of a volume that is so much in a figure's unit.
    pub(crate) fn model(&self, delivered: f64) -> Model {
        Model::new(delivered, self.z_ml_per_g.value * self.needle.value, self.factors)
    }

    /// By how much the air became denser from one moment to another, in kg/m³; 0 where the room was not read.
    #[must_use]
    pub fn denser_kg_per_m3(&self, from_s: f64, to_s: f64) -> f64 {
        let air = |t_s| self.air_kg_per_m3.at(t_s);
        air(to_s).zip(air(from_s)).map_or(0.0, |(to, from)| to - from)
    }

    /// By how much air that became denser buoys the vessel and the liquid that was in it from the beginning, in g.
    #[must_use]
    pub fn buoyed_g(&self, from_s: f64, to_s: f64) -> f64 {
        self.displaced_ul * self.denser_kg_per_m3(from_s, to_s) * G_PER_UL_KG_PER_M3
    }

    /// The volume delivered between two weighings, each a time in s of run time and a mass in g, in uL at the stated
    /// temperature.
    #[must_use]
    pub fn between_ul(&self, (from_s, from_g): (f64, f64), (to_s, to_g): (f64, f64)) -> f64 {
        let gained_g = to_g - from_g + self.evaporation.lost_g(from_s, to_s) + self.buoyed_g(from_s, to_s);
        gained_g * self.ul_per_g() + self.leak_ul_per_h * (to_s - from_s) / 3600.0
    }

    /// The volume delivered since the opening weighing, in uL at the stated temperature.
    #[must_use]
    pub fn delivered_ul(&self, at: domain::RunTime, mass_g: f64) -> f64 {
        let (at, zero) = ((at.seconds(), mass_g), self.zero);
        if at.0 >= zero.0 { self.between_ul(zero, at) } else { -self.between_ul(at, zero) }
    }
}

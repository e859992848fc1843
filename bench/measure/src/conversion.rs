//! From an indicated mass to a volume at the stated temperature: evaporation, buoyancy, density, needle, leak.
//!
//! Every factor is an estimate with its standard uncertainty; nothing here decides anything.

use domain::profile::{Declared, Fluid, Method};

use crate::air;
use crate::budget::{Distribution, Estimate};
use crate::buoyancy::{Conditions, needle_factor_with_u};
use crate::evaporation::Evaporation;
use crate::track::Course;
use crate::water;

/// What turns an indicated mass into a volume.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// Volume at the stated temperature per indicated mass, in mL/g, buoyancy included.
    pub z_ml_per_g: Estimate,
    /// The needle's factor.
    pub needle: Estimate,
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

fn standard_u(half_width: f64) -> f64 {
    Distribution::Rectangular { half_width }.standard_u().unwrap_or(f64::NAN)
}

fn u_of<T>(declared: Declared<T>, get: impl Fn(T) -> f64) -> f64 {
    standard_u(get(declared.half_width))
}

/// The density of the air as the rig file declares it, in kg/m³; `None` if a condition is outside the formula's range.
pub(crate) fn declared_air(method: &Method) -> Option<Estimate> {
    air::density_with_u(
        method.air_c.value.c(),
        u_of(method.air_c, domain::Temperature::c),
        method.air_kpa.value.kpa() * 10.0,
        u_of(method.air_kpa, |p: domain::Pressure| p.kpa() * 10.0),
        method.humidity_percent.value.percent(),
        u_of(method.humidity_percent, domain::Ratio::percent),
    )
}

/// Z and the needle's factor in air of that density, in kg/m³.
///
/// `None` if a condition is outside the range of its formula.
pub(crate) fn factors(method: &Method, air: Estimate) -> Option<(Estimate, Estimate)> {
    let (at_vessel, at_stated) = match &method.fluid {
        Fluid::Water => (
            water::density_with_u(method.vessel_c.value.c(), u_of(method.vessel_c, domain::Temperature::c))?,
            // The stated temperature is a definition, not a measurement.
            water::density_with_u(method.stated_c.c(), 0.0)?,
        ),
        Fluid::Given { at_vessel_kg_per_m3, at_stated_kg_per_m3, .. } => {
            let density = |d: &Declared<domain::quantity::Density>| {
                let u = standard_u(d.half_width.kg_per_m3());
                Estimate::new(d.value.kg_per_m3(), u, f64::INFINITY)
            };
            (density(at_vessel_kg_per_m3)?, density(at_stated_kg_per_m3)?)
        }
    };
    let conditions =
        Conditions { air_kg_per_m3: air, liquid_at_vessel_kg_per_m3: at_vessel, liquid_at_stated_kg_per_m3: at_stated };
    let needle = needle_factor_with_u(
        method.needle_mm.value.mm(),
        u_of(method.needle_mm, domain::Length::mm),
        method.vessel_mm.value.mm(),
        u_of(method.vessel_mm, domain::Length::mm),
    )?;
    Some((conditions.volume_per_indicated_mass_ml_per_g()?, needle))
}

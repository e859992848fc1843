//! From an indicated mass to a volume at the stated temperature: evaporation, buoyancy, density, needle.
//!
//! Every factor is an estimate with its standard uncertainty; nothing here decides anything.

use domain::profile::{Declared, Fluid, Method};

use crate::air;
use crate::budget::{Distribution, Estimate};
use crate::buoyancy::{Conditions, needle_factor_with_u};
use crate::water;

/// How the name of every budget's term of evaporation begins.
pub(crate) const EVAPORATION: &str = "evaporation";

/// The loss of indicated mass with the pump stopped, in µg/s, balance drift included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaporation {
    /// Before the first step.
    pub before_ug_per_s: Estimate,
    /// When that held on the average, in s of run time.
    pub before_t_s: f64,
    /// After the last step, and when.
    pub after: Option<(Estimate, f64)>,
}

impl Evaporation {
    /// After the last step, if it was measured.
    #[must_use]
    pub fn after_ug_per_s(&self) -> Option<Estimate> {
        self.after.map(|(estimate, _)| estimate)
    }

    /// The rate at a moment, in µg/s: on the line between before and after, level beyond them.
    #[must_use]
    pub fn at_ug_per_s(&self, t_s: f64) -> f64 {
        let before = self.before_ug_per_s.value;
        match self.after {
            Some((after, after_t_s)) if after_t_s > self.before_t_s => {
                let along = ((t_s - self.before_t_s) / (after_t_s - self.before_t_s)).clamp(0.0, 1.0);
                before + along * (after.value - before)
            }
            _ => before,
        }
    }

    /// What evaporates within a span, in g: the line is integrated exactly between its corners.
    #[must_use]
    pub fn lost_g(&self, from_s: f64, to_s: f64) -> f64 {
        let mut corners = vec![from_s, to_s];
        corners.extend(
            [Some(self.before_t_s), self.after.map(|(_, t)| t)]
                .into_iter()
                .flatten()
                .filter(|t| from_s < *t && *t < to_s),
        );
        corners.sort_by(f64::total_cmp);
        let trapezium = |w: &[f64]| (self.at_ug_per_s(w[0]) + self.at_ug_per_s(w[1])) / 2.0 * (w[1] - w[0]);
        corners.windows(2).map(trapezium).sum::<f64>() * 1e-6
    }
}

/// What turns an indicated mass into a volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    /// Volume at the stated temperature per indicated mass, in mL/g, buoyancy included.
    pub z_ml_per_g: Estimate,
    /// The needle's factor.
    pub needle: Estimate,
    /// Evaporation.
    pub evaporation: Evaporation,
    /// When delivery is counted from, in s of run time, and the mass indicated then, in g.
    pub zero: (f64, f64),
}

impl Conversion {
    /// Microlitres at the stated temperature per gram indicated.
    #[must_use]
    pub fn ul_per_g(&self) -> f64 {
        self.z_ml_per_g.value * self.needle.value * 1e3
    }

    /// The volume delivered since the opening weighing, in uL at the stated temperature.
    #[must_use]
    pub fn delivered_ul(&self, at: domain::RunTime, mass_g: f64) -> f64 {
        let (zero_s, zero_g) = self.zero;
        let t_s = at.seconds();
        let lost =
            if t_s >= zero_s { self.evaporation.lost_g(zero_s, t_s) } else { -self.evaporation.lost_g(t_s, zero_s) };
        (mass_g - zero_g + lost) * self.ul_per_g()
    }
}

fn standard_u(half_width: f64) -> f64 {
    Distribution::Rectangular { half_width }.standard_u().unwrap_or(f64::NAN)
}

fn u_of<T>(declared: Declared<T>, get: impl Fn(T) -> f64) -> f64 {
    standard_u(get(declared.half_width))
}

/// Z and the needle's factor under the declared conditions; the liquid's density at the vessel too.
///
/// `None` if a condition is outside the range of its formula.
pub(crate) fn factors(method: &Method) -> Option<(Estimate, Estimate)> {
    let air = air::density_with_u(
        method.air_c.value.c(),
        u_of(method.air_c, domain::Temperature::c),
        method.air_kpa.value.kpa() * 10.0,
        u_of(method.air_kpa, |p: domain::Pressure| p.kpa() * 10.0),
        method.humidity_percent.value.percent(),
        u_of(method.humidity_percent, domain::Ratio::percent),
    )?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn evaporation(before: f64, after: f64) -> Evaporation {
        let estimate = |v| Estimate::new(v, 0.001, 100.0).expect("usable");
        Evaporation { before_ug_per_s: estimate(before), before_t_s: 100.0, after: Some((estimate(after), 300.0)) }
    }

    #[test]
    fn evaporation_is_integrated_along_its_line() {
        let e = evaporation(0.1, 0.3);
        assert!((e.lost_g(100.0, 300.0) - 40e-6).abs() < 1e-15);
        assert!((e.lost_g(0.0, 100.0) - 10e-6).abs() < 1e-15);
        assert!((e.lost_g(0.0, 400.0) - 80e-6).abs() < 1e-15);
    }
}

//! The model of a delivered volume, to be tried with inputs drawn from what is known of them.
//!
//! What the balance gained, with everything that adds to it, is multiplied by a factor that follows from densities and
//! diameters. The GUM's framework takes that product to its first order; here it is computed as it stands.

use domain::profile::{Declared, Fluid, Method};
use domain::quantity::Density;

use crate::air;
use crate::budget::{Budget, Distribution, Estimate};
use crate::buoyancy::{Conditions, needle_factor, needle_factor_with_u, volume_per_indicated_mass_ml_per_g};
use crate::monte_carlo::{Errors, Generator};
use crate::water;

/// The budget's term for the factor from indicated mass to volume.
pub(crate) const DENSITY: &str = "density and buoyancy";
/// The budget's term for the immersed needle.
pub(crate) const NEEDLE: &str = "needle";

/// A number between two ends, all of them alike likely.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    value: f64,
    half_width: f64,
}

impl Range {
    fn of<T: Copy>(declared: Declared<T>, get: impl Fn(T) -> f64) -> Self {
        Self { value: get(declared.value), half_width: get(declared.half_width) }
    }

    fn u(self) -> f64 {
        Distribution::Rectangular { half_width: self.half_width }.standard_u().unwrap_or(f64::NAN)
    }

    /// At so many half widths from its middle, -1 to 1.
    fn at(self, share: f64) -> f64 {
        self.value + share * self.half_width
    }
}

/// The liquid's densities, and what is known of them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Liquid {
    /// Water in a vessel of that temperature, in °C, for a volume stated at another.
    Water { vessel_c: Range, stated_c: f64 },
    /// Measured, in kg/m³.
    Given { at_vessel: Range, at_stated: Range },
}

/// What the factor from indicated mass to volume is computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Factors {
    /// In kg/m³.
    air: Estimate,
    liquid: Liquid,
    needle_mm: Range,
    vessel_mm: Range,
}

impl Factors {
    /// By a rig file's method, in air of that density in kg/m³.
    pub(crate) fn of(method: &Method, air: Estimate) -> Self {
        let kg_per_m3 = |declared: Declared<Density>| Range::of(declared, Density::kg_per_m3);
        let liquid = match &method.fluid {
            Fluid::Water => Liquid::Water {
                vessel_c: Range::of(method.vessel_c, domain::Temperature::c),
                // A definition, not a measurement.
                stated_c: method.stated_c.c(),
            },
            Fluid::Given { at_vessel_kg_per_m3, at_stated_kg_per_m3, .. } => {
                Liquid::Given { at_vessel: kg_per_m3(*at_vessel_kg_per_m3), at_stated: kg_per_m3(*at_stated_kg_per_m3) }
            }
        };
        Self {
            air,
            liquid,
            needle_mm: Range::of(method.needle_mm, domain::Length::mm),
            vessel_mm: Range::of(method.vessel_mm, domain::Length::mm),
        }
    }

    /// Z in mL/g and the needle's factor, by the GUM's first order; `None` if a condition is outside its formula's range.
    pub(crate) fn estimates(&self) -> Option<(Estimate, Estimate)> {
        let given = |range: Range| Estimate::new(range.value, range.u(), f64::INFINITY);
        let (at_vessel, at_stated) = match self.liquid {
            Liquid::Water { vessel_c, stated_c } => {
                (water::density_with_u(vessel_c.value, vessel_c.u())?, water::density_with_u(stated_c, 0.0)?)
            }
            Liquid::Given { at_vessel, at_stated } => (given(at_vessel)?, given(at_stated)?),
        };
        let conditions = Conditions {
            air_kg_per_m3: self.air,
            liquid_at_vessel_kg_per_m3: at_vessel,
            liquid_at_stated_kg_per_m3: at_stated,
        };
        let (needle, vessel) = (self.needle_mm, self.vessel_mm);
        let needle = needle_factor_with_u(needle.value, needle.u(), vessel.value, vessel.u())?;
        Some((conditions.volume_per_indicated_mass_ml_per_g()?, needle))
    }

    /// Volume per indicated mass, needle included, in mL/g, with inputs as they may be; `None` where these leave a formula's
    /// range.
    fn draw(&self, generator: &mut Generator) -> Option<f64> {
        let (at_vessel, at_stated) = match self.liquid {
            Liquid::Water { vessel_c, stated_c } => {
                let vessel_c = vessel_c.at(generator.between(-1.0, 1.0));
                // One sample of water by one formula, at both temperatures.
                let off =
                    water::FORMULA_U_KG_PER_M3 * generator.normal() + water::SAMPLE_U_KG_PER_M3 * generator.normal();
                (water::density_kg_per_m3(vessel_c)? + off, water::density_kg_per_m3(stated_c)? + off)
            }
            Liquid::Given { at_vessel, at_stated } => {
                // One measurement's errors have one sign.
                let share = generator.between(-1.0, 1.0);
                (at_vessel.at(share), at_stated.at(share))
            }
        };
        let air = self.air.value + self.air.u * generator.student(self.air.dof);
        let z = volume_per_indicated_mass_ml_per_g(air, at_vessel, at_stated)?;
        let needle_mm = self.needle_mm.at(generator.between(-1.0, 1.0));
        Some(z * needle_factor(needle_mm, self.vessel_mm.at(generator.between(-1.0, 1.0)))?)
    }
}

/// The density of the air as the rig file declares it, in kg/m³; `None` if a condition is outside the formula's range.
pub(crate) fn declared_air(method: &Method) -> Option<Estimate> {
    let t_c = Range::of(method.air_c, domain::Temperature::c);
    let p_hpa = Range::of(method.air_kpa, |p: domain::Pressure| p.kpa() * 10.0);
    let humidity = Range::of(method.humidity_percent, domain::Ratio::percent);
    air::density_with_u(t_c.value, t_c.u(), p_hpa.value, p_hpa.u(), humidity.value, humidity.u())
}

/// The model behind a figure that is an error of a delivered volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model {
    /// The volume that the figure was found from, in the figure's unit.
    delivered: f64,
    /// Volume per indicated mass, needle included, in mL/g, as it was used.
    used_ml_per_g: f64,
    factors: Factors,
}

impl Model {
    pub(crate) const fn new(delivered: f64, used_ml_per_g: f64, factors: Factors) -> Self {
        Self { delivered, used_ml_per_g, factors }
    }

    /// The same of another volume, in the figure's unit.
    pub(crate) const fn of(self, delivered: f64) -> Self {
        Self { delivered, ..self }
    }

    /// The volume that the figure was found from, in the figure's unit.
    pub(crate) const fn delivered(&self) -> f64 {
        self.delivered
    }

    /// The terms of a budget that only add to the volume, as errors to be drawn.
    pub(crate) fn added(budget: &Budget) -> Errors {
        Errors::of(budget.terms.iter().filter(|term| term.name != DENSITY && term.name != NEEDLE))
    }

    /// By how much a value may be off, in its unit: the added error, and the factor as it may be.
    pub(crate) fn error(&self, added: &Errors, generator: &mut Generator) -> f64 {
        let sum = self.delivered + added.draw(generator);
        // Inputs beyond their formulae's range say nothing: such a trial is no number, and the propagation ends.
        self.factors.draw(generator).map_or(f64::NAN, |ml_per_g| sum * (ml_per_g / self.used_ml_per_g) - self.delivered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Term;
    use crate::interval::{By, Question};
    use domain::Limits;
    use domain::check::DecisionRule;

    fn factors(needle_mm: Range) -> Factors {
        Factors {
            air: Estimate::new(1.186, 0.003, f64::INFINITY).expect("a density"),
            liquid: Liquid::Water { vessel_c: Range { value: 23.0, half_width: 0.5 }, stated_c: 37.0 },
            needle_mm,
            vessel_mm: Range { value: 10.0, half_width: 0.0 },
        }
    }

    fn asked() -> Question {
        let limits = Limits { low: Some(-5.0), high: Some(5.0) };
        Question { value: 0.0, limits, rule: DecisionRule::GuardBand }
    }

    fn model_and_budget(factors: Factors, delivered: f64) -> (Model, Budget) {
        let (z, needle) = factors.estimates().expect("in range");
        let term = |name: &str, e: Estimate| {
            let relative = Distribution::Normal { u: e.u / e.value };
            Term::type_b(name, relative, delivered, e.dof, "test").expect("a term")
        };
        let terms = vec![term(DENSITY, z), term(NEEDLE, needle)];
        (Model::new(delivered, z.value * needle.value, factors), Budget { terms, unit: "%".to_owned() })
    }

    /// A thin needle: the model is as good as linear, and trials of it come to the first order's uncertainty.
    #[test]
    fn where_the_model_is_linear_enough_its_trials_give_the_budgets_uncertainty() {
        let (model, mut budget) = model_and_budget(factors(Range { value: 0.5, half_width: 0.0 }), 100.0);
        let by_trials = budget.interval(Some(&model), &asked()).expect("a budget").trials.expect("it varies");
        let gum = budget.combined().expect("a budget");
        assert!((by_trials.u / gum.u - 1.0).abs() < 0.02, "{by_trials:?} {gum:?}");
        assert!(by_trials.mean.abs() < 0.02 * gum.u, "{by_trials:?}");
        // What adds to the volume is drawn beside it.
        budget.terms.extend(Term::type_b("balance", Distribution::Normal { u: 1.0 }, 1.0, f64::INFINITY, "test"));
        let found = budget.interval(Some(&model), &asked()).expect("a budget");
        assert!(found.by == By::Gum && (found.expanded - 2.0).abs() < 0.01, "{found:?}");
    }

    /// A needle of whom nobody knows how thick it is, within 0.5 to 9.5 mm in a vessel of 10: the factor 1 - d²/D² is 0.75 at the
    /// middle. Its quantiles are those of d: where 2.275 % of the range are left, at 0.70475 and 9.29525 mm, it is 0.99503 and
    /// 0.13598, 32.7 % above the middle's and 81.9 % below it.
    #[test]
    fn where_it_is_not_the_interval_is_the_models() {
        let (model, budget) = model_and_budget(factors(Range { value: 5.0, half_width: 4.5 }), 100.0);
        let found = budget.interval(Some(&model), &asked()).expect("a budget");
        assert_eq!(found.by, By::Trials);
        let trials = found.trials.expect("it varies");
        assert!((trials.high - 32.7).abs() < 0.5 && (trials.low + 81.9).abs() < 0.5, "{found:?}");
        assert_eq!(found.expanded.to_bits(), (-trials.low).to_bits(), "the larger half: {found:?}");
        // By the first order: 2·5·4.5/√3/100 of 0.75 and Student's 2.000.
        assert!((found.gum.expanded - 69.3).abs() < 0.5, "{found:?}");
    }

    #[test]
    fn inputs_beyond_their_formula_leave_the_gums_interval() {
        let beyond = Liquid::Water { vessel_c: Range { value: 39.9, half_width: 0.5 }, stated_c: 37.0 };
        let (model, budget) =
            model_and_budget(Factors { liquid: beyond, ..factors(Range { value: 0.5, half_width: 0.0 }) }, 100.0);
        let found = budget.interval(Some(&model), &asked()).expect("a budget");
        assert_eq!((found.by, found.trials), (By::Gum, None));
        assert!(found.note("%").is_some_and(|note| note.contains("not possible")));
    }
}

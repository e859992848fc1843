//! From a balance's indication to a volume: air buoyancy on liquid and weights, and the immersed needle.
//!
//! Owns the factor Z, its generalisation to a volume stated at another temperature, and the needle factor, each
//! with its standard uncertainty. Densities come in as numbers: this file must not know how they were found, and
//! evaporation and drift are corrected before it is asked.

use crate::budget::{Estimate, combine_independent};

/// Density of the weights that a balance's indication refers to, in kg/m³: the convention of legal metrology.
///
/// A real weight's departure from it acts only through the air's departure from 1.2 kg/m³ at adjustment and stays
/// below one part per million for classified weights (from memory, not checked against the standard); it is not in
/// the uncertainty here.
pub const WEIGHT_KG_PER_M3: f64 = 8000.0;

/// The densities under which a mass was indicated and for which a volume is stated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Air around the balance, in kg/m³.
    pub air_kg_per_m3: Estimate,
    /// The liquid at the vessel's temperature, in kg/m³: it displaces that air.
    pub liquid_at_vessel_kg_per_m3: Estimate,
    /// The same liquid at the temperature for which the volume is stated, in kg/m³: a pump works at 37 °C, its
    /// vessel stands at 23 °C. The same estimate as the vessel's where no other temperature is meant.
    pub liquid_at_stated_kg_per_m3: Estimate,
}

impl Conditions {
    /// Volume per indicated mass, in mL/g, with its standard uncertainty and effective degrees of freedom.
    ///
    /// `None` where [`volume_per_indicated_mass_ml_per_g`] has none, for an estimate with a negative or unusable
    /// uncertainty, and for degrees of freedom below 1.
    ///
    /// First order of the GUM with exact derivatives; the second order adds less than a thousandth for realistic
    /// densities (see the tests). The two liquid densities count as fully correlated, because they come from one
    /// formula or one measurement, and then errors add with the same sign; air and liquid count as independent.
    #[must_use]
    pub fn volume_per_indicated_mass_ml_per_g(&self) -> Option<Estimate> {
        let air = self.air_kg_per_m3;
        let vessel = self.liquid_at_vessel_kg_per_m3;
        let stated = self.liquid_at_stated_kg_per_m3;
        if ![air, vessel, stated].iter().all(Estimate::is_usable) {
            return None;
        }
        let z = volume_per_indicated_mass_ml_per_g(air.value, vessel.value, stated.value)?;
        // Derivatives of ln Z, per kg/m³.
        let by_air = 1.0 / (vessel.value - air.value) - 1.0 / (WEIGHT_KG_PER_M3 - air.value);
        let by_vessel = -air.value / (vessel.value * (vessel.value - air.value));
        let by_stated = -1.0 / stated.value;
        let liquid_u = (by_vessel * vessel.u).abs() + (by_stated * stated.u).abs();
        let (u_relative, dof) =
            combine_independent(&[((by_air * air.u).abs(), air.dof), (liquid_u, vessel.dof.min(stated.dof))])?;
        Estimate::new(z, z * u_relative, dof)
    }
}

/// Volume at the stated temperature per indicated mass, in mL/g: the factor Z.
///
/// All densities in kg/m³: the air around the balance (0 or more, below the others), the liquid at the vessel's
/// temperature, the liquid at the stated temperature. Returns `None` for a density that is not finite, or air that
/// is negative or not lighter than the liquid in the vessel and the weights; densities in g/mL end there too.
///
/// Source: force balance of an electronic balance adjusted with weights of [`WEIGHT_KG_PER_M3`]; with both liquid
/// densities equal it is Z of ISO 8655-6 (form from memory, not checked against the standard; values agree with a
/// published table of it).
#[must_use]
pub fn volume_per_indicated_mass_ml_per_g(
    air_kg_per_m3: f64,
    liquid_at_vessel_kg_per_m3: f64,
    liquid_at_stated_kg_per_m3: f64,
) -> Option<f64> {
    let all_finite = [air_kg_per_m3, liquid_at_vessel_kg_per_m3, liquid_at_stated_kg_per_m3]
        .iter()
        .all(|density| density.is_finite());
    let ordered = air_kg_per_m3 >= 0.0
        && air_kg_per_m3 < liquid_at_vessel_kg_per_m3
        && air_kg_per_m3 < WEIGHT_KG_PER_M3
        && air_kg_per_m3 < liquid_at_stated_kg_per_m3;
    if !(all_finite && ordered) {
        return None;
    }
    let mass_per_indication =
        (1.0 - air_kg_per_m3 / WEIGHT_KG_PER_M3) / (1.0 - air_kg_per_m3 / liquid_at_vessel_kg_per_m3);
    Some(1000.0 * mass_per_indication / liquid_at_stated_kg_per_m3)
}

/// What share of the indicated gain is liquid that arrived, for a fixed needle dipping into a cylindrical vessel:
/// 1 − (needle/vessel)².
///
/// `needle_mm` is the outer diameter, 0 (no needle) or more; `vessel_mm` the vessel's inner diameter, larger than
/// the needle. Returns `None` otherwise. The rising level covers more needle, whose buoyant reaction the balance
/// reads as mass. Source: derived from that force balance; drug-delivery metrology uses the same factor (from
/// memory, not checked against a publication). The wetting force at the needle is not in it.
#[must_use]
pub fn needle_factor(needle_mm: f64, vessel_mm: f64) -> Option<f64> {
    let usable = needle_mm >= 0.0 && vessel_mm.is_finite() && needle_mm < vessel_mm;
    usable.then(|| {
        let ratio = needle_mm / vessel_mm;
        1.0 - ratio * ratio
    })
}

/// [`needle_factor`] with its standard uncertainty from those of the two diameters, all in mm.
///
/// Uncertainties are finite and not negative, else `None`; first order, diameters independent, infinite degrees of
/// freedom.
#[must_use]
pub fn needle_factor_with_u(needle_mm: f64, u_needle_mm: f64, vessel_mm: f64, u_vessel_mm: f64) -> Option<Estimate> {
    let factor = needle_factor(needle_mm, vessel_mm)?;
    if ![u_needle_mm, u_vessel_mm].iter().all(|u| u.is_finite() && *u >= 0.0) {
        return None;
    }
    let ratio = needle_mm / vessel_mm;
    let from_vessel = ratio * u_vessel_mm;
    let u = 2.0 * ratio / vessel_mm * (u_needle_mm * u_needle_mm + from_vessel * from_vessel).sqrt();
    Estimate::new(factor, u, f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{air, water};
    use proptest::prelude::*;

    fn water_at(t_c: f64) -> f64 {
        water::density_kg_per_m3(t_c).expect("in range")
    }

    fn air_at(t_c: f64, p_hpa: f64) -> f64 {
        air::cipm_2007_kg_per_m3(t_c, p_hpa, 50.0).expect("in range")
    }

    #[test]
    fn spot_values_of_z() {
        for (t_c, p_hpa, expected) in [
            (20.0, 1013.0, 1.002_851),
            (22.0, 1013.0, 1.003_280),
            (23.0, 1013.0, 1.003_510),
            (25.0, 1013.0, 1.003_999),
            (30.0, 1013.0, 1.005_392),
            (37.0, 1013.25, 1.007_716),
        ] {
            let liquid = water_at(t_c);
            let z = volume_per_indicated_mass_ml_per_g(air_at(t_c, p_hpa), liquid, liquid).expect("in range");
            assert!((z - expected).abs() < 1e-6, "{t_c} °C: expected {expected}, found {z}");
        }
    }

    #[test]
    fn volume_stated_at_body_temperature() {
        let z = volume_per_indicated_mass_ml_per_g(air_at(23.0, 1013.0), water_at(23.0), water_at(37.0));
        let z = z.expect("in range");
        assert!((z - 1.007_765).abs() < 6e-7, "{z}");
        let at_vessel = volume_per_indicated_mass_ml_per_g(air_at(23.0, 1013.0), water_at(23.0), water_at(23.0));
        assert!((z / at_vessel.expect("in range") - 1.004_24).abs() < 5e-6);
    }

    #[test]
    fn one_day_end_to_end() {
        let indicated_g = 0.48;
        let evaporated_g = 0.12e-6 * 86_400.0;
        let needle = needle_factor(0.5, 20.0).expect("in range");
        let liquid = water_at(23.0);
        // The worked figure used a simplified air density; the full equation differs by 2.8e-5 kg/m³.
        for air_kg_per_m3 in [1.185_817_7, air_at(23.0, 1013.0)] {
            let z = volume_per_indicated_mass_ml_per_g(air_kg_per_m3, liquid, liquid).expect("in range");
            assert!((z - 1.003_509_6).abs() < 1e-7, "{z}");
            let volume_ml = (indicated_g + evaporated_g) * z * needle;
            assert!((volume_ml - 0.491_781_4).abs() < 6e-8, "{volume_ml}");
            let change_percent = |other_ml: f64| 100.0 * (other_ml / volume_ml - 1.0);
            let all_g = indicated_g + evaporated_g;
            assert!((change_percent(indicated_g * z * needle) + 2.1143).abs() < 1e-4);
            assert!((change_percent(all_g * z) - 0.0625).abs() < 1e-4);
            assert!((change_percent(all_g * 1000.0 / liquid * needle) + 0.1041).abs() < 1e-4);
        }
    }

    #[test]
    fn needle_factors() {
        for (needle_mm, vessel_mm, lost_percent, tolerance) in
            [(1.0, 10.0, 1.0, 1e-9), (0.5, 20.0, 0.0625, 1e-9), (0.8, 25.0, 0.1024, 1e-9), (0.0, 20.0, 0.0, 0.0)]
        {
            let factor = needle_factor(needle_mm, vessel_mm).expect("in range");
            assert!((100.0 * (1.0 - factor) - lost_percent).abs() <= tolerance, "{needle_mm} in {vessel_mm}: {factor}");
        }
        for (needle_mm, vessel_mm) in
            [(20.0, 20.0), (21.0, 20.0), (-0.5, 20.0), (0.5, 0.0), (f64::NAN, 20.0), (0.5, f64::INFINITY)]
        {
            assert_eq!(needle_factor(needle_mm, vessel_mm), None, "{needle_mm} in {vessel_mm}");
        }
        // 10 % of the needle's diameter is 20 % of the correction.
        let with_u = needle_factor_with_u(0.5, 0.05, 20.0, 0.0).expect("in range");
        assert!((with_u.u - 0.2 * 0.000_625).abs() < 1e-12, "{with_u:?}");
        assert_eq!(needle_factor_with_u(0.5, -0.05, 20.0, 0.0), None);
    }

    #[test]
    fn unusable_densities_give_no_factor() {
        for (air, vessel, stated) in [
            (-0.1, 998.0, 998.0),
            (1.2, 0.998, 0.998),
            (1.2, 998.0, 0.998),
            (1.2, f64::NAN, 998.0),
            (1.2, 998.0, f64::INFINITY),
            (f64::NAN, 998.0, 998.0),
        ] {
            assert_eq!(volume_per_indicated_mass_ml_per_g(air, vessel, stated), None);
        }
    }

    fn z_of(air: f64, liquid: f64) -> f64 {
        volume_per_indicated_mass_ml_per_g(air, liquid, liquid).expect("in range")
    }

    proptest! {
        #[test]
        fn uncertainty_agrees_with_a_second_order_propagation(
            air in 0.8..1.3_f64, u_air in 1e-4..0.05_f64, liquid in 990.0..1100.0_f64, u_liquid in 1e-3..1.0_f64,
        ) {
            let exactly = |value, u| Estimate { value, u, dof: f64::INFINITY };
            let found = Conditions {
                air_kg_per_m3: exactly(air, u_air),
                liquid_at_vessel_kg_per_m3: exactly(liquid, u_liquid),
                liquid_at_stated_kg_per_m3: exactly(liquid, u_liquid),
            }
            .volume_per_indicated_mass_ml_per_g()
            .expect("in range");
            // Points at ±√3·u give the first two moments of a normal input including curvature.
            let spread = 3.0_f64.sqrt();
            let part = |high: f64, low: f64| {
                let slope = (high - low) / (2.0 * spread);
                let curved = (high + low - 2.0 * found.value) / 3.0;
                slope * slope + curved * curved / 2.0
            };
            let variance = part(z_of(air + spread * u_air, liquid), z_of(air - spread * u_air, liquid))
                + part(z_of(air, liquid + spread * u_liquid), z_of(air, liquid - spread * u_liquid));
            prop_assert!((found.u / variance.sqrt() - 1.0).abs() < 1e-3);
            prop_assert!(found.dof.is_infinite());
        }

        #[test]
        fn finite_degrees_of_freedom_survive(dof in 1.0..100.0_f64) {
            let found = Conditions {
                air_kg_per_m3: Estimate { value: 1.2, u: 0.0, dof: f64::INFINITY },
                liquid_at_vessel_kg_per_m3: Estimate { value: 1005.0, u: 0.3, dof },
                liquid_at_stated_kg_per_m3: Estimate { value: 1001.0, u: 0.3, dof },
            }
            .volume_per_indicated_mass_ml_per_g()
            .expect("in range");
            prop_assert!((found.dof / dof - 1.0).abs() < 1e-9);
        }
    }
}

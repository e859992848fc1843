//! The density of moist air from temperature, pressure and humidity, with its standard uncertainty.
//!
//! Owns the CIPM-2007 equation, its constants and its own uncertainty. The air of the balance chamber buoys the
//! load; what that does to a volume is `buoyancy`'s business. It must not know instruments, records or clocks.

use crate::budget::Estimate;

/// The lowest accepted air temperature, in °C.
pub const T_C_MIN: f64 = 0.0;
/// The highest accepted air temperature, in °C.
pub const T_C_MAX: f64 = 40.0;
/// The lowest temperature for which the equation is recommended, in °C; from memory, not checked against the paper.
pub const RECOMMENDED_T_C_MIN: f64 = 15.0;
/// The highest temperature for which the equation is recommended, in °C; from memory, not checked against the paper.
pub const RECOMMENDED_T_C_MAX: f64 = 27.0;
/// The lowest accepted air pressure, in hPa; the equation's recommended range, from memory, not checked against the
/// paper.
pub const P_HPA_MIN: f64 = 600.0;
/// The highest accepted air pressure, in hPa; the equation's recommended range, from memory, not checked against the
/// paper.
pub const P_HPA_MAX: f64 = 1100.0;

/// Relative standard uncertainty of the equation within its recommended range.
pub const FORMULA_U_RELATIVE: f64 = 22e-6;
/// Relative standard uncertainty of the equation outside its recommended temperatures.
///
/// An assumption of this program, not a published figure: ten times the value within the range.
pub const EXTRAPOLATED_U_RELATIVE: f64 = 220e-6;

/// Mole fraction of carbon dioxide, the equation's reference value.
const X_CO2: f64 = 0.0004;
/// Standard uncertainty of that mole fraction: a room with people in it, taken as 400 to 1000 ppm.
///
/// An assumption, not a published figure: the reference value stays, the whole span of 600 ppm is a rectangular
/// half-width. It moves the density by about 144 parts per million.
const U_X_CO2: f64 = 600e-6 / 1.732_050_807_568_877_2;

const T_ZERO_K: f64 = 273.15;
const GAS_CONSTANT_J_PER_MOL_K: f64 = 8.314_472;
const DRY_AIR_KG_PER_MOL: f64 = 28.965_46e-3;
const WATER_KG_PER_MOL: f64 = 18.015_28e-3;
const CARBON_KG_PER_MOL: f64 = 12.011e-3;

/// Steps of the central differences: small against the ranges, large against rounding.
const STEP_T_C: f64 = 0.01;
const STEP_P_HPA: f64 = 0.1;
const STEP_RH_PERCENT: f64 = 0.1;

/// The density of moist air, in kg/m³, by the CIPM-2007 equation with 400 ppm of carbon dioxide.
///
/// `t_c` in °C, 0 to 40; `p_hpa` in hPa, 600 to 1100; `rh_percent` in % relative humidity, 0 to 100. Returns
/// `None` outside these ranges. They are wider in temperature than the recommended 15 to 27 °C: what the equation
/// gives there is an extrapolation, and [`density_with_u`] says so in its uncertainty.
///
/// Source: A. Picard et al., "Revised formula for the density of moist air (CIPM-2007)", Metrologia 45 (2008)
/// 149–155; constants as the package masscor prints them.
#[must_use]
pub fn cipm_2007_kg_per_m3(t_c: f64, p_hpa: f64, rh_percent: f64) -> Option<f64> {
    let in_range = (T_C_MIN..=T_C_MAX).contains(&t_c)
        && (P_HPA_MIN..=P_HPA_MAX).contains(&p_hpa)
        && (0.0..=100.0).contains(&rh_percent);
    in_range.then(|| cipm(t_c, p_hpa, rh_percent))
}

/// The density of moist air, in kg/m³, with its standard uncertainty.
///
/// Temperature in °C, pressure in hPa, relative humidity in %, each followed by its standard uncertainty in the
/// same unit; ranges as in [`cipm_2007_kg_per_m3`], uncertainties finite and not negative. Returns `None` otherwise.
///
/// Sensitivities are central differences of the equation. Added to them are the equation's own uncertainty
/// ([`FORMULA_U_RELATIVE`], or [`EXTRAPOLATED_U_RELATIVE`] outside 15 to 27 °C) and an unmeasured carbon dioxide
/// content of an occupied room. All parts count as independent and with infinite degrees of freedom.
#[must_use]
pub fn density_with_u(
    t_c: f64,
    u_t_c: f64,
    p_hpa: f64,
    u_p_hpa: f64,
    rh_percent: f64,
    u_rh_percent: f64,
) -> Option<Estimate> {
    let value = cipm_2007_kg_per_m3(t_c, p_hpa, rh_percent)?;
    if ![u_t_c, u_p_hpa, u_rh_percent].iter().all(|u| u.is_finite() && *u >= 0.0) {
        return None;
    }
    let per_c = central(STEP_T_C, |step| cipm(t_c + step, p_hpa, rh_percent));
    let per_hpa = central(STEP_P_HPA, |step| cipm(t_c, p_hpa + step, rh_percent));
    let per_percent = central(STEP_RH_PERCENT, |step| cipm(t_c, p_hpa, rh_percent + step));
    let recommended = (RECOMMENDED_T_C_MIN..=RECOMMENDED_T_C_MAX).contains(&t_c);
    let formula_relative = if recommended { FORMULA_U_RELATIVE } else { EXTRAPOLATED_U_RELATIVE };
    let parts = [
        per_c * u_t_c,
        per_hpa * u_p_hpa,
        per_percent * u_rh_percent,
        value * formula_relative,
        value * CARBON_KG_PER_MOL / DRY_AIR_KG_PER_MOL * U_X_CO2,
    ];
    let variance: f64 = parts.iter().map(|part| part * part).sum();
    Estimate::new(value, variance.sqrt(), f64::INFINITY)
}

fn central(step: f64, f: impl Fn(f64) -> f64) -> f64 {
    (f(step) - f(-step)) / (2.0 * step)
}

/// The equation without range checks: differences may step over the ranges' ends.
fn cipm(t_c: f64, p_hpa: f64, rh_percent: f64) -> f64 {
    let p_pa = 100.0 * p_hpa;
    let t_k = t_c + T_ZERO_K;
    let x_v = vapour_mole_fraction(t_c, p_pa, rh_percent);
    let z = compressibility(t_c, p_pa, x_v);
    let dry_kg_per_mol = DRY_AIR_KG_PER_MOL + CARBON_KG_PER_MOL * (X_CO2 - 0.0004);
    p_pa * dry_kg_per_mol / (z * GAS_CONSTANT_J_PER_MOL_K * t_k)
        * (1.0 - x_v * (1.0 - WATER_KG_PER_MOL / dry_kg_per_mol))
}

/// Mole fraction of water vapour: relative humidity times the enhanced saturation pressure, over the pressure.
fn vapour_mole_fraction(t_c: f64, p_pa: f64, rh_percent: f64) -> f64 {
    let enhancement = 1.000_62 + 3.14e-8 * p_pa + 5.6e-7 * t_c * t_c;
    rh_percent / 100.0 * enhancement * saturation_pa(t_c) / p_pa
}

/// The saturation pressure of water vapour, in Pa, at a temperature in °C.
pub(crate) fn saturation_pa(t_c: f64) -> f64 {
    let t_k = t_c + T_ZERO_K;
    libm::exp(1.237_884_7e-5 * t_k * t_k - 1.912_131_6e-2 * t_k + 33.937_110_47 - 6343.1645 / t_k)
}

/// How far moist air departs from an ideal gas.
fn compressibility(t_c: f64, p_pa: f64, x_v: f64) -> f64 {
    let p_over_t = p_pa / (t_c + T_ZERO_K);
    let first = 1.581_23e-6 - 2.9331e-8 * t_c
        + 1.1043e-10 * t_c * t_c
        + (5.707e-6 - 2.051e-8 * t_c) * x_v
        + (1.9898e-4 - 2.376e-6 * t_c) * x_v * x_v;
    let second = 1.83e-11 - 0.765e-8 * x_v * x_v;
    1.0 - p_over_t * first + p_over_t * p_over_t * second
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_values_to_their_last_digit() {
        for (t_c, p_hpa, rh_percent, expected) in [
            (20.0, 1013.25, 50.0, 1.199_314),
            (22.0, 1013.0, 50.0, 1.190_188),
            (23.0, 980.0, 40.0, 1.148_191),
            (23.0, 1013.0, 50.0, 1.185_790),
            (25.0, 1013.25, 40.0, 1.178_710),
            (37.0, 1013.25, 50.0, 1.125_060),
        ] {
            let found = cipm_2007_kg_per_m3(t_c, p_hpa, rh_percent).expect("in range");
            assert!((found - expected).abs() < 6e-7, "{t_c} °C: expected {expected}, found {found}");
        }
    }

    #[test]
    fn outside_the_ranges_there_is_no_density() {
        for (t_c, p_hpa, rh_percent) in [
            (-0.1, 1013.0, 50.0),
            (40.1, 1013.0, 50.0),
            (20.0, 101.3, 50.0),
            (20.0, 101_325.0, 50.0),
            (20.0, 1013.0, -1.0),
            (20.0, 1013.0, 100.1),
            (f64::NAN, 1013.0, 50.0),
            (20.0, f64::INFINITY, 50.0),
            (20.0, 1013.0, f64::NAN),
        ] {
            assert_eq!(cipm_2007_kg_per_m3(t_c, p_hpa, rh_percent), None);
            assert_eq!(density_with_u(t_c, 0.1, p_hpa, 0.1, rh_percent, 1.0), None);
        }
        assert_eq!(density_with_u(20.0, -0.1, 1013.0, 0.1, 50.0, 1.0), None);
        assert_eq!(density_with_u(20.0, 0.1, 1013.0, f64::NAN, 50.0, 1.0), None);
    }

    #[test]
    fn sensitivities_have_their_textbook_sizes() {
        // Near room conditions one kelvin is about −0.4 %, one hPa about +0.1 %, 10 %RH about −0.09 %.
        let bare = density_with_u(20.0, 0.0, 1013.25, 0.0, 50.0, 0.0).expect("in range");
        let part = |full: Estimate| ((full.u * full.u - bare.u * bare.u).sqrt()) / full.value;
        let per_c = part(density_with_u(20.0, 1.0, 1013.25, 0.0, 50.0, 0.0).expect("in range"));
        let per_hpa = part(density_with_u(20.0, 0.0, 1013.25, 1.0, 50.0, 0.0).expect("in range"));
        let per_10_percent = part(density_with_u(20.0, 0.0, 1013.25, 0.0, 50.0, 10.0).expect("in range"));
        assert!((per_c - 3.7e-3).abs() < 0.2e-3, "{per_c}");
        assert!((per_hpa - 0.99e-3).abs() < 0.01e-3, "{per_hpa}");
        assert!((per_10_percent - 0.88e-3).abs() < 0.03e-3, "{per_10_percent}");
        assert!((bare.u / bare.value - 145e-6).abs() < 2e-6, "{bare:?}");
    }

    #[test]
    fn extrapolation_costs_uncertainty() {
        let inside = density_with_u(27.0, 0.0, 1013.0, 0.0, 50.0, 0.0).expect("in range");
        let outside = density_with_u(27.1, 0.0, 1013.0, 0.0, 50.0, 0.0).expect("in range");
        assert!(outside.u / outside.value > inside.u / inside.value + 1e-4);
    }

    proptest! {
        #[test]
        fn warmer_thinner_and_moister_air_is_lighter(
            t_c in 0.0..39.0_f64, p_hpa in 601.0..1100.0_f64, rh_percent in 0.0..99.0_f64,
        ) {
            let here = cipm_2007_kg_per_m3(t_c, p_hpa, rh_percent);
            prop_assert!(cipm_2007_kg_per_m3(t_c + 1.0, p_hpa, rh_percent) < here);
            prop_assert!(cipm_2007_kg_per_m3(t_c, p_hpa - 1.0, rh_percent) < here);
            prop_assert!(cipm_2007_kg_per_m3(t_c, p_hpa, rh_percent + 1.0) < here);
        }
    }
}

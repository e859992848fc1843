//! The density of water from its temperature, with its standard uncertainty.
//!
//! Owns the Tanaka formula, its constants and the allowance for a real sample of water. It knows nothing of
//! saline or drugs: their density is measured, and handed to `buoyancy` as an estimate. It must not know
//! balances, pumps or where a temperature came from.

use crate::budget::Estimate;

/// The lowest water temperature that the formula covers, in °C.
pub const T_C_MIN: f64 = 0.0;
/// The highest water temperature that the formula covers, in °C.
pub const T_C_MAX: f64 = 40.0;

/// Standard uncertainty of the formula itself for air-free water of ocean isotopic mixture, in kg/m³.
///
/// Half of the 0.00084 kg/m³ (k = 2) given for the density at its maximum; from memory, not checked against the
/// paper.
pub const FORMULA_U_KG_PER_M3: f64 = 0.000_42;

/// Standard uncertainty for what sets a laboratory's purified water apart from the formula's water, in kg/m³.
///
/// An assumption of this program, not a published figure. It covers dissolved air (up to about −0.005 kg/m³,
/// not corrected), isotopic composition (about ±0.005 kg/m³, from memory) and ambient pressure within about
/// 50 hPa of 1013.25 hPa (about ±0.0025 kg/m³): rectangular terms that together stay below this value.
pub const SAMPLE_U_KG_PER_M3: f64 = 0.005;

const A1_C: f64 = -3.983_035;
const A2_C: f64 = 301.797;
const A3_C2: f64 = 522_528.9;
const A4_C: f64 = 69.348_81;
const A5_KG_PER_M3: f64 = 999.974_95;

/// Step of the curvature's central difference, in °C: wide enough that rounding stays below 1e-6 of the result.
const CURVATURE_STEP_C: f64 = 0.1;

/// The density of air-free water at 101 325 Pa, in kg/m³; `t_c` in °C, 0 to 40.
///
/// Returns `None` outside that range and for a temperature that is not a number.
///
/// Source: M. Tanaka et al., "Recommended table for the density of water between 0 °C and 40 °C based on recent
/// experimental reports", Metrologia 38 (2001) 301–309. Constants as several independent implementations print
/// them.
#[must_use]
pub fn density_kg_per_m3(t_c: f64) -> Option<f64> {
    (T_C_MIN..=T_C_MAX).contains(&t_c).then(|| tanaka(t_c))
}

/// The density of a laboratory's purified water, in kg/m³, with its standard uncertainty.
///
/// `t_c` in °C, 0 to 40; `u_t_c`, the standard uncertainty of that temperature in °C, is finite and not
/// negative. Returns `None` otherwise.
///
/// The uncertainty holds four independent parts: temperature times the formula's slope; half its curvature times
/// the temperature's variance times √2, so that the term does not vanish at the density's maximum near 4 °C
/// (second order of the GUM, note to 5.1.2, for a normally distributed temperature); [`FORMULA_U_KG_PER_M3`];
/// [`SAMPLE_U_KG_PER_M3`]. Degrees of freedom are infinite: the caller's budget is the place for a thermometer's
/// finite ones.
#[must_use]
pub fn density_with_u(t_c: f64, u_t_c: f64) -> Option<Estimate> {
    let value = density_kg_per_m3(t_c)?;
    if !(u_t_c.is_finite() && u_t_c >= 0.0) {
        return None;
    }
    let slope_u = tanaka_slope(t_c) * u_t_c;
    let curvature_u = tanaka_curvature(t_c) * u_t_c * u_t_c / 2.0_f64.sqrt();
    let variance = slope_u * slope_u
        + curvature_u * curvature_u
        + FORMULA_U_KG_PER_M3 * FORMULA_U_KG_PER_M3
        + SAMPLE_U_KG_PER_M3 * SAMPLE_U_KG_PER_M3;
    Estimate::new(value, variance.sqrt(), f64::INFINITY)
}

/// The formula without its range check: differences may step over the range's ends.
fn tanaka(t_c: f64) -> f64 {
    let from_maximum = t_c + A1_C;
    A5_KG_PER_M3 * (1.0 - from_maximum * from_maximum * (t_c + A2_C) / (A3_C2 * (t_c + A4_C)))
}

/// dρ/dt in kg/(m³ K), by the quotient rule.
fn tanaka_slope(t_c: f64) -> f64 {
    let from_maximum = t_c + A1_C;
    let top = from_maximum * from_maximum * (t_c + A2_C);
    let top_slope = 2.0 * from_maximum * (t_c + A2_C) + from_maximum * from_maximum;
    let bottom = t_c + A4_C;
    -A5_KG_PER_M3 / A3_C2 * (top_slope * bottom - top) / (bottom * bottom)
}

/// d²ρ/dt² in kg/(m³ K²), as a central difference of the exact slope.
fn tanaka_curvature(t_c: f64) -> f64 {
    (tanaka_slope(t_c + CURVATURE_STEP_C) - tanaka_slope(t_c - CURVATURE_STEP_C)) / (2.0 * CURVATURE_STEP_C)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_values_to_their_last_digit() {
        for (t_c, expected) in [
            (0.0, 999.842_826),
            (4.0, 999.974_948),
            (10.0, 999.702_702),
            (15.0, 999.102_572),
            (18.0, 998.598_361),
            (20.0, 998.206_746),
            (21.0, 997.995_019),
            (22.0, 997.772_977),
            (23.0, 997.540_830),
            (25.0, 997.047_022),
            (30.0, 995.648_797),
            (35.0, 994.032_601),
            (37.0, 993.328_955),
            (40.0, 992.215_209),
        ] {
            let found = density_kg_per_m3(t_c).expect("in range");
            assert!((found - expected).abs() < 6e-7, "{t_c} °C: expected {expected}, found {found}");
        }
    }

    #[test]
    fn outside_the_range_there_is_no_density() {
        for t_c in [-0.001, 40.001, 293.15, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(density_kg_per_m3(t_c), None, "{t_c}");
            assert_eq!(density_with_u(t_c, 0.1), None, "{t_c}");
        }
        for u_t_c in [-0.1, f64::NAN, f64::INFINITY] {
            assert_eq!(density_with_u(20.0, u_t_c), None, "{u_t_c}");
        }
    }

    #[test]
    fn uncertainty_at_20_c_follows_the_expansion_of_water() {
        // Water expands by 206.8 parts per million a kelvin at 20 °C: 0.1 K is 0.02064 kg/m³; the sample adds 0.005.
        let found = density_with_u(20.0, 0.1).expect("in range");
        let expected = (0.020_64_f64 * 0.020_64 + 0.005 * 0.005 + 0.000_42 * 0.000_42).sqrt();
        assert!((found.u - expected).abs() < 1e-5, "{found:?}");
        assert!(found.dof.is_infinite());
    }

    #[test]
    fn at_the_maximum_the_curvature_remains() {
        let sharp = density_with_u(3.983_035, 0.0).expect("in range");
        let blurred = density_with_u(3.983_035, 2.0).expect("in range");
        // ρ'' is about −0.016 kg/(m³ K²): 0.016·4/√2 = 0.045 kg/m³.
        assert!(blurred.u - sharp.u > 0.03, "{blurred:?}");
    }

    proptest! {
        #[test]
        fn slope_agrees_with_differences(t_c in 0.01..39.99_f64) {
            let numeric = (tanaka(t_c + 1e-3) - tanaka(t_c - 1e-3)) / 2e-3;
            prop_assert!((numeric - tanaka_slope(t_c)).abs() < 1e-7);
        }

        #[test]
        fn water_gets_lighter_above_its_maximum(t_c in 4.0..39.0_f64, step_c in 0.001..1.0_f64) {
            prop_assert!(density_kg_per_m3(t_c + step_c) < density_kg_per_m3(t_c));
        }
    }
}

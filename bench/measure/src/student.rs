//! Coverage factors: quantiles of Student's t and of the normal distribution.
//!
//! Owns the numerical functions behind them, built on libm alone so that the same inputs give the same bits on
//! every machine. It must not know what is being covered; `budget` and `decision` do.

use core::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// Above this many degrees of freedom the expansion about the normal quantile is used: there its error is below
/// that of the incomplete beta function, whose log-gamma terms cancel.
const DOF_EXPANSION_MIN: f64 = 1e4;

/// Bound of the continued fraction's steps; up to [`DOF_EXPANSION_MIN`] it needs a few hundred at most.
const FRACTION_STEPS_MAX: u32 = 2000;

/// Bound of doublings that bracket a quantile: 2^80 lies beyond every t that a double's probability can ask for.
const DOUBLINGS_MAX: u32 = 80;

/// Bound of bisections; after these no double is left between the two ends of any bracket used here.
const BISECTIONS_MAX: u32 = 1200;

/// Relative slack of [`truncate`]: rounding in an effective number of degrees of freedom must not cost a whole one.
const TRUNCATE_SLACK: f64 = 1e-9;

/// The two-sided coverage factor: the t for which a Student variable with `dof` degrees of freedom lies within ±t
/// with `probability`.
///
/// `dof` is real, 1 or more, `f64::INFINITY` for the normal distribution; `probability` lies strictly between 0
/// and 1 (0.95, not 95). Returns `None` otherwise. Rounding `dof` down to an integer first, as the GUM (G.4) allows,
/// is the caller's choice: see [`truncate`].
///
/// Source: t by bisection of the regularised incomplete beta function I(ν/(ν+t²); ν/2, 1/2); for large ν the
/// expansion of Abramowitz and Stegun 26.7.5 (its coefficients from memory, checked here against the former).
#[must_use]
pub fn coverage_factor(dof: f64, probability: f64) -> Option<f64> {
    if !(dof >= 1.0 && probability > 0.0 && probability < 1.0) {
        return None;
    }
    if dof <= DOF_EXPANSION_MIN {
        return Some(coverage_by_bisection(dof, probability));
    }
    let z = -normal_quantile((1.0 - probability) / 2.0)?;
    Some(if dof.is_infinite() { z } else { expand_about_normal(z, dof) })
}

/// The probability that a Student variable with so many degrees of freedom, 1 or more or infinite, lies below `t`.
///
/// `None` for less than 1 degree of freedom and for a `t` that is not a number. Source: half of I(ν/(ν+t²); ν/2, 1/2) lies
/// beyond |t|.
#[must_use]
pub fn below(t: f64, dof: f64) -> Option<f64> {
    if t.is_nan() || dof.is_nan() || dof < 1.0 {
        return None;
    }
    if dof > DOF_EXPANSION_MIN || t.is_infinite() {
        return Some(normal_cdf(t));
    }
    let square = t * t;
    let beyond = 0.5 * regularised_beta(dof / (dof + square), square / (dof + square), 0.5 * dof, 0.5);
    Some(if t < 0.0 { beyond } else { 1.0 - beyond })
}

/// Degrees of freedom rounded down to an integer, as the GUM (G.4.1) allows before a table is entered.
///
/// A value within 1e-9 (relative) below an integer counts as that integer, since it got there by rounding.
/// Infinity stays infinite; a value below 1 becomes 0 or less and NaN stays NaN, which [`coverage_factor`] refuses.
#[must_use]
pub fn truncate(dof: f64) -> f64 {
    (dof + dof.abs() * TRUNCATE_SLACK).floor()
}

/// The probability that a standard normal variable lies below `z`; accurate far into both tails. NaN gives NaN.
///
/// Source: Φ(z) = erfc(−z/√2)/2.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The z below which a standard normal variable lies with `probability`, strictly between 0 and 1; else `None`.
///
/// Source: bisection of [`normal_cdf`], always in the lower tail, where it resolves best.
#[must_use]
pub fn normal_quantile(probability: f64) -> Option<f64> {
    if !(probability > 0.0 && probability < 1.0) {
        return None;
    }
    if probability > 0.5 {
        return Some(-lower_normal_quantile(1.0 - probability));
    }
    Some(lower_normal_quantile(probability))
}

/// For probabilities of at most one half. Below −39 the distribution function is no longer a positive double.
fn lower_normal_quantile(probability: f64) -> f64 {
    -bisect(0.0, 39.0, |z| 0.5 * libm::erfc(z / SQRT_2) > probability)
}

fn coverage_by_bisection(dof: f64, probability: f64) -> f64 {
    let too_small = |t: f64| {
        let square = t * t;
        let outside_share = dof / (dof + square);
        let inside_share = square / (dof + square);
        // Compare on the side that is small, where the double still has digits.
        if probability > 0.5 {
            regularised_beta(outside_share, inside_share, 0.5 * dof, 0.5) > 1.0 - probability
        } else {
            regularised_beta(inside_share, outside_share, 0.5, 0.5 * dof) < probability
        }
    };
    let mut high = 1.0;
    for _ in 0..DOUBLINGS_MAX {
        if !too_small(high) {
            break;
        }
        high *= 2.0;
    }
    bisect(0.0, high, too_small)
}

/// The point where `too_small` turns from true to false, to the last double.
fn bisect(mut low: f64, mut high: f64, too_small: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..BISECTIONS_MAX {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        if too_small(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low + 0.5 * (high - low)
}

/// Student's quantile from the normal one, in falling powers of the degrees of freedom.
fn expand_about_normal(z: f64, dof: f64) -> f64 {
    let square = z * z;
    let g1 = z * (square + 1.0) / 4.0;
    let g2 = z * ((5.0 * square + 16.0) * square + 3.0) / 96.0;
    let g3 = z * (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0;
    let g4 = z * ((((79.0 * square + 776.0) * square + 1482.0) * square - 1920.0) * square - 945.0) / 92_160.0;
    z + (g1 + (g2 + (g3 + g4 / dof) / dof) / dof) / dof
}

/// I(x; a, b) for a, b > 0; `rest` is 1 − x, handed in because a subtraction here would lose its digits.
fn regularised_beta(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if rest <= 0.0 {
        return 1.0;
    }
    let ln_x = if rest < 0.5 { libm::log1p(-rest) } else { libm::log(x) };
    let ln_rest = if x < 0.5 { libm::log1p(-x) } else { libm::log(rest) };
    let ln_scale = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b);
    let front = libm::exp(ln_scale + a * ln_x + b * ln_rest);
    // The fraction converges fast on the near side of the distribution's mean; beyond it the mirror image is used.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(rest, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated by Lentz's method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..=FRACTION_STEPS_MAX {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let change = c * d;
        fraction *= change;
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

/// Lentz's method divides by these terms: an exact zero is replaced by a value too small to be seen in the result.
fn away_from_zero(term: f64) -> f64 {
    const TINY: f64 = 1e-300;
    if term.abs() < TINY { TINY } else { term }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::FRAC_PI_2;
    use proptest::prelude::*;

    fn factor(dof: f64, probability: f64) -> f64 {
        coverage_factor(dof, probability).expect("in range")
    }

    #[test]
    fn printed_tables() {
        for (dof, probability, expected, tolerance) in [
            (1.0, 0.95, 12.706, 5e-4),
            (1.0, 0.9545, 13.968, 5e-4),
            (2.0, 0.95, 4.303, 5e-4),
            (5.0, 0.95, 2.571, 5e-4),
            (10.0, 0.95, 2.228, 5e-4),
            (16.0, 0.99, 2.9208, 5e-5),
            (30.0, 0.95, 2.042, 5e-4),
            (f64::INFINITY, 0.95, 1.959_963_985, 1e-9),
            (f64::INFINITY, 0.9545, 2.000, 5e-4),
            (f64::INFINITY, 0.99, 2.575_829_304, 1e-9),
        ] {
            let found = factor(dof, probability);
            assert!((found - expected).abs() < tolerance, "{dof}, {probability}: expected {expected}, found {found}");
        }
    }

    #[test]
    fn one_and_two_degrees_of_freedom_have_closed_forms() {
        for probability in [1e-12, 0.001, 0.3, 0.5, 0.500_001, 0.6827, 0.95, 0.9545, 0.9973, 0.999_999_999] {
            let cauchy = if probability > 0.5 {
                1.0 / libm::tan(FRAC_PI_2 * (1.0 - probability))
            } else {
                libm::tan(FRAC_PI_2 * probability)
            };
            assert!((factor(1.0, probability) / cauchy - 1.0).abs() < 1e-12, "{probability}");
            let two = probability * (2.0 / ((1.0 - probability) * (1.0 + probability))).sqrt();
            assert!((factor(2.0, probability) / two - 1.0).abs() < 1e-12, "{probability}");
        }
    }

    #[test]
    fn the_two_methods_meet() {
        for probability in [0.01, 0.5, 0.95, 0.9973, 1.0 - 1e-9] {
            let below = coverage_by_bisection(DOF_EXPANSION_MIN, probability);
            let z = -normal_quantile((1.0 - probability) / 2.0).expect("in range");
            let above = expand_about_normal(z, DOF_EXPANSION_MIN);
            assert!((below / above - 1.0).abs() < 1e-10, "{probability}: {below} and {above}");
        }
    }

    #[test]
    fn out_of_range_is_none() {
        for (dof, probability) in [
            (0.99, 0.95),
            (0.0, 0.95),
            (-3.0, 0.95),
            (f64::NAN, 0.95),
            (f64::NEG_INFINITY, 0.95),
            (5.0, 0.0),
            (5.0, 1.0),
            (5.0, 95.0),
            (5.0, f64::NAN),
        ] {
            assert_eq!(coverage_factor(dof, probability), None, "{dof}, {probability}");
        }
        assert_eq!(normal_quantile(0.0), None);
        assert_eq!(normal_quantile(1.0), None);
        assert_eq!(normal_quantile(f64::NAN), None);
    }

    #[test]
    fn truncation() {
        assert!((truncate(16.75) - 16.0).abs() < f64::EPSILON);
        assert!((truncate(15.999_999_999_999_998) - 16.0).abs() < f64::EPSILON);
        assert!((truncate(15.999) - 15.0).abs() < f64::EPSILON);
        assert!(truncate(f64::INFINITY).is_infinite());
        assert!(truncate(f64::NAN).is_nan());
        assert_eq!(coverage_factor(truncate(0.9), 0.95), None);
    }

    #[test]
    fn normal_distribution() {
        for (z, expected) in [(0.0, 0.5), (1.0, 0.841_344_746_068_543), (-2.0, 0.022_750_131_948_179), (-38.0, 0.0)] {
            assert!((normal_cdf(z) - expected).abs() < 1e-15, "{z}: {}", normal_cdf(z));
        }
        assert!(normal_cdf(-38.0) > 0.0);
        assert!(normal_cdf(f64::NAN).is_nan());
        let extreme = normal_quantile(f64::MIN_POSITIVE).expect("in range");
        assert!((-37.6..-37.4).contains(&extreme), "{extreme}");
    }

    proptest! {
        #[test]
        fn falls_with_degrees_of_freedom(
            dof in 1.0..20_000.0_f64, more in 1.001..2.0_f64, probability in 0.05..0.9999_f64,
        ) {
            let limit = factor(f64::INFINITY, probability);
            prop_assert!(factor(dof, probability) > factor(dof * more, probability));
            prop_assert!(factor(dof * more, probability) > limit);
        }

        #[test]
        fn rises_with_probability(dof in 1.0..20_000.0_f64, p in 0.01..0.99_f64, step in 1e-6..0.009_f64) {
            prop_assert!(factor(dof, p + step) > factor(dof, p));
        }

        #[test]
        fn quantile_inverts_the_distribution(probability in 1e-12..0.999_999_f64) {
            let z = normal_quantile(probability).expect("in range");
            prop_assert!((normal_cdf(z) - probability).abs() < 1e-15 + 1e-14 * probability);
        }

        #[test]
        fn no_input_panics(dof in proptest::num::f64::ANY, probability in proptest::num::f64::ANY) {
            let _ = coverage_factor(dof, probability);
            let _ = coverage_factor(dof.abs(), 0.95);
            let _ = truncate(dof);
            let _ = normal_quantile(probability);
        }
    }
}

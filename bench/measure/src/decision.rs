//! Is a value within its limits, given its uncertainty?
//!
//! Owns the decision rule and the probability of nonconformity. It must not know which quantity is judged, where
//! limits come from, or what follows from a decision. Nothing here can turn a fail into a pass, and a larger
//! uncertainty only ever moves a decision towards inconclusive.

use domain::check::DecisionRule;
use domain::{CheckVerdict, Limits};
use serde::{Deserialize, Serialize};

use crate::budget::Combined;
use crate::student;

/// Whether there is at least one limit, every limit is finite, and the lower does not exceed the upper.
fn usable(limits: Limits) -> bool {
    let finite = limits.low.is_none_or(f64::is_finite) && limits.high.is_none_or(f64::is_finite);
    match (limits.low, limits.high) {
        (None, None) => false,
        (Some(low), Some(high)) => finite && low <= high,
        _ => finite,
    }
}

/// The outcome of a comparison with limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Within the limits by at least the guard band.
    Pass,
    /// Outside a limit by more than the guard band.
    Fail,
    /// Too near a limit for the uncertainty, or not decidable at all.
    Inconclusive,
}

impl From<Decision> for CheckVerdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Pass => Self::Pass,
            Decision::Fail => Self::Fail,
            Decision::Inconclusive => Self::Inconclusive,
        }
    }
}

/// Decides with a guard band on both sides of each limit.
///
/// `value`, `band` (0 or more; [`guard_band`] has it by a rule) and `limits` are in one unit. Pass: every limit is kept by at
/// least the band. Fail: one is exceeded by more than it. Between, and exactly at a limit plus the band: inconclusive. So is
/// everything with a number that is not finite, a negative band, no limit at all, or limits in the wrong order. Without a band
/// nothing else is inconclusive.
///
/// Source: the rule of ILAC-G8:09/2019, 4.2.3, its two conditional results taken together as inconclusive. For a band of
/// U = 2u and a normal distribution, a pass is wrong with at most 2.3 % probability per limit.
#[must_use]
pub fn decide_guarded(value: f64, band: f64, limits: Limits) -> Decision {
    let usable = value.is_finite() && band.is_finite() && band >= 0.0 && usable(limits);
    if !usable {
        return Decision::Inconclusive;
    }
    let above = limits.high.is_some_and(|high| value > high + band);
    let below = limits.low.is_some_and(|low| value < low - band);
    if above || below {
        return Decision::Fail;
    }
    let under_high = limits.high.is_none_or(|high| value <= high - band);
    let over_low = limits.low.is_none_or(|low| value >= low + band);
    if under_high && over_low { Decision::Pass } else { Decision::Inconclusive }
}

/// The probability, 0 to 1, that the true value lies outside the limits, for Student's distribution about `value` with the
/// standard (not expanded) uncertainty `u` and so many degrees of freedom; all in one unit.
///
/// With `u` = 0 it is 0 or 1; a value at its limit conforms. `None` for numbers that are not finite, a negative
/// `u`, less than 1 degree of freedom, and limits that are not usable. Source: JCGM 106, 7.2 to 7.4, without prior knowledge
/// of the item (from memory, not checked against the guide).
#[must_use]
pub fn probability_nonconforming(value: f64, u: f64, dof: f64, limits: Limits) -> Option<f64> {
    let usable = value.is_finite() && u.is_finite() && u >= 0.0 && usable(limits);
    if !usable {
        return None;
    }
    let beyond = |excess: f64| match (u > 0.0, excess > 0.0) {
        (true, _) => student::below(excess / u, dof),
        (false, true) => Some(1.0),
        (false, false) => Some(0.0),
    };
    let above = limits.high.map_or(Some(0.0), |high| beyond(value - high))?;
    let below = limits.low.map_or(Some(0.0), |low| beyond(low - value))?;
    Some((above + below).min(1.0))
}

/// The guard band of a rule for a combined uncertainty, in its unit.
///
/// None for simple acceptance; U for the guard band; for a stated risk Student's one-sided factor for that risk times the
/// combined standard uncertainty. `None` for a risk that is not above 0 and below 50 %. Source: JCGM 106, 8.3 (from memory,
/// not checked against the guide).
#[must_use]
pub fn guard_band(combined: &Combined, rule: DecisionRule) -> Option<f64> {
    match rule {
        DecisionRule::SimpleAcceptance => Some(0.0),
        DecisionRule::GuardBand => Some(combined.expanded),
        DecisionRule::StatedRisk { false_acceptance_percent: risk } => {
            Some(student::coverage_factor(student::truncate(combined.dof_effective), two_sided(risk))? * combined.u)
        }
    }
}

/// The coverage probability of an interval that leaves out one side's risk, in %, on either side.
pub(crate) const fn two_sided(risk_percent: f64) -> f64 {
    1.0 - 2.0 * risk_percent / 100.0
}

/// The test uncertainty ratio: half of the width between the limits over the expanded uncertainty, in one unit.
///
/// `None` for a single limit, which has no width, and where either is not positive and finite.
#[must_use]
pub fn test_uncertainty_ratio(limits: Limits, expanded_u: f64) -> Option<f64> {
    let half = (limits.high? - limits.low?) / 2.0;
    let ratio = half / expanded_u;
    (half > 0.0 && expanded_u > 0.0 && ratio.is_finite()).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Decision::{Fail, Inconclusive, Pass};
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { low: Some(-14.5), high: Some(14.5) };

    #[test]
    fn accuracy_limits_of_14_5_percent() {
        // u = 0.95 %, U = 1.9 %: guard bands from 12.6 to 16.4 on either side.
        for (value, decision, probability) in [
            (0.0, Pass, 0.0),
            (12.0, Pass, 0.004_25),
            (12.60, Pass, 0.022_75),
            (12.601, Inconclusive, 0.022_81),
            (14.5, Inconclusive, 0.5),
            (16.4, Inconclusive, 0.977_25),
            (16.401, Fail, 0.977_31),
            (18.0, Fail, 0.999_885),
        ] {
            for signed in [value, -value] {
                assert_eq!(decide_guarded(signed, 1.9, LIMITS), decision, "{signed}");
                let found = probability_nonconforming(signed, 0.95, f64::INFINITY, LIMITS).expect("usable");
                assert!((found - probability).abs() < 1e-5, "{signed}: expected {probability}, found {found}");
            }
        }
    }

    #[test]
    fn one_sided_risk_at_the_acceptance_limit() {
        let limits = Limits { low: None, high: Some(10.0) };
        for (guard_in_u, expected) in [(0.0, 0.5), (1.0, 0.1587), (1.66, 0.0485), (2.0, 0.0228), (3.0, 0.0013)] {
            let found = probability_nonconforming(10.0 - guard_in_u, 1.0, f64::INFINITY, limits).expect("usable");
            assert!((found - expected).abs() < 6e-5, "{guard_in_u}: {found}");
        }
    }

    #[test]
    fn without_uncertainty_a_limit_conforms() {
        assert_eq!(decide_guarded(14.5, 0.0, LIMITS), Pass);
        assert_eq!(decide_guarded(14.500_001, 0.0, LIMITS), Fail);
        assert_eq!(probability_nonconforming(14.5, 0.0, f64::INFINITY, LIMITS), Some(0.0));
        assert_eq!(probability_nonconforming(14.500_001, 0.0, f64::INFINITY, LIMITS), Some(1.0));
    }

    #[test]
    fn a_rule_is_as_wide_as_its_risk() {
        let combined = Combined {
            u: 0.95,
            dof_effective: f64::INFINITY,
            coverage_probability: 0.9545,
            coverage_factor: 2.0,
            expanded: 1.9,
        };
        let band = |rule| guard_band(&combined, rule);
        assert_eq!(band(DecisionRule::SimpleAcceptance), Some(0.0));
        assert_eq!(band(DecisionRule::GuardBand), Some(1.9));
        for (risk, in_u) in [(2.275, 2.0), (15.866, 1.0), (0.135, 3.0), (4.846, 1.66)] {
            let found = band(DecisionRule::StatedRisk { false_acceptance_percent: risk }).expect("a band");
            assert!((found / 0.95 - in_u).abs() < 1e-3, "{risk}: {found}");
            let at_its_end = probability_nonconforming(14.5 - found, 0.95, f64::INFINITY, LIMITS).expect("usable");
            assert!((at_its_end * 100.0 - risk).abs() < 1e-3, "{risk}: {at_its_end}");
        }
        let few = Combined { dof_effective: 4.0, ..combined };
        let wide = guard_band(&few, DecisionRule::StatedRisk { false_acceptance_percent: 2.5 }).expect("a band");
        assert!((wide / 0.95 - 2.776).abs() < 1e-3, "Student's factor for 4 degrees of freedom");
        let outside = probability_nonconforming(14.5 - wide, 0.95, 4.0, LIMITS).expect("usable");
        assert!((outside - 0.025).abs() < 1e-4, "what is stated is what is left: {outside}");
        assert_eq!(band(DecisionRule::StatedRisk { false_acceptance_percent: 50.0 }), None);
        assert_eq!(band(DecisionRule::StatedRisk { false_acceptance_percent: 0.0 }), None);
    }

    #[test]
    fn the_ratio_of_tolerance_and_uncertainty() {
        assert_eq!(test_uncertainty_ratio(LIMITS, 2.9), Some(5.0));
        assert_eq!(test_uncertainty_ratio(LIMITS, 0.0), None);
        assert_eq!(test_uncertainty_ratio(Limits { low: None, high: Some(1.0) }, 1.0), None);
    }

    #[test]
    fn one_sided_limits() {
        let at_least = Limits { low: Some(2.0), high: None };
        assert_eq!(decide_guarded(1e12, 0.1, at_least), Pass);
        assert_eq!(decide_guarded(1.8, 0.1, at_least), Fail);
        assert_eq!(decide_guarded(2.05, 0.1, at_least), Inconclusive);
    }

    #[test]
    fn a_guard_band_wider_than_the_tolerance_never_passes() {
        assert_eq!(decide_guarded(0.0, 15.0, LIMITS), Inconclusive);
        assert_eq!(decide_guarded(29.6, 15.0, LIMITS), Fail);
    }

    #[test]
    fn what_cannot_be_decided_is_inconclusive() {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        for number in odd {
            assert_eq!(decide_guarded(number, 1.9, LIMITS), Inconclusive);
            assert_eq!(decide_guarded(99.0, number, LIMITS), Inconclusive);
            assert_eq!(probability_nonconforming(number, 0.95, f64::INFINITY, LIMITS), None);
            assert_eq!(probability_nonconforming(99.0, number, f64::INFINITY, LIMITS), None);
            for limits in [
                Limits { low: Some(number), high: None },
                Limits { low: None, high: Some(number) },
                Limits { low: Some(number), high: Some(1.0) },
                Limits { low: Some(-1.0), high: Some(number) },
            ] {
                assert_eq!(decide_guarded(99.0, 0.1, limits), Inconclusive);
                assert_eq!(probability_nonconforming(99.0, 0.1, f64::INFINITY, limits), None);
            }
        }
        assert_eq!(decide_guarded(0.0, -1.0, LIMITS), Inconclusive);
        assert_eq!(decide_guarded(0.0, 0.1, Limits { low: None, high: None }), Inconclusive);
        assert_eq!(decide_guarded(0.0, 0.1, Limits { low: Some(1.0), high: Some(-1.0) }), Inconclusive);
    }

    fn any_limits() -> impl Strategy<Value = Limits> {
        (proptest::option::of(-20.0..0.0_f64), proptest::option::of(0.0..20.0_f64))
            .prop_map(|(low, high)| Limits { low, high })
    }

    proptest! {
        #[test]
        fn more_uncertainty_only_leads_to_inconclusive(
            value in -40.0..40.0_f64, expanded_u in 0.0..20.0_f64, more in 0.0..20.0_f64, limits in any_limits(),
        ) {
            let before = decide_guarded(value, expanded_u, limits);
            let after = decide_guarded(value, expanded_u + more, limits);
            prop_assert!(after == before || after == Inconclusive, "{before:?} became {after:?}");
        }

        #[test]
        fn a_fail_never_becomes_a_pass(
            value in -40.0..40.0_f64, one_u in 0.0..20.0_f64, other_u in 0.0..20.0_f64, limits in any_limits(),
        ) {
            if decide_guarded(value, one_u, limits) == Fail {
                prop_assert_ne!(decide_guarded(value, other_u, limits), Pass);
            }
        }

        #[test]
        fn a_pass_is_rarely_wrong(value in -20.0..20.0_f64, u in 0.001..10.0_f64, limits in any_limits()) {
            let probability = probability_nonconforming(value, u, f64::INFINITY, limits);
            match decide_guarded(value, 2.0 * u, limits) {
                Pass => prop_assert!(probability.expect("usable") <= 2.0 * 0.022_751),
                Fail => prop_assert!(probability.expect("usable") >= 0.977_249),
                Inconclusive => {}
            }
        }

        #[test]
        fn no_input_panics(
            value in proptest::num::f64::ANY, u in proptest::num::f64::ANY,
            low in proptest::option::of(proptest::num::f64::ANY), high in proptest::option::of(proptest::num::f64::ANY),
        ) {
            let limits = Limits { low, high };
            let _ = decide_guarded(value, u, limits);
            if let Some(probability) = probability_nonconforming(value, u, f64::INFINITY, limits) {
                prop_assert!((0.0..=1.0).contains(&probability));
            }
        }
    }
}

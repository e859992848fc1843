//! Estimates with their uncertainty, and the uncertainty budget that combines them.
//!
//! Owns the words of the GUM (JCGM 100): standard uncertainty, type A and B, distribution, degrees of freedom,
//! combined and expanded uncertainty. It must not know what is measured: every term arrives in the unit of the
//! result, already multiplied by its sensitivity. Serialised forms are part of the record and the summary.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::student;

/// The coverage probability used where none is asked for: 95.45 %, k = 2 for a normal distribution.
pub const COVERAGE_PROBABILITY: f64 = 0.9545;

/// A value with its standard uncertainty.
///
/// The unit is that of the variable that holds it. In JSON, infinite degrees of freedom are `null`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Best estimate of the quantity.
    pub value: f64,
    /// Standard uncertainty, in the unit of the value; finite, 0 or more.
    pub u: f64,
    /// Degrees of freedom, 1 or more; `f64::INFINITY` for an uncertainty taken as known.
    #[serde(with = "dof_or_null")]
    pub dof: f64,
}

impl Estimate {
    /// An estimate from its three numbers, or `None` where [`Estimate::is_usable`] would say no.
    #[must_use]
    pub fn new(value: f64, u: f64, dof: f64) -> Option<Self> {
        let estimate = Self { value, u, dof };
        estimate.is_usable().then_some(estimate)
    }

    /// Whether the value is finite, the uncertainty finite and not negative, the degrees of freedom 1 or more.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.value.is_finite() && is_usable_u(self.u) && self.dof >= 1.0
    }
}

/// What is known of an input's error, from which its standard uncertainty follows.
///
/// Parameters are in the unit of the input. Source: GUM 4.2 and 4.3; the arcsine divisor from memory, not checked
/// against the guide.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// A standard uncertainty as such.
    Normal {
        /// Standard uncertainty.
        u: f64,
    },
    /// An expanded uncertainty, as a certificate states it.
    Expanded {
        /// Expanded uncertainty U.
        expanded_u: f64,
        /// The coverage factor k that belongs to it, above 0.
        coverage_factor: f64,
    },
    /// The mean of repeated readings: s/√n.
    MeanOfReadings {
        /// Experimental standard deviation of one reading.
        s: f64,
        /// Number of readings, 1 or more.
        n: u64,
    },
    /// Anywhere within ± the half-width with equal probability: a/√3.
    Rectangular {
        /// Half of the interval's width.
        half_width: f64,
    },
    /// Within ± the half-width, the centre likeliest: a/√6.
    Triangular {
        /// Half of the interval's width.
        half_width: f64,
    },
    /// A cycle between the two ends, such as a thermostat's: a/√2.
    Arcsine {
        /// Half of the interval's width.
        half_width: f64,
    },
    /// One reading rounded to a step: d/√12. A difference of two readings holds it twice.
    Resolution {
        /// The step d between neighbouring readings.
        step: f64,
    },
}

/// The kind of a [`Distribution`], without its numbers: what a budget's table prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Normal, or not further known.
    Normal,
    /// Student's t: the mean of a limited number of readings.
    Student,
    /// Rectangular.
    Rectangular,
    /// Triangular.
    Triangular,
    /// Arcsine.
    Arcsine,
    /// Rectangular through rounding of readings.
    Resolution,
}

impl Distribution {
    /// The standard uncertainty, in the unit of the parameters; `None` for a parameter that is negative or not
    /// finite, a coverage factor of 0 and a mean of no readings.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of readings stays far below 2^53")]
    pub fn standard_u(&self) -> Option<f64> {
        let u = match *self {
            Self::Normal { u } => u,
            Self::Expanded { expanded_u, coverage_factor } => {
                if !(coverage_factor.is_finite() && coverage_factor > 0.0) {
                    return None;
                }
                expanded_u / coverage_factor
            }
            Self::MeanOfReadings { s, n } => s / (n as f64).sqrt(),
            Self::Rectangular { half_width } => half_width / 3.0_f64.sqrt(),
            Self::Triangular { half_width } => half_width / 6.0_f64.sqrt(),
            Self::Arcsine { half_width } => half_width / 2.0_f64.sqrt(),
            Self::Resolution { step } => step / 12.0_f64.sqrt(),
        };
        is_usable_u(u).then_some(u)
    }

    /// The kind without its numbers.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match self {
            Self::Normal { .. } | Self::Expanded { .. } => Shape::Normal,
            Self::MeanOfReadings { .. } => Shape::Student,
            Self::Rectangular { .. } => Shape::Rectangular,
            Self::Triangular { .. } => Shape::Triangular,
            Self::Arcsine { .. } => Shape::Arcsine,
            Self::Resolution { .. } => Shape::Resolution,
        }
    }
}

/// How an uncertainty was evaluated (GUM 2.3.2, 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From the scatter of this run's own readings.
    TypeA,
    /// From anything else: certificate, data sheet, formula, judgement.
    TypeB,
}

/// One line of a budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// What it is about, unique in its budget: `evaporation`, `balance linearity`.
    pub name: String,
    /// How it was evaluated.
    pub kind: Kind,
    /// The distribution behind it.
    pub distribution: Shape,
    /// Standard uncertainty in the unit of the result: |sensitivity| times the input's own; finite, 0 or more.
    pub u: f64,
    /// Degrees of freedom, 1 or more; `f64::INFINITY` (`null` in JSON) for an uncertainty taken as known.
    #[serde(with = "dof_or_null")]
    pub dof: f64,
    /// Where the figure comes from: a certificate's number, a formula, an assumption called by that name.
    pub source: String,
}

impl Term {
    /// A type B term from a distribution of the input and the result's sensitivity to that input.
    ///
    /// `sensitivity` is in units of the result per unit of the input, of either sign. Returns `None` if it is not
    /// finite, the distribution has no standard uncertainty, or `dof` is below 1.
    #[must_use]
    pub fn type_b(name: &str, distribution: Distribution, sensitivity: f64, dof: f64, source: &str) -> Option<Self> {
        let term = Self {
            name: name.to_owned(),
            kind: Kind::TypeB,
            distribution: distribution.shape(),
            u: (sensitivity * distribution.standard_u()?).abs(),
            dof,
            source: source.to_owned(),
        };
        term.is_usable().then_some(term)
    }

    /// A type A term from an estimate of the input and the result's sensitivity to it, as in [`Term::type_b`].
    #[must_use]
    pub fn type_a(name: &str, input: Estimate, sensitivity: f64, source: &str) -> Option<Self> {
        let scatter = Distribution::Normal { u: input.u };
        let term = Self::type_b(name, scatter, sensitivity, input.dof, source)?;
        input.value.is_finite().then_some(Self { kind: Kind::TypeA, distribution: Shape::Student, ..term })
    }

    /// Whether the uncertainty is finite and not negative and the degrees of freedom are 1 or more.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        is_usable_u(self.u) && self.dof >= 1.0
    }
}

/// The independent terms of one result's uncertainty.
///
/// Terms that share a cause (two readings of one thermometer) are merged, with their sign, before they get here:
/// correlation between terms is not represented, and Welch–Satterthwaite would not hold for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The terms, in the order in which they are printed.
    pub terms: Vec<Term>,
    /// The unit of the result and of every term.
    pub unit: String,
}

/// What a budget adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Combined {
    /// Combined standard uncertainty, in the budget's unit.
    pub u: f64,
    /// Effective degrees of freedom before truncation; infinity is `null` in JSON.
    #[serde(with = "dof_or_null")]
    pub dof_effective: f64,
    /// The probability that the expanded uncertainty is meant to cover, between 0 and 1.
    pub coverage_probability: f64,
    /// Student's factor for that probability and the truncated degrees of freedom.
    pub coverage_factor: f64,
    /// Expanded uncertainty, in the budget's unit: coverage factor times combined standard uncertainty.
    pub expanded: f64,
}

/// Why a budget does not add up to anything.
#[derive(Clone, Debug, PartialEq)]
pub enum BudgetError {
    /// No terms: an uncertainty of nothing is unknown, not zero.
    Empty,
    /// A term's uncertainty or degrees of freedom cannot be used.
    Term {
        /// The term's name.
        name: String,
        /// Its standard uncertainty, in the budget's unit.
        u: f64,
        /// Its degrees of freedom.
        dof: f64,
    },
    /// The coverage probability asked for is not strictly between 0 and 1.
    Probability(f64),
    /// The sum is too large for a number.
    Overflow,
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("uncertainty budget has no terms; expected at least one"),
            Self::Term { name, u, dof } => write!(
                f,
                "uncertainty budget term `{name}`: expected a finite u of 0 or more and at least 1 degree of freedom, \
                 found u = {u} and {dof} degrees of freedom; correct that term"
            ),
            Self::Probability(found) => {
                write!(f, "coverage probability: expected between 0 and 1, found {found}")
            }
            Self::Overflow => f.write_str("uncertainty budget terms are too large; check their units"),
        }
    }
}

impl core::error::Error for BudgetError {}

impl Budget {
    /// The share of each term in the variance, 0 to 1, in the terms' order; all 0 where nothing is uncertain.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let variance: f64 = self.terms.iter().map(|term| term.u * term.u).sum();
        let share = |term: &Term| if variance > 0.0 { term.u * term.u / variance } else { 0.0 };
        self.terms.iter().map(share).collect()
    }

    /// Combines the terms at [`COVERAGE_PROBABILITY`].
    ///
    /// # Errors
    /// As [`Budget::combined_at`].
    pub fn combined(&self) -> Result<Combined, BudgetError> {
        self.combined_at(COVERAGE_PROBABILITY)
    }

    /// Combines the terms as independent ones: root of the sum of squares, effective degrees of freedom by
    /// Welch–Satterthwaite, rounded down, and Student's factor for `coverage_probability` (0 to 1, both excluded).
    ///
    /// Source: GUM 5.1.2, G.4.1 (equation G.2b), G.6.4.
    ///
    /// # Errors
    /// A [`BudgetError`] for a budget without terms, the first unusable term, or an impossible probability.
    pub fn combined_at(&self, coverage_probability: f64) -> Result<Combined, BudgetError> {
        if self.terms.is_empty() {
            return Err(BudgetError::Empty);
        }
        if let Some(term) = self.terms.iter().find(|term| !term.is_usable()) {
            return Err(BudgetError::Term { name: term.name.clone(), u: term.u, dof: term.dof });
        }
        let parts: Vec<_> = self.terms.iter().map(|term| (term.u, term.dof)).collect();
        let (u, dof_effective) = combine_independent(&parts).ok_or(BudgetError::Overflow)?;
        let coverage_factor = student::coverage_factor(student::truncate(dof_effective), coverage_probability)
            .ok_or(BudgetError::Probability(coverage_probability))?;
        let expanded = coverage_factor * u;
        if !expanded.is_finite() {
            return Err(BudgetError::Overflow);
        }
        Ok(Combined { u, dof_effective, coverage_probability, coverage_factor, expanded })
    }
}

/// Combined standard uncertainty and effective degrees of freedom of independent parts, each given as
/// (standard uncertainty, degrees of freedom) in one unit.
///
/// `None` for an unusable part and for an overflow. Parts that are all zero, and no parts, give (0, ∞). The result
/// never has fewer degrees of freedom than the poorest part that contributes. Source: GUM equations 10 and G.2b.
#[must_use]
pub fn combine_independent(parts: &[(f64, f64)]) -> Option<(f64, f64)> {
    if !parts.iter().all(|&(u, dof)| is_usable_u(u) && dof >= 1.0) {
        return None;
    }
    // Scaled by the largest part, so that squares and fourth powers neither overflow nor vanish.
    let largest = parts.iter().fold(0.0_f64, |largest, part| largest.max(part.0));
    if largest <= 0.0 {
        return Some((0.0, f64::INFINITY));
    }
    let scaled = parts.iter().map(|&(u, dof)| ((u / largest) * (u / largest), dof));
    let squares: f64 = scaled.clone().map(|(square, _)| square).sum();
    let fourths_per_dof: f64 = scaled.map(|(square, dof)| square * square / dof).sum();
    let contributing = parts.iter().filter(|part| part.0 > 0.0);
    let dof_min = contributing.fold(f64::INFINITY, |least, part| least.min(part.1));
    let u = largest * squares.sqrt();
    // Infinite where no part has finite degrees of freedom: a positive number over zero.
    let dof = squares * squares / fourths_per_dof;
    // In exact arithmetic the poorest part is a lower bound; rounding must not break it.
    u.is_finite().then_some((u, dof.max(dof_min)))
}

fn is_usable_u(u: f64) -> bool {
    u.is_finite() && u >= 0.0
}

/// Degrees of freedom in serialised form: a number, or null for infinity, which JSON has no number for.
mod dof_or_null {
    use serde::{Deserialize, Deserializer, Serializer, ser};

    pub(super) fn serialize<S: Serializer>(dof: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        // NaN and −∞ would become null on the way and come back as infinity: better no text than that one.
        if dof.is_nan() || *dof < 0.0 {
            return Err(ser::Error::custom("degrees of freedom are no count"));
        }
        if *dof == f64::INFINITY { serializer.serialize_none() } else { serializer.serialize_some(dof) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn term(name: &str, u: f64, dof: f64) -> Term {
        Term {
            name: name.to_owned(),
            kind: Kind::TypeB,
            distribution: Shape::Normal,
            u,
            dof,
            source: "test".to_owned(),
        }
    }

    fn budget(terms: Vec<Term>) -> Budget {
        Budget { terms, unit: "nm".to_owned() }
    }

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "expected {expected}, found {found}");
    }

    #[test]
    fn gum_h1_end_gauge() {
        let length_nm = 50_000_623.0;
        let (u_d, dof_d) = combine_independent(&[(5.8, 24.0), (3.9, 5.0), (6.7, 8.0)]).expect("usable");
        close(u_d, 9.6819, 1e-4);
        close(dof_d, 25.45, 0.01);
        let expansion = Distribution::Rectangular { half_width: 1e-6 };
        let difference = Distribution::Rectangular { half_width: 0.05 };
        let gauge = budget(vec![
            term("standard", 25.0, 18.0),
            Term::type_a("comparison", Estimate { value: 215.0, u: u_d, dof: dof_d }, 1.0, "GUM H.1").expect("usable"),
            Term::type_b("difference of expansion", expansion, -length_nm * -0.1, 50.0, "GUM H.1").expect("usable"),
            Term::type_b("difference of temperature", difference, -length_nm * 11.5e-6, 2.0, "GUM H.1")
                .expect("usable"),
        ]);
        for (part, expected) in gauge.terms.iter().zip([25.0, 9.6819, 2.8868, 16.5990]) {
            close(part.u, expected, 1e-4);
        }
        let combined = gauge.combined_at(0.99).expect("usable");
        close(combined.u, 31.664, 1e-3);
        close(combined.dof_effective, 16.75, 0.01);
        close(combined.coverage_factor, 2.9208, 5e-5);
        close(combined.expanded, 92.5, 0.05);
    }

    #[test]
    fn effective_degrees_of_freedom() {
        let (_, dof) = combine_independent(&[(0.57, 9.0), (0.25, f64::INFINITY)]).expect("usable");
        close(dof, 12.796, 5e-4);
        let (u, dof) = combine_independent(&[(3.0, f64::INFINITY), (4.0, f64::INFINITY), (0.0, 1.0)]).expect("usable");
        close(u, 5.0, 1e-15);
        assert!(dof.is_infinite());
        assert_eq!(combine_independent(&[]), Some((0.0, f64::INFINITY)));
        assert_eq!(combine_independent(&[(1.0, 0.5)]), None);
        let (tiny, dof) = combine_independent(&[(1e-200, 4.0), (1e-200, 4.0)]).expect("usable");
        close(tiny / 1e-200, 2.0_f64.sqrt(), 1e-12);
        close(dof, 8.0, 1e-12);
    }

    #[test]
    fn default_coverage_is_k_2() {
        let combined = budget(vec![term("only", 0.95, f64::INFINITY)]).combined().expect("usable");
        close(combined.coverage_factor, 2.0, 1e-4);
        close(combined.expanded, 1.9, 1e-4);
        let few = budget(vec![term("only", 0.95, 16.0)]).combined_at(0.99).expect("usable");
        close(few.coverage_factor, 2.9208, 5e-5);
    }

    #[test]
    fn distributions() {
        for (distribution, expected) in [
            (Distribution::Normal { u: 0.3 }, 0.3),
            (Distribution::Expanded { expanded_u: 0.6, coverage_factor: 2.0 }, 0.3),
            (Distribution::MeanOfReadings { s: 0.6, n: 4 }, 0.3),
            (Distribution::Rectangular { half_width: 1.0 }, 0.577_350),
            (Distribution::Triangular { half_width: 1.0 }, 0.408_248),
            (Distribution::Arcsine { half_width: 3.0 }, 2.121_320),
            (Distribution::Resolution { step: 1.0 }, 0.288_675),
        ] {
            close(distribution.standard_u().expect("usable"), expected, 1e-6);
        }
        for distribution in [
            Distribution::Normal { u: -0.3 },
            Distribution::Normal { u: f64::NAN },
            Distribution::Expanded { expanded_u: 0.6, coverage_factor: 0.0 },
            Distribution::Expanded { expanded_u: 0.6, coverage_factor: f64::NAN },
            Distribution::Expanded { expanded_u: 0.6, coverage_factor: f64::INFINITY },
            Distribution::MeanOfReadings { s: 0.6, n: 0 },
            Distribution::Rectangular { half_width: f64::INFINITY },
        ] {
            assert_eq!(distribution.standard_u(), None, "{distribution:?}");
        }
    }

    #[test]
    fn unusable_budgets_say_why() {
        let check = |found: Result<Combined, BudgetError>, expect: &str| {
            assert_eq!(found.map_err(|error| error.to_string()), Err(expect.to_owned()));
        };
        check(budget(vec![]).combined(), "uncertainty budget has no terms; expected at least one");
        check(
            budget(vec![term("good", 1.0, 5.0), term("leak", f64::NAN, 5.0)]).combined(),
            "uncertainty budget term `leak`: expected a finite u of 0 or more and at least 1 degree of freedom, \
             found u = NaN and 5 degrees of freedom; correct that term",
        );
        check(
            budget(vec![term("good", 1.0, 5.0)]).combined_at(95.0),
            "coverage probability: expected between 0 and 1, found 95",
        );
        check(
            budget(vec![term("a", f64::MAX, 5.0), term("b", f64::MAX, 5.0)]).combined(),
            "uncertainty budget terms are too large; check their units",
        );
        assert_eq!(Term::type_b("x", Distribution::Normal { u: 1.0 }, f64::NAN, 5.0, "test"), None);
    }

    proptest! {
        #[test]
        fn another_term_never_shrinks_the_sum(
            parts in proptest::collection::vec((0.0..1e3_f64, 1.0..200.0_f64), 1..12),
            more in (0.0..1e3_f64, 1.0..200.0_f64),
        ) {
            let (before, _) = combine_independent(&parts).expect("usable");
            let dof_sum: f64 = parts.iter().map(|part| part.1).sum::<f64>() + more.1;
            let dof_min = parts.iter().fold(more.1, |least, part| least.min(part.1));
            let mut parts = parts;
            parts.push(more);
            let (after, dof) = combine_independent(&parts).expect("usable");
            prop_assert!(after >= before * (1.0 - 1e-15));
            // Bounds of Welch–Satterthwaite: between the poorest term's and the sum of all.
            prop_assert!(after == 0.0 || (dof >= dof_min && dof <= dof_sum * (1.0 + 1e-12)));
        }
    }
}

//! The coverage interval of a value: the GUM's, unless trials of the model come to another one.
//!
//! Source: JCGM 101:2008, 8: the GUM's framework is compared with the Monte Carlo method, and holds where both ends of the
//! interval agree to the method's tolerance (from memory, not checked against the guide).

use domain::Limits;
use domain::check::DecisionRule;

use crate::budget::{Budget, BudgetError, COVERAGE_PROBABILITY, Combined};
use crate::decision::{guard_band, probability_nonconforming, two_sided};
use crate::model::Model;
use crate::monte_carlo::{self, Errors, Generator, Propagated};
use crate::student;

/// What an interval is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The GUM's framework: Welch–Satterthwaite and Student's factor.
    Gum,
    /// Trials of the model (JCGM 101).
    Trials,
}

/// A value's uncertainty, and what follows from it for a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Which of both it is by.
    pub by: By,
    /// By the GUM's framework.
    pub gum: Combined,
    /// By trials; `None` where nothing varies, or inputs leave their formulae's range.
    pub trials: Option<Propagated>,
    /// The expanded uncertainty, in the budget's unit: the larger half of the interval.
    pub expanded: f64,
    /// That over the combined standard uncertainty; 0 where nothing is uncertain.
    pub coverage_factor: f64,
    /// The guard band by the decision rule, in the budget's unit; `None` for a risk that no rule has, or that
    /// no trials can tell.
    pub band: Option<f64>,
    /// The probability, 0 to 1, that the true value is outside its limits; `None` without usable limits.
    pub outside: Option<f64>,
}

/// What is asked of a value: whether it is within its limits, by a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// The value, in the budget's unit.
    pub value: f64,
    /// What it is held against.
    pub limits: Limits,
    /// By which rule.
    pub rule: DecisionRule,
}

impl Budget {
    /// The interval about a value: of the model that it was found by, or of the terms' sum where there is none.
    ///
    /// The trials' numbers are the same each time. Of both intervals the wider one is taken.
    ///
    /// # Errors
    /// As [`Budget::combined`].
    pub fn interval(&self, model: Option<&Model>, asked: &Question) -> Result<Interval, BudgetError> {
        self.interval_at(COVERAGE_PROBABILITY, model, asked)
    }

    /// [`Budget::interval`] for a coverage probability of one's own, between 0 and 1.
    ///
    /// # Errors
    /// As [`Budget::combined_at`].
    pub fn interval_at(
        &self,
        probability: f64,
        model: Option<&Model>,
        asked: &Question,
    ) -> Result<Interval, BudgetError> {
        let gum = self.combined_at(probability)?;
        let errors = model.map_or_else(|| Errors::of(&self.terms), |_| Model::added(self));
        let draw = |generator: &mut Generator| match model {
            Some(model) => model.error(&errors, generator),
            None => errors.draw(generator),
        };
        let mut beyond = 0_u32;
        let trials = monte_carlo::propagate(probability, |generator| {
            let error = draw(generator);
            beyond += u32::from(!asked.limits.contains(asked.value + error));
            error
        });
        let by_gum = Interval {
            by: By::Gum,
            gum,
            trials,
            expanded: gum.expanded,
            coverage_factor: gum.coverage_factor,
            band: guard_band(&gum, asked.rule),
            outside: probability_nonconforming(asked.value, gum.u, student::truncate(gum.dof_effective), asked.limits),
        };
        let Some(found) = trials.filter(|found| !monte_carlo::agrees(&gum, found)) else { return Ok(by_gum) };
        let expanded = found.half();
        // A term may stand for several errors whose sum reaches farther than one of its shape: trials widen, they do not narrow.
        if expanded <= gum.expanded {
            return Ok(by_gum);
        }
        let band = match asked.rule {
            DecisionRule::SimpleAcceptance => Some(0.0),
            DecisionRule::GuardBand => Some(expanded),
            DecisionRule::StatedRisk { false_acceptance_percent } => {
                let found = monte_carlo::propagate(two_sided(false_acceptance_percent), draw);
                found.map(|found| by_gum.band.map_or(found.half(), |band| band.max(found.half())))
            }
        };
        Ok(Interval {
            by: By::Trials,
            expanded,
            coverage_factor: expanded / gum.u,
            band,
            outside: by_gum.outside.map(|_| f64::from(beyond) / found.trials as f64),
            ..by_gum
        })
    }
}

impl Interval {
    /// What is to be said of it where it is not the GUM's, without a full stop.
    #[must_use]
    pub fn note(&self, unit: &str) -> Option<String> {
        if self.trials.is_none() && self.gum.u > 0.0 {
            let why = "trials of the model were not possible, since an input may leave the range of its formula";
            return Some(format!("{why}: the uncertainty is by the GUM's framework alone"));
        }
        let trials = self.trials.filter(|_| self.by == By::Trials)?;
        let shown = |u| domain::quantity::with_uncertainty(0.0, u).1;
        Some(format!(
            "the uncertainty is by {} trials of the model (JCGM 101), since the GUM's framework gives {} {unit} instead of {} {unit}",
            trials.trials,
            shown(self.gum.expanded),
            shown(self.expanded)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Distribution, Term};

    const LIMITS: Limits = Limits { low: Some(-2.0), high: Some(2.0) };

    fn budget(distributions: &[Distribution]) -> Budget {
        let term = |(i, distribution): (usize, &Distribution)| {
            Term::type_b(&format!("term {i}"), *distribution, 1.0, f64::INFINITY, "test").expect("a term")
        };
        Budget { terms: distributions.iter().enumerate().map(term).collect(), unit: "%".to_owned() }
    }

    fn asked(value: f64, rule: DecisionRule) -> Question {
        Question { value, limits: LIMITS, rule }
    }

    /// A rectangle within ±1, with almost nothing beside it: trials end at 0.9545, the framework at 2/√3.
    #[test]
    fn what_a_rectangle_rules_keeps_the_frameworks_wider_interval() {
        let ruled = budget(&[Distribution::Rectangular { half_width: 1.0 }, Distribution::Normal { u: 0.01 }]);
        let found = ruled.interval(None, &asked(1.2, DecisionRule::GuardBand)).expect("a budget");
        let trials = found.trials.expect("it varies");
        assert!((found.expanded - 1.155).abs() < 0.002 && (trials.half() - 0.9545).abs() < 0.005, "{found:?}");
        assert_eq!((found.by, found.band, found.note("%")), (By::Gum, Some(found.gum.expanded), None));
    }

    #[test]
    fn what_is_normal_stays_by_the_gum() {
        let even = budget(&[Distribution::Normal { u: 0.3 }; 4]);
        let found = even.interval(None, &asked(0.0, DecisionRule::GuardBand)).expect("a budget");
        assert_eq!((found.by, found.note("%")), (By::Gum, None));
        assert!((found.expanded - 1.2).abs() < 1e-3 && found.band == Some(found.expanded), "{found:?}");
        assert!((found.outside.expect("limits") - 8.6e-4).abs() < 1e-5, "{found:?}");
        let exact = budget(&[Distribution::Normal { u: 0.0 }]);
        let found = exact.interval(None, &asked(1.0, DecisionRule::GuardBand)).expect("a budget");
        assert_eq!((found.by, found.trials, found.expanded, found.outside), (By::Gum, None, 0.0, Some(0.0)));
        assert!(budget(&[]).interval(None, &asked(0.0, DecisionRule::GuardBand)).is_err());
    }

    /// Three readings: Student's distribution with 2 degrees of freedom beside a normal one of the same size. What
    /// Welch–Satterthwaite makes of them is narrower than what they are.
    #[test]
    fn few_readings_are_wider_than_welch_and_satterthwaite_say() {
        let mut few = budget(&[Distribution::Normal { u: 0.5 }, Distribution::Normal { u: 0.5 }]);
        few.terms[0] = Term { distribution: crate::budget::Shape::Student, dof: 2.0, ..few.terms[0].clone() };
        let found = few.interval(None, &asked(0.0, DecisionRule::GuardBand)).expect("a budget");
        let trials = found.trials.expect("it varies");
        assert!(trials.half() > found.gum.expanded, "{found:?}");
        assert_eq!((found.by, found.expanded.to_bits()), (By::Trials, trials.half().to_bits()), "{found:?}");
        assert_eq!(found.band, Some(found.expanded));
        assert!(found.note("%").is_some_and(|note| note.contains("trials of the model")), "{found:?}");
        let band = |rule| few.interval(None, &asked(0.0, rule)).expect("a budget").band.expect("a band");
        let stated = |false_acceptance_percent| band(DecisionRule::StatedRisk { false_acceptance_percent });
        let by_gum = |risk| {
            let rule = DecisionRule::StatedRisk { false_acceptance_percent: risk };
            guard_band(&found.gum, rule).expect("a band")
        };
        for risk in [1.0, 2.5, 5.0] {
            assert!(stated(risk) >= by_gum(risk), "{risk} %");
        }
        assert!(stated(1.0) > stated(2.5) && stated(2.5) > stated(5.0));
        assert_eq!(band(DecisionRule::SimpleAcceptance).to_bits(), 0.0_f64.to_bits());
    }
}

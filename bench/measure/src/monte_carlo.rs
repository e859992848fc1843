//! Propagation of distributions by the Monte Carlo method, adaptively, and its comparison with the GUM's framework.
//!
//! Source: JCGM 101:2008, 7.9 (adaptive procedure) and 8 (validation of the GUM uncertainty framework); clause numbers from
//! memory, values held against its examples. The numbers come from a generator with a fixed seed: the same budget gives the
//! same interval, to the bit.

use serde::{Deserialize, Serialize};

use crate::budget::{Combined, Shape, Term};

/// Trials of one block, at least.
const BLOCK: usize = 10_000;
/// So many of them lie outside the interval, at least, both sides together: fewer say nothing of where its ends are.
const OUTSIDE: f64 = 100.0;
/// Trials altogether, at most.
const TRIALS_MAX: usize = 1_000_000;
/// Significant digits of the standard uncertainty that are to be stable.
const DIGITS: i32 = 2;

/// What a propagation gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Propagated {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub u: f64,
    /// The lower end of the probabilistically symmetric coverage interval.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Half of one unit in the last of the stable digits.
    pub tolerance: f64,
    /// Trials that it took.
    pub trials: usize,
    /// Whether all four numbers are stable to the tolerance.
    pub stable: bool,
}

/// Propagates what `draw` gives, a value of the result a call, for a coverage interval of that probability (0 to 1).
///
/// `None` for a probability that is none or too near 1 for two blocks within a million trials, and for a result that is not
/// finite or does not vary.
pub fn propagate(probability: f64, mut draw: impl FnMut(&mut Generator) -> f64) -> Option<Propagated> {
    if !(probability > 0.0 && probability < 1.0) {
        return None;
    }
    let block = block(probability)?;
    let n = block as f64;
    let mut generator = Generator::new();
    let mut blocks: Vec<[f64; 4]> = Vec::new();
    loop {
        let mut values: Vec<f64> = (0..block).map(|_| draw(&mut generator)).collect();
        if !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
        let at = |share: f64| values[((share * n) as usize).min(block - 1)];
        let outside = (1.0 - probability) / 2.0;
        blocks.push([mean, variance.sqrt(), at(outside), at(1.0 - outside)]);
        if blocks.len() < 2 {
            continue;
        }
        let found = averages(&blocks);
        let [mean, u, low, high] = found.map(|(average, _)| average);
        if u <= 0.0 {
            return None;
        }
        let tolerance = tolerance(u);
        let stable = found.iter().all(|(_, s)| 2.0 * s < tolerance);
        if stable || (blocks.len() + 1) * block > TRIALS_MAX {
            return Some(Propagated { mean, u, low, high, tolerance, trials: blocks.len() * block, stable });
        }
    }
}

/// The trials of a block for an interval of that probability (JCGM 101, 7.9.4); `None` if not even two are possible.
fn block(probability: f64) -> Option<usize> {
    let block = ((OUTSIDE / (1.0 - probability)).ceil() as usize).max(BLOCK);
    (2 * block <= TRIALS_MAX).then_some(block)
}

/// Half of one unit in the last significant digit of an uncertainty that counts.
fn tolerance(u: f64) -> f64 {
    let exponent = libm::floor(libm::log10(u)) as i32 - (DIGITS - 1);
    0.5 * libm::exp10(f64::from(exponent))
}

/// Of each number its average over the blocks, and the standard deviation of that.
fn averages(blocks: &[[f64; 4]]) -> [(f64, f64); 4] {
    let n = blocks.len() as f64;
    core::array::from_fn(|i| {
        let average = blocks.iter().map(|block| block[i]).sum::<f64>() / n;
        let squares: f64 = blocks.iter().map(|block| (block[i] - average) * (block[i] - average)).sum();
        (average, (squares / (n * (n - 1.0))).sqrt())
    })
}

impl Propagated {
    /// The half width of the narrowest interval about zero that holds the coverage interval.
    #[must_use]
    pub const fn half(&self) -> f64 {
        self.high.max(-self.low)
    }
}

/// The errors that terms allow, each from its own distribution, about zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    /// Of all normal ones together: their sum is normal too.
    normal_u: f64,
    /// The others: the distribution, the standard uncertainty, the degrees of freedom.
    others: Vec<(Shape, f64, f64)>,
}

impl Errors {
    /// Of those terms.
    #[must_use]
    pub fn of<'a>(terms: impl IntoIterator<Item = &'a Term>) -> Self {
        let (mut variance, mut others) = (0.0, Vec::new());
        for term in terms {
            // Student's distribution of what is taken as known is the normal one.
            if term.distribution == Shape::Normal || (term.distribution == Shape::Student && term.dof.is_infinite()) {
                variance += term.u * term.u;
            } else if term.u > 0.0 {
                others.push((term.distribution, term.u, term.dof));
            }
        }
        Self { normal_u: f64::sqrt(variance), others }
    }

    /// The sum of one error of each.
    pub fn draw(&self, generator: &mut Generator) -> f64 {
        let sum: f64 = self.others.iter().map(|&(shape, u, dof)| u * error(shape, dof, generator)).sum();
        sum + self.normal_u * generator.normal()
    }
}

/// An error with a standard deviation of 1; of Student's distribution one that is as much wider as it is.
fn error(shape: Shape, dof: f64, generator: &mut Generator) -> f64 {
    match shape {
        Shape::Normal => generator.normal(),
        Shape::Student => generator.student(dof),
        Shape::Rectangular | Shape::Resolution => 3.0_f64.sqrt() * generator.between(-1.0, 1.0),
        Shape::Triangular => 6.0_f64.sqrt() * (generator.between(-0.5, 0.5) + generator.between(-0.5, 0.5)),
        Shape::Arcsine => 2.0_f64.sqrt() * libm::sin(core::f64::consts::TAU * generator.unit()),
    }
}

/// Whether the GUM's framework gives the interval that the propagation gives, to the propagation's tolerance at both ends.
#[must_use]
pub fn agrees(gum: &Combined, by_trials: &Propagated) -> bool {
    let ends = [(-gum.expanded, by_trials.low), (gum.expanded, by_trials.high)];
    ends.iter().all(|(gum, trials)| (gum - trials).abs() <= by_trials.tolerance)
}

/// Numbers that look random and are always the same (xoshiro256++, Blackman and Vigna 2019, seeded by SplitMix64).
#[derive(Clone, Debug)]
pub struct Generator {
    state: [u64; 4],
    /// The second of a pair of normal numbers.
    spare: Option<f64>,
}

impl Generator {
    const SEED: u64 = 0x60D0_5EBE_4C47_u64;

    fn new() -> Self {
        let mut x = Self::SEED;
        let state = core::array::from_fn(|_| {
            x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        });
        Self { state, spare: None }
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c2, d2) = (c ^ a, d ^ b);
        self.state = [a ^ d2, b ^ c2, c2 ^ (b << 17), d2.rotate_left(45)];
        result
    }

    /// Evenly between 0 and 1, both excluded.
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Evenly between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Normal about 0 with a deviation of 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * libm::log(self.unit())).sqrt();
        let (sin, cos) = libm::sincos(core::f64::consts::TAU * self.unit());
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// Student's t with so many degrees of freedom, 1 or more (Bailey 1994).
    pub fn student(&mut self, dof: f64) -> f64 {
        if dof.is_infinite() {
            return self.normal();
        }
        let radius = (dof * (libm::pow(self.unit(), -2.0 / dof) - 1.0)).sqrt();
        radius * libm::cos(core::f64::consts::TAU * self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Budget, Distribution};
    use crate::decision::two_sided;
    use domain::check::RISK_LEAST_PERCENT;

    fn of_budget(budget: &Budget, probability: f64) -> Option<Propagated> {
        let errors = Errors::of(&budget.terms);
        propagate(probability, |generator| errors.draw(generator))
    }

    #[track_caller]
    fn check(found: Option<Propagated>, u: f64, half: f64) {
        let found = found.expect("it varies");
        assert!((found.u - u).abs() < 0.01 * u, "{found:?}");
        assert!((found.high - half).abs() < 0.012 * half && (found.low + half).abs() < 0.012 * half, "{found:?}");
    }

    /// JCGM 101, 9.2: four inputs that are added.
    #[test]
    fn the_additive_models_of_the_guide() {
        let a = 3.0_f64.sqrt();
        check(propagate(0.95, |g| (0..4).map(|_| g.normal()).sum()), 2.0, 3.92);
        check(propagate(0.95, |g| (0..4).map(|_| g.between(-a, a)).sum()), 2.0, 3.88);
        let wide = |g: &mut Generator| (0..3).map(|_| g.between(-a, a)).sum::<f64>() + 10.0 * g.between(-a, a);
        check(propagate(0.95, wide), 103.0_f64.sqrt(), 17.0);
    }

    /// JCGM 101, 9.4: the sum of two squares, where the first order of the GUM says that nothing is uncertain.
    #[test]
    fn a_model_that_is_not_linear() {
        for (x1, mean, u, low, high) in
            [(0.0, 50.0, 50.0, 0.0, 150.0), (0.01, 150.0, 111.8, 0.0, 366.0), (0.05, 2550.0, 502.5, 1597.0, 3551.0)]
        {
            let squares = |g: &mut Generator| {
                let (a, b) = (x1 + 0.005 * g.normal(), 0.005 * g.normal());
                (a * a + b * b) * 1e6
            };
            let found = propagate(0.95, squares).expect("it varies");
            assert!((found.mean - mean).abs() < 0.01 * mean && (found.u - u).abs() < 0.012 * u, "{x1}: {found:?}");
            // The guide's interval is the shortest one; the symmetric one, which leaves 2.5 % on either side, lies higher and is
            // hardly wider where the distribution is nearly normal.
            assert!(found.low > low && found.high > high, "{x1}: {found:?}");
            if x1 > 0.02 {
                assert!((found.high - found.low - (high - low)).abs() < 30.0, "{x1}: {found:?}");
            }
        }
    }

    #[test]
    fn a_budget_that_a_rectangle_rules_is_narrower_than_the_gum_says() {
        let term =
            |name: &str, distribution| Term::type_b(name, distribution, 1.0, f64::INFINITY, "test").expect("a term");
        let budget = |terms| Budget { terms, unit: "%".to_owned() };
        let ruled = budget(vec![
            term("evaporation", Distribution::Rectangular { half_width: 1.0 }),
            term("balance", Distribution::Normal { u: 0.02 }),
        ]);
        let (gum, trials) = (ruled.combined().expect("combined"), of_budget(&ruled, 0.9545).expect("it varies"));
        assert!(gum.expanded > 1.15 && (trials.high - 0.955).abs() < 0.01, "{trials:?}");
        assert!(!agrees(&gum, &trials));
        let even = budget((0..6).map(|i| term(&i.to_string(), Distribution::Normal { u: 0.1 })).collect());
        let (gum, trials) = (even.combined().expect("combined"), of_budget(&even, 0.9545).expect("it varies"));
        assert!(agrees(&gum, &trials), "{gum:?} {trials:?}");
        assert_eq!(of_budget(&even, 0.9545), Some(trials), "the same each time");
        assert_eq!(of_budget(&budget(Vec::new()), 0.9545), None);
    }

    /// Quantiles of the normal distribution from any table: far out they need more trials.
    #[test]
    fn an_interval_that_leaves_little_outside_is_of_larger_blocks() {
        let least = two_sided(RISK_LEAST_PERCENT);
        let blocks = [0.9545, 0.99, 0.999, least, 0.9999].map(block);
        assert_eq!(blocks, [Some(10_000), Some(10_000), Some(100_000), Some(100_000), None]);
        for (outside_percent, k) in [(1.0, 2.5758), (0.1, 3.2905)] {
            let found = propagate(1.0 - outside_percent / 100.0, Generator::normal).expect("it varies");
            assert!((found.half() - k).abs() < 0.03 * k && found.trials <= TRIALS_MAX, "{found:?}");
        }
        assert_eq!(propagate(0.999_9, Generator::normal), None);
    }

    #[test]
    fn student_is_wider_with_fewer_degrees_of_freedom() {
        let found = propagate(0.95, |g| g.student(4.0)).expect("it varies");
        assert!((found.high - 2.776).abs() < 0.06, "{found:?}");
        let many = propagate(0.95, |g| g.student(f64::INFINITY)).expect("it varies");
        assert!((many.high - 1.96).abs() < 0.02, "{many:?}");
    }
}

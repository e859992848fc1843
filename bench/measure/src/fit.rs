//! Streaming estimators of bounded state: a straight line through (time, value) pairs, and a mean.
//!
//! Owns their update formulas and the uncertainties that follow from scatter. Memory does not grow with the number
//! of pairs, so a run of days costs what a run of minutes does. It must not know what is fitted, read a clock, or
//! decide which pairs belong into a fit.

use crate::budget::Estimate;

/// Least squares y = a + b·t, updated pair by pair.
///
/// Sums are kept about the running means, so that a large time offset or a slope much larger than the scatter costs
/// no digits; the sum of squared residuals grows by one non-negative term a pair and is never the difference of two
/// large sums. Sources: Welford's update for co-moments; recursive residuals of Brown, Durbin and Evans (1975) (from
/// memory, verified here against the two-pass computation).
///
/// The uncertainties take the residuals as independent and equally scattered. Drift, day and night, and a filtered
/// balance violate that: such a fit's uncertainty is too small, and the budget needs a term of its own for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineFit {
    n: u64,
    refused: u64,
    mean_t_s: f64,
    mean_y: f64,
    /// Σ(t − t̄)².
    sum_tt: f64,
    /// Σ(t − t̄)(y − ȳ).
    sum_ty: f64,
    /// Sum of squared residuals about the fitted line.
    sum_rr: f64,
}

impl LineFit {
    /// A fit of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the value `y` at `t_s` seconds. Times need no order and may repeat.
    ///
    /// A pair with a number that is not finite changes nothing but the count of [`LineFit::refused`], and `false`
    /// is returned.
    pub fn push(&mut self, t_s: f64, y: f64) -> bool {
        if !(t_s.is_finite() && y.is_finite()) {
            self.refused += 1;
            return false;
        }
        let before = count(self.n);
        self.n += 1;
        let after = count(self.n);
        let dt = t_s - self.mean_t_s;
        let dy = y - self.mean_y;
        if before > 0.0 {
            self.sum_rr += self.residual_growth(before, dt, dy);
            let weight = before / after;
            self.sum_tt += weight * dt * dt;
            self.sum_ty += weight * dt * dy;
        }
        self.mean_t_s += dt / after;
        self.mean_y += dy / after;
        true
    }

    /// By how much the sum of squared residuals grows for a pair at (`dt`, `dy`) from the means of `before` pairs.
    fn residual_growth(&self, before: f64, dt: f64, dy: f64) -> f64 {
        if self.sum_tt > 0.0 {
            let miss = dy - self.sum_ty / self.sum_tt * dt;
            miss * miss / (1.0 + 1.0 / before + dt * dt / self.sum_tt)
        } else if dt * dt == 0.0 {
            // Still one single time: scatter about the mean.
            dy * dy * before / (before + 1.0)
        } else {
            // The second distinct time: the line can pass through the mean of the first and this pair.
            0.0
        }
    }

    /// Number of pairs taken in.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Number of pairs refused because a number was not finite.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The slope b, in units of y per second; `None` before two distinct times.
    #[must_use]
    pub fn slope(&self) -> Option<f64> {
        (self.sum_tt > 0.0).then(|| self.sum_ty / self.sum_tt).filter(|slope| slope.is_finite())
    }

    /// Standard uncertainty of the slope from the residuals' scatter, in units of y per second, with
    /// [`LineFit::dof`] degrees of freedom; `None` before three pairs at two distinct times.
    #[must_use]
    pub fn slope_u(&self) -> Option<f64> {
        let s = self.residual_s()?;
        Some(s / self.sum_tt.sqrt()).filter(|u| u.is_finite())
    }

    /// Slope, its standard uncertainty and degrees of freedom; `None` where one of them is.
    #[must_use]
    pub fn slope_estimate(&self) -> Option<Estimate> {
        Estimate::new(self.slope()?, self.slope_u()?, self.dof()?)
    }

    /// The line's value at `t_s` seconds, in the unit of y; `None` before two distinct times.
    #[must_use]
    pub fn intercept_at(&self, t_s: f64) -> Option<f64> {
        Some(self.mean_y + self.slope()? * (t_s - self.mean_t_s)).filter(|y| y.is_finite())
    }

    /// The line's value at `t_s` with the standard uncertainty of the line there (not of a single reading), and
    /// n − 2 degrees of freedom; `None` before three pairs at two distinct times.
    #[must_use]
    pub fn estimate_at(&self, t_s: f64) -> Option<Estimate> {
        let dt = t_s - self.mean_t_s;
        let u = self.residual_s()? * (1.0 / count(self.n) + dt * dt / self.sum_tt).sqrt();
        Estimate::new(self.intercept_at(t_s)?, u, self.dof()?)
    }

    /// Standard deviation of a reading about the line, in the unit of y, n − 2 degrees of freedom; `None` before
    /// three pairs at two distinct times.
    #[must_use]
    pub fn residual_s(&self) -> Option<f64> {
        let dof = self.dof()?;
        (self.sum_tt > 0.0).then(|| (self.sum_rr / dof).sqrt()).filter(|s| s.is_finite())
    }

    /// Degrees of freedom n − 2; `None` before three pairs.
    #[must_use]
    pub fn dof(&self) -> Option<f64> {
        (self.n > 2).then(|| count(self.n - 2))
    }

    /// Mean time of the pairs, in seconds; `None` before the first.
    #[must_use]
    pub fn mean_t_s(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean_t_s)
    }
}

/// Mean and standard deviation of values, updated one by one by Welford's method, with the mean of their times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mean {
    n: u64,
    refused: u64,
    mean_t_s: f64,
    mean: f64,
    /// Σ(y − ȳ)².
    sum_yy: f64,
}

impl Mean {
    /// A mean of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the value `y` read at `t_s` seconds; a number that is not finite is refused as in [`LineFit::push`].
    pub fn push(&mut self, t_s: f64, y: f64) -> bool {
        if !(t_s.is_finite() && y.is_finite()) {
            self.refused += 1;
            return false;
        }
        self.n += 1;
        let after = count(self.n);
        let dy = y - self.mean;
        self.mean_t_s += (t_s - self.mean_t_s) / after;
        self.mean += dy / after;
        self.sum_yy += dy * (y - self.mean);
        true
    }

    /// Number of values taken in.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Number of values refused because a number was not finite.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The mean, in the unit of y; `None` before the first value.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean).filter(|mean| mean.is_finite())
    }

    /// Mean time, in seconds; `None` before the first value.
    #[must_use]
    pub fn mean_t_s(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean_t_s)
    }

    /// Experimental standard deviation of one value, in the unit of y, n − 1 degrees of freedom; `None` before two.
    #[must_use]
    pub fn s(&self) -> Option<f64> {
        let dof = count(self.n.checked_sub(1).filter(|dof| *dof > 0)?);
        Some((self.sum_yy.max(0.0) / dof).sqrt()).filter(|s| s.is_finite())
    }

    /// The mean with its standard uncertainty s/√n and n − 1 degrees of freedom; `None` before two values.
    ///
    /// Takes the values as independent: readings of a filtered balance are not, and s/√n is then too small.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        let n = count(self.n);
        Estimate::new(self.mean()?, self.s()? / n.sqrt(), n - 1.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of readings stays far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fit(pairs: &[(f64, f64)]) -> LineFit {
        let mut fit = LineFit::new();
        for &(t_s, y) in pairs {
            assert!(fit.push(t_s, y));
        }
        fit
    }

    fn close(found: Option<f64>, expected: f64, tolerance: f64) {
        let found = found.expect("a figure");
        assert!((found - expected).abs() <= tolerance, "expected {expected}, found {found}");
    }

    #[test]
    fn four_points_by_hand() {
        // Residuals −0.1, 0.3, −0.3, 0.1 about 0.1 + 0.6 t; Σ(t − t̄)² = 5.
        let line = fit(&[(0.0, 0.0), (1.0, 1.0), (2.0, 1.0), (3.0, 2.0)]);
        close(line.slope(), 0.6, 1e-15);
        close(line.intercept_at(0.0), 0.1, 1e-15);
        close(line.residual_s(), 0.1_f64.sqrt(), 1e-15);
        close(line.slope_u(), 0.02_f64.sqrt(), 1e-15);
        close(line.mean_t_s(), 1.5, 1e-15);
        let start = line.estimate_at(0.0).expect("a figure");
        close(Some(start.u), (0.1 * (0.25 + 2.25 / 5.0_f64)).sqrt(), 1e-15);
        close(Some(start.dof), 2.0, 0.0);
    }

    #[test]
    fn equal_spacing_closed_form() {
        // Alternating ±1 on a line at unit spacing: Σ(t − t̄)·(±1) = −n/2 and Σ(t − t̄)² = n(n² − 1)/12.
        let count = 100_u32;
        let pairs: Vec<_> =
            (0..count).map(|i| (f64::from(i), 5.0 * f64::from(i) + if i % 2 == 0 { 1.0 } else { -1.0 })).collect();
        let line = fit(&pairs);
        let n = f64::from(count);
        let sum_tt = n * (n * n - 1.0) / 12.0;
        close(line.slope(), 5.0 - n / 2.0 / sum_tt, 1e-13);
        close(line.residual_s(), ((n - n * n / 4.0 / sum_tt) / (n - 2.0)).sqrt(), 1e-12);
    }

    #[test]
    fn too_little_is_none() {
        let mut line = LineFit::new();
        assert_eq!((line.slope(), line.mean_t_s(), line.dof()), (None, None, None));
        line.push(5.0, 1.0);
        line.push(5.0, 2.0);
        line.push(5.0, 3.0);
        assert_eq!((line.slope(), line.slope_u(), line.residual_s(), line.intercept_at(5.0)), (None, None, None, None));
        line.push(6.0, 4.0);
        close(line.slope(), 2.0, 1e-15);
        close(line.residual_s(), 1.0, 1e-15);
        let two = fit(&[(0.0, 0.0), (1.0, 1.0)]);
        close(two.slope(), 1.0, 0.0);
        assert_eq!((two.slope_u(), two.slope_estimate(), two.residual_s()), (None, None, None));
        assert_eq!((Mean::new().mean(), Mean::new().s(), Mean::new().estimate()), (None, None, None));
    }

    #[test]
    fn numbers_that_are_not_finite_leave_no_trace() {
        let mut line = fit(&[(0.0, 0.0), (1.0, 1.0), (2.0, 1.0)]);
        let slope = line.slope();
        for (t_s, y) in [(f64::NAN, 1.0), (1.0, f64::NAN), (f64::INFINITY, 1.0), (1.0, f64::NEG_INFINITY)] {
            assert!(!line.push(t_s, y));
        }
        assert_eq!((line.n(), line.refused(), line.slope()), (3, 4, slope));
        let mut mean = Mean::new();
        assert!(!mean.push(0.0, f64::NAN));
        assert_eq!((mean.n(), mean.refused()), (0, 1));
        // Finite but absurd numbers overflow to no figure, not to a wrong one.
        let absurd = fit(&[(-1e300, -1e300), (1e300, 1e300), (1.0, 0.0)]);
        assert_eq!((absurd.slope(), absurd.slope_u()), (None, None));
    }

    #[test]
    fn three_days_of_microgram_scatter_on_a_gram() {
        // A 1 Hz balance log: 5.8 µg/s, ±10 µg alternating, an absolute time far from zero.
        let mut line = LineFit::new();
        for i in 0..259_200_u32 {
            let noise_g = if i % 2 == 0 { 10e-6 } else { -10e-6 };
            line.push(1.7e9 + f64::from(i), 1.0 + 5.8e-6 * f64::from(i) + noise_g);
        }
        close(line.slope(), 5.8e-6, 1e-14);
        close(line.residual_s(), 10e-6, 1e-10);
    }

    #[test]
    fn mean_by_hand() {
        let mut mean = Mean::new();
        for (t_s, y) in [(10.0, 2.0), (20.0, 4.0), (60.0, 6.0)] {
            assert!(mean.push(t_s, y));
        }
        close(mean.mean(), 4.0, 1e-15);
        close(mean.s(), 2.0, 1e-15);
        close(mean.mean_t_s(), 30.0, 1e-14);
        let estimate = mean.estimate().expect("a figure");
        close(Some(estimate.u), 2.0 / 3.0_f64.sqrt(), 1e-15);
        close(Some(estimate.dof), 2.0, 0.0);
    }

    /// Slope, sum of squared residuals, Σ(t − t̄)², Σ(y − ȳ)² in two passes.
    fn two_pass(pairs: &[(f64, f64)]) -> (f64, f64, f64, f64) {
        let n = count(pairs.len() as u64);
        let mean_t = pairs.iter().map(|pair| pair.0).sum::<f64>() / n;
        let mean_y = pairs.iter().map(|pair| pair.1).sum::<f64>() / n;
        let tt: f64 = pairs.iter().map(|pair| (pair.0 - mean_t) * (pair.0 - mean_t)).sum();
        let ty: f64 = pairs.iter().map(|pair| (pair.0 - mean_t) * (pair.1 - mean_y)).sum();
        let yy: f64 = pairs.iter().map(|pair| (pair.1 - mean_y) * (pair.1 - mean_y)).sum();
        let slope = ty / tt;
        let residual = |pair: &(f64, f64)| pair.1 - mean_y - slope * (pair.0 - mean_t);
        let rr = pairs.iter().map(|pair| residual(pair) * residual(pair)).sum();
        (slope, rr, tt, yy)
    }

    proptest! {
        #[test]
        fn agrees_with_two_passes(
            offset_s in -1e6..1e6_f64,
            true_slope in -10.0..10.0_f64,
            raw in proptest::collection::vec((0.0..1000.0_f64, -1.0..1.0_f64), 3..200),
        ) {
            let pairs: Vec<_> =
                raw.iter().map(|&(t_s, noise)| (offset_s + t_s, 100.0 + true_slope * t_s + noise)).collect();
            let (slope, rr, tt, yy) = two_pass(&pairs);
            prop_assume!(tt > 1e-3);
            let line = fit(&pairs);
            let n = count(line.n());
            let scale = (yy / tt).sqrt();
            prop_assert!((line.slope().expect("a figure") - slope).abs() < 1e-8 * scale);
            let s = (rr / (n - 2.0)).sqrt();
            prop_assert!((line.residual_s().expect("a figure") - s).abs() < 1e-7 * (s + 1.0));
            prop_assert!((line.slope_u().expect("a figure") - s / tt.sqrt()).abs() < 1e-7 * (s + 1.0) / tt.sqrt());
        }

        #[test]
        fn mean_agrees_with_two_passes(
            offset in -1e6..1e6_f64,
            raw in proptest::collection::vec((0.0..1000.0_f64, -1.0..1.0_f64), 2..200),
        ) {
            let mut mean = Mean::new();
            for &(t_s, y) in &raw {
                mean.push(t_s, offset + y);
            }
            let n = count(raw.len() as u64);
            let expected = raw.iter().map(|pair| pair.1).sum::<f64>() / n;
            let yy: f64 = raw.iter().map(|pair| (pair.1 - expected) * (pair.1 - expected)).sum();
            prop_assert!((mean.mean().expect("a figure") - offset - expected).abs() < 1e-8);
            prop_assert!((mean.s().expect("a figure") - (yy / (n - 1.0)).sqrt()).abs() < 1e-8);
        }

        #[test]
        fn no_input_panics(
            pairs in proptest::collection::vec((proptest::num::f64::ANY, proptest::num::f64::ANY), 0..20),
        ) {
            let mut line = LineFit::new();
            let mut mean = Mean::new();
            for (t_s, y) in pairs {
                line.push(t_s, y);
                mean.push(t_s, y);
            }
            let line_figures = [line.slope(), line.slope_u(), line.residual_s(), line.intercept_at(0.0)];
            let mut figures = line_figures.into_iter().chain([mean.mean(), mean.s()]).flatten();
            prop_assert!(figures.all(f64::is_finite));
        }
    }
}

//! The figures of a gravimetric log that anybody recorded: delivered volume, mean error, trumpet, start-up, pulses.
//!
//! It owns the analysis period and what is compared over it. It must not know files, or who asks; it judges nothing.

use crate::budget::{Budget, Distribution, Term};
use crate::cumulative::Cumulative;
use crate::fit::Mean;
use crate::pulses::{self, Pulses};
use crate::trumpet::{self, Window};

mod hours;

pub use hours::{Hour, Hours};

/// Parts of the period whose means tell the repeatability, at most: each holds a time between two readings of its own.
const BATCHES: usize = 10;

/// How an indicated mass becomes a volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// What evaporates, in µg/s; 0 if it is not corrected.
    pub evaporation_ug_per_s: f64,
    /// Volume per mass, in µL/g: density, buoyancy, needle.
    pub ul_per_g: f64,
}

impl Correction {
    /// The delivered volume, in µL, of an indicated mass in g over time in s.
    #[must_use]
    pub fn volume_ul(&self, mass_g: Cumulative) -> Option<Cumulative> {
        let (first_s, first_g) = (mass_g.times_s()[0], mass_g.values()[0]);
        mass_g.map(|t, g| {
            let lost_g = self.evaporation_ug_per_s * 1e-6 * (t - first_s);
            (g - first_g + lost_g) * self.ul_per_g
        })
    }
}

/// What is asked of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    /// When the analysis begins, in s of the log's time.
    pub from_s: f64,
    /// When it ends.
    pub to_s: f64,
    /// The sample interval, in s.
    pub interval_s: f64,
    /// The windows, as multiples of it.
    pub windows: Vec<u32>,
}

/// The figures of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The volume that was delivered, in µL.
    pub delivered_ul: f64,
    /// The volume that was commanded, in µL.
    pub commanded_ul: f64,
    /// The first in excess of the second, in % of it.
    pub mean_error_percent: f64,
    /// The standard deviation of that mean, in %, with its degrees of freedom, from the means over tenths of the period: what
    /// lasts longer than a tenth does not show in it. Fewer parts where there are fewer readings; none from one part.
    pub repeatability_percent: Option<(f64, f64)>,
    /// The errors over windows, in the order in which they were asked for; those in which nothing was commanded are left out.
    pub trumpet: Vec<Window>,
    /// The mean flow over each sample interval: when it ends in s, and the flow in µL/h.
    pub flow_ul_per_h: Vec<(f64, f64)>,
    /// Delivery by pulses, if that is what the log shows.
    pub pulses: Option<Pulses>,
    /// The mean error over the second hour and over the last one.
    pub hours: Hours,
}

/// The pulses of a period of a log, if that is how the volume comes.
#[must_use]
pub fn pulses(delivered_ul: &Cumulative, (from_s, to_s): (f64, f64)) -> Option<Pulses> {
    pulses::find(delivered_ul, delivered_ul.within(from_s, to_s))
}

/// The figures of a period of a log; `None` if the log does not cover it, or nothing was commanded in it. `pulses` are those of
/// the period.
#[must_use]
pub fn figures(
    delivered_ul: &Cumulative,
    commanded_ul: &Cumulative,
    period: &Period,
    pulses: Option<Pulses>,
) -> Option<Figures> {
    let (from_s, to_s, interval_s) = (period.from_s, period.to_s, period.interval_s);
    // A period shorter than an interval still has a mean.
    let delivered = delivered_ul.on_grid(from_s, to_s, interval_s).unwrap_or_default();
    let commanded = commanded_ul.on_grid(from_s, to_s, interval_s).unwrap_or_default();
    let over = |curve: &Cumulative, from: f64, to: f64| Some(curve.at(to)? - curve.at(from)?);
    let error = |from: f64, to: f64| {
        let due = over(commanded_ul, from, to).filter(|due| *due > 0.0)?;
        Some(100.0 * (over(delivered_ul, from, to)? / due - 1.0))
    };
    let edges = batches(delivered_ul, from_s, to_s);
    let mut parts = Mean::new();
    for pair in edges.windows(2) {
        // A part in which nothing was commanded has no error, and its NaN is refused.
        parts.push(pair[0], error(pair[0], pair[1]).unwrap_or(f64::NAN));
    }
    let flow =
        |(i, pair): (usize, &[f64])| (from_s + (i + 1) as f64 * interval_s, (pair[1] - pair[0]) / interval_s * 3600.0);
    Some(Figures {
        delivered_ul: over(delivered_ul, from_s, to_s)?,
        commanded_ul: over(commanded_ul, from_s, to_s)?,
        mean_error_percent: error(from_s, to_s)?,
        repeatability_percent: parts.estimate().filter(|_| parts.refused() == 0).map(|mean| (mean.u, mean.dof)),
        trumpet: period.windows.iter().filter_map(|k| trumpet::window(&delivered, &commanded, *k)).collect(),
        flow_ul_per_h: delivered.windows(2).enumerate().map(flow).collect(),
        hours: hours::hours(delivered_ul, commanded_ul, (from_s, to_s), pulses.as_ref()),
        pulses,
    })
}

/// The edges of the parts of a period: readings, as evenly as they come.
fn batches(curve: &Cumulative, from_s: f64, to_s: f64) -> Vec<f64> {
    let times = &curve.times_s()[curve.within(from_s, to_s)];
    match times.len().saturating_sub(1) {
        0 => Vec::new(),
        intervals => {
            let parts = intervals.min(BATCHES);
            (0..=parts).map(|i| times[i * intervals / parts]).collect()
        }
    }
}

/// What a term of somebody's budget is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    /// The difference of two weighings, in g.
    Mass,
    /// The evaporation, in µg/s.
    Evaporation,
    /// The delivered volume, in µL.
    Volume,
    /// The mean flow, in µL/h.
    Flow,
    /// The delivered volume, in % of it.
    Share,
}

/// The uncertainty of the mean error, in %: somebody's terms, and the repeatability that the log shows.
///
/// `source` says where the terms come from. Each is a name, what it is about with its distribution in that unit, and its
/// degrees of freedom. `None` for a term that has no standard uncertainty.
#[must_use]
pub fn budget(
    figures: &Figures,
    correction: &Correction,
    period_s: f64,
    terms: &[(String, Input, Distribution, f64)],
    source: &str,
) -> Option<Budget> {
    let per_ul = 100.0 / figures.commanded_ul;
    let mut budget = Budget { terms: Vec::with_capacity(terms.len() + 1), unit: "%".to_owned() };
    for (name, about, distribution, dof) in terms {
        let sensitivity = match about {
            Input::Mass => correction.ul_per_g * per_ul,
            Input::Evaporation => period_s * 1e-6 * correction.ul_per_g * per_ul,
            Input::Volume => per_ul,
            Input::Flow => period_s / 3600.0 * per_ul,
            Input::Share => figures.delivered_ul / figures.commanded_ul,
        };
        budget.terms.push(Term::type_b(name, *distribution, sensitivity, *dof, source)?);
    }
    if let Some((repeatability, dof)) = figures.repeatability_percent {
        let scatter = crate::Estimate::new(figures.mean_error_percent, repeatability, dof)?;
        budget.terms.push(Term::type_a("repeatability", scatter, 1.0, "means over parts of the period")?);
    }
    Some(budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(delivered: &Cumulative, commanded: &Cumulative, period: &Period) -> Option<Figures> {
        let pulses = pulses(delivered, (period.from_s, period.to_s));
        super::figures(delivered, commanded, period, pulses)
    }

    /// 24 h at 0.5 mL/day: a reading each minute.
    fn day() -> (Cumulative, Correction) {
        let gain_g = 0.48;
        let minutes = (0..=1440).map(|i| (f64::from(i) * 60.0, 12.0 + gain_g * f64::from(i) / 1440.0)).collect();
        let air = crate::air::cipm_2007_kg_per_m3(23.0, 1013.0, 50.0).expect("in range");
        let water = crate::water::density_kg_per_m3(23.0).expect("in range");
        let z = crate::buoyancy::volume_per_indicated_mass_ml_per_g(air, water, water).expect("in range");
        let needle = crate::buoyancy::needle_factor(0.5, 20.0).expect("in range");
        (
            Cumulative::new(minutes).expect("a curve"),
            Correction { evaporation_ug_per_s: 0.12, ul_per_g: z * needle * 1e3 },
        )
    }

    #[test]
    fn the_worked_example_of_a_day() {
        let (mass, correction) = day();
        let delivered = correction.volume_ul(mass).expect("a curve");
        let commanded = Cumulative::new(vec![(0.0, 0.0), (86_400.0, 500.0)]).expect("a curve");
        let period = Period { from_s: 0.0, to_s: 86_400.0, interval_s: 900.0, windows: vec![1, 62] };
        let found = figures(&delivered, &commanded, &period).expect("figures");
        assert!((found.delivered_ul - 491.7814).abs() < 2e-3, "{}", found.delivered_ul);
        assert!((found.mean_error_percent + 1.6437).abs() < 1e-3, "{}", found.mean_error_percent);
        assert_eq!(found.trumpet.len(), 2);
        assert!((found.trumpet[0].ep_max_percent - found.mean_error_percent).abs() < 1e-6);
        assert_eq!(found.flow_ul_per_h.len(), 96);
        assert!(found.repeatability_percent.is_some_and(|(s, dof)| s < 1e-6 && dof > 8.9));
        assert!(found.pulses.is_none());
        let none = Period { to_s: 86_401.0, ..period.clone() };
        assert_eq!(figures(&delivered, &commanded, &none), None, "the log ends before");
    }

    #[test]
    fn a_few_readings_tell_no_more_of_their_scatter_than_they_can() {
        let commanded = Cumulative::new(vec![(0.0, 0.0), (200.0, 60.0)]).expect("a curve");
        let figures = |points: Vec<(f64, f64)>| {
            let to_s = points[points.len() - 1].0;
            let period = Period { from_s: 0.0, to_s, interval_s: 30.0, windows: vec![] };
            figures(&Cumulative::new(points).expect("a curve"), &commanded, &period).expect("figures")
        };
        assert_eq!(figures(vec![(0.0, 0.0), (200.0, 61.0)]).repeatability_percent, None);
        let three = figures(vec![(0.0, 0.0), (100.0, 29.0), (200.0, 61.0)]).repeatability_percent.expect("two parts");
        assert!((three.0 - 5.0).abs() < 1e-9 && (three.1 - 1.0).abs() < 1e-9, "{three:?}");
    }

    #[test]
    fn terms_count_by_what_they_are_about() {
        let (mass, correction) = day();
        let delivered = correction.volume_ul(mass).expect("a curve");
        let commanded = Cumulative::new(vec![(0.0, 0.0), (86_400.0, 500.0)]).expect("a curve");
        let period = Period { from_s: 0.0, to_s: 86_400.0, interval_s: 900.0, windows: vec![] };
        let found = figures(&delivered, &commanded, &period).expect("figures");
        let u = |about, u| {
            let term = ("one".to_owned(), about, Distribution::Normal { u }, f64::INFINITY);
            budget(&found, &correction, 86_400.0, &[term], "test").expect("a budget").terms[0].u
        };
        for (about, u_in, u_out) in [
            (Input::Mass, 1e-4, 0.020_058),
            (Input::Evaporation, 0.01, 0.173_3),
            (Input::Volume, 1.0, 0.2),
            (Input::Flow, 0.1, 0.48),
            (Input::Share, 0.5, 0.491_78),
        ] {
            let found = u(about, u_in);
            assert!((found - u_out).abs() < 2e-4 * u_out.max(0.1), "{about:?}: {found}");
        }
    }
}

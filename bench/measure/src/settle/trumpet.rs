//! The flow's error over windows of one length: the trumpet curve at one place, held against limits.
//!
//! Extremes of many windows scatter outwards, and a pulsed pump shows its pulses in short ones. So nothing is decided where
//! the rig's own scatter at no flow exceeds a third of the limit, and what pulses at a window's ends make is uncertainty.

use core::time::Duration;

use domain::Limits;
use domain::check::{SCATTER_DEVIATIONS, SCATTER_SHARE_MAX, Window, whole_cycles_s};
use domain::quantity::significant;

use super::Measured;
use crate::budget::{Budget, Distribution, Term};
use crate::flags::{Flag, FlagKind};
use crate::ledger::Ledger;
use crate::settle::effects::undeclared;
use crate::settle::terms::{Weighed, volume_terms};
use crate::trumpet::usual;
use crate::weighing::Weighing;

#[cfg(test)]
mod tests;

/// Ep(max) and Ep(min) over a set of windows, each with where its window begins and ends.
#[derive(Debug, Clone, Copy)]
struct Extremes {
    max: (f64, Weighing, Weighing),
    min: (f64, Weighing, Weighing),
    count: u32,
}

impl Extremes {
    fn take(found: Option<Self>, error: f64, from: Weighing, to: Weighing) -> Self {
        let one = (error, from, to);
        let Some(found) = found else { return Self { max: one, min: one, count: 1 } };
        Self {
            max: if error > found.max.0 { one } else { found.max },
            min: if error < found.min.0 { one } else { found.min },
            count: found.count + 1,
        }
    }

    /// The one that is farther towards its limit, or beyond it.
    fn worse(&self, limits: Limits) -> (f64, Weighing, Weighing) {
        let above = limits.high.map_or(f64::NEG_INFINITY, |high| self.max.0 - high);
        let below = limits.low.map_or(f64::NEG_INFINITY, |low| low - self.min.0);
        if above >= below { self.max } else { self.min }
    }
}

/// The time over which windows are looked at.
struct Period {
    from_s: f64,
    to_s: f64,
    /// The length of a window.
    over_s: f64,
    /// From window to window.
    step_s: f64,
    /// The continuous rate.
    ul_per_h: f64,
}

/// The worst error of the flow over windows of that length, in %.
pub(super) fn measure(
    ledger: &Ledger,
    window: &Window,
    over: Duration,
    whole_cycles: bool,
    limits: Limits,
) -> Result<Measured, String> {
    let (conversion, weighed) = super::weighed(ledger, window)?;
    if !weighed.is_whole() {
        return Err("the vessel was handled meanwhile, so that no window goes through".to_owned());
    }
    let setup = ledger.setup.as_ref().ok_or("the run has no balance")?;
    let period = period(ledger, &weighed, over, whole_cycles, setup.pulse_ul)?;
    let s_g = ledger.still_scatter_g().ok_or("the scatter of the balance with the pump stopped was not measured")?;
    let flags: Vec<Flag> = ledger.flags().into_iter().filter(|flag| flag.kind != FlagKind::Gap).collect();
    let edge = |t_s: f64| edge(ledger, s_g, t_s);
    let (mut all, mut unflagged) = (None, None);
    for (from_s, to_s) in period.each() {
        let (Some(from), Some(to)) = (edge(from_s), edge(to_s)) else { continue };
        let due_ul = ledger.dose.commanded_ul(from.t_s, to.t_s);
        let ul = conversion.between_ul((from.t_s, from.mass_g), (to.t_s, to.mass_g));
        let error = 100.0 * (ul / due_ul - 1.0);
        all = Some(Extremes::take(all, error, from, to));
        if !flags.iter().any(|flag| touches(flag, from.t_s, to.t_s, ledger)) {
            unflagged = Some(Extremes::take(unflagged, error, from, to));
        }
    }
    let length = domain::time::span(Duration::from_secs_f64(period.over_s));
    let all: Extremes = all.ok_or_else(|| {
        format!("expected windows of {length} whose ends were read three times in half a minute, but found none")
    })?;
    let (value, from, to) = all.worse(limits);
    let scale = 100.0 / ledger.dose.commanded_ul(from.t_s, to.t_s);
    let at_ends = Weighed { pieces: vec![(from, to)] };
    let mut terms =
        volume_terms(ledger, &conversion, &at_ends, scale).ok_or("the balance has no calibration in the rig file")?;
    let noise = core::f64::consts::SQRT_2 * s_g / f64::from(from.n.min(to.n)).sqrt() * conversion.ul_per_g() * scale;
    terms.extend(extreme(noise, all.count));
    terms.extend(within_a_sample(ledger, period.ul_per_h, setup.pulse_ul, scale));
    let scatter = SCATTER_DEVIATIONS * noise;
    let mut notes = vec![format!(
        "over {} of {} windows of {length} Ep(max) is {} % and Ep(min) {} %; the rig itself shows ± {} % at no flow; method adapted \
         from IEC 60601-2-24",
        all.count,
        period.windows(),
        significant(round(all.max.0)),
        significant(round(all.min.0)),
        domain::quantity::with_uncertainty(0.0, scatter).1
    )];
    notes.extend(undeclared(ledger));
    let left_out = left_out(&all, unflagged, limits, &mut notes);
    let half = [limits.low, limits.high].into_iter().flatten().map(f64::abs).fold(f64::INFINITY, f64::min);
    let scattered = (scatter > half * SCATTER_SHARE_MAX).then(|| {
        format!(
            "the rig itself shows ± {} % at no flow, more than a third of the limit; look at windows longer than {length}",
            domain::quantity::with_uncertainty(0.0, scatter).1
        )
    });
    let flagged = unflagged.is_none().then(|| "flags touch every window".to_owned());
    let unread = 100.0 * f64::from(period.windows() - all.count) / f64::from(period.windows());
    let against = (unread > setup.left_out_at_most.percent())
        .then(|| format!("the ends of {} of {} windows were not read", period.windows() - all.count, period.windows()));
    let unknown = scattered.or(flagged);
    let budget = Budget { terms, unit: "%".to_owned() };
    let model = conversion.model(value + 100.0);
    Ok(Measured { left_out, against, unknown, ..Measured::of(value, budget, model, notes) })
}

/// From when to when each window is that such a figure looks at, in s of run time, whether its ends were read or not.
pub(crate) fn windows(
    ledger: &Ledger,
    window: &Window,
    over: Duration,
    whole_cycles: bool,
) -> Result<Vec<(f64, f64)>, String> {
    let (_, weighed) = super::weighed(ledger, window)?;
    let setup = ledger.setup.as_ref().ok_or("the run has no balance")?;
    Ok(period(ledger, &weighed, over, whole_cycles, setup.pulse_ul)?.each().collect())
}

/// The mass at a window's end, as a weighing of readings that scatter so; `None` where it was not read.
fn edge(ledger: &Ledger, s_g: f64, t_s: f64) -> Option<Weighing> {
    let at = ledger.course().at(t_s)?;
    Some(Weighing { mark_s: t_s, t_s, mass_g: at.mass_g, s_g, n: at.n, unstable_range_g: None })
}

/// Whether a flag bears upon a window: its edges are between means of half a minute on either side.
fn touches(flag: &Flag, from_s: f64, to_s: f64, ledger: &Ledger) -> bool {
    let around_s = 2.0 * ledger.course().cell_s();
    flag.touches(from_s - around_s, to_s + around_s)
}

/// The error of the flow between two moments, in %, with where its uncertainty comes from; `None` where the mass was not read,
/// the vessel was handled, something happened to the weighing, or not one continuous rate was commanded.
pub(crate) fn between(ledger: &Ledger, from_s: f64, to_s: f64) -> Option<(f64, Budget)> {
    let conversion = ledger.converted().ok()?;
    let (setup, s_g) = (ledger.setup.as_ref()?, ledger.still_scatter_g()?);
    let (from, to) = (edge(ledger, s_g, from_s)?, edge(ledger, s_g, to_s)?);
    let weighed = Weighed { pieces: ledger.pieces(from, to).ok()? };
    // What happened to the weighing meanwhile is in the difference of masses, and is no flow.
    let is_flagged = |flag: &Flag| flag.kind != FlagKind::Gap && touches(flag, from_s, to_s, ledger);
    if ledger.flags().iter().any(is_flagged) {
        return None;
    }
    let ul_per_h = ledger.dose.rate_ul_per_h(f64::midpoint(from_s, to_s));
    if !weighed.is_whole() || ledger.dose.changes(from_s, to_s) || ul_per_h <= 0.0 || ledger.in_doubt(from_s, to_s) {
        return None;
    }
    let due_ul = ledger.dose.commanded_ul(from_s, to_s);
    let scale = 100.0 / due_ul;
    let mut terms = volume_terms(ledger, &conversion, &weighed, scale)?;
    terms.extend(within_a_sample(ledger, ul_per_h, setup.pulse_ul, scale));
    let value = 100.0 * (weighed.delivered_ul(&conversion) / due_ul - 1.0);
    Some((value, Budget { terms, unit: "%".to_owned() }))
}

/// What it is without the windows that flags touch, if there are such and others.
fn left_out(all: &Extremes, unflagged: Option<Extremes>, limits: Limits, notes: &mut Vec<String>) -> Option<f64> {
    let unflagged = unflagged.filter(|unflagged| unflagged.count < all.count)?;
    notes.push(format!("flags touch {} of the windows", all.count - unflagged.count));
    Some(unflagged.worse(limits).0)
}

impl Period {
    fn windows(&self) -> u32 {
        let fits = (self.to_s - self.from_s - self.over_s) / self.step_s;
        if fits >= -1e-9 { (fits + 1e-9) as u32 + 1 } else { 0 }
    }

    /// From when to when each window is, in s of run time.
    fn each(&self) -> impl Iterator<Item = (f64, f64)> {
        (0..self.windows()).map(|i| {
            let from_s = self.from_s + f64::from(i) * self.step_s;
            (from_s, from_s + self.over_s)
        })
    }
}

fn period(
    ledger: &Ledger,
    weighed: &Weighed,
    over: Duration,
    whole_cycles: bool,
    pulse_ul: f64,
) -> Result<Period, String> {
    // From mark to mark: a weighing's own time lies before its mark, and the flow may have begun with that.
    let (from_s, to_s) = weighed.marks_s();
    let ul_per_h = ledger.dose.rate_ul_per_h(f64::midpoint(from_s, to_s));
    if ledger.dose.changes(from_s, to_s) || ul_per_h <= 0.0 || ledger.dose.bolus_ul(from_s, to_s) > 0.0 {
        return Err("expected one continuous rate throughout, but another dose was commanded meanwhile".to_owned());
    }
    let (interval_s, _) = usual(ul_per_h);
    let cell_s = ledger.course().cell_s();
    let cycle_s = pulse_ul / ul_per_h * 3600.0;
    let asked_s = over.as_secs_f64();
    let over_s = if whole_cycles { whole_cycles_s(asked_s, cycle_s) } else { asked_s };
    // The mean of a cell stands for its middle: the first and the last half cell have no neighbour in the period.
    let period =
        Period { from_s: from_s + cell_s, to_s: to_s - cell_s, over_s, step_s: interval_s.max(cell_s), ul_per_h };
    if period.windows() == 0 {
        return Err(format!(
            "expected a time longer than a window of {over_s:.0} s, but found one of {:.0} s",
            to_s - from_s
        ));
    }
    Ok(period)
}

/// The worst of many windows is farther off than any one would be, by what the rig scatters.
fn extreme(noise: f64, count: u32) -> Option<Term> {
    let half_width = noise * libm::sqrt(2.0 * libm::log(f64::from(count.max(1))));
    let distribution = Distribution::Rectangular { half_width };
    Term::type_b("worst of many windows", distribution, 1.0, f64::INFINITY, "the greatest of so many normal deviations")
}

/// A pulse that falls into the sample at a window's end is counted in part.
fn within_a_sample(ledger: &Ledger, ul_per_h: f64, pulse_ul: f64, scale: f64) -> Option<Term> {
    let cycle_s = pulse_ul / ul_per_h * 3600.0;
    let share = (ledger.course().cell_s() / cycle_s).min(1.0);
    let distribution = Distribution::Triangular { half_width: pulse_ul * share };
    Term::type_b(
        "pulse within a sample",
        distribution,
        scale,
        f64::INFINITY,
        "nominal pulse volume, a sample at either end",
    )
}

/// To a hundredth, as notes show it.
fn round(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

//! What evaporates from the vessel: the loss with the pump stopped, before and after, and by which course it is carried
//! from the one to the other.
//!
//! It owns the models: a constant, a line, the drying power of the room as it was read, a reference vessel that evaporates
//! beside. It must not know a channel's name. Whatever the model, its scale comes from the two drifts, so the drift of the
//! balance is part of it.

use domain::profile::{EvaporationModel, Method};

use crate::air::saturation_pa;
use crate::budget::Estimate;
use crate::track::Course;

/// How the name of every budget's term of evaporation begins.
pub(crate) const EVAPORATION: &str = "evaporation";

/// A drift with the pump stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// The loss of indicated mass, in µg/s, balance drift included.
    pub ug_per_s: Estimate,
    /// When that held on the average, in s of run time.
    pub t_s: f64,
    /// When it was measured, from and to, in s of run time.
    pub span_s: (f64, f64),
}

/// The loss of indicated mass over the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaporation {
    /// Before the first step.
    pub before: Drift,
    /// After the last step, if it was measured.
    pub after: Option<Drift>,
    /// By which model it is carried in between.
    pub model: EvaporationModel,
    /// What has evaporated since the first of these moments, in g, for a model that is driven by readings.
    lost: Option<Course>,
    unlike_ug_per_s: f64,
}

impl Evaporation {
    /// Evaporation by a model that needs no readings.
    #[must_use]
    pub fn plain(before: Drift, after: Option<Drift>, model: EvaporationModel) -> Self {
        Self { before, after, model, lost: None, unlike_ug_per_s: 0.0 }
    }

    /// Evaporation that follows what drives it: `drive` is cumulative, in any unit. `None` if the drive does not rise where
    /// the drifts were measured, since nothing can be scaled by it then.
    pub(crate) fn driven(before: Drift, after: Option<Drift>, model: EvaporationModel, drive: &Course) -> Option<Self> {
        // The scale, and the drift with what the drive's own scatter leaves of it.
        let scale = |drift: Drift| {
            let rises = drive.slope(drift.span_s.0, drift.span_s.1).filter(|rises| rises.value > 0.0)?;
            let loss = drift.ug_per_s;
            let u = libm::hypot(loss.u, loss.value * rises.u / rises.value);
            let ug_per_s = Estimate::new(loss.value, u, loss.dof.min(rises.dof))?;
            Some((loss.value / rises.value * 1e-6, Drift { ug_per_s, ..drift }))
        };
        let (first, before) = scale(before)?;
        let (last, after) = match after {
            Some(after) => scale(after).map(|(scale, after)| ((scale, after.t_s), Some(after)))?,
            None => ((first, before.t_s), None),
        };
        let at = |t_s: f64| along(first, before.t_s, last.0, last.1, t_s);
        let mut sum = 0.0;
        let mut behind: Option<(f64, f64)> = None;
        let add = |&(t, driven): &(f64, f64)| {
            if let Some((t0, driven0)) = behind.replace((t, driven)) {
                sum += (driven - driven0) * (at(t0) + at(t)) / 2.0;
            }
            (t, sum)
        };
        let lost = Some(Course(drive.0.iter().map(add).collect()));
        let unlike = after.map_or(0.0, |after| after.ug_per_s.value * (1.0 - first / last.0));
        Some(Self { before, after, model, lost, unlike_ug_per_s: if unlike.is_finite() { unlike } else { 0.0 } })
    }

    /// Before the first step, in µg/s.
    #[must_use]
    pub fn before_ug_per_s(&self) -> Estimate {
        self.before.ug_per_s
    }

    /// After the last step, in µg/s, if it was measured.
    #[must_use]
    pub fn after_ug_per_s(&self) -> Option<Estimate> {
        self.after.map(|after| after.ug_per_s)
    }

    /// The rate at a moment by the line or the constant, in µg/s.
    fn at_ug_per_s(&self, t_s: f64) -> f64 {
        let before = self.before.ug_per_s.value;
        match (self.model, self.after) {
            (EvaporationModel::Constant, Some(after)) => (before + after.ug_per_s.value) / 2.0,
            (_, Some(after)) => along(before, self.before.t_s, after.ug_per_s.value, after.t_s, t_s),
            (_, None) => before,
        }
    }

    /// By how much the drift after differs from what the model makes of the drift before, in µg/s; 0 for a model that is not
    /// driven by readings.
    #[must_use]
    pub fn unlike_ug_per_s(&self) -> f64 {
        self.unlike_ug_per_s
    }

    /// What evaporates within a span, in g.
    #[must_use]
    pub fn lost_g(&self, from_s: f64, to_s: f64) -> f64 {
        let driven = self.lost.as_ref().and_then(|lost| Some(lost.beyond(to_s)? - lost.beyond(from_s)?));
        driven.unwrap_or_else(|| self.straight_g(from_s, to_s))
    }

    /// What evaporates within a span by the line or the constant, in g: integrated exactly between the line's corners.
    #[must_use]
    pub fn straight_g(&self, from_s: f64, to_s: f64) -> f64 {
        let corners = [Some(self.before.t_s), self.after.map(|after| after.t_s)];
        let mut edges = vec![from_s, to_s];
        edges.extend(corners.into_iter().flatten().filter(|t| from_s < *t && *t < to_s));
        edges.sort_by(f64::total_cmp);
        let trapezium = |w: &[f64]| (self.at_ug_per_s(w[0]) + self.at_ug_per_s(w[1])) / 2.0 * (w[1] - w[0]);
        edges.windows(2).map(trapezium).sum::<f64>() * 1e-6
    }
}

/// On the line between two values, level beyond them.
fn along(first: f64, first_s: f64, last: f64, last_s: f64, t_s: f64) -> f64 {
    let share = if last_s > first_s { ((t_s - first_s) / (last_s - first_s)).clamp(0.0, 1.0) } else { 0.0 };
    first + share * (last - first)
}

/// The power of a room to dry a vessel, cumulative, in Pa·s: the saturation pressure over the liquid less what the air
/// holds.
///
/// `air_c` in °C, `humidity` in per cent. The liquid is as much warmer than the air as the method declares. Saturation
/// pressure as in CIPM-2007.
pub(crate) fn drying(air_c: &Course, humidity: &Course, method: &Method) -> Course {
    let warmer = method.vessel_c.value.c() - method.air_c.value.c();
    let power = |&(t, c): &(f64, f64)| {
        let held = humidity.at(t)? / 100.0 * saturation_pa(c);
        Some((t, (saturation_pa(c + warmer) - held).max(0.0)))
    };
    Course(air_c.0.iter().filter_map(power).collect()).integral()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(value: f64, from_s: f64, to_s: f64) -> Drift {
        let ug_per_s = Estimate::new(value, 0.001, 100.0).expect("usable");
        Drift { ug_per_s, t_s: (from_s + to_s) / 2.0, span_s: (from_s, to_s) }
    }

    fn plain(before: f64, after: f64, model: EvaporationModel) -> Evaporation {
        Evaporation::plain(drift(before, 50.0, 150.0), Some(drift(after, 250.0, 350.0)), model)
    }

    #[test]
    fn evaporation_is_integrated_along_its_line() {
        let e = plain(0.1, 0.3, EvaporationModel::Linear);
        assert!((e.lost_g(100.0, 300.0) - 40e-6).abs() < 1e-15);
        assert!((e.lost_g(0.0, 100.0) - 10e-6).abs() < 1e-15);
        assert!((e.lost_g(0.0, 400.0) - 80e-6).abs() < 1e-15);
        let e = plain(0.1, 0.3, EvaporationModel::Constant);
        assert!((e.lost_g(0.0, 400.0) - 80e-6).abs() < 1e-15 && (e.lost_g(0.0, 100.0) - 20e-6).abs() < 1e-15);
    }

    /// Day and night that a line between the ends misses: the room's own course has them.
    #[test]
    fn a_swing_of_the_room_is_followed() {
        let hours = 0..=72 * 60;
        let course: Vec<(f64, f64)> = hours
            .map(|minute| {
                let t = f64::from(minute) * 60.0;
                // Any unit: the scale comes from the drifts.
                (t, 700.0 * (1.0 + 0.3 * libm::sin(core::f64::consts::TAU * t / 86_400.0)))
            })
            .collect();
        let drive = Course(course).integral();
        let k = 1.7e-4;
        let truth = |from: f64, to: f64| k * (drive.at(to).expect("driven") - drive.at(from).expect("driven")) * 1e-6;
        let measured = |from: f64, to: f64| drift(truth(from, to) * 1e6 / (to - from), from, to);
        let (before, after) = (measured(0.0, 7_200.0), measured(252_000.0, 259_200.0));
        let (from, to) = (7_200.0, 7_200.0 + 12.0 * 3600.0);
        let driven = Evaporation::driven(before, Some(after), EvaporationModel::Climate, &drive).expect("it rises");
        let line = Evaporation::plain(before, Some(after), EvaporationModel::Linear);
        let relative = |e: &Evaporation| e.lost_g(from, to) / truth(from, to) - 1.0;
        assert!(relative(&driven).abs() < 2e-3, "{}", relative(&driven));
        assert!(relative(&line).abs() > 0.05, "{}", relative(&line));
        let still = Course(vec![(0.0, 1.0), (1e6, 1.0)]);
        assert_eq!(Evaporation::driven(before, Some(after), EvaporationModel::Reference, &still), None);
    }
}

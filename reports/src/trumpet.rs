//! The trumpet curve of a run or a log, as a plot.
//!
//! Beside it stand the error over whole pulses of the pump's head, by which a pulsed pump is fairly looked at, and what the
//! rig itself scatters with the pump stopped. Nothing here judges.

use domain::{RigProfile, RunTime};
use measure::trumpet::{self, Window};
use measure::{Cumulative, Ledger};

use crate::curves::Delivered;
use crate::decimate::Point;
use crate::number::plain;
use crate::plot::{Curve, Frame, Panel, Stroke};
use crate::rates::steps;
use crate::story::Story;

/// A pump's start-up, which is not in the curve where enough is left: a day, or an hour of a fast pump.
const START_UP_S: f64 = 86_400.0;
const START_UP_FAST_S: f64 = 3_600.0;
/// 99 of 100 readings of a normal distribution lie within so many deviations.
const NEARLY_ALL: f64 = 2.576;

/// The trumpet curve over the longest time in which a run commanded one rate; `None` if not two windows fit.
pub(crate) fn trumpet_panel(
    story: &Story,
    profile: &RigProfile,
    ledger: &Ledger,
    delivered: &[Delivered],
) -> Option<Panel> {
    let (from, to) = steps(story)?;
    let (steady_from, steady_to) = ledger.steady(from, to)?;
    let points: Vec<Point> = delivered.iter().map(|d| (d.at.seconds(), d.ul)).collect();
    let volume = Cumulative::new(strictly_rising(points))?;
    let (first, last) = volume.span_s();
    let (begin, end) = (steady_from.max(first), steady_to.min(last));
    let rate_ul_per_h = ledger.rate_ul_per_h(run_time(f64::midpoint(steady_from, steady_to)));
    let start_up = if rate_ul_per_h >= trumpet::FAST_FROM_UL_PER_H { START_UP_FAST_S } else { START_UP_S };
    let skipped = if end - begin >= 2.0 * start_up { start_up } else { 0.0 };
    let period = Period { from_s: begin + skipped, to_s: end, rate_ul_per_h };
    let (interval_s, usual) = trumpet::usual(rate_ul_per_h);
    let windows = period.windows(&volume, interval_s, usual)?;
    let pulse_s = profile.pump.pulse_ul.ul() / rate_ul_per_h * 3600.0;
    let mut curves = vec![ends(&windows, interval_s)];
    curves.extend(period.whole_pulses(&volume, &windows, interval_s, pulse_s));
    if let (Some(scatter_g), Some(conversion)) = (ledger.still_scatter_g(), ledger.conversion()) {
        curves.push(period.envelope(&windows, interval_s, scatter_g * conversion.ul_per_g()));
    }
    let start_up_said = if skipped > 0.0 {
        format!("the first {} left out", domain::time::span(std::time::Duration::from_secs_f64(skipped)))
    } else {
        "start-up included".to_owned()
    };
    let caption = format!(
        "The greatest and the least error over windows of each length, at {} \u{b5}L/h, {start_up_said}; the same over whole \
         pulses of the pump's head, which is what a pulsed pump can be right in; and the scatter of the rig itself with the \
         pump stopped (99 %). Method adapted from IEC 60601-2-24.",
        plain(rate_ul_per_h)
    );
    Some(panel(caption, curves, &windows, interval_s))
}

/// A trumpet curve with these curves.
pub(crate) fn panel(caption: String, curves: Vec<Curve>, windows: &[Window], interval_s: f64) -> Panel {
    let longest_s = windows.iter().map(|window| f64::from(window.intervals) * interval_s).fold(0.0, f64::max);
    let (unit, seconds) = axis(longest_s);
    let scaled = |curve: Curve| Curve {
        parts: curve.parts.into_iter().map(|part| part.into_iter().map(|(t, v)| (t / seconds, v)).collect()).collect(),
        ..curve
    };
    Panel {
        file: "trumpet".to_owned(),
        title: "Trumpet curve".to_owned(),
        caption,
        value_label: "Error of the flow / %".to_owned(),
        curves: curves.into_iter().map(scaled).collect(),
        about_zero: true,
        small: false,
        frame: Some(Frame {
            label: "Length of the window",
            unit,
            from: 0.0,
            to: longest_s / seconds,
            ..Frame::default()
        }),
    }
}

/// The upper and the lower end of the windows' errors, over windows in s.
pub(crate) fn ends(windows: &[Window], interval_s: f64) -> Curve {
    let part = |value: fn(&Window) -> f64| {
        let at = |window: &Window| (f64::from(window.intervals) * interval_s, value(window));
        let mut points: Vec<Point> = windows.iter().map(at).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let parts = vec![part(|window| window.ep_max_percent), part(|window| window.ep_min_percent)];
    Curve { name: "Ep(max), Ep(min)", stroke: Stroke::Solid, parts }
}

/// The unit of time that suits an axis of that length, and its seconds.
pub(crate) fn axis(lasts_s: f64) -> (&'static str, f64) {
    match lasts_s {
        s if s >= 10_800.0 => ("h", 3600.0),
        s if s >= 600.0 => ("min", 60.0),
        _ => ("s", 1.0),
    }
}

struct Period {
    from_s: f64,
    to_s: f64,
    rate_ul_per_h: f64,
}

impl Period {
    fn windows(&self, volume: &Cumulative, interval_s: f64, usual: &[u32]) -> Option<Vec<Window>> {
        let delivered = volume.on_grid(self.from_s, self.to_s, interval_s)?;
        let due = |i: usize| i as f64 * interval_s / 3600.0 * self.rate_ul_per_h;
        let commanded: Vec<f64> = (0..delivered.len()).map(due).collect();
        let windows: Vec<Window> = usual.iter().filter_map(|k| trumpet::window(&delivered, &commanded, *k)).collect();
        (windows.len() >= 2).then_some(windows)
    }

    /// The errors over the whole pulses that are nearest to each window, of windows that begin at each sample.
    fn whole_pulses(&self, volume: &Cumulative, windows: &[Window], interval_s: f64, pulse_s: f64) -> Option<Curve> {
        let (mut max, mut min) = (Vec::new(), Vec::new());
        for window in windows {
            let length_s = (f64::from(window.intervals) * interval_s / pulse_s).round().max(1.0) * pulse_s;
            let due = length_s / 3600.0 * self.rate_ul_per_h;
            let fits = ((self.to_s - self.from_s - length_s) / interval_s).floor();
            let error = |i: u32| {
                let from = self.from_s + f64::from(i) * interval_s;
                let gained = volume.at((from + length_s).min(self.to_s))? - volume.at(from)?;
                Some(100.0 * (gained / due - 1.0))
            };
            let errors: Vec<f64> = if fits >= 0.0 { (0..=fits as u32).filter_map(error).collect() } else { Vec::new() };
            if !errors.is_empty() {
                max.push((length_s, errors.iter().copied().fold(f64::NEG_INFINITY, f64::max)));
                min.push((length_s, errors.iter().copied().fold(f64::INFINITY, f64::min)));
            }
        }
        let parts = vec![max, min];
        (parts[0].len() >= 2).then_some(Curve { name: "over whole pulses", stroke: Stroke::Dashed, parts })
    }

    /// What two readings scatter with the pump stopped, as an error of the flow over each window.
    fn envelope(&self, windows: &[Window], interval_s: f64, scatter_ul: f64) -> Curve {
        let half = |window: &Window| {
            let window_s = f64::from(window.intervals) * interval_s;
            let due = window_s / 3600.0 * self.rate_ul_per_h;
            (window_s, 100.0 * NEARLY_ALL * core::f64::consts::SQRT_2 * scatter_ul / due)
        };
        let mut upper: Vec<Point> = windows.iter().map(half).collect();
        upper.sort_by(|a, b| a.0.total_cmp(&b.0));
        let lower = upper.iter().map(|(window, error)| (*window, -error)).collect();
        Curve { name: "rig, pump stopped", stroke: Stroke::Faint, parts: vec![upper, lower] }
    }
}

fn run_time(seconds: f64) -> RunTime {
    RunTime::ZERO + std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Two readings of one moment tell nothing new.
fn strictly_rising(mut points: Vec<Point>) -> Vec<Point> {
    points.dedup_by(|next, before| next.0 <= before.0);
    points
}

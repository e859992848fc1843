//! The trumpet curve of a run or a log, as a plot.
//!
//! Beside it stand the error over whole pulses of the pump's head, by which a pulsed pump is fairly looked at, and what the
//! rig itself scatters with the pump stopped. Nothing here judges.

use domain::RigProfile;
use domain::check::SCATTER_DEVIATIONS;
use measure::trumpet::{self, Window};
use measure::{Cumulative, Ledger};

use crate::decimate::Point;
use crate::number::plain;
use crate::plot::{Curve, Frame, Panel, Stroke, time_unit};
use crate::series::{Delivered, moment};
use crate::story::Story;

/// A pump's start-up, which is not in the curve where enough is left: a day, or an hour of a fast pump.
const START_UP_S: f64 = 86_400.0;
const START_UP_FAST_S: f64 = 3_600.0;

/// The trumpet curve over the longest time in which a run commanded one rate, the valve was open and the balance was there;
/// `None` if not two windows fit, or nobody knows what was commanded.
pub(crate) fn trumpet_panel(
    story: &Story,
    profile: &RigProfile,
    ledger: &Ledger,
    parts: &[Vec<Delivered>],
) -> Option<Panel> {
    let (from, to) = story.steps_span()?;
    let closed = story.valve.iter().find(|(at, closed)| *closed && *at > from).map_or(to, |(at, _)| *at);
    let (steady_from, steady_to) = ledger.steady(from, closed.min(to))?;
    let within = |part: &&Vec<Delivered>| {
        let (first, last) = (part.first().map_or(0.0, |d| d.at.seconds()), part.last().map_or(0.0, |d| d.at.seconds()));
        (last.min(steady_to) - first.max(steady_from)).max(0.0)
    };
    let part = parts.iter().max_by(|a, b| within(a).total_cmp(&within(b)))?;
    let volume = strictly_rising(part)?;
    let (first, last) = volume.span_s();
    let (begin, end) = (steady_from.max(first), steady_to.min(last));
    if ledger.in_doubt(begin, end) {
        return None;
    }
    let rate_ul_per_h = ledger.rate_ul_per_h(moment(f64::midpoint(steady_from, steady_to)));
    let skipped_s = start_up_s(end - begin, rate_ul_per_h);
    let period = Period { from_s: begin + skipped_s, to_s: end, rate_ul_per_h };
    let (interval_s, usual) = trumpet::usual(rate_ul_per_h);
    let windows = period.windows(&volume, interval_s, usual)?;
    let pulse_s = profile.pump.pulse_ul.ul() / rate_ul_per_h * 3600.0;
    let mut said = vec!["the greatest and the least error over windows of each length".to_owned()];
    let mut curves = vec![ends(&windows, interval_s)];
    if let Some(whole) = period.whole_pulses(&volume, &windows, interval_s, pulse_s) {
        said.push(
            "the same over whole pulses of the pump's head, which is what a pulsed pump can be right in".to_owned(),
        );
        curves.push(whole);
    }
    if let (Some(scatter_g), Some(conversion)) = (ledger.still_scatter_g(), ledger.conversion()) {
        said.push(
            "the noise of two single readings with the pump stopped, 99 % of single windows (evaporation and drift are in the \
             budgets)"
                .to_owned(),
        );
        curves.push(period.envelope(&windows, interval_s, scatter_g * conversion.ul_per_g()));
    }
    let start_up = if skipped_s > 0.0 {
        format!("the first {} left out", domain::time::span(std::time::Duration::from_secs_f64(skipped_s)))
    } else {
        "start-up included".to_owned()
    };
    let caption = format!(
        "At {} \u{b5}L/h, {start_up}: {}. Method adapted from IEC 60601-2-24.",
        plain(rate_ul_per_h),
        said.join("; ")
    );
    Some(panel(caption, curves, &windows, interval_s))
}

/// How much of a steady time is start-up and not in the curve: none where less than that would be left.
fn start_up_s(lasts_s: f64, rate_ul_per_h: f64) -> f64 {
    let start_up_s = if rate_ul_per_h >= trumpet::FAST_FROM_UL_PER_H { START_UP_FAST_S } else { START_UP_S };
    if lasts_s >= 2.0 * start_up_s { start_up_s } else { 0.0 }
}

/// A trumpet curve with these curves.
pub(crate) fn panel(caption: String, curves: Vec<Curve>, windows: &[Window], interval_s: f64) -> Panel {
    let longest_s = windows.iter().map(|window| f64::from(window.intervals) * interval_s).fold(0.0, f64::max);
    let (unit, seconds) = time_unit(longest_s);
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
            (window_s, 100.0 * SCATTER_DEVIATIONS * core::f64::consts::SQRT_2 * scatter_ul / due)
        };
        let mut upper: Vec<Point> = windows.iter().map(half).collect();
        upper.sort_by(|a, b| a.0.total_cmp(&b.0));
        let lower = upper.iter().map(|(window, error)| (*window, -error)).collect();
        Curve { name: "two readings, pump stopped", stroke: Stroke::Faint, parts: vec![upper, lower] }
    }
}

/// The curve of a volume. Two readings of one moment tell nothing new.
fn strictly_rising(part: &[Delivered]) -> Option<Cumulative> {
    let (mut times_s, mut values) = (Vec::with_capacity(part.len()), Vec::with_capacity(part.len()));
    for delivered in part {
        let t_s = delivered.at.seconds();
        if times_s.last().is_none_or(|last| t_s > *last) {
            times_s.push(t_s);
            values.push(delivered.ul);
        }
    }
    Cumulative::of(times_s, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 µL/h as pulses of 0.5 µL, a reading each 10 s for 40 h, all of it 2 % too much.
    fn pulsed() -> (Cumulative, Period) {
        let reading = |i: u32| (f64::from(i) * 10.0, 1.02 * 0.5 * (f64::from(i) * 10.0 / 180.0 + 1e-9).floor());
        let volume = Cumulative::new((0..=14_400).map(reading).collect()).expect("a curve");
        (volume, Period { from_s: 0.0, to_s: 144_000.0, rate_ul_per_h: 10.0 })
    }

    fn at(curve: &Curve, part: usize, i: usize) -> f64 {
        curve.parts[part][i].1
    }

    #[test]
    fn over_whole_pulses_a_pulsed_pump_shows_its_mean_error() {
        let (volume, period) = pulsed();
        let windows = period.windows(&volume, 900.0, &[1, 4, 10]).expect("they fit");
        let curve = period.whole_pulses(&volume, &windows, 900.0, 180.0).expect("pulses");
        for i in 0..3 {
            assert!((at(&curve, 0, i) - 2.0).abs() < 1e-6 && (at(&curve, 1, i) - 2.0).abs() < 1e-6, "{curve:?}");
        }
        let odd = period.windows(&volume, 900.0, &[1, 4]).expect("they fit");
        assert!(odd[0].ep_max_percent > 1.9);
        assert!(period.whole_pulses(&volume, &odd, 900.0, 1e9).is_none(), "not one pulse fits");
    }

    #[test]
    fn the_noise_of_readings_falls_as_the_window_grows() {
        let (volume, period) = pulsed();
        let windows = period.windows(&volume, 900.0, &[1, 4]).expect("they fit");
        let curve = period.envelope(&windows, 900.0, 0.01);
        // 2.576 √2 of 0.01 µL in 2.5 µL.
        assert!((at(&curve, 0, 0) - 1.457).abs() < 1e-3 && (at(&curve, 1, 0) + 1.457).abs() < 1e-3, "{curve:?}");
        assert!((at(&curve, 0, 1) - 1.457 / 4.0).abs() < 1e-3);
    }

    #[test]
    fn a_start_up_is_left_out_where_as_much_remains() {
        let hours = |h: f64| h * 3600.0;
        assert_eq!(start_up_s(hours(47.9), 20.0), 0.0);
        assert_eq!(start_up_s(hours(48.0), 20.0), hours(24.0));
        assert_eq!(start_up_s(hours(1.9), 1000.0), 0.0);
        assert_eq!(start_up_s(hours(2.0), 1000.0), hours(1.0));
    }
}

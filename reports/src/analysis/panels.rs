//! An analysis as plots: volume, start-up, trumpet, pulses, and the shares of its uncertainty.
//!
//! It decides units by the size of what is shown; drawing is the canvas's business.

use std::ops::Range;

use measure::Cumulative;

use super::Analysis;
use crate::curves::Plots;
use crate::decimate::{Point, decimate, thin};
use crate::error::ReportError;
use crate::page::Drawing;
use crate::plot::{Curve, Frame, Histogram, Panel, Stroke, histogram, time_unit};
use crate::trumpet::{ends, panel};

/// Points of a curve in a plot that stands still, at most.
const POINTS_STILL: usize = 2000;
/// Points of a curve that is zoomed into, at most.
const POINTS: usize = 4000;
/// From this volume on, in µL, an axis is in mL.
const MILLILITRES_FROM_UL: f64 = 2000.0;

/// The drawings of an analysis, each only if there is something to draw.
#[derive(Debug)]
pub(super) struct Drawings {
    /// Curves over the time of the log.
    pub(super) over_time: Vec<Drawing>,
    /// The trumpet curve.
    pub(super) trumpet: Option<Drawing>,
    /// How many pulses have which volume.
    pub(super) pulses: Option<Drawing>,
    /// Where the uncertainty comes from.
    pub(super) budget: Option<Drawing>,
}

impl Drawings {
    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Drawing> {
        self.over_time.iter().chain(&self.trumpet).chain(&self.pulses).chain(&self.budget)
    }
}

impl Analysis {
    /// The curves, with as many points as a plot shows that is zoomed into.
    pub(super) fn plots(&self) -> Plots {
        let (from, to) = self.period_s;
        let (_, seconds) = time_unit(to - from);
        let mut panels = vec![self.volume(seconds)];
        if self.figures.flow_ul_per_h.len() > 1 {
            panels.push(self.start_up(seconds));
        }
        panels.extend(self.trumpet());
        Plots { frame: self.time(seconds), panels }
    }

    /// The same as they stand still, and what does not move.
    ///
    /// # Errors
    /// Only if one cannot be drawn, which would be a fault of this program.
    pub(super) fn drawings(&self, plots: &Plots) -> Result<Drawings, ReportError> {
        let drawing = |panel: &Panel| Drawing::of(&still(panel), &plots.frame);
        let (over_time, others): (Vec<&Panel>, Vec<&Panel>) =
            plots.panels.iter().partition(|panel| panel.frame.is_none());
        let caption = "Share of each term in the variance of the mean error.".to_owned();
        let budget = self.budget.as_ref().filter(|budget| budget.combined().is_ok());
        Ok(Drawings {
            over_time: over_time.into_iter().map(drawing).collect::<Result<_, _>>()?,
            trumpet: others.into_iter().map(drawing).next().transpose()?,
            pulses: self.histogram()?,
            budget: budget.map(|budget| Drawing::of_budget("budget.svg".to_owned(), caption, budget)).transpose()?,
        })
    }

    fn histogram(&self) -> Result<Option<Drawing>, ReportError> {
        let Some(pulses) = &self.figures.pulses else { return Ok(None) };
        let values: Vec<f64> = pulses.pulses.iter().map(|pulse| pulse.volume).collect();
        let caption = "How many pulses there are of each volume.";
        let of = Histogram {
            title: "Volumes of the pulses",
            caption,
            label: "Volume / \u{b5}L",
            values: &values,
            limits: [None, None],
        };
        Ok(Some(Drawing { file: "pulses.svg".to_owned(), svg: histogram(&of)?, caption: caption.to_owned() }))
    }

    fn time(&self, seconds: f64) -> Frame {
        let (from, to) = self.period_s;
        let (unit, _) = time_unit(to - from);
        Frame {
            label: "Time since the first reading",
            unit,
            from: from / seconds,
            to: to / seconds,
            ..Frame::default()
        }
    }

    fn volume(&self, seconds: f64) -> Panel {
        let [delivered, commanded] = [&self.delivered, &self.commanded].map(|curve| Shown::of(self, curve));
        let most = delivered.greatest().max(commanded.greatest());
        let (unit, ul) = if most >= MILLILITRES_FROM_UL { ("mL", 1e3) } else { ("\u{b5}L", 1.0) };
        let shown = |curve: &Shown<'_>| {
            let point = |i: usize| {
                let (t, volume) = curve.point(i);
                (t / seconds, volume / ul)
            };
            vec![thin(curve.count(), (0..curve.count()).map(point), POINTS)]
        };
        Panel {
            file: "delivered".to_owned(),
            title: "Delivered volume against commanded dose".to_owned(),
            caption: "The volume since the beginning of the period, and the dose that was commanded until then."
                .to_owned(),
            value_label: format!("Volume / {unit}"),
            curves: vec![
                Curve { name: "delivered", stroke: Stroke::Solid, parts: shown(&delivered) },
                Curve { name: "commanded", stroke: Stroke::Dashed, parts: shown(&commanded) },
            ],
            about_zero: false,
            small: false,
            frame: None,
        }
    }

    fn start_up(&self, seconds: f64) -> Panel {
        let first_s = self.period_s.0;
        let begin_s = self.figures.flow_ul_per_h.first().map_or(0.0, |(t, _)| t - self.interval_s);
        let at = |t: f64| (t - begin_s + first_s) / seconds;
        let fast = self.rate_ul_per_h >= measure::trumpet::FAST_FROM_UL_PER_H;
        let (unit, ul_per_h) = if fast { ("mL/h", 1e3) } else { ("\u{b5}L/h", 1.0) };
        let flow: Vec<Point> = self.figures.flow_ul_per_h.iter().map(|(t, flow)| (at(*t), flow / ul_per_h)).collect();
        let rate = self.rate_ul_per_h / ul_per_h;
        let ends = vec![(self.period_s.0 / seconds, rate), (self.period_s.1 / seconds, rate)];
        Panel {
            file: "start-up".to_owned(),
            title: "Flow over each sample interval".to_owned(),
            caption:
                "The start-up curve: the mean flow over each sample interval, and the mean rate that was commanded."
                    .to_owned(),
            value_label: format!("Flow / {unit}"),
            curves: vec![
                Curve { name: "flow", stroke: Stroke::Solid, parts: vec![decimate(&flow, POINTS)] },
                Curve { name: "commanded", stroke: Stroke::Dashed, parts: vec![ends] },
            ],
            about_zero: false,
            small: false,
            frame: None,
        }
    }

    fn trumpet(&self) -> Option<Panel> {
        let windows = &self.figures.trumpet;
        let longest_s = f64::from(windows.iter().map(|window| window.intervals).max()?) * self.interval_s;
        if windows.len() < 2 {
            return None;
        }
        let mean = self.figures.mean_error_percent;
        let parts = vec![vec![(0.0, mean), (longest_s, mean)]];
        let curves = vec![ends(windows, self.interval_s), Curve { name: "mean error", stroke: Stroke::Dashed, parts }];
        let caption = "The greatest and the least error of the volume over windows of each length, with the mean error of the \
                       period between them. A pump that delivers in pulses shows a wide bell at short windows, however \
                       right it is.";
        Some(panel(caption.to_owned(), curves, windows, self.interval_s))
    }
}

/// A panel with as many points as stand still.
fn still(panel: &Panel) -> Panel {
    let thinned = |curve: &Curve| Curve {
        parts: curve.parts.iter().map(|part| decimate(part, POINTS_STILL)).collect(),
        ..curve.clone()
    };
    Panel { curves: panel.curves.iter().map(thinned).collect(), ..panel.clone() }
}

/// A curve over the period: its ends, and its points between them, as volumes since the beginning over s since the first
/// reading.
struct Shown<'a> {
    curve: &'a Cumulative,
    ends: [Point; 2],
    between: Range<usize>,
    first_s: f64,
}

impl<'a> Shown<'a> {
    fn of(analysis: &Analysis, curve: &'a Cumulative) -> Self {
        let (from_s, to_s) = analysis.span_s;
        let end = |t: f64| (t, curve.at(t).unwrap_or(0.0));
        let mut between = curve.within(from_s, to_s);
        let is_end = |i: usize, t: f64| curve.times_s().get(i).is_some_and(|at| *at == t);
        between.start += usize::from(!between.is_empty() && is_end(between.start, from_s));
        between.end -= usize::from(!between.is_empty() && is_end(between.end - 1, to_s));
        let first_s = analysis.delivered.span_s().0;
        Self { curve, ends: [end(from_s), end(to_s)], between, first_s }
    }

    fn count(&self) -> usize {
        self.between.len() + 2
    }

    fn point(&self, i: usize) -> Point {
        let (t, ul) = match i {
            0 => self.ends[0],
            i if i > self.between.len() => self.ends[1],
            i => {
                let at = self.between.start + i - 1;
                (self.curve.times_s()[at], self.curve.values()[at])
            }
        };
        (t - self.first_s, ul - self.ends[0].1)
    }

    /// The greatest volume, whatever its sign.
    fn greatest(&self) -> f64 {
        (0..self.count()).map(|i| self.point(i).1.abs()).fold(0.0, f64::max)
    }
}

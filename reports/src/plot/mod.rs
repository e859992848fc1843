//! Plots over the run's time, as SVG: curves, the times in which an instrument was away, and the steps' beginnings.
//!
//! A plot is drawn once, on white, in colours that people with colour blindness tell apart, and with a dash pattern
//! beside the colour. Nothing here knows what the curves mean; [`crate::curves`] does.

mod axis;
mod bars;
mod canvas;
mod labels;

pub(crate) use axis::time_unit;
pub(crate) use bars::{Histogram, histogram, shares};
pub(crate) use canvas::draw;

use crate::decimate::Point;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// The main curve.
    Solid,
    /// What it is compared with.
    Dashed,
    /// What the rig itself adds.
    Faint,
}

/// A curve, broken where nothing is known.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    /// Its name in the legend.
    pub(crate) name: &'static str,
    /// How it is drawn.
    pub(crate) stroke: Stroke,
    /// Its unbroken parts, each in order of time.
    pub(crate) parts: Vec<Vec<Point>>,
}

/// What all plots of a run share: the axis of time, gaps, steps. Times are in `unit`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    /// What the axis shows.
    pub(crate) label: &'static str,
    /// `s`, `min` or `h`.
    pub(crate) unit: &'static str,
    /// The least time shown.
    pub(crate) from: f64,
    /// The greatest time shown.
    pub(crate) to: f64,
    /// From when to when an instrument was away.
    pub(crate) gaps: Vec<(f64, f64)>,
    /// When each alarm began, and its name.
    pub(crate) alarms: Vec<(f64, String)>,
    /// When each step began, and its name.
    pub(crate) steps: Vec<(f64, String)>,
}

/// A plot.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// The file's name under `plots/`, without its ending.
    pub(crate) file: String,
    /// Its title.
    pub(crate) title: String,
    /// What it shows, for those who cannot see it and for the caption.
    pub(crate) caption: String,
    /// What stands along its vertical axis, with the unit.
    pub(crate) value_label: String,
    /// The curves, the main one first.
    pub(crate) curves: Vec<Curve>,
    /// A line at zero: the curve is a deviation.
    pub(crate) about_zero: bool,
    /// A plot of less weight, drawn lower.
    pub(crate) small: bool,
    /// Its own horizontal axis, if it does not show the run's time.
    pub(crate) frame: Option<Frame>,
}

//! Draws a panel with plotters.
//!
//! The canvas has twice the pixels that it is shown at, because the SVG backend places points at whole pixels.

use std::fmt::Display;

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::Cartesian2d;
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::axis::Scale;
use super::labels::{ROWS, place, width};
use super::{Curve, Frame, Panel, Stroke};
use crate::error::ReportError;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Pixels of the canvas; shown at half of it.
pub(super) const WIDTH: u32 = 2000;
const HEIGHT: u32 = 760;
const HEIGHT_SMALL: u32 = 520;

/// Pixels around the plotting area.
pub(super) const LEFT: u32 = 150;
pub(super) const RIGHT: u32 = 40;
pub(super) const BOTTOM: u32 = 96;
pub(super) const HEAD: u32 = 56;
const ROW: u32 = 34;

/// Sizes of letters, in pixels of the canvas.
pub(super) const TITLE: f64 = 30.0;
pub(super) const TEXT: f64 = 26.0;
const STEP: f64 = 22.0;

/// plotters' SVG backend writes a font size divided by this.
const BACKEND_FONT: f64 = 1.24;

pub(super) const INK: RGBColor = RGBColor(38, 44, 52);
pub(super) const GREY: RGBColor = RGBColor(120, 128, 138);
pub(super) const GRID: RGBColor = RGBColor(226, 230, 235);
pub(super) const MAIN: RGBColor = RGBColor(0, 95, 175);
pub(super) const OTHER: RGBColor = RGBColor(200, 80, 0);
const ALARM: RGBColor = RGBColor(179, 38, 30);
const AWAY: RGBColor = RGBColor(214, 168, 32);

/// The panel as a self-contained SVG document.
///
/// # Errors
/// Only if plotters cannot draw, which would be a fault of this program.
pub(crate) fn draw(panel: &Panel, frame: &Frame) -> Result<String, ReportError> {
    let height = if panel.small { HEIGHT_SMALL } else { HEIGHT };
    let mut svg = String::new();
    paint(panel, frame, height, &mut svg).map_err(|why| ReportError::made("plots/*.svg", &why))?;
    Ok(with_head(&svg, &panel.title, &panel.caption, height))
}

fn paint(panel: &Panel, frame: &Frame, height: u32, svg: &mut String) -> Result<(), String> {
    let root = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    root.fill(&RGBColor(255, 255, 255)).map_err(text)?;
    let (low, high) = extent(panel);
    let x = Scale::of_time(frame.from, frame.to, frame.unit, 10);
    let y = Scale::of_values(low, high, if panel.small { 4 } else { 6 });
    let mut chart = ChartBuilder::on(&root)
        .margin_top(HEAD + ROW * ROWS as u32)
        .margin_right(RIGHT)
        .margin_left(LEFT)
        .margin_bottom(BOTTOM)
        .build_cartesian_2d(x.low..x.high, y.low..y.high)
        .map_err(text)?;
    shade(&mut chart, frame, &y)?;
    grid(&root, &mut chart, &x, &y)?;
    steps(&root, &mut chart, frame, &y)?;
    if panel.about_zero && y.low < 0.0 && y.high > 0.0 {
        let zero = PathElement::new(vec![(x.low, 0.0), (x.high, 0.0)], GREY.stroke_width(3));
        chart.draw_series([zero]).map_err(text)?;
    }
    alarms(&root, &mut chart, frame, &y)?;
    // The main curve is drawn first, so that what it is compared with stays visible on top of it.
    for curve in &panel.curves {
        stroke(&mut chart, curve)?;
    }
    head(&root, panel, frame)?;
    axis_titles(&root, panel, frame, height)?;
    root.present().map_err(text)
}

fn extent(panel: &Panel) -> (f64, f64) {
    let values = panel.curves.iter().flat_map(|c| c.parts.iter().flatten()).map(|p| p.1).filter(|v| v.is_finite());
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match (low.is_finite(), panel.about_zero) {
        (false, _) => (0.0, 1.0),
        (true, true) => (low.min(0.0), high.max(0.0)),
        (true, false) => (low, high),
    }
}

fn shade<'a>(chart: &mut Chart<'a>, frame: &Frame, y: &Scale) -> Result<(), String> {
    let boxes = frame.gaps.iter().map(|(from, to)| {
        let (from, to) = (from.max(frame.from), to.min(frame.to));
        Rectangle::new([(from, y.low), (to, y.high)], AWAY.mix(0.28).filled())
    });
    chart.draw_series(boxes).map_err(text)?;
    Ok(())
}

fn grid<'a>(root: &Area<'a>, chart: &mut Chart<'a>, x: &Scale, y: &Scale) -> Result<(), String> {
    let line = |from, to| PathElement::new(vec![from, to], GRID.stroke_width(2));
    chart.draw_series(x.ticks().into_iter().map(|t| line((t, y.low), (t, y.high)))).map_err(text)?;
    chart.draw_series(y.ticks().into_iter().map(|t| line((x.low, t), (x.high, t)))).map_err(text)?;
    let corners = [(x.low, y.high), (x.low, y.low), (x.high, y.low)];
    chart.draw_series([PathElement::new(corners.to_vec(), GREY.stroke_width(2))]).map_err(text)?;
    let below = style(TEXT, INK, HPos::Center, VPos::Top);
    for tick in x.ticks() {
        let (px, py) = chart.backend_coord(&(tick, y.low));
        root.draw(&Text::new(x.label(tick), (px, py + 12), below.clone())).map_err(text)?;
    }
    let beside = style(TEXT, INK, HPos::Right, VPos::Center);
    for tick in y.ticks() {
        let (px, py) = chart.backend_coord(&(x.low, tick));
        root.draw(&Text::new(y.label(tick), (px - 12, py), beside.clone())).map_err(text)?;
    }
    Ok(())
}

fn steps<'a>(root: &Area<'a>, chart: &mut Chart<'a>, frame: &Frame, y: &Scale) -> Result<(), String> {
    let inside = |at: &f64| *at >= frame.from && *at <= frame.to;
    let lines = frame.steps.iter().map(|(at, _)| *at).filter(inside);
    let lines = lines.map(|at| PathElement::new(vec![(at, y.low), (at, y.high)], GREY.mix(0.6).stroke_width(2)));
    chart.draw_series(lines).map_err(text)?;
    let names: Vec<(i32, String)> = frame
        .steps
        .iter()
        .filter(|(at, _)| inside(at))
        .map(|(at, name)| (chart.backend_coord(&(*at, y.low)).0, name.clone()))
        .collect();
    let letters = style(STEP, GREY, HPos::Left, VPos::Center);
    for name in place(&names, (WIDTH - RIGHT / 2) as i32, STEP) {
        let py = HEAD + ROW * name.row as u32 + ROW / 2;
        root.draw(&Text::new(name.text, (name.x, py as i32), letters.clone())).map_err(text)?;
    }
    Ok(())
}

/// A line where each alarm began, with its name beside it.
fn alarms<'a>(root: &Area<'a>, chart: &mut Chart<'a>, frame: &Frame, y: &Scale) -> Result<(), String> {
    let inside = |(at, _): &&(f64, String)| *at >= frame.from && *at <= frame.to;
    let letters = style(STEP, ALARM, HPos::Left, VPos::Top);
    for (at, name) in frame.alarms.iter().filter(inside) {
        let line = vec![(*at, y.low), (*at, y.high)];
        chart.draw_series(DashedLineSeries::new(line, 10, 8, ALARM.stroke_width(3))).map_err(text)?;
        let (x, top) = chart.backend_coord(&(*at, y.high));
        let x = (x + 8).min((WIDTH - RIGHT) as i32 - width(name, STEP));
        let (right, bottom) = (x + width(name, STEP), top + 4 + STEP as i32);
        let ground = RGBColor(255, 255, 255).mix(0.85).filled();
        root.draw(&Rectangle::new([(x - 2, top + 2), (right, bottom + 4)], ground)).map_err(text)?;
        root.draw(&Text::new(name.clone(), (x, top + 4), letters.clone())).map_err(text)?;
    }
    Ok(())
}

fn stroke<'a>(chart: &mut Chart<'a>, curve: &Curve) -> Result<(), String> {
    for part in &curve.parts {
        match curve.stroke {
            Stroke::Solid => {
                chart.draw_series(LineSeries::new(part.iter().copied(), pen(curve.stroke))).map_err(text)?;
            }
            Stroke::Dashed | Stroke::Faint => {
                let (points, dash) = (part.clone(), if curve.stroke == Stroke::Faint { 5 } else { 14 });
                chart.draw_series(DashedLineSeries::new(points, dash, 9, pen(curve.stroke))).map_err(text)?;
            }
        }
    }
    Ok(())
}

const fn pen(stroke: Stroke) -> ShapeStyle {
    let (colour, stroke_width) = match stroke {
        Stroke::Solid => (MAIN, 4),
        Stroke::Dashed => (OTHER, 4),
        Stroke::Faint => (GREY, 3),
    };
    let RGBColor(r, g, b) = colour;
    ShapeStyle { color: plotters::style::RGBAColor(r, g, b, 1.0), filled: false, stroke_width }
}

/// Title at the left, legend at the right of one line above the plot, where no curve can be.
fn head(root: &Area<'_>, panel: &Panel, frame: &Frame) -> Result<(), String> {
    let middle = (HEAD / 2) as i32;
    let bold = style(TITLE, INK, HPos::Left, VPos::Center);
    root.draw(&Text::new(panel.title.clone(), (LEFT as i32, middle), bold)).map_err(text)?;
    let mut x = (WIDTH - RIGHT) as i32;
    let letters = style(TEXT, INK, HPos::Left, VPos::Center);
    if !frame.gaps.is_empty() {
        x -= width("instrument away", TEXT);
        root.draw(&Text::new("instrument away", (x, middle), letters.clone())).map_err(text)?;
        let swatch = Rectangle::new([(x - 46, middle - 13), (x - 12, middle + 13)], AWAY.mix(0.28).filled());
        root.draw(&swatch).map_err(text)?;
        x -= 46 + 40;
    }
    if panel.curves.len() < 2 {
        return Ok(());
    }
    for curve in panel.curves.iter().rev() {
        x -= width(curve.name, TEXT);
        root.draw(&Text::new(curve.name, (x, middle), letters.clone())).map_err(text)?;
        let dashes: &[(i32, i32)] = match curve.stroke {
            Stroke::Solid => &[(-72, -12)],
            Stroke::Dashed => &[(-72, -56), (-48, -32), (-24, -12)],
            Stroke::Faint => &[(-72, -66), (-57, -51), (-42, -36), (-27, -21)],
        };
        for (from, to) in dashes {
            let line = PathElement::new(vec![(x + from, middle), (x + to, middle)], pen(curve.stroke));
            root.draw(&line).map_err(text)?;
        }
        x -= 72 + 40;
    }
    Ok(())
}

fn axis_titles(root: &Area<'_>, panel: &Panel, frame: &Frame, height: u32) -> Result<(), String> {
    let below = style(TEXT, INK, HPos::Center, VPos::Bottom);
    let middle = (LEFT + WIDTH - RIGHT) / 2;
    let time = format!("{} / {}", frame.label, frame.unit);
    root.draw(&Text::new(time, (middle as i32, height as i32 - 10), below)).map_err(text)?;
    let font = ("sans-serif", TEXT * BACKEND_FONT).into_font();
    let upright = font.transform(plotters::style::FontTransform::Rotate270).color(&INK);
    let upright = upright.pos(Pos::new(HPos::Center, VPos::Top));
    let middle = (HEAD + ROW * ROWS as u32 + height - BOTTOM) / 2;
    root.draw(&Text::new(panel.value_label.clone(), (8, middle as i32), upright)).map_err(text)
}

pub(super) fn style(size: f64, colour: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    ("sans-serif", size * BACKEND_FONT).into_font().color(&colour).pos(Pos::new(h, v))
}

/// Gives the document a name for screen readers and the size at which it is shown.
pub(super) fn with_head(svg: &str, title: &str, caption: &str, height: u32) -> String {
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    let (title, caption) = (escaped(title), escaped(caption));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{}\" height=\"{}\" \
         stroke-linejoin=\"round\" role=\"img\" aria-label=\"{title}. {caption}\"><title>{title}</title>{body}",
        WIDTH / 2,
        height / 2,
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(super) fn text(why: impl Display) -> String {
    why.to_string()
}

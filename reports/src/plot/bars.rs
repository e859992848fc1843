//! Bars: shares of a whole, lying, and how often values fall into classes, standing.
//!
//! Drawn with the canvas's pens, on its own pixels; what is drawn is said in words by whoever calls.

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor};

use super::axis::Scale;
use super::canvas::{
    BOTTOM, GREY, GRID, HEAD, INK, LEFT, MAIN, OTHER, RIGHT, TEXT, TITLE, WIDTH, style, text, with_head,
};
use crate::error::ReportError;
use crate::number::{fixed, plain};

/// Pixels of a lying bar with the space below it, and of the names at its left.
const BAR: u32 = 44;
const NAMES: i32 = 620;
/// Pixels for a share behind the longest bar.
const SHARES: i32 = 140;
/// Height of a histogram.
const HEIGHT: u32 = 620;

/// Lying bars: each a name and a share, 0 to 1, in that order.
///
/// # Errors
/// Only if plotters cannot draw, which would be a fault of this program.
pub(crate) fn shares(title: &str, caption: &str, rows: &[(String, f64)]) -> Result<String, ReportError> {
    let height = HEAD + BAR * rows.len() as u32 + BAR / 2;
    let mut svg = String::new();
    paint_shares(title, rows, height, &mut svg).map_err(|why| ReportError::made("plots/*.svg", &why))?;
    Ok(with_head(&svg, title, caption, height))
}

fn paint_shares(title: &str, rows: &[(String, f64)], height: u32, svg: &mut String) -> Result<(), String> {
    let root = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    root.fill(&RGBColor(255, 255, 255)).map_err(text)?;
    let heading = style(TITLE, INK, HPos::Left, VPos::Center);
    root.draw(&Text::new(title.to_owned(), (LEFT as i32, (HEAD / 2) as i32), heading)).map_err(text)?;
    let room = f64::from(WIDTH as i32 - RIGHT as i32 - SHARES - NAMES);
    let longest = rows.iter().map(|(_, share)| *share).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    for (i, (name, share)) in rows.iter().enumerate() {
        let top = (HEAD + BAR * i as u32) as i32;
        let middle = top + BAR as i32 / 2;
        let letters = style(TEXT, INK, HPos::Right, VPos::Center);
        root.draw(&Text::new(name.clone(), (NAMES - 16, middle), letters)).map_err(text)?;
        let end = NAMES + (room * share / longest).round() as i32;
        root.draw(&Rectangle::new([(NAMES, top + 8), (end.max(NAMES + 2), top + BAR as i32 - 8)], MAIN.filled()))
            .map_err(text)?;
        let percent = share * 100.0;
        let label =
            if percent > 0.0 && percent < 0.1 { "< 0.1 %".to_owned() } else { format!("{} %", fixed(percent, 1)) };
        let letters = style(TEXT, GREY, HPos::Left, VPos::Center);
        root.draw(&Text::new(label, (end + 12, middle), letters)).map_err(text)?;
    }
    root.present().map_err(text)
}

/// What a histogram shows.
#[derive(Debug)]
pub(crate) struct Histogram<'a> {
    pub(crate) title: &'a str,
    pub(crate) caption: &'a str,
    /// What is along its horizontal axis, with the unit.
    pub(crate) label: &'a str,
    pub(crate) values: &'a [f64],
    /// Limits that are drawn where they lie near the values.
    pub(crate) limits: [Option<f64>; 2],
}

/// How many values fall into each of some classes of one width.
///
/// # Errors
/// As [`shares`].
pub(crate) fn histogram(of: &Histogram<'_>) -> Result<String, ReportError> {
    let mut svg = String::new();
    paint_histogram(of, &mut svg).map_err(|why| ReportError::made("plots/*.svg", &why))?;
    Ok(with_head(&svg, of.title, of.caption, HEIGHT))
}

fn paint_histogram(of: &Histogram<'_>, svg: &mut String) -> Result<(), String> {
    let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&RGBColor(255, 255, 255)).map_err(text)?;
    let shown = of.values.iter().copied().chain(of.limits.into_iter().flatten());
    let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let x = Scale::of_values(low, high, 10);
    let (from, width, counts) = classes(of.values);
    let most = f64::from(counts.iter().copied().max().unwrap_or(1));
    let y = Scale::of_counts(most);
    let mut chart = ChartBuilder::on(&root)
        .margin_top(HEAD + 20)
        .margin_right(RIGHT)
        .margin_left(LEFT)
        .margin_bottom(BOTTOM)
        .build_cartesian_2d(x.low..x.high, y.low..y.high)
        .map_err(text)?;
    let line = |from, to| PathElement::new(vec![from, to], GRID.stroke_width(2));
    chart.draw_series(y.ticks().into_iter().map(|t| line((x.low, t), (x.high, t)))).map_err(text)?;
    let bars = counts.iter().enumerate().map(|(i, n)| {
        let left = from + i as f64 * width;
        Rectangle::new([(left, 0.0), (left + width * 0.92, f64::from(*n))], MAIN.filled())
    });
    chart.draw_series(bars).map_err(text)?;
    let limits = of.limits.into_iter().flatten();
    let limits = limits.map(|at| PathElement::new(vec![(at, 0.0), (at, y.high)], OTHER.stroke_width(4)));
    chart.draw_series(limits).map_err(text)?;
    chart.draw_series([line((x.low, 0.0), (x.high, 0.0))]).map_err(text)?;
    let below = style(TEXT, INK, HPos::Center, VPos::Top);
    for tick in x.ticks() {
        let (px, py) = chart.backend_coord(&(tick, 0.0));
        root.draw(&Text::new(x.label(tick), (px, py + 12), below.clone())).map_err(text)?;
    }
    let beside = style(TEXT, INK, HPos::Right, VPos::Center);
    for tick in y.ticks() {
        let (px, py) = chart.backend_coord(&(x.low, tick));
        root.draw(&Text::new(y.label(tick), (px - 12, py), beside.clone())).map_err(text)?;
    }
    let heading = style(TITLE, INK, HPos::Left, VPos::Center);
    root.draw(&Text::new(of.title.to_owned(), (LEFT as i32, (HEAD / 2) as i32), heading)).map_err(text)?;
    let middle = (LEFT + WIDTH - RIGHT) / 2;
    let under = style(TEXT, INK, HPos::Center, VPos::Bottom);
    root.draw(&Text::new(of.label.to_owned(), (middle as i32, HEIGHT as i32 - 10), under)).map_err(text)?;
    let said: Vec<String> = of.limits.into_iter().flatten().map(plain).collect();
    if !said.is_empty() {
        let letters = style(TEXT, OTHER, HPos::Right, VPos::Center);
        let at = ((WIDTH - RIGHT) as i32, (HEAD / 2) as i32);
        root.draw(&Text::new(format!("limits: {}", said.join(" and ")), at, letters)).map_err(text)?;
    }
    root.present().map_err(text)
}

/// Where the first class begins, how wide each is, and how many values it holds.
fn classes(values: &[f64]) -> (f64, f64, Vec<u32>) {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    if high <= low {
        let width = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        return (low - width / 2.0, width, vec![values.len() as u32]);
    }
    // As many as the square root of their number, as is usual.
    let n = (values.len() as f64).sqrt().ceil().max(1.0);
    let width = (high - low) / n;
    let mut counts = vec![0; n as usize];
    let last = counts.len() - 1;
    for value in values {
        counts[(((value - low) / width) as usize).min(last)] += 1;
    }
    (low, width, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_class() {
        let values: Vec<f64> = (0..25).map(|i| f64::from(i % 7) - 3.0).collect();
        let (from, width, counts) = classes(&values);
        assert_eq!((from, counts.len()), (-3.0, 5));
        assert!((width - 1.2).abs() < 1e-12);
        assert_eq!(counts.iter().sum::<u32>(), 25);
        assert_eq!(classes(&[2.0, 2.0]).2, [2]);
        assert_eq!(classes(&[0.0]).2, [1]);
    }

    #[test]
    fn drawings_say_what_they_show() {
        let rows = [("evaporation <E>".to_owned(), 0.97), ("rest".to_owned(), 0.0001)];
        let svg = shares("Budget", "What contributes.", &rows).expect("drawn");
        assert!(svg.contains("97.0 %") && svg.contains("&lt; 0.1 %") && svg.contains("evaporation &lt;E&gt;"));
        let values = [1.0, 1.5, 2.0];
        let of = Histogram {
            title: "Errors",
            caption: "Of boluses.",
            label: "Error / %",
            values: &values,
            limits: [Some(-5.0), Some(5.0)],
        };
        let svg = histogram(&of).expect("drawn");
        assert!(svg.contains("limits: \u{2212}5 and 5") && svg.contains("Error / %"));
    }
}

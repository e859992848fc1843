//! Plots that people zoom into: the curves as data, the library that draws them, and the few lines that bring both together.
//!
//! The page's policy lets exactly these two scripts run, by their hashes. Data is JSON in a block that is never executed.

use data_encoding::BASE64;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::curves::Plots;
use crate::error::ReportError;
use crate::plot::{Curve, Frame, Panel, Stroke};

/// Points of a curve that is zoomed into, at most.
pub(crate) const POINTS_LIVE: usize = 8000;

/// ECharts, out of the crate that carries it.
const LIBRARY: &str = include_str!(concat!(env!("OUT_DIR"), "/echarts.min.js"));
const SCRIPT: &str = include_str!("live.js");

/// What a page needs for plots that move.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    data: String,
    library: &'static str,
    script: &'static str,
    hashes: String,
}

/// A plot as the script takes it.
#[derive(Serialize)]
struct Plot<'a> {
    file: String,
    title: &'a str,
    x: String,
    y: &'a str,
    from: f32,
    to: f32,
    /// Whether it shares the run's time with the others.
    shared: bool,
    small: bool,
    gaps: Vec<(f32, f32)>,
    steps: Vec<(f32, &'a str)>,
    alarms: Vec<(f32, &'a str)>,
    curves: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    stroke: &'static str,
    points: Vec<(f32, Option<f64>)>,
}

impl Live {
    /// No plots: a page without scripts.
    ///
    /// # Errors
    /// As [`Live::of`].
    pub(crate) fn none() -> Result<Self, ReportError> {
        Self::of(&Plots { frame: Frame::default(), panels: Vec::new() })
    }

    /// The plots of a run.
    ///
    /// # Errors
    /// Only if their data is no JSON, which would be a fault of this program.
    pub(crate) fn of(plots: &Plots) -> Result<Self, ReportError> {
        let data: Vec<Plot<'_>> = plots.panels.iter().map(|panel| plot(panel, &plots.frame)).collect();
        let data = serde_json::to_string(&data).map_err(|why| ReportError::made("report.html", &why))?;
        let hash = |script: &str| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(script.as_bytes())));
        Ok(Self {
            // Within a script's block nothing may look like its end.
            data: data.replace('<', "\\u003c"),
            library: LIBRARY,
            script: SCRIPT,
            hashes: format!("{} {}", hash(LIBRARY), hash(SCRIPT)),
        })
    }
}

fn plot<'a>(panel: &'a Panel, shared: &'a Frame) -> Plot<'a> {
    let frame = panel.frame.as_ref().unwrap_or(shared);
    let named = |(at, name): &'a (f64, String)| (*at as f32, name.as_str());
    Plot {
        file: format!("{}.svg", panel.file),
        title: &panel.title,
        x: format!("{} / {}", frame.label, frame.unit),
        y: &panel.value_label,
        from: frame.from as f32,
        to: frame.to as f32,
        shared: panel.frame.is_none(),
        small: panel.small,
        gaps: frame.gaps.iter().map(|(from, to)| (*from as f32, *to as f32)).collect(),
        steps: frame.steps.iter().map(named).collect(),
        alarms: frame.alarms.iter().map(named).collect(),
        curves: panel.curves.iter().map(line).collect(),
    }
}

/// A curve's parts one behind the other, a point without a value between.
fn line(curve: &Curve) -> Line<'_> {
    let mut points = Vec::new();
    for part in &curve.parts {
        if let (Some(_), Some((x, _))) = (points.last(), part.first()) {
            points.push((*x as f32, None));
        }
        points.extend(part.iter().filter(|(_, y)| y.is_finite()).map(|(x, y)| (*x as f32, Some(*y))));
    }
    let stroke = match curve.stroke {
        Stroke::Solid => "solid",
        Stroke::Dashed => "dashed",
        Stroke::Faint => "dotted",
    };
    Line { name: curve.name, stroke, points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_its_block() {
        let panel = Panel {
            file: "one".to_owned(),
            title: "</script><script>alert(1)".to_owned(),
            caption: String::new(),
            value_label: "V".to_owned(),
            curves: vec![Curve { name: "c", stroke: Stroke::Solid, parts: vec![vec![(0.0, 1.0)], vec![(2.0, 3.0)]] }],
            about_zero: false,
            small: false,
            frame: None,
        };
        let live = Live::of(&Plots { frame: Frame::default(), panels: vec![panel] }).expect("data");
        assert!(!live.data.contains('<') && live.data.contains("[2.0,null],[2.0,3.0]"), "{}", live.data);
        assert!(!LIBRARY.contains("</script") && !SCRIPT.contains("</script"));
        assert_eq!(live.hashes.matches("'sha256-").count(), 2);
    }
}

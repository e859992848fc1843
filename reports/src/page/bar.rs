//! A small drawing of a value with its uncertainty against its limits, for the table of checks.
//!
//! Its colours are classes of the page's style sheet, so that it is readable on light and on dark ground.

use std::fmt::Write as _;

use domain::CheckVerdict;

use crate::number::plain;
use crate::summary::CheckSummary;

const WIDTH: f64 = 170.0;
const HEIGHT: f64 = 30.0;
const MARGIN: f64 = 8.0;

/// The drawing, or `None` if there is no value or no limit to compare it with.
pub(crate) fn bar(check: &CheckSummary) -> Option<String> {
    let value = check.value?;
    if check.limit_low.is_none() && check.limit_high.is_none() {
        return None;
    }
    let u = check.expanded_uncertainty.unwrap_or(0.0);
    let scale = Scale::over([Some(value - u), Some(value + u), check.limit_low, check.limit_high]);
    let at = |v: f64| scale.at(v);
    let middle = HEIGHT / 2.0;
    let (allowed_from, allowed_to) = (check.limit_low.map_or(0.0, at), check.limit_high.map_or(WIDTH, at));
    let mut svg = format!(
        "<svg class=\"bar\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" \
         aria-label=\"{}\">",
        described(check, value, u)
    );
    // Writing into a string cannot fail.
    let _ = write!(
        svg,
        "<line class=\"bar-axis\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{middle}\" y2=\"{middle}\"/>\
         <rect class=\"bar-allowed\" x=\"{allowed_from:.1}\" y=\"5\" width=\"{:.1}\" height=\"{}\"/>",
        (allowed_to - allowed_from).max(0.0),
        HEIGHT - 10.0
    );
    for limit in [check.limit_low, check.limit_high].into_iter().flatten() {
        let _ =
            write!(svg, "<line class=\"bar-limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"3\" y2=\"27\"/>", x = at(limit));
    }
    if u > 0.0 {
        let (from, to) = (at(value - u), at(value + u));
        let _ = write!(svg, "<path class=\"bar-u\" d=\"M{from:.1} 10V20M{from:.1} {middle}H{to:.1}M{to:.1} 10V20\"/>");
    }
    let class = match check.verdict {
        CheckVerdict::Pass => "pass",
        CheckVerdict::Fail => "fail",
        CheckVerdict::Inconclusive | CheckVerdict::NotRun => "inconclusive",
    };
    let _ =
        write!(svg, "<circle class=\"bar-value {class}\" cx=\"{:.1}\" cy=\"{middle}\" r=\"4.5\"/></svg>", at(value));
    Some(svg)
}

/// A scale that shows some values with a margin around them.
struct Scale {
    low: f64,
    span: f64,
}

impl Scale {
    fn over(values: [Option<f64>; 4]) -> Self {
        let known = || values.into_iter().flatten().filter(|v| v.is_finite());
        let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
        let span = high - low;
        if span.is_finite() && span > 0.0 {
            Self { low: low - 0.08 * span, span: 1.16 * span }
        } else {
            Self { low: low - 0.5, span: 1.0 }
        }
    }

    fn at(&self, value: f64) -> f64 {
        MARGIN + ((value - self.low) / self.span).clamp(0.0, 1.0) * (WIDTH - 2.0 * MARGIN)
    }
}

/// The drawing in words; numbers only, so nothing in it needs escaping.
fn described(check: &CheckSummary, value: f64, u: f64) -> String {
    let limit = |limit: Option<f64>| limit.map_or_else(|| "none".to_owned(), plain);
    format!(
        "value {} plus or minus {}, lower limit {}, upper limit {}",
        plain(value),
        plain(u),
        limit(check.limit_low),
        limit(check.limit_high)
    )
}

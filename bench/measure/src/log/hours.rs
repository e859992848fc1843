//! The mean error over the second hour of a period, A, and over its last hour, B.
//!
//! Where a log shows pulses an hour is lengthened to whole pulse cycles, as a run's report does, and it begins midway between
//! two pulses: an edge that a pulse falls on would count that pulse or not, and the error would be that of the edge.

use core::time::Duration;

use domain::check::whole_cycles_s;

use crate::cumulative::Cumulative;
use crate::pulses::Pulses;

const HOUR_S: f64 = 3600.0;
/// A time between two pulses that is longer than so many cycles holds one that was missed: its middle is no place without flow.
const BETWEEN_MAX: f64 = 1.5;

/// The error over an hour of the period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hour {
    /// When it begins, in s of the log's time.
    pub from_s: f64,
    /// When it ends.
    pub to_s: f64,
    /// Delivered in excess of commanded volume, in % of that.
    pub error_percent: f64,
    /// How many pulse cycles it holds; `None` where the log shows no pulses.
    pub cycles: Option<u32>,
}

/// A and B of a period, each with why it is not stated if it is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// A, over the second hour.
    pub second: Result<Hour, String>,
    /// B, over the last hour.
    pub last: Result<Hour, String>,
}

/// A and B of a period from one moment to another, in s of the log's time.
pub(super) fn hours(
    delivered_ul: &Cumulative,
    commanded_ul: &Cumulative,
    (from_s, to_s): (f64, f64),
    pulses: Option<&Pulses>,
) -> Hours {
    let neither = |why: String| Hours { second: Err(why.clone()), last: Err(why) };
    // A period that is two hours but for rounding is two hours.
    if to_s - from_s < 2.0 * HOUR_S * (1.0 - 1e-9) {
        return neither(format!("expected a period of at least 2 h, but found {}", span(to_s - from_s)));
    }
    let over = |from_s: f64, hour_s: f64, cycles: Option<u32>| {
        let to_s = (from_s + hour_s).min(to_s);
        let rise = |curve: &Cumulative| Some(curve.at(to_s)? - curve.at(from_s)?);
        let (Some(delivered), Some(due)) = (rise(delivered_ul), rise(commanded_ul)) else {
            return Err("the readings do not cover it".to_owned());
        };
        if due <= 0.0 {
            return Err("nothing was commanded in it".to_owned());
        }
        Ok(Hour { from_s, to_s, error_percent: 100.0 * (delivered / due - 1.0), cycles })
    };
    let Some(pulses) = pulses else {
        return Hours { second: over(from_s + HOUR_S, HOUR_S, None), last: over(to_s - HOUR_S, HOUR_S, None) };
    };
    if !is_even(commanded_ul, (from_s, to_s), pulses) {
        return neither("the commanded rate changes in the period, so that its pulses have no one cycle".to_owned());
    }
    let hour_s = whole_cycles_s(HOUR_S, pulses.period_s);
    let cycles = Some((hour_s / pulses.period_s).round() as u32);
    let latest_s = to_s - hour_s;
    let starts = || between(pulses).filter(|start| (from_s..=latest_s).contains(start));
    let Some(last_s) = starts().last() else {
        return neither(format!(
            "expected a period that holds whole pulse cycles, {}, from the middle between two pulses on, but found none",
            span(hour_s)
        ));
    };
    // A period of just two hours has no room for a longer one: there the second begins some pulses sooner.
    let second_s = starts().find(|start| *start >= from_s + HOUR_S).unwrap_or(last_s);
    Hours { second: over(second_s, hour_s, cycles), last: over(last_s, hour_s, cycles) }
}

fn span(seconds: f64) -> String {
    domain::time::span(Duration::from_secs_f64(seconds))
}

/// The moments midway between two pulses, in s.
fn between(pulses: &Pulses) -> impl Iterator<Item = f64> + '_ {
    let pairs = pulses.pulses.windows(2).map(|pair| (pair[0].t_s, pair[1].t_s));
    let next = pairs.filter(|(before, after)| after - before <= BETWEEN_MAX * pulses.period_s);
    next.map(|(before, after)| f64::midpoint(before, after))
}

/// Whether the commanded volume rises evenly, but for less than one pulse.
fn is_even(commanded_ul: &Cumulative, (from_s, to_s): (f64, f64), pulses: &Pulses) -> bool {
    let (Some(from), Some(to)) = (commanded_ul.at(from_s), commanded_ul.at(to_s)) else { return false };
    let pulse_ul = pulses.pulses.iter().map(|pulse| pulse.volume).sum::<f64>() / pulses.pulses.len() as f64;
    let points = commanded_ul.within(from_s, to_s);
    let (times_s, values) = (&commanded_ul.times_s()[points.clone()], &commanded_ul.values()[points]);
    let even = |t_s: f64| from + (to - from) * (t_s - from_s) / (to_s - from_s);
    times_s.iter().zip(values).all(|(t_s, value)| (value - even(*t_s)).abs() <= pulse_ul)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The noise of a reading, in µL, by its time: steps without any could be digits of a balance that shows few.
    fn noise(t_s: f64) -> f64 {
        0.004 * (t_s * 12.9898).sin()
    }

    /// A curve with a point each so many s for so long.
    fn curve(every_s: f64, lasts_s: f64, volume: impl Fn(f64) -> f64) -> Cumulative {
        let count = (lasts_s / every_s).round() as u32;
        let at = |i: u32| every_s * f64::from(i);
        Cumulative::new((0..=count).map(|i| (at(i), volume(at(i)))).collect()).expect("a curve")
    }

    fn of(delivered: &Cumulative, commanded: &Cumulative) -> Hours {
        let (from_s, to_s) = delivered.span_s();
        let pulses = crate::pulses::find(delivered, 0..delivered.values().len());
        hours(delivered, commanded, (from_s, to_s), pulses.as_ref())
    }

    #[track_caller]
    fn check(found: &Result<Hour, String>, (from_s, to_s): (f64, f64), error: f64, within: f64, cycles: Option<u32>) {
        let found = found.as_ref().expect("it is stated");
        assert!((found.error_percent - error).abs() <= within, "{found:?}");
        assert!((found.from_s - from_s).abs() <= 1.0 && (found.to_s - to_s).abs() <= 1.0, "{found:?}");
        assert_eq!(found.cycles, cycles);
    }

    #[test]
    fn each_hour_has_its_own_error() {
        // 60 µL/h commanded. The first hour brings 30 µL, the second 63, the third 57: A is +5 %, B is -5 %.
        let volume = |t: f64| match t / HOUR_S {
            h if h <= 1.0 => 30.0 * h,
            h if h <= 2.0 => 30.0 + 63.0 * (h - 1.0),
            h => 93.0 + 57.0 * (h - 2.0),
        };
        let commanded = curve(10_800.0, 10_800.0, |t| t / 60.0);
        let found = of(&curve(60.0, 10_800.0, volume), &commanded);
        check(&found.second, (3600.0, 7200.0), 5.0, 1e-9, None);
        check(&found.last, (7200.0, 10_800.0), -5.0, 1e-9, None);
        // Of two hours the second is the last.
        let found = of(&curve(60.0, 7200.0, volume), &commanded);
        check(&found.second, (3600.0, 7200.0), 5.0, 1e-9, None);
        assert_eq!(found.second, found.last);
        let found = of(&curve(60.0, 7140.0, volume), &commanded);
        assert_eq!(found.second, Err("expected a period of at least 2 h, but found 119 min".to_owned()));
        assert_eq!(found.second, found.last);
    }

    /// 2 µL each 345.6 s is 0.5 mL a day. An hour has 10.417 cycles, so it is 11 of them, 3801.6 s: 22 µL, whatever falls on an
    /// edge. Pulses come at 345.6 s, 691.2 s and so on; the first middle behind 3600 s is that between pulses 10 and 11, 10.5
    /// cycles or 3628.8 s. A day ends on pulse 250; the last middle from which 11 cycles fit is 238.5 cycles or 82 425.6 s.
    #[test]
    fn a_pulsed_pump_that_is_right_has_no_error_over_whole_cycles() {
        let pulse = |t: f64| 2.0 * (t / 345.6 + 1e-9).floor() + noise(t);
        let commanded = curve(86_400.0, 86_400.0, |t| t / 172.8);
        for every_s in [10.0, 30.0, 60.0] {
            let found = of(&curve(every_s, 86_400.0, pulse), &commanded);
            let (second, last) = (found.second.expect("stated"), found.last.expect("stated"));
            for (hour, from_s) in [(second, 3628.8), (last, 82_425.6)] {
                assert_eq!(hour.cycles, Some(11));
                assert!((hour.from_s - from_s).abs() <= every_s, "{every_s}: {hour:?}");
                // The cycle is known to a reading's spacing over 249 of them, 60 s of 86 054 s or 0.07 %; the noise of both ends
                // is 0.008 µL of 22 at most, or 0.04 %.
                assert!(hour.error_percent.abs() < 0.11, "{every_s}: {hour:?}");
            }
        }
    }

    #[test]
    fn two_hours_of_pulses_have_both_and_a_rate_that_changes_has_neither() {
        // A pulse of 2 µL each 120 s: 30 cycles are an hour, or 31 where the cycle is found a little short.
        let pulse = |t: f64| 2.0 * (t / 120.0 + 0.5).floor() + noise(t);
        let commanded = curve(7200.0, 7200.0, |t| t / 60.0);
        let found = of(&curve(10.0, 7200.0, pulse), &commanded);
        let second = found.second.expect("stated");
        assert!((second.from_s - 3600.0).abs() <= 240.0 && second.error_percent.abs() < 0.3, "{second:?}");
        assert!(matches!(second.cycles, Some(30 | 31)), "{second:?}");
        let halved = curve(60.0, 14_400.0, |t| if t < 7200.0 { t / 60.0 } else { 120.0 + (t - 7200.0) / 120.0 });
        let pulse =
            |t: f64| 2.0 * (if t < 7200.0 { t / 120.0 } else { 60.0 + (t - 7200.0) / 240.0 } + 0.5).floor() + noise(t);
        let found = of(&curve(10.0, 14_400.0, pulse), &halved);
        assert!(found.second.is_err_and(|why| why.contains("the commanded rate changes")));
        let paused = curve(3600.0, 14_400.0, |t| t.min(3600.0) / 60.0);
        let found = of(&curve(60.0, 14_400.0, |t| t.min(3600.0) / 60.0), &paused);
        assert_eq!(found.last, Err("nothing was commanded in it".to_owned()));
    }
}

//! Worked by hand: 100 µL/h for four hours, 2 % too much, but for ten minutes in which it is 8 %.

use domain::CheckVerdict;
use domain::check::Figure;
use domain::pump::PumpRequest;

use super::*;
use crate::ledger::Ledger;
use crate::settle::Settled;
use crate::testing::{Run, WEIGHED_S, check, profile, settled, term_u, ul_per_g};

/// The hold's beginning, in s of run time, and its end.
const BEGINS_S: u32 = WEIGHED_S;
const ENDS_S: u32 = BEGINS_S + 14_400;
/// When the flow is 8 % too great, in s.
const BURST_S: (f64, f64) = (5400.0, 6000.0);
const NL_PER_H: u32 = 100_000;

/// What was delivered at a moment, in µL.
fn delivered_ul(t_s: f64) -> f64 {
    let flows = (t_s - f64::from(BEGINS_S)).clamp(0.0, f64::from(ENDS_S - BEGINS_S));
    let bursts = (t_s.min(BURST_S.1) - BURST_S.0).max(0.0);
    (102.0 * flows + 6.0 * bursts) / 3600.0
}

/// The run with pulses of so many µL; the readings scatter by so much, and the mass steps by so many µL at 9000 s.
fn run(pulse_ul: f64, scatter_g: f64, step_ul: f64) -> Ledger {
    let mut run = Run::on(profile(pulse_ul), scatter_g);
    let ul = |t_s: f64| delivered_ul(t_s) + if t_s > 9000.0 { step_ul } else { 0.0 };
    run.mark(BEGINS_S, "steady.begin");
    run.command(BEGINS_S, PumpRequest::Start { dose: 1, rate_nl_per_h: NL_PER_H });
    run.weigh_until(ENDS_S, ul);
    run.mark(ENDS_S, "steady.end");
    run.command(ENDS_S, PumpRequest::Stop);
    run.close(ul(f64::from(ENDS_S)))
}

fn over(minutes: u64, whole_cycles: bool) -> Figure {
    Figure::FlowError { window: Window::of("steady"), over: Duration::from_secs(60 * minutes), whole_cycles }
}

fn of(ledger: &Ledger, figure: &Figure, limits: (f64, f64)) -> Settled {
    settled(ledger, figure, Some(limits.0), Some(limits.1))
}

/// A sample is 30 s, so windows begin from 630 s on, each 15 min: at 630, 1530, … the sixth at 5130 s holds all ten minutes.
/// It is (10 · 8 % + 5 · 2 %)/15 = 6 %, every other one 2 %: (14 970 - 630)/900 - 1 = 14.9, so there are 15.
#[test]
fn the_extreme_that_is_nearer_to_its_limit_is_judged() {
    let ledger = run(0.05, 0.0, 0.0);
    let found = of(&ledger, &over(15, false), (-7.0, 7.0));
    check(&found, 6.0, 1e-6, CheckVerdict::Pass, "");
    assert!(found.notes[0].starts_with("over 15 of 15 windows of 15 min Ep(max) is 6 % and Ep(min) 2 %;"), "{found:?}");
    // 6 is 4 below 10, and 2 is 3 above -1; below -1 by 3 more than it may be is 3 from it.
    check(&of(&ledger, &over(15, false), (-1.0, 10.0)), 2.0, 1e-6, CheckVerdict::Pass, "");
    check(&of(&ledger, &over(15, false), (-5.0, 5.0)), 6.0, 1e-6, CheckVerdict::Fail, "outside by more than");
    // Two hours hold 10 of 120 minutes at 8 %: (10 · 8 + 110 · 2)/120 = 2.5 %, in windows that begin until 5430 s; those that
    // begin behind 6000 s have none.
    let found = of(&ledger, &over(120, false), (-7.0, 7.0));
    check(&found, 2.5, 1e-6, CheckVerdict::Pass, "");
    assert!(found.notes[0].contains("Ep(min) 2 %"), "{found:?}");
}

/// Pulses of 2 µL come each 72 s at 100 µL/h, and 15 min are 12.5 of them. 13 are 936 s: 5130 to 6066 s holds the ten minutes
/// and 336 s at 2 %: (600 · 8 + 336 · 2)/936 = 5.846 154 %.
#[test]
fn a_window_is_lengthened_to_whole_pulses() {
    let found = of(&run(2.0, 0.0, 0.0), &over(15, true), (-50.0, 50.0));
    check(&found, 5.846_154, 1e-6, CheckVerdict::Pass, "");
    assert!(found.notes[0].contains("windows of 15.6 min"), "{found:?}");
}

/// Readings of ±10 µg have a deviation of 10 µg about their line, but for two degrees of freedom of 597 readings in the opening
/// weighing. A sample has 30, so a difference of two is off by √2 · 10/√30 = 2.582 µg, of 25 µL commanded in 15 min.
/// The worst of 15 windows is off by up to √(2 ln 15) = 2.327 of that, rectangular: /√3.
/// A pulse of 0.05 µL comes each 1.8 s, so a sample holds several: triangular, 0.05/√6 µL of 25 µL.
#[test]
fn scatter_of_the_rig_and_pulses_at_the_ends_are_uncertainty() {
    let found = of(&run(0.05, 1e-5, 0.0), &over(15, false), (-7.0, 7.0));
    let percent_per_ul = 100.0 / 25.0;
    let noise = 2.582e-6 * ul_per_g() * percent_per_ul;
    let near = |name: &str, u: f64| {
        let found = term_u(&found, name).expect("a term");
        assert!((found - u).abs() < 2e-3 * u, "{name}: expected {u}, but found {found}");
    };
    near("worst of many windows", noise * 2.327 / 3.0_f64.sqrt());
    near("pulse within a sample", 0.05 / 6.0_f64.sqrt() * percent_per_ul);
    // 2.576 deviations of the noise, 0.01036 %, are 0.0267 %.
    assert!(found.notes[0].contains("± 0.027 % at no flow"), "{found:?}");
}

/// Readings of ±1 mg: 2.576 · √2 · 1/√30 = 0.6651 mg are 0.667 µL, 2.67 % of 25 µL: more than a third of 7 %, less than one of
/// 9 %.
#[test]
fn a_rig_that_scatters_decides_nothing() {
    let ledger = run(0.05, 1e-3, 0.0);
    check(
        &of(&ledger, &over(15, false), (-7.0, 7.0)),
        6.0,
        1e-3,
        CheckVerdict::Inconclusive,
        "the rig itself shows ± 2.7 % at no flow",
    );
    let wider = of(&ledger, &over(15, false), (-9.0, 9.0));
    assert!(!wider.reason.unwrap_or_default().contains("at no flow"));
}

/// A step of 10 µL at 9000 s lies in the window from 8730 to 9630 s: 2 % + 10/25 = 42 %. Without windows that it touches, or that
/// begin or end within two samples of it, the worst is the 6 % of the burst.
#[test]
fn what_hangs_on_a_step_of_the_mass_is_not_decided() {
    let ledger = run(0.05, 1e-6, 10.0);
    let found = of(&ledger, &over(15, false), (-7.0, 7.0));
    check(&found, 42.0, 1e-3, CheckVerdict::Inconclusive, "the decision hangs on them");
    assert!(found.notes.iter().any(|note| note == "flags touch 1 of the windows"), "{found:?}");
    assert!(between(&ledger, 8730.0, 9630.0).is_none(), "a flow's error between two moments is not told over a step");
    let (error, _) = between(&ledger, 5130.0, 6030.0).expect("nothing happened in it");
    assert!((error - 6.0).abs() < 1e-3, "{error}");
}

#[test]
fn a_rate_that_changes_and_a_window_that_does_not_fit_have_no_error() {
    let ledger = run(0.05, 0.0, 0.0);
    let undecided = |figure: &Figure, says: &str| {
        let found = of(&ledger, figure, (-7.0, 7.0));
        assert_eq!((found.verdict, found.value), (CheckVerdict::Inconclusive, None));
        assert!(found.reason.as_deref().unwrap_or_default().contains(says), "{found:?}");
    };
    // The hold is 14 400 s less a sample at either end: 14 340 s.
    undecided(&over(240, false), "expected a time longer than a window of 14400 s");
    check(&of(&ledger, &over(239, false), (-7.0, 7.0)), 2.0 + 6.0 * 600.0 / 14_340.0, 1e-6, CheckVerdict::Pass, "");
    let mut changed = Run::on(profile(0.05), 0.0);
    changed.mark(BEGINS_S, "steady.begin");
    changed.command(BEGINS_S, PumpRequest::Start { dose: 1, rate_nl_per_h: NL_PER_H });
    changed.weigh_until(BEGINS_S + 3600, |_| 0.0);
    changed.command(BEGINS_S + 3600, PumpRequest::Start { dose: 2, rate_nl_per_h: NL_PER_H / 2 });
    changed.weigh_until(ENDS_S, |_| 0.0);
    changed.mark(ENDS_S, "steady.end");
    let found = of(&changed.close(0.0), &over(15, false), (-7.0, 7.0));
    assert!(found.reason.unwrap_or_default().contains("expected one continuous rate throughout"));
}

#[test]
fn windows_are_counted_to_the_last_that_fits() {
    let period = |to_s: f64| Period { from_s: 0.0, to_s, over_s: 900.0, step_s: 300.0, ul_per_h: 1.0 };
    // From 0, 300, 600 s: the third ends at 1500 s, but for rounding.
    for (to_s, windows) in [(899.0, 0), (900.0, 1), (1199.0, 1), (1200.0, 2), (1500.0 - 1e-7, 3), (1500.0, 3)] {
        assert_eq!(period(to_s).windows(), windows, "{to_s}");
    }
}

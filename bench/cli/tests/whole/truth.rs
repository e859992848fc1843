//! Library scenarios against the simulators' sealed truth: verdicts are right, and uncertainties are honest.

use crate::common::{Bench, delivered, events, truth};
use domain::check::Window;
use measure::Ledger;

/// The true error of a window in per cent, and the measured one with its expanded uncertainty.
struct Compared {
    truth: f64,
    value: f64,
    expanded: f64,
}

fn compare(bench: &Bench, rig: &str, scenario: &str, seed: u64, check: &str, window: &Window) -> Compared {
    let done = bench.run(scenario, &["--rig", rig, "--seed", &seed.to_string()]);
    let mut ledger = Ledger::new();
    let (events, torn) = events(&done.folder());
    assert_eq!(torn, None);
    events.iter().for_each(|e| ledger.apply(e));
    let weighing = |mark: &str| ledger.weighing(mark).expect("marked").expect("weighed").t_s;
    let (from, to) = (weighing(&window.from), weighing(&window.to));
    let at = |s: f64| domain::RunTime::from_ns((s * 1e9) as u64);
    let commanded = ledger.commanded_ul(at(from), at(to));
    let truth = truth(&done.folder());
    let really = delivered(&truth, to) - delivered(&truth, from);
    let record = done.check(check);
    Compared {
        truth: (really / commanded - 1.0) * 100.0,
        value: record["value"].as_f64().expect("a value"),
        expanded: record["expanded_uncertainty"].as_f64().expect("an uncertainty"),
    }
}

fn covered(all: &[Compared]) -> usize {
    all.iter().filter(|c| (c.value - c.truth).abs() <= c.expanded).count()
}

#[test]
fn the_expanded_uncertainty_of_a_bolus_covers_the_truth() {
    let bench = Bench::new();
    let window = Window::of("bolus[1]");
    let all: Vec<Compared> = (1..=60)
        .map(|seed| compare(&bench, "virtual", "smoke/short-bolus", seed, "each bolus of bolus", &window))
        .collect();
    let covered = covered(&all);
    // 95 % is claimed; of 60 seeds fewer than 53 would be seen once in a thousand times.
    assert!(covered >= 53, "only {covered} of 60 seeds are covered");
    // An uncertainty that covers everything by being huge is no better.
    assert!(all.iter().all(|c| c.expanded < 3.0), "the uncertainty of a 10 uL bolus is below 3 %");
}

#[test]
fn the_expanded_uncertainty_of_a_basal_day_covers_the_truth() {
    let bench = Bench::new();
    let window = Window::of("day 2");
    let all: Vec<Compared> = (1..=4)
        .map(|seed| compare(&bench, "virtual-reference", "endurance/basal-72h", seed, "volume during day 2", &window))
        .collect();
    let shown: Vec<String> =
        all.iter().map(|c| format!("truth {:.3} %, found {:.3} % ± {:.3} %", c.truth, c.value, c.expanded)).collect();
    assert!(covered(&all) >= 3, "of four seeds at least three are covered: {shown:?}");
    assert!(all.iter().all(|c| c.expanded < 1.0));
}

#[test]
fn what_leaks_fails_and_what_does_not_passes_by_the_truth_of_the_matter() {
    let bench = Bench::new();
    for (scenario, check) in [
        ("smoke/short-bolus", "each bolus of bolus"),
        ("bolus/train-of-25", "each bolus of train"),
        ("endurance/basal-72h", "volume during day 2"),
    ] {
        for (rig, code, verdict, low, high) in
            [("virtual", 0, "pass", 0.98, 1.06), ("virtual-leaky", 1, "fail", 1.16, 1.26)]
        {
            let done = bench.run(scenario, &["--rig", rig]);
            assert_eq!((done.code, done.summary["verdict"].as_str()), (code, Some(verdict)), "{scenario} on {rig}");
            assert_eq!(done.check(check)["verdict"], verdict);
            let mut ledger = Ledger::new();
            events(&done.folder()).0.iter().for_each(|e| ledger.apply(e));
            let commanded = ledger.commanded_ul(domain::RunTime::ZERO, domain::RunTime::from_ns(u64::MAX / 2));
            let really = truth(&done.folder()).last().expect("delivered something").1;
            assert!((low..high).contains(&(really / commanded)), "{scenario} on {rig}: {really} of {commanded} uL");
        }
    }
}

//! `throughout`: limits on channels, held against every reading.
//!
//! A guard is the device's (its check fails) or the rig's (a bench error); either way the station is made safe.

use domain::check::CheckRecord;
use domain::fault::Fault;
use domain::quantity::significant;
use domain::{CheckVerdict, Reading, Status};
use scenario::{Guard, GuardElse};

use crate::ending::Ending;

/// The guards of a plan with the extremes that they have seen.
#[derive(Debug, Clone)]
pub(crate) struct Guards {
    guards: Vec<(Guard, Option<(f64, f64)>)>,
}

impl Guards {
    pub(crate) fn new(guards: &[Guard]) -> Self {
        Self { guards: guards.iter().map(|g| (g.clone(), None)).collect() }
    }

    /// Holds a reading against the guards of its channel: how the run ends, and the check that failed, if one did.
    pub(crate) fn reading(&mut self, reading: &Reading) -> Option<(Ending, Option<CheckRecord>)> {
        if reading.status == Status::Overload {
            return None;
        }
        let value = reading.value;
        for (guard, seen) in self.guards.iter_mut().filter(|(g, _)| g.channel == reading.channel.as_str()) {
            let (low, high) = seen.unwrap_or((value, value));
            *seen = Some((low.min(value), high.max(value)));
            let inside = guard.limits.low.is_none_or(|l| value >= l) && guard.limits.high.is_none_or(|h| value <= h);
            if !inside {
                return Some(exceeded(guard, value));
            }
        }
        None
    }

    /// The guards that are checks, passed since nothing failed them.
    pub(crate) fn passed(&self) -> Vec<CheckRecord> {
        let checks = self.guards.iter().filter(|(g, _)| g.otherwise == GuardElse::Fail);
        checks
            .map(|(guard, seen)| {
                // A channel that never spoke has not shown that it kept its limits.
                let (verdict, reason) = match seen {
                    Some(_) => (CheckVerdict::Pass, None),
                    None => (CheckVerdict::Inconclusive, Some(format!("{} gave no reading", guard.channel))),
                };
                let nearest = |(low, high): (f64, f64)| if guard.limits.high.is_some() { high } else { low };
                record(guard, seen.map(nearest), verdict, reason)
            })
            .collect()
    }
}

fn exceeded(guard: &Guard, value: f64) -> (Ending, Option<CheckRecord>) {
    let unit = &guard.unit;
    let expected = match (guard.limits.low, guard.limits.high) {
        (Some(l), Some(h)) => format!("{} to {} {unit}", significant(l), significant(h)),
        (Some(l), None) => format!("at least {} {unit}", significant(l)),
        (None, h) => format!("at most {} {unit}", significant(h.unwrap_or(f64::NAN))),
    };
    let found = format!("{} {unit}", significant(value));
    match guard.otherwise {
        GuardElse::StopSafely => {
            let because = guard.head.because.clone();
            (Ending::Broken(Fault::Limit { channel: guard.channel.clone(), expected, found, because }), None)
        }
        GuardElse::Fail => {
            let reason = format!("{}: expected {expected}, but found {found}", guard.channel);
            let check = record(guard, Some(value), CheckVerdict::Fail, Some(reason.clone()));
            (Ending::Failed(reason), Some(check))
        }
    }
}

fn record(guard: &Guard, value: Option<f64>, verdict: CheckVerdict, reason: Option<String>) -> CheckRecord {
    CheckRecord {
        head: guard.head.clone(),
        verdict,
        value,
        unit: guard.unit.clone(),
        expanded_uncertainty: None,
        coverage_factor: None,
        limits: guard.limits,
        reason,
        figure: None,
        notes: Vec::new(),
    }
}

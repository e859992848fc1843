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
    /// Instruments that were away or beyond their range for a while, whatever they would have shown.
    lost: Vec<String>,
}

impl Guards {
    pub(crate) fn new(guards: &[Guard]) -> Self {
        Self { guards: guards.iter().map(|g| (g.clone(), None)).collect(), lost: Vec::new() }
    }

    /// Holds a reading against the guards of its channel: how the run ends, and the check that failed, if one did.
    pub(crate) fn reading(&mut self, reading: &Reading) -> Option<(Ending, Option<CheckRecord>)> {
        let value = reading.value;
        let overload = reading.status == Status::Overload;
        for (guard, seen) in self.guards.iter_mut().filter(|(g, _)| g.channel == reading.channel.as_str()) {
            // Beyond its range an instrument has no value, and nothing that it could show would be within limits.
            if overload {
                if guard.otherwise == GuardElse::StopSafely {
                    return Some(exceeded(guard, "an overload".to_owned(), None));
                }
                // It is the instrument that is at its end, not the device.
                let instrument = reading.channel.instrument();
                if !self.lost.iter().any(|l| l == instrument) {
                    self.lost.push(instrument.to_owned());
                }
                continue;
            }
            let (low, high) = seen.unwrap_or((value, value));
            *seen = Some((low.min(value), high.max(value)));
            let inside = guard.limits.low.is_none_or(|l| value >= l) && guard.limits.high.is_none_or(|h| value <= h);
            if !inside {
                return Some(exceeded(guard, format!("{} {}", significant(value), guard.unit), Some(value)));
            }
        }
        None
    }

    /// An instrument is away: what its guards would have seen is not known.
    pub(crate) fn lost(&mut self, instrument: &str) {
        if !self.lost.iter().any(|l| l == instrument) {
            self.lost.push(instrument.to_owned());
        }
    }

    /// The run was interrupted: what any guard would have seen meanwhile is not known.
    pub(crate) fn interrupted(&mut self) {
        let instruments = self.guards.iter().map(|(guard, _)| guard.channel.split('.').next().unwrap_or_default());
        for instrument in instruments.map(str::to_owned).collect::<Vec<_>>() {
            self.lost(&instrument);
        }
    }

    /// The guards that are checks, passed since nothing failed them.
    pub(crate) fn passed(&self) -> Vec<CheckRecord> {
        let checks = self.guards.iter().filter(|(g, _)| g.otherwise == GuardElse::Fail);
        checks
            .map(|(guard, seen)| {
                // A channel that never spoke has not shown that it kept its limits.
                let instrument = guard.channel.split('.').next().unwrap_or_default();
                let (verdict, reason) = match seen {
                    Some(_) if self.lost.iter().any(|l| l == instrument) => (
                        CheckVerdict::Inconclusive,
                        Some(format!("{instrument} was away or beyond its range for a while")),
                    ),
                    Some(_) => (CheckVerdict::Pass, None),
                    None => (CheckVerdict::Inconclusive, Some(format!("{} gave no reading", guard.channel))),
                };
                let nearest = |(low, high): (f64, f64)| if guard.limits.high.is_some() { high } else { low };
                record(guard, seen.map(nearest), verdict, reason)
            })
            .collect()
    }
}

fn exceeded(guard: &Guard, found: String, value: Option<f64>) -> (Ending, Option<CheckRecord>) {
    let unit = &guard.unit;
    let expected = guard.limits.shown(unit);
    match guard.otherwise {
        GuardElse::StopSafely => {
            let because = guard.head.because.clone();
            (Ending::Broken(Fault::Limit { channel: guard.channel.clone(), expected, found, because }), None)
        }
        GuardElse::Fail => {
            let reason = format!("{}: expected {expected}, but found {found}", guard.channel);
            let check = record(guard, value, CheckVerdict::Fail, Some(reason.clone()));
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

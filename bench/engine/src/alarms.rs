//! The implicit check that no alarm comes but those a step expects, and that the pump is not reset.
//!
//! Alarms come from the pump's log by index, so one that comes and goes between two polls is not missed.

use domain::CheckVerdict;
use domain::check::{CheckHead, CheckRecord, Limits};
use domain::pump::{PumpLogEntry, PumpLogged};
use scenario::NO_UNEXPECTED_ALARM;

/// What the log has told that no step expected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarms {
    unexpected: u32,
    gap: Option<(u32, u32)>,
    failed: bool,
}

impl Alarms {
    /// A log entry that no step has claimed. The check that fails by it, if it is an alarm or a reset.
    pub(crate) fn unclaimed(&mut self, entry: &PumpLogEntry) -> Option<CheckRecord> {
        let what = match &entry.what {
            PumpLogged::AlarmRaised { alarm } => format!("the alarm '{alarm}'"),
            PumpLogged::Booted { cause } => format!("a reset ({cause})"),
            PumpLogged::AlarmCleared { .. } | PumpLogged::Therapy { .. } => return None,
        };
        self.unexpected += 1;
        // The check is decided once, by the first of them.
        if core::mem::replace(&mut self.failed, true) {
            return None;
        }
        let at_s = entry.pump_us as f64 * 1e-6;
        let reason = format!(
            "expected no alarm and no reset, but found {what} at {at_s:.3} s of the pump's clock (log entry {})",
            entry.index
        );
        Some(record(CheckVerdict::Fail, f64::from(self.unexpected), Some(reason)))
    }

    /// Entries were overwritten before they were read.
    pub(crate) fn gap(&mut self, from: u32, to: u32) {
        self.gap.get_or_insert((from, to));
    }

    /// The check at the end of a run in which nothing failed it. A log that was not read to its end shows nothing.
    pub(crate) fn settled(&self, log_read: bool) -> Option<CheckRecord> {
        if self.failed {
            return None;
        }
        Some(match self.gap {
            None if log_read => record(CheckVerdict::Pass, 0.0, None),
            None => {
                let reason = "the pump's log could not be read to its end".to_owned();
                record(CheckVerdict::Inconclusive, 0.0, Some(reason))
            }
            Some((from, to)) => {
                let reason = format!(
                    "entries {from} to {} of the pump's log were overwritten before they were read",
                    to.saturating_sub(1)
                );
                record(CheckVerdict::Inconclusive, 0.0, Some(reason))
            }
        })
    }
}

fn record(verdict: CheckVerdict, value: f64, reason: Option<String>) -> CheckRecord {
    let because = "an alarm or a reset that nothing called for is a fault of the device".to_owned();
    let name = NO_UNEXPECTED_ALARM.to_owned();
    CheckRecord {
        head: CheckHead { name, step: "throughout".to_owned(), because, requirements: Vec::new() },
        verdict,
        value: Some(value),
        unit: "1".to_owned(),
        expanded_uncertainty: Some(0.0),
        coverage_factor: None,
        limits: Limits { low: None, high: Some(0.0) },
        reason,
        figure: None,
        notes: Vec::new(),
    }
}

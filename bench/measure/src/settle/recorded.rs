//! A settled figure as a check of the stream: what was decided, with all that it was decided from.
//!
//! The budget is not in it: whoever has the record computes it again.

use domain::Limits;
use domain::check::{CheckHead, CheckRecord, Figure};

use super::Settled;

impl Settled {
    /// The check of that name, whose figure was held against these limits.
    #[must_use]
    pub fn recorded(self, head: CheckHead, figure: Figure, limits: Limits) -> CheckRecord {
        CheckRecord {
            head,
            verdict: self.verdict,
            value: self.value,
            unit: figure.unit().to_owned(),
            expanded_uncertainty: self.expanded_uncertainty,
            coverage_factor: self.coverage_factor,
            limits,
            reason: self.reason,
            figure: Some(figure),
            notes: self.notes,
        }
    }
}

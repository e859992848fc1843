//! `check`: nothing happens when the step is reached; the figure is settled after the closing weighing.
//!
//! The figure itself is computed by `measure`, from the ledger that reports build again from the record.

use domain::check::CheckRecord;
use scenario::Check;

use crate::core::Core;
use crate::steps::Flow;

pub(super) const fn enter() -> Flow {
    Flow::Done
}

/// Settles a check from all that the stream has told.
pub(crate) fn settle(check: &Check, core: &Core) -> CheckRecord {
    let settled = core.ledger.settle(&check.figure, &check.limits);
    settled.recorded(check.head.clone(), check.figure.clone(), check.limits)
}

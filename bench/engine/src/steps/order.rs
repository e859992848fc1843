//! What every step shares that orders something of the rig: the order goes out, and is answered once.
//!
//! A refusal or a silence is the bench's fault, whatever the order.

use domain::fault::Fault;
use domain::order::{Order, OrderOutcome};
use domain::{Event, EventKind, RunTime};

use crate::core::Core;
use crate::ending::Ending;

/// An order under way.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    number: u32,
    instrument: String,
    what: Order,
}

/// What an event means for an order under way.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Nothing.
    Pending,
    /// It was carried out.
    Done {
        /// When.
        at: RunTime,
        /// What was read, if it was an order to read.
        read: Option<i64>,
    },
    /// It was not, or nobody knows.
    Failed(Ending),
}

impl Pending {
    pub(crate) fn send(instrument: &str, what: Order, core: &mut Core) -> Self {
        let number = core.order(instrument.to_owned(), what.clone());
        Self { number, instrument: instrument.to_owned(), what }
    }

    pub(crate) fn answer(&self, event: &Event) -> Answer {
        let EventKind::OrderAnswered { order, at_ns, outcome, .. } = &event.kind else { return Answer::Pending };
        if *order != self.number {
            return Answer::Pending;
        }
        let failed = |what: String| {
            Answer::Failed(Ending::Broken(Fault::Instrument { instrument: self.instrument.clone(), what }))
        };
        match outcome {
            OrderOutcome::Done => Answer::Done { at: *at_ns, read: None },
            OrderOutcome::Read { value } => Answer::Done { at: *at_ns, read: Some(*value) },
            OrderOutcome::Refused { reason } => failed(format!("it refused '{}': {reason}", self.what)),
            OrderOutcome::Unanswered { reason } => {
                failed(format!("nobody knows whether it did '{}': {reason}; look at it before the next run", self.what))
            }
        }
    }
}

//! Feeding a record through the engine again: the same inputs must give the same decisions.
//!
//! This is what makes a record evidence: recomputation, debugging and resuming rest on it.

use std::sync::Arc;

use domain::event::Opened;
use domain::{Event, EventKind};
use scenario::{Document, resolve};
use text::Source;

use crate::engine::Engine;

/// Why a record does not replay.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplayError {
    /// The first event does not say how the run was set up.
    NotOpened,
    /// The resolved scenario in the record cannot be read again; its problems as text.
    Scenario(String),
    /// The record holds a decision that the engine does not make.
    Differs {
        /// The event's number.
        seq: u64,
        /// What the engine decides there, if anything.
        expected: Option<Box<EventKind>>,
        /// What the record holds.
        found: Box<EventKind>,
    },
    /// The engine makes a decision that the record does not hold.
    Missing {
        /// The number of the event before which it should stand.
        seq: u64,
        /// The decision.
        expected: Box<EventKind>,
    },
}

impl core::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotOpened => f.write_str("expected the record to begin with how the run was set up, but it does not"),
            Self::Scenario(problems) => {
                write!(f, "expected the record's scenario to resolve again, but found {problems}")
            }
            Self::Differs { seq, expected, found } => {
                write!(f, "event {seq}: expected the decision {expected:?}, but found {found:?}")
            }
            Self::Missing { seq, expected } => {
                write!(f, "event {seq}: expected the decision {expected:?}, but it is missing")
            }
        }
    }
}

impl core::error::Error for ReplayError {}

/// A replay in progress: give it the events of a record one by one.
#[derive(Debug, Default)]
pub struct Replay {
    engine: Option<Engine>,
    pending: std::collections::VecDeque<EventKind>,
    /// How many decisions agreed.
    decisions: u64,
}

impl Replay {
    /// A replay before its first event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event of the record.
    ///
    /// # Errors
    /// At the first event where engine and record differ.
    pub fn apply(&mut self, event: &Event) -> Result<(), ReplayError> {
        if !event.kind.is_input() {
            let expected = self.pending.pop_front();
            if expected.as_ref() == Some(&event.kind) {
                self.decisions += 1;
                return Ok(());
            }
            let expected = expected.map(Box::new);
            return Err(ReplayError::Differs { seq: event.seq, expected, found: Box::new(event.kind.clone()) });
        }
        if let Some(expected) = self.pending.pop_front() {
            return Err(ReplayError::Missing { seq: event.seq, expected: Box::new(expected) });
        }
        if let EventKind::Opened(opened) = &event.kind {
            self.engine = Some(engine_of(opened)?);
        }
        let engine = self.engine.as_mut().ok_or(ReplayError::NotOpened)?;
        let mut decisions = Vec::new();
        engine.apply(event, &mut decisions);
        self.pending.extend(decisions);
        Ok(())
    }

    /// The plan of a run that was set up so, if its scenario still resolves.
    #[must_use]
    pub fn plan_of(opened: &Opened) -> Option<Arc<scenario::Plan>> {
        Some(Arc::clone(engine_of(opened).ok()?.plan()))
    }

    /// The engine behind the last event, and the decisions that follow from that and which the record does not hold any more:
    /// whoever goes on records them first. `None` if the record says nothing of how the run was set up.
    #[must_use]
    pub fn into_engine(self) -> Option<(Engine, Vec<EventKind>)> {
        Some((self.engine?, self.pending.into()))
    }

    /// The number of decisions that agreed. Call it after the last event of a whole record.
    ///
    /// # Errors
    /// If the engine still has decisions that the record lacks.
    pub fn finish(mut self) -> Result<u64, ReplayError> {
        match self.pending.pop_front() {
            Some(expected) => Err(ReplayError::Missing { seq: u64::MAX, expected: Box::new(expected) }),
            None => Ok(self.decisions),
        }
    }
}

fn engine_of(opened: &Opened) -> Result<Engine, ReplayError> {
    let source = Source::new("scenario.yaml", opened.scenario_yaml.clone().into_bytes())
        .map_err(|e| ReplayError::Scenario(e.to_string()))?;
    let document =
        Document::parse(source.clone()).map_err(|problems| ReplayError::Scenario(problems.render(&source)))?;
    let plan = resolve(&document, &opened.parameters, &opened.profile)
        .map_err(|problems| ReplayError::Scenario(problems.render(&source)))?;
    Ok(Engine::new(Arc::new(plan), Arc::new(opened.profile.clone())))
}

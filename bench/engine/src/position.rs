//! Where a run stands, for people who watch it.
//!
//! It owns the words of progress. It must not know what a step does, nor who watches.

/// Where a run stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// What is done now.
    pub now: String,
    /// The step's number from 1, if a step is under way.
    pub step: Option<usize>,
    /// How many steps there are.
    pub steps: usize,
}

//! The step kinds, one line each in the registry; kinds that share their fields share a file.
//!
//! To add one: write its file, name it here, and let the compiler lead to the exhaustive matches on [`crate::StepKind`].

mod bolus;
mod check;
mod expect;
mod hold;
mod operator;
mod patient;
mod press;
mod probe;
mod refill;
mod start;
mod stimulate;
mod stop;
mod supply;
mod valve;

use text::{Variant, View};

use crate::lower::Context;
use crate::plan::Step;

pub use bolus::windows as bolus_windows;

/// A step kind: how it is written and how it is lowered.
pub struct StepSpec {
    /// Key, shape and meaning.
    pub variant: Variant,
    /// An example, as it stands in a file.
    pub example: &'static str,
    pub(crate) lower: fn(View<'_>, &mut Context<'_>) -> Option<Step>,
}

/// Every step kind there is.
pub const REGISTRY: &[StepSpec] = &[
    start::START,
    start::CHANGE,
    hold::SPEC,
    bolus::SPEC,
    patient::SPEC,
    press::SPEC,
    refill::SPEC,
    valve::CLOSE,
    valve::OPEN,
    supply::SPEC,
    stimulate::SPEC,
    check::SPEC,
    probe::FLASH,
    probe::RESET,
    probe::HALT,
    probe::RUN,
    probe::POKE,
    probe::PEEK,
    expect::SPEC,
    operator::SPEC,
    stop::SPEC,
];

/// The shapes of all step kinds.
pub const VARIANTS: &[Variant] = &{
    let mut variants = [REGISTRY[0].variant; REGISTRY.len()];
    let mut i = 0;
    while i < REGISTRY.len() {
        variants[i] = REGISTRY[i].variant;
        i += 1;
    }
    variants
};

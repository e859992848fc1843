//! The run as a fold over its stream, without input or output.
//!
//! [`Engine::apply`] takes an input event and appends the decisions that follow from it; the run loop puts those into
//! the stream right behind the input and carries out what they command. The same inputs give the same decisions,
//! which [`replay`] proves of every record.

mod alarms;
mod core;
mod ending;
mod engine;
mod guards;
mod initial;
mod instruments;
mod position;
mod preconditions;
mod pump_clock;
mod replay;
mod settings;
mod silence;
mod steps;
#[cfg(test)]
mod testing;
mod valve;

pub use engine::Engine;
pub use position::Position;
pub use replay::{Replay, ReplayError};

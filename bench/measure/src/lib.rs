//! Delivered volume with its uncertainty: corrections, estimators, budgets and decision rules.
//!
//! Pure and bounded: [`Ledger`] folds the stream of a run, whatever its length, into what the figures need, and
//! engine and reports settle checks with the same [`Ledger::settle`]. It knows no instrument, file or clock, and
//! nothing of the simulators' truth.

pub mod air;
pub mod budget;
pub mod buoyancy;
mod conditions;
mod conversion;
mod cumulative;
pub mod decision;
mod dose;
pub mod fit;
mod jumps;
mod ledger;
pub mod log;
pub mod monte_carlo;
pub mod order;
pub mod plausibility;
pub mod pulses;
mod settle;
pub mod student;
pub mod trumpet;
pub mod water;
mod weighing;

pub use budget::{Budget, Estimate};
pub use conversion::{Conversion, Evaporation};
pub use cumulative::Cumulative;
pub use dose::Dose;
pub use jumps::Jump;
pub use ledger::Ledger;
pub use settle::Settled;
pub use weighing::Weighing;

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
mod course;
mod cumulative;
pub mod decision;
mod dose;
mod evaporation;
pub mod fit;
mod flags;
mod interval;
mod jumps;
mod ledger;
pub mod log;
mod meter;
mod model;
pub mod monte_carlo;
mod occlusion;
pub mod order;
pub mod plausibility;
pub mod pulses;
mod room;
mod settle;
pub mod student;
#[cfg(test)]
mod testing;
mod track;
pub mod trumpet;
pub mod water;
mod weighing;

pub use budget::{Budget, Estimate};
pub use conversion::Conversion;
pub use cumulative::Cumulative;
pub use dose::Dose;
pub use evaporation::{Drift, Evaporation};
pub use flags::{Flag, FlagKind};
pub use interval::{By, Interval, Question};
pub use jumps::Jump;
pub use ledger::Ledger;
pub use model::Model;
pub use occlusion::Occlusion;
pub use settle::Settled;
pub use weighing::Weighing;

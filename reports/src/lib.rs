//! What people read of a run: summary, samples, plots, page and JUnit, all derived from its record alone.
//!
//! Nothing here knows a driver, the engine, the daemon or a clock of the run, and nothing opens a simulator's truth.
//! The same record gives the same files, byte for byte, in the same folder.

mod again;
pub mod analysis;
mod curves;
mod decimate;
mod error;
mod files;
mod follow;
mod junit;
mod markdown;
mod matrix;
mod number;
mod outcome;
mod page;
mod paper;
mod plot;
mod pump_clock;
mod rates;
mod samples;
mod series;
mod story;
mod summary;
mod timeline;
mod trumpet;
mod write;

pub use error::ReportError;
pub use junit::combined_junit;
pub use matrix::write_matrix;
pub use number::{uncertain, unit};
pub use summary::{CheckSummary, DeviceSummary, FluidSummary, InstrumentSummary, ProtocolSummary, Summary};
pub use write::{Wanted, write};

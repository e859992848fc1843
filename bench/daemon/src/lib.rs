//! The run loop: engine and rig under a clock, the record beside them, and the safe stop behind them.
//!
//! A run owns a thread and a runtime. Virtual runs have no I/O driver: signals, operators and disk live on real
//! clocks and reach the run over channels.

mod beat;
pub mod control;
mod drive;
pub mod health;
mod host_clock;
pub mod interrupted;
mod operator;
mod poll;
mod pump;
mod run;
mod runtime;
mod safe_stop;
mod setup;
mod stream;
mod writer;

pub use control::Outside;
pub use run::{Finished, Handle, Notice, Progress, Ready, set_up, spawn};
pub use setup::{Request, SetupError, host};

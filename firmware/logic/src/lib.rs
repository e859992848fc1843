//! The pump's logic: dosing, motor, alarms, event log and host link as one fold over inputs.
//!
//! It owns what the pump does with requests, passing time and sensed rotation, in integers (nL, µs, steps). The same
//! crate runs in the virtual rig and in the firmware image: [`Pump::step`] takes the time and an input, and gives
//! what to do now and when to be called again.
//! It must not know a clock, a port, a register or a file; it never ticks, and equal inputs give equal outputs.
#![no_std]

mod alarms;
mod battery;
mod config;
mod doses;
mod dosing;
mod flex;
pub mod link;
mod log;
mod memory;
mod motor;
mod occlusion;
mod parameters;
mod patient;
mod protection;
mod pump;
mod requests;
mod reservoir;
mod sampling;
mod step;

pub use alarms::PUMP_STOPPED_US;
pub use battery::BATTERY_SAMPLES;
pub use config::{Config, ConfigError, LABEL_MAX, Label};
pub use doses::DOSES_REMEMBERED;
pub use log::LOG_CAPACITY;
pub use memory::{Memory, STORED_MAX};
pub use motor::{MotorRun, RUNS_PER_PULSE_MAX};
pub use parameters::PARAMETERS_LEN;
pub use pump::Pump;
pub use step::{Answer, Input, Output, Senses, Tone};

//! Whole runs of the program, as its users start it: one binary, one module a concern.

mod analyze;
mod command_line;
mod common;
mod coverage;
mod emulated;
mod faults;
mod glitches;
mod library;
mod occluded;
mod replay;
mod rules;
mod same;
mod served;
mod server;
mod stopped;
mod truth;
mod unplugged;

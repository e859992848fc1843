//! Whole runs of the program, as its users start it: one binary, one module a concern.

mod analyze;
mod command_line;
mod common;
mod coverage;
mod daemon;
mod damaged;
mod doctor;
mod emulated;
mod faults;
mod figures;
mod flags;
mod glitches;
mod leases;
mod library;
mod matrix;
mod occluded;
mod replay;
mod rules;
mod same;
mod served;
mod server;
mod settings;
mod stated;
mod stopped;
mod truth;
mod unplugged;

//! Whole runs of the program, as its users start it: one binary, one module a concern.

mod command_line;
mod common;
mod faults;
mod library;
mod replay;
mod served;
mod stopped;
mod truth;

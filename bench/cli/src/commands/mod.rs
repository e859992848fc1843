//! The subcommands: a file each, but for what people do about jobs (`act`: cancel, acknowledge, release) and what they look at
//! (`watch`: status, watch).
//!
//! Each has its arguments and a function from them to an exit code.

pub(crate) mod act;
pub(crate) mod analyze;
pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod lease;
pub(crate) mod list;
pub(crate) mod matrix;
pub(crate) mod probe;
pub(crate) mod prune;
pub(crate) mod recover;
pub(crate) mod report;
pub(crate) mod rig;
pub(crate) mod run;
pub(crate) mod run_options;
pub(crate) mod say;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod submit;
pub(crate) mod token;
pub(crate) mod watch;

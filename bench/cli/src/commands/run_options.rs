//! What is wanted of a scenario's runs, whether they are made here or by the daemon.
//!
//! `run` and `submit` say it with the same options.

use std::time::Duration;

use crate::load;

/// Options of `run` and `submit`.
#[derive(clap::Args)]
pub(crate) struct RunOptions {
    /// The rig's station; its first unless given
    #[arg(long)]
    pub(crate) station: Option<String>,
    /// The serial number that the device must have
    #[arg(long, value_name = "SERIAL")]
    pub(crate) device: Option<String>,
    /// Run although a certificate falls due before the planned end, for this reason; it stands in the record and the report
    #[arg(long, value_name = "REASON")]
    pub(crate) accept_overdue: Option<String>,
    /// What the run is for
    #[arg(long, default_value = "engineering", value_parser = ["engineering", "nightly", "verification"])]
    pub(crate) purpose: String,
    /// Sets a parameter
    #[arg(long, value_name = "NAME=VALUE", value_parser = load::assignment)]
    pub(crate) set: Vec<(String, String)>,
    /// The seed of everything random in simulators
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Stop the runs after this time by the wall clock, as in '2 h'
    #[arg(long, value_name = "TIME", value_parser = load::time)]
    pub(crate) budget: Option<Duration>,
}

//! `dosebench audit`: who took, leased and let go which port of this host, and whether the log of it is as it was written.
//!
//! It only looks: where there is no log it makes none.

use store::Store;

use crate::output::say;
use crate::{Failure, station};

/// Arguments of `audit`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print every entry, one JSON object a line
    Show,
    /// Check that the log is as it was written; prints its last hash, to be noted where this host's users cannot write
    Verify {
        /// A hash that was noted earlier: it must be among the log's, or the log was cut
        #[arg(long, value_name = "HASH")]
        noted: Option<String>,
    },
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let store = Store::look(&Store::usual_folder()).map_err(station::failure)?;
    match &args.command {
        Command::Show => {
            store
                .audit(|entry| say!("{}", serde_json::to_string(&entry).unwrap_or_default()))
                .map_err(station::failure)?;
        }
        Command::Verify { noted } => {
            let verified = store.verify_audit(noted.as_deref()).map_err(station::failure)?;
            say!("{} entries as they were written, the last has {}", verified.entries, verified.head);
        }
    }
    Ok(0)
}

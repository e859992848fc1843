//! `dosebench prune`: removes old runs that passed, as a policy says; the daemon does the same by `serve --keep`.
//!
//! What did not pass, and what was made for verification, stays until somebody removes it by hand.

use std::path::PathBuf;
use std::time::Duration;

use server::{Keep, PURPOSES};

use crate::output::say;
use crate::{Failure, load, station};

/// Arguments of `prune`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where runs are
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// How long runs of a purpose are kept, as in 'nightly=30 d'; those of a purpose that is not named are kept
    #[arg(long, required = true, value_name = "PURPOSE=TIME", value_parser = keep)]
    keep: Vec<Keep>,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// `PURPOSE=TIME` of `--keep`.
pub(crate) fn keep(argument: &str) -> Result<Keep, String> {
    let (purpose, lasts) = load::assignment(argument)?;
    if !PURPOSES.contains(&purpose.as_str()) {
        let known = PURPOSES.join(", ");
        return Err(format!("expected a purpose whose runs may be removed ({known}), but found '{purpose}'"));
    }
    let lasts = load::time(&lasts)?;
    if lasts < Duration::from_secs(3600) {
        return Err(format!("expected runs to be kept for 1 h at least, but found '{argument}'"));
    }
    Ok(Keep { purpose, lasts })
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let found = server::old(&args.runs, &args.keep).map_err(|why| {
        Failure::input(format!("expected a folder of runs, but {} is none: {why}", args.runs.display()))
    })?;
    if !args.dry_run {
        server::sweep(&args.runs);
    }
    let mut store = if args.dry_run { None } else { Some(station::store()?) };
    for old in found {
        let removed = store.as_mut().map(|store| server::remove(&old, store)).transpose().map_err(station::failure)?;
        let done = match removed {
            None => "would be removed",
            Some(true) => "removed",
            Some(false) => "is kept until its job has ended",
        };
        say!("{}  {done}: {}, began {}", old.run, old.purpose, old.started);
    }
    Ok(0)
}

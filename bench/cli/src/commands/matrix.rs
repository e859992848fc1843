//! `dosebench matrix`: runs side by side, each from its own record.
//!
//! It judges nothing: who has written the page has succeeded, whatever the runs ended as.

use std::path::PathBuf;

use crate::output::{say, tell};
use crate::{BENCH_ERROR, Failure, runs};

/// Arguments of `matrix`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The runs: their folders, or their ids under --runs
    #[arg(required = true)]
    names: Vec<String>,
    /// Where runs are
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// Where matrix.html and matrix.json are written
    #[arg(long, default_value = ".")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let folders: Vec<PathBuf> = args.names.iter().map(|run| runs::find(run, &args.runs)).collect::<Result<_, _>>()?;
    let mut seen: Vec<PathBuf> = Vec::new();
    for folder in &folders {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        if seen.contains(&folder) {
            let found = folder.display();
            return Err(Failure::input(format!("expected each run once, but found {found} again; name it once")));
        }
        seen.push(folder);
    }
    match reports::write_matrix(&folders, &args.out) {
        Ok(()) => {
            say!("{}", args.out.join("matrix.html").display());
            Ok(0)
        }
        Err(error) => {
            tell!("error: {error}");
            Ok(BENCH_ERROR)
        }
    }
}

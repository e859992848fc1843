//! `dosebench report`: a run's derived files, rebuilt from its record alone.
//!
//! `dosebench run` starts this as a child, so that a report that crashes takes no run with it.

use std::path::PathBuf;

use reports::Wanted;

use crate::output::{say, tell};
use crate::{BENCH_ERROR, Failure, runs};

/// Arguments of `report`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its folder, or its id under --runs
    run: String,
    /// Which files; all but the PDF unless given
    #[arg(long, value_delimiter = ',')]
    format: Vec<Format>,
    /// Where runs are
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// report.html and its plots
    Html,
    /// report.pdf: PDF/A-2b
    Pdf,
    /// summary.json, summary.md and samples.parquet
    Json,
    /// junit.xml
    Junit,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let folder = runs::find(&args.run, &args.runs)?;
    let named = |format| args.format.contains(&format);
    let asked = |format| args.format.is_empty() || named(format);
    let wanted = Wanted {
        html: asked(Format::Html),
        pdf: named(Format::Pdf),
        json: asked(Format::Json),
        junit: asked(Format::Junit),
    };
    match reports::write(&folder, &wanted) {
        Ok(_) => {
            say!("{}", folder.canonicalize().unwrap_or(folder).display());
            Ok(0)
        }
        Err(error) => {
            tell!("error: {error}");
            Ok(BENCH_ERROR)
        }
    }
}

//! `dosebench recover`: a run whose process ended before it did is brought to an end.
//!
//! Its station is made safe, its record gets its end, and its files are made. A run that has its end gets its files alone.

use std::path::{Path, PathBuf};

use ::rig::Station;
use daemon::interrupted::{close, lacks_its_end, outlives_its_run};
use domain::EventKind;
use domain::verdict::exit_code_of;
use record::Reader;

use crate::commands::run;
use crate::output::{say, tell};
use crate::{BENCH_ERROR, Failure, job, load, runs, station};

/// Arguments of `recover`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its folder, or its id under --runs
    run: String,
    /// The rig, if its ports have changed since: a file, or a name of the library
    #[arg(long)]
    rig: Option<String>,
    /// Where runs are
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// What ended the run's process, for the record
    #[arg(long, default_value = "its process had ended, or this machine had")]
    because: String,
    /// The number of the daemon's job whose run it is
    #[arg(long, hide = true)]
    job: Option<i64>,
    /// Print the run's summary as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let mut job = args.job.map(job::Work::on).transpose()?;
    let folder = runs::find(&args.run, &args.runs)?;
    let rig = args.rig.clone().unwrap_or_else(|| folder.join("rig.yaml").display().to_string());
    let rig = load::whole_rig(&load::rig_source(&rig)?)?;
    let station = rig.station(station_of(&folder).as_deref()).map_err(Failure::input)?;
    let mut codes = Vec::new();
    if outlives_its_run(station) {
        codes.extend(recovered(&folder, station, args)?);
    }
    let summary = run::summary(&folder).map_err(Failure::bench)?;
    if args.json {
        say!("{summary}");
    } else {
        run::print_result(&summary);
    }
    let verdict = summary["verdict"].as_str().unwrap_or("");
    codes.push(run::code_of(verdict).unwrap_or(BENCH_ERROR));
    if let (Some(job), Some(run)) = (&mut job, summary["run"].as_str()) {
        job.run_ended(run, verdict)?;
    }
    Ok(exit_code_of(codes))
}

/// The station of a run, as its record tells.
fn station_of(folder: &Path) -> Option<String> {
    let mut station = None;
    let found = Reader::open(folder).ok()?.for_each(|event| {
        if let (None, EventKind::Opened(opened)) = (&station, &event.kind) {
            station = Some(opened.profile.station.clone());
        }
    });
    found.ok().and(station)
}

/// Closes the run, if it is not closed yet and nobody works on it; what went wrong, as an exit code.
fn recovered(folder: &Path, station: &Station, args: &Args) -> Result<Option<u8>, Failure> {
    // A run that still goes on has its ports.
    let _hold = station::hold(station, &format!("recover {}", folder.display()))?;
    if !lacks_its_end(folder).unwrap_or(true) {
        return Ok(None);
    }
    let finished = close(folder, station, &args.because).map_err(Failure::bench)?;
    if let Some(why) = &finished.record_trouble {
        tell!("error: {}: {why}", folder.display());
    }
    if !finished.safe {
        tell!("error: the station of {} could not be confirmed safe; go and look at it", folder.display());
    }
    Ok((finished.record_trouble.is_some() || !finished.safe).then_some(BENCH_ERROR))
}

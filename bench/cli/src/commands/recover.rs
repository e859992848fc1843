//! `dosebench recover`: a run whose process ended before it did goes on, or is brought to an end.
//!
//! It goes on where its scenario allows that. Else its station is made safe, its record gets its end, and its files are made. A
//! run that has its end gets its files alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::rig::{RigFile, Station};
use daemon::Finished;
use daemon::interrupted::{Recovered, outlives_its_run, recover};
use domain::RunVerdict;
use domain::event::Opened;
use domain::fault::AtStation;
use domain::verdict::{STOPPED, exit_code_of};

use crate::commands::run;
use crate::output::{say, tell};
use crate::reported::summary;
use crate::signals::Signals;
use crate::station::Needs;
use crate::successor::Successor;
use crate::{BENCH_ERROR, Failure, job, load, runs, station};

/// How often the end of that is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// Arguments of `recover`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its folder, or its id under --runs
    run: String,
    /// The rig, if its ports have changed since: a file, or a name of the library
    #[arg(long)]
    rig: Option<String>,
    /// The rig's station, if the record does not tell it any more
    #[arg(long)]
    station: Option<String>,
    /// Where runs are
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// What ended the run's process, for the record
    #[arg(long, default_value = "its process had ended, or this machine had")]
    because: String,
    /// Close the run even where its scenario allows it to go on
    #[arg(long)]
    close: bool,
    /// Stop a run that goes on after this time by the wall clock, as in '2 h'
    #[arg(long, value_name = "TIME", value_parser = load::time)]
    budget: Option<Duration>,
    /// The number of the daemon's job whose run it is
    #[arg(long, hide = true)]
    job: Option<i64>,
    /// Print the run's summary as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    // A safe stop is bounded; nothing stops it half-way. A run that goes on hears them.
    let signals = Signals::catch_and_leave().map_err(|e| Failure::bench(format!("signals cannot be caught: {e}")))?;
    let (mut job, cancelled) = match args.job.map(job::Work::on).transpose()? {
        Some((work, cancelled_by)) => (Some(work), cancelled_by.is_some()),
        None => (None, false),
    };
    let folder = runs::find(&args.run, &args.runs)?;
    let rig = args.rig.clone().unwrap_or_else(|| folder.join("rig.yaml").display().to_string());
    let rig = load::whole_rig(&load::rig_source(&rig)?)?;
    let opened = runs::opened(&folder);
    let station = station_of(args, &folder, opened.as_ref(), &rig)?;
    let (mut codes, mut verdict) = (Vec::new(), RunVerdict::Error.name().to_owned());
    // The code of a stop says that the station was left safe.
    let mut is_safe = true;
    let mut told = AtStation::Untold;
    if outlives_its_run(station) {
        let bath = opened.and_then(|opened| opened.bath_c).map(|bath| bath.value);
        let needs = station::needs(station, bath);
        let recovered = recovered(&folder, station, needs, &signals, args, !cancelled && !args.close)?;
        if recovered.left {
            job.as_mut().map_or(Ok(()), job::Work::left)?;
            return Err(run::left_as_it_is(&recovered));
        }
        is_safe = recovered.safe;
        told.clone_from(&recovered.at_station);
        recovered.verdict.name().clone_into(&mut verdict);
        codes.extend(recovered.record_trouble.is_some().then_some(BENCH_ERROR));
        let why = recovered.reason.as_deref().unwrap_or("its record says so");
        match &mut job {
            Some(job) if !is_safe => job.left_unsafe(station, why).map_err(Failure::from)?,
            None => settled(&folder, args, station, (is_safe, why))?,
            Some(_) => {}
        }
    }
    let name = runs::id(&folder);
    match summary(&folder) {
        Ok(summary) => {
            if args.json {
                say!("{summary}");
            } else {
                run::print_result(&summary);
            }
            verdict = summary["verdict"].as_str().unwrap_or("").to_owned();
        }
        // What its record came to stands.
        Err(why) => {
            tell!("error: {why}");
            codes.push(BENCH_ERROR);
        }
    }
    codes.push(run::code_of(&verdict).unwrap_or(BENCH_ERROR));
    if !is_safe {
        codes.retain(|code| *code != STOPPED);
        codes.push(BENCH_ERROR);
    }
    let code = exit_code_of(codes);
    if let Some(mut job) = job {
        job.run_ended(&name, (&verdict, code), &told)?;
        if !is_safe {
            // Its other runs are not made there.
            return job.end(Ok(code));
        }
    }
    Ok(code)
}

/// What keeps the station of a run apart that somebody has begun by hand: nothing any more, or that it is not known to be safe.
fn settled(folder: &Path, args: &Args, at: &Station, (is_safe, why): (bool, &str)) -> Result<(), Failure> {
    if station::ports(at).is_empty() {
        return Ok(());
    }
    let folder = runs::whole_path(folder);
    if is_safe {
        return station::store()?.left_run_has_ended(&folder).map_err(station::failure);
    }
    let rig = args.rig.clone().unwrap_or_else(|| folder.join("rig.yaml").display().to_string());
    let reason = format!("run {} was brought to its end, and it could not be confirmed safe: {why}", folder.display());
    station::keep_apart(at, &rig, &reason)
}

/// The station of a run: as it is named, or as its record tells.
fn station_of<'a>(
    args: &Args,
    folder: &Path,
    opened: Option<&Opened>,
    rig: &'a RigFile,
) -> Result<&'a Station, Failure> {
    let named = args.station.clone().or_else(|| Some(opened?.profile.station.clone()));
    let known: Vec<&str> = rig.stations().iter().map(|station| station.profile.station.as_str()).collect();
    if named.is_none() && known.len() > 1 {
        // Another station's pump is not to be stopped for it.
        return Err(Failure::input(format!(
            "expected the record of {} to tell its station, but it cannot be read; name it with --station ({})",
            folder.display(),
            known.join(", ")
        )));
    }
    rig.station(named.as_deref()).map_err(Failure::input)
}

/// Goes on with the run or closes it, if it is not closed yet and nobody works on it.
fn recovered(
    folder: &Path,
    station: &Station,
    needs: Needs,
    signals: &Signals,
    args: &Args,
    resume: bool,
) -> Result<Finished, Failure> {
    // A run that still goes on has its ports.
    let reason = format!("recover {}", folder.display());
    let mut because = args.because.clone();
    let mut hold = station::hold(station, if resume { needs } else { Needs::new() }, &reason);
    let mut resume = resume;
    if let (true, Err(job::Refused::Taken(why))) = (resume, &hold) {
        // Somebody else may have set the bath to something else meanwhile: the run is closed then.
        because.push_str(&format!("; it could not go on: {}", why.sentence()));
        (hold, resume) = (station::hold(station, Needs::new(), &reason), false);
    }
    let _hold = hold.map_err(Failure::from)?;
    // Reading a long record takes its time, which is no standing still.
    let recovered = std::thread::scope(|scope| {
        let recovery = scope.spawn(|| recover(folder, station, &because, resume));
        while !recovery.is_finished() {
            job::beat();
            std::thread::sleep(LOOK);
        }
        recovery.join()
    });
    let recovered = recovered.map_err(|_| Failure::bench("it has panicked; please report that with the record"))?;
    let finished = match recovered.map_err(Failure::bench)? {
        Recovered::Closed(finished) => finished,
        Recovered::GoesOn(handle, plan) => {
            tell!("{}: the run goes on", folder.display());
            let rig = args.rig.clone().unwrap_or_else(|| folder.join("rig.yaml").display().to_string());
            // Once is enough: a loop that stands still again is no accident.
            let successor = Successor::of(folder, &rig, station, args.job, args.json).that_closes();
            run::follow(handle, &plan, signals, args.budget, Some(successor))
        }
    };
    if finished.left {
        return Ok(finished);
    }
    if let Some(why) = &finished.record_trouble {
        tell!("error: {}: {why}", folder.display());
    }
    if !finished.safe {
        tell!("error: the station of {} could not be confirmed safe; go and look at it", folder.display());
    }
    Ok(finished)
}

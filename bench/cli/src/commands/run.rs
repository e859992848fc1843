//! `dosebench run`: scenarios on a rig, one after the other, and the files that follow from each.
//!
//! Everything is read and resolved before anything moves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use daemon::interrupted::outlives_its_run;
use daemon::{Finished, Handle, Request};
use domain::RunVerdict;
use domain::fault::AtStation;
use domain::stated::OverdueAccepted;
use domain::verdict::{STOPPED, exit_code_of};
use rig::{RigFile, Station};
use scenario::Plan;

use crate::commands::run_options::RunOptions;
use crate::job::{self, Refused};
use crate::output::{say, tell, tell_raw};
use crate::reported::summary;
use crate::served::ServedRig;
use crate::signals::Signals;
use crate::successor::Successor;
use crate::{BENCH_ERROR, Failure, image, load, runs, station};

mod follow;
mod results;

pub(crate) use follow::{follow, left_as_it_is};
use results::junit;
pub(crate) use results::print_result;

/// The purpose of a run whose report goes before a regulator.
const VERIFICATION: &str = "verification";

/// Arguments of `run`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scenarios: files, or names of the library
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// The rig: a file, or a name of the library
    #[arg(long, default_value = "virtual")]
    rig: String,
    #[command(flatten)]
    wanted: RunOptions,
    /// Where runs' folders are made
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// Write the runs' JUnit results to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Who runs it; the user of this process unless given
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Print one JSON object a run
    #[arg(long)]
    json: bool,
    /// The number of the daemon's job that this is
    #[arg(long, hide = true)]
    job: Option<i64>,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let Some(id) = args.job else { return run_all(args, None).map_err(Into::into) };
    let (mut work, cancelled_by) = job::Work::on(id)?;
    if let Some(by) = cancelled_by {
        return work.cancelled(&by);
    }
    let done = run_all(args, Some(&mut work));
    work.end(done)
}

fn run_all(args: &Args, mut job: Option<&mut job::Work>) -> Result<u8, Refused> {
    let began = Instant::now();
    let signals = Signals::catch_and_leave().map_err(|e| Failure::bench(format!("signals cannot be caught: {e}")))?;
    // Yesterday's green must not stand where today's results are looked for.
    args.junit.iter().for_each(|junit| drop(std::fs::remove_file(junit)));
    let rig = load::whole_rig(&load::rig_source(&args.rig)?)?;
    let mut requests = requests(args, &rig)?;
    let at = rig.station(args.wanted.station.as_deref()).map_err(Failure::input)?;
    let image = images(at)?;
    let served = if rig.is_emulated() { Some(behind_ports(args, &mut requests)?) } else { None };
    let mut hold = hold(&requests, args)?;
    let planned = requests.len();
    let mut codes = job.as_deref().map_or_else(|| Ok(Vec::new()), |job| job.codes_of_made_runs(&requests, at))?;
    let mut folders = Vec::new();
    let (mut safe, mut left_unsafe) = (true, false);
    for request in requests.into_iter().skip(codes.len()) {
        // The rest of a job waits in the queue then.
        if Signals::stopped() || (Signals::leaves() && job.is_some()) {
            break;
        }
        if Signals::leaves() {
            return Err(left(args, &folders, planned, rest_is_left(codes.len(), planned)));
        }
        if let Some(job) = job.as_deref_mut() {
            job.has_image(image()?)?;
        }
        let begun = begin(request.clone(), planned, job.as_deref_mut(), (hold.as_mut(), &args.rig));
        let Ok(handle) = begun.inspect_err(|why| tell!("error: {why}")) else {
            // Nothing has moved.
            makes_none(hold.as_mut())?;
            codes.push(BENCH_ERROR);
            break;
        };
        folders.push(handle.folder.clone());
        let time = args.wanted.budget.map(|budget| budget.saturating_sub(began.elapsed()));
        let outlives = served.is_none() && outlives_its_run(&request.station);
        let successor =
            outlives.then(|| Successor::of(&handle.folder, &args.rig, &request.station, args.job, args.json));
        let finished = follow(handle, &request.plan, &signals, time, successor);
        if finished.left {
            return Err(left(args, &folders, planned, left_as_it_is(&finished)));
        }
        safe &= finished.safe;
        left_unsafe |= outlives && noted_as_unsafe(&finished, (at, &args.rig), job.as_deref_mut())?;
        makes_none(hold.as_mut())?;
        let (verdict, code) = conclude(args, &finished);
        // The code of a stop says that the station was left safe.
        let code = if left_unsafe && code == STOPPED { BENCH_ERROR } else { code };
        // What is simulated is there for each run anew, and what was stopped might have come to its steps.
        let told = if outlives && !Signals::stopped() { &finished.at_station } else { &AtStation::Untold };
        let noted = match job.as_deref_mut() {
            Some(job) => job.run_ended(&runs::id(&finished.folder), (&verdict, code), told),
            None => by_hand(at, &args.rig, told),
        };
        let kept_apart = noted.inspect_err(|why| tell_raw(&why.text)).unwrap_or(false);
        codes.push(code);
        // Nothing of a job begins on a station that is not known to be safe, or where one run after the other fails.
        if code == STOPPED || left_unsafe || kept_apart {
            break;
        }
    }
    drop(served);
    // A signal behind the last run has stopped nothing.
    if Signals::stopped() && safe && codes.len() < planned {
        codes.push(STOPPED);
    }
    codes.extend(junit(args.junit.as_deref(), &folders, planned));
    codes.extend(left_unsafe.then_some(BENCH_ERROR));
    Ok(exit_code_of(codes))
}

/// The image that the next run's board has, if any, as often as it is asked for. An emulator boots what there was when it was started.
fn images(at: &Station) -> Result<impl Fn() -> Result<Option<String>, Failure>, Failure> {
    let read = || image::sha256(at).map_err(Failure::bench);
    let booted = if at.emulated.is_some() { Some(read()?) } else { None };
    Ok(move || booted.clone().map_or_else(read, Ok))
}

/// Serves a rig for the requests, and puts them behind its ports. It is the same rig otherwise, and these are gone after the run: the
/// record names the rig as it was written, and a request knows of nothing simulated any more.
fn behind_ports(args: &Args, requests: &mut [Request]) -> Result<ServedRig, Failure> {
    let served = ServedRig::start(&args.rig, args.wanted.seed)?;
    let station = served.file.station(args.wanted.station.as_deref()).map_err(Failure::bench)?;
    requests.iter_mut().for_each(|request| request.station = request.station.behind_the_ports_of(station));
    Ok(served)
}

/// What the end of a run by hand tells of its station: a person who sees it fail is there to look, and keeps nobody out.
fn by_hand(at: &Station, rig: &str, told: &AtStation) -> Result<bool, Failure> {
    let works = *told == AtStation::Works;
    if works { station::works(at, rig).map(|()| false) } else { Ok(false) }
}

/// What is said of a restart of the host between two runs.
fn rest_is_left(done: usize, planned: usize) -> Failure {
    Failure::bench(format!("expected {planned} runs, but the host restarts after {done}; run the rest again"))
}

/// The rest is left as it is; what was done has its results.
fn left(args: &Args, folders: &[PathBuf], planned: usize, why: Failure) -> Refused {
    junit(args.junit.as_deref(), folders, planned);
    Refused::Left(why)
}

/// Takes the station: nobody else's process may use it meanwhile. A job's was looked at by the queue.
fn hold(requests: &[Request], args: &Args) -> Result<Option<store::Hold>, Refused> {
    let Some(of) = requests.first().map(|request| &request.station) else { return Ok(None) };
    let bath = |request: &Request| request.plan.bath.as_ref().map(|bath| bath.at_c.value);
    let needs = store::needs_of_all(requests.iter().map(|request| station::needs(of, bath(request))));
    let hold = station::hold(of, needs, &format!("run {}", args.scenarios.join(", ")))?;
    // Behind that: whoever takes the ports finds out whether a run was left there.
    if args.job.is_none() {
        station::heed_quarantine(of, &args.rig)?;
    }
    Ok(hold)
}

/// Keeps a station apart that could not be confirmed safe; whether it did. A simulated pump ends with its run.
fn noted_as_unsafe(
    finished: &Finished,
    (at, rig): (&Station, &str),
    job: Option<&mut job::Work>,
) -> Result<bool, Refused> {
    if finished.safe {
        return Ok(false);
    }
    let why = finished.reason.as_deref().unwrap_or("it did not confirm");
    match job {
        Some(job) => job.left_unsafe(at, why)?,
        None => {
            let run = finished.folder.display();
            let reason = format!("run {run} by hand has left it, and it could not be confirmed safe: {why}");
            station::keep_apart(at, rig, &reason)?;
        }
    }
    Ok(true)
}

/// Every run that is to be done: all scenarios, all variants of their parameters.
fn requests(args: &Args, rig: &RigFile) -> Result<Vec<Request>, Failure> {
    let station = rig.station(args.wanted.station.as_deref()).map_err(Failure::input)?;
    let overdue_accepted = overdue_accepted(args)?;
    let mut requests = Vec::new();
    let mut problems = String::new();
    for scenario in &args.scenarios {
        match plans(args, scenario, station) {
            Ok(plans) if args.wanted.purpose == VERIFICATION && plans.iter().any(judges_nothing) => {
                problems.push_str(&format!(
                    "error: {scenario}: expected a check in a run for verification, but found none\n"
                ));
            }
            Ok(plans)
                if let Some(Err(why)) =
                    plans.iter().map(|p| image::has_what_is_wanted(p, station)).find(Result::is_err) =>
            {
                problems.push_str(&format!("error: {scenario}: {why}\n"));
            }
            Ok(plans) => requests.extend(plans.into_iter().map(|plan| Request {
                scenario: scenario.clone(),
                plan: Arc::new(plan),
                station: station.clone(),
                rig_yaml: rig.resolved_yaml().to_owned(),
                seed: args.wanted.seed,
                device: args.wanted.device.clone(),
                overdue_accepted: overdue_accepted.clone(),
                purpose: args.wanted.purpose.clone(),
                operator: args.operator.clone().or_else(|| std::env::var("USER").ok()),
                runs: args.runs.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            })),
            Err(failure) => problems.push_str(&failure.text),
        }
    }
    if problems.is_empty() { Ok(requests) } else { Err(Failure::problems(problems)) }
}

/// Who takes an overdue certificate upon himself, and why. A regulator's evidence is not made so.
fn overdue_accepted(args: &Args) -> Result<Option<OverdueAccepted>, Failure> {
    let Some(reason) = args.wanted.accept_overdue.as_deref().map(str::trim) else { return Ok(None) };
    if reason.is_empty() {
        return Err(Failure::input("expected a reason with --accept-overdue, but found none"));
    }
    if args.wanted.purpose == VERIFICATION {
        return Err(Failure::input(
            "expected certificates that hold in a run for verification, but found --accept-overdue",
        ));
    }
    Ok(Some(OverdueAccepted { by: args.operator.clone().unwrap_or_else(crate::user), reason: reason.to_owned() }))
}

/// Whether a plan holds no check of its own.
fn judges_nothing(plan: &Plan) -> bool {
    plan.checks.iter().all(|name| scenario::IMPLICIT.contains(&name.as_str()))
}

fn plans(args: &Args, scenario: &str, station: &Station) -> Result<Vec<Plan>, Failure> {
    let document = load::document(&load::scenario_source(scenario)?)?;
    let variants = document.variants(&args.wanted.set).map_err(Failure::input)?;
    variants
        .iter()
        .map(|v| scenario::resolve(&document, v, &station.profile).map_err(|p| load::rendered(&p, document.source())))
        .collect()
}

/// Sets a run up, has its job know of it, and starts it.
fn begin(
    request: Request,
    planned: usize,
    job: Option<&mut job::Work>,
    (hold, rig): (Option<&mut store::Hold>, &str),
) -> Result<Handle, String> {
    if judges_nothing(&request.plan) {
        tell!("note: {} has no check of its own; its pass says only that no alarm came", request.scenario);
    }
    let station = Arc::clone(&request.station.profile);
    let ready = daemon::set_up(request).map_err(|e| e.to_string())?;
    if let Some(job) = job {
        job.runs(&ready.run, &ready.folder, planned).map_err(|failure| failure.text.trim().to_owned())?;
    } else if let Some(hold) = hold {
        // If this process ends in its midst, the run is found by its folder, from wherever that is looked for.
        let folder = runs::whole_path(&ready.folder);
        let makes = hold.makes(Some((&folder, &station::rig_name(rig), &station.station)));
        makes.map_err(|why| why.to_string())?;
    }
    ready.start().map_err(|e| e.to_string())
}

/// The run that was made with a hold is over, and its station safe or kept apart.
fn makes_none(hold: Option<&mut store::Hold>) -> Result<(), Failure> {
    hold.map_or(Ok(()), |hold| hold.makes(None)).map_err(station::failure)
}

/// Makes a run's files and prints its result; the verdict and the exit code that it calls for.
fn conclude(args: &Args, finished: &Finished) -> (String, u8) {
    let mut told = finished.verdict.name().to_owned();
    let mut codes = vec![finished.verdict.exit_code()];
    if let Some(why) = &finished.record_trouble {
        tell!("error: {}: {why}", finished.folder.display());
        codes.push(BENCH_ERROR);
    }
    match summary(&finished.folder) {
        Ok(summary) => {
            // The report recomputes every check; where it differs, it has said so.
            let verdict = summary["verdict"].as_str().unwrap_or("");
            codes.push(code_of(verdict).unwrap_or(BENCH_ERROR));
            verdict.clone_into(&mut told);
            if args.json {
                say!("{summary}");
            } else {
                print_result(&summary);
            }
        }
        Err(why) => {
            tell!("error: {why}");
            let reason = finished.reason.as_deref().unwrap_or("");
            tell!("{}  {}  {reason}", finished.verdict, finished.folder.display());
            codes.push(BENCH_ERROR);
        }
    }
    (told, exit_code_of(codes))
}

pub(crate) fn code_of(verdict: &str) -> Option<u8> {
    RunVerdict::ALL.into_iter().find(|v| v.name() == verdict).map(RunVerdict::exit_code)
}

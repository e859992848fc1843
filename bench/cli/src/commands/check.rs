//! `dosebench check`: scenario and rig files, without touching hardware.
//!
//! Every problem of every file is shown; `--plan` prints what a run would do.

use std::time::Duration;

use domain::time::{clock, span};
use scenario::Plan;
use serde_json::json;
use text::Source;

use crate::output::{say, tell_raw};
use crate::station::{self, Needs};
use crate::{Failure, image, load};

/// Arguments of `check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scenarios and rigs: files, or names of the library
    #[arg(required = true)]
    files: Vec<String>,
    /// The rig that scenarios are checked against
    #[arg(long, default_value = "virtual")]
    rig: String,
    /// The rig's station
    #[arg(long)]
    station: Option<String>,
    /// Sets a parameter
    #[arg(long, value_name = "NAME=VALUE", value_parser = load::assignment)]
    set: Vec<(String, String)>,
    /// Print what a run would do
    #[arg(long)]
    plan: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let mut worst = 0;
    for file in &args.files {
        if let Err(failure) = check(args, file) {
            tell_raw(&failure.text);
            worst = failure.code;
        }
    }
    Ok(worst)
}

fn check(args: &Args, file: &str) -> Result<(), Failure> {
    let library_rig = !load::is_file(file) && ::rig::library::find(file).is_some();
    let source = if library_rig { load::rig_source(file)? } else { load::scenario_source(file)? };
    if library_rig || load::is_rig(&source) {
        let rig = load::rig(&source)?;
        let station = rig.station(args.station.as_deref()).map_err(Failure::input)?;
        if args.json {
            say!("{}", json!({"file": file, "kind": "rig", "rig": rig.name(), "station": station.profile.station}));
        } else {
            say!("{file}: rig {}, station {}", rig.name(), station.profile.station);
        }
        return Ok(());
    }
    for (plan, needs) in plans(args, &source)? {
        show(args, file, &plan, &needs);
    }
    Ok(())
}

/// The plans of a scenario, and what each needs of what stations share.
fn plans(args: &Args, source: &Source) -> Result<Vec<(Plan, Needs)>, Failure> {
    let source_of_rig = load::rig_source(&args.rig)?;
    let rig = load::rig(&source_of_rig)?;
    let station = rig.station(args.station.as_deref()).map_err(Failure::input)?;
    let document = load::document(source)?;
    let variants = document.variants(&args.set).map_err(Failure::input)?;
    let resolved = |v: &Vec<(String, String)>| {
        scenario::resolve(&document, v, &station.profile).map_err(|p| load::rendered(&p, document.source()))
    };
    let plans: Vec<Plan> = variants.iter().map(resolved).collect::<Result<_, _>>()?;
    // What may be set must be decidable as well as what is set unless somebody does. `run` does not ask: it must decide its own
    // values alone, and is not to be refused for values that nobody runs.
    for extreme in document.extremes(&args.set).map_err(Failure::input)? {
        resolved(&extreme).map_err(|failure| at_the_end_of_a_range(&extreme, &failure))?;
    }
    // An image need not have been built to check a scenario; one that is there is asked for what the scenario wants of it.
    if let Ok(rig) = load::whole_rig(&source_of_rig) {
        let station = rig.station(args.station.as_deref()).map_err(Failure::input)?;
        for plan in &plans {
            image::has_what_is_wanted(plan, station)
                .map_err(|why| Failure::input(format!("{}: {why}", source.name())))?;
        }
    }
    let with_needs = |plan: Plan| {
        let needs = station::needs(station, plan.bath.as_ref().map(|bath| bath.at_c.value));
        (plan, needs)
    };
    Ok(plans.into_iter().map(with_needs).collect())
}

/// What a scenario is refused for with values that nobody has set yet.
fn at_the_end_of_a_range(extreme: &[(String, String)], failure: &Failure) -> Failure {
    let with: Vec<String> = extreme.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let text = format!("{}  at the end of a parameter's range: {}\n", failure.text, with.join(", "));
    Failure { text, code: failure.code }
}

fn show(args: &Args, file: &str, plan: &Plan, needs: &Needs) {
    let parameters: Vec<String> = plan.parameters.iter().map(|(n, v)| format!("{n} = {v}")).collect();
    if args.json {
        let parameters: serde_json::Map<String, serde_json::Value> =
            plan.parameters.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
        let steps: Vec<_> = plan.steps.iter().map(|s| json!({"name": s.name, "what": s.what})).collect();
        say!(
            "{}",
            json!({"file": file, "kind": "scenario", "scenario": plan.title, "parameters": parameters,
                   "duration_s": plan.duration().as_secs_f64(), "needs": needs, "steps": steps, "checks": plan.checks})
        );
        return;
    }
    let with = if parameters.is_empty() { String::new() } else { format!(" with {}", parameters.join(", ")) };
    say!("{file}: {}{with}, at least {}", plan.title, span(plan.duration()));
    if args.plan {
        let mut at = Duration::ZERO;
        let mut line = |what: &str, lasts: Duration| {
            say!("  {:>14}  {what}", clock(at));
            at += lasts;
        };
        if let Some(bath) = &plan.bath {
            say!("  {:>14}  bring the bath to {bath}, within {}", "", span(bath.within));
        }
        line(&format!("weigh with the pump stopped for {}", span(plan.weighing.before)), plan.weighing.before);
        for step in &plan.steps {
            line(&format!("{}: {}", step.name, step.what), step.duration());
        }
        line(&format!("weigh with the pump stopped for {}", span(plan.weighing.after)), plan.weighing.after);
        line(&format!("decide by {}", plan.decision_rule), Duration::ZERO);
        line("settle the checks and make the station safe", Duration::ZERO);
        if let Some(within) = plan.resume_within {
            say!("  interrupted in a hold or the closing weighing it goes on, within {}", span(within));
        }
    }
}

//! The top of the page: the verdict, what was run, how real it was, and what was asked of the device.
//! It formats what the summary and the recomputation hold, and decides nothing.

use domain::check::CheckRecord;
use domain::identity::{Nature, Tier};
use domain::{CheckVerdict, RunVerdict};
use serde::Serialize;

use super::{Material, Pair, pair};

use crate::number::prose;

/// The banner and the facts under it.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    title: String,
    verdict: &'static str,
    verdict_text: &'static str,
    meaning: &'static str,
    reason: Option<String>,
    fault: Option<String>,
    simulated: Option<String>,
    notices: Vec<String>,
    facts: Vec<Pair>,
}

/// What the scenario asked.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    method: String,
    requirements: Vec<Pair>,
    parameters: Vec<Pair>,
}

pub(super) fn head(material: &Material<'_>) -> Head {
    let summary = material.summary;
    let title = material.story.opened.as_ref().map_or("", |opened| opened.title.as_str());
    let (verdict_text, meaning) = words(summary.verdict);
    Head {
        title: if title.is_empty() { summary.scenario.clone() } else { title.to_owned() },
        verdict: summary.verdict.name(),
        verdict_text,
        meaning,
        reason: summary.reason.as_deref().map(prose),
        fault: material.outcome.fault.clone().filter(|fault| Some(fault) != summary.reason.as_ref()),
        simulated: simulated(material),
        notices: notices(material),
        facts: facts(material),
    }
}

pub(super) fn asked(material: &Material<'_>) -> Asked {
    let Some(opened) = &material.story.opened else {
        return Asked { method: String::new(), requirements: Vec::new(), parameters: Vec::new() };
    };
    let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(name, value)| pair(name, prose(value))).collect();
    Asked {
        method: opened.method.trim().to_owned(),
        requirements: pairs(&opened.requirements),
        parameters: pairs(&opened.parameters),
    }
}

const fn words(verdict: RunVerdict) -> (&'static str, &'static str) {
    match verdict {
        RunVerdict::Pass => ("Pass", "Every check passed."),
        RunVerdict::Fail => ("Fail", "A check failed: the device under test is at fault."),
        RunVerdict::Inconclusive => (
            "Inconclusive",
            "A value is too near its limit for its uncertainty, or its measurement does not support a pass.",
        ),
        RunVerdict::Error => ("Error", "The bench failed. Nothing is said about the device."),
        RunVerdict::NotRun => ("Not run", "A precondition was not met. Nothing is said about the device."),
        RunVerdict::Aborted => ("Aborted", "The run was stopped before its end."),
    }
}

/// The note that keeps a simulated figure from passing for a measured one.
pub(crate) fn simulated(material: &Material<'_>) -> Option<String> {
    let story = material.story;
    let unreal: Vec<&str> = story
        .identities
        .iter()
        .filter(|(_, identity)| identity.nature != Nature::Real)
        .map(|(name, _)| name.as_str())
        .collect();
    let any = story.natures.iter().any(|nature| *nature != Nature::Real);
    let real = story.natures.contains(&Nature::Real);
    let lab = material.summary.tier == Some(Tier::Lab);
    match (any, real) {
        (true, false) => Some("Simulated: no figure in this report was measured on a device.".to_owned()),
        (true, true) => Some(format!(
            "Partly simulated ({}): no figure in this report may be taken for one that was measured on a device.",
            if unreal.is_empty() { "for a part of the run".to_owned() } else { unreal.join(", ") }
        )),
        (false, _) if story.natures.is_empty() => {
            Some("No instrument ever answered: no figure in this report was measured on a device.".to_owned())
        }
        (false, _) if !lab => {
            Some("Time was virtual: no figure in this report may be taken for one that was measured.".to_owned())
        }
        _ => None,
    }
}

/// What a reader must know before believing anything below.
fn notices(material: &Material<'_>) -> Vec<String> {
    let mut notices = Vec::new();
    for check in &material.again.checks {
        if let Some(difference) = &check.difference {
            notices.push(format!(
                "Check {} comes out differently when computed again from the record: {difference}. This is a fault of \
                 the bench's program; the verdict as recorded is shown and counts as no pass.",
                check.name
            ));
        }
    }
    if let Some(torn) = material.torn {
        notices.push(format!("The record's end is missing: {torn}"));
    }
    if material.story.ending.is_none() {
        notices.push(
            "The stream has no end: the run was interrupted, and what is shown is what was recorded until then."
                .to_owned(),
        );
    }
    let undecided = |check: Option<&CheckRecord>| check.is_none_or(|check| check.verdict == CheckVerdict::NotRun);
    let missing = material.story.checks_as_planned().into_iter().filter(|(_, check)| undecided(*check)).count();
    if missing > 0 {
        notices.push(format!("Checks that were never decided: {missing}."));
    }
    if material.story.scripted_answers {
        notices.push("A script answered the operator's steps; no person did.".to_owned());
    }
    if material.story.safe_stop.as_ref().is_some_and(|report| !report.confirmed) {
        notices
            .push("The safe stop was not confirmed: the state in which the station was left is not known.".to_owned());
    }
    notices
}

fn facts(material: &Material<'_>) -> Vec<Pair> {
    let summary = material.summary;
    let unknown = || "not stated".to_owned();
    let protocol = match (&summary.protocol.id, &summary.protocol.revision) {
        (Some(id), Some(revision)) => format!("{id}, revision {revision}"),
        (Some(id), None) => format!("{id}, no revision"),
        (None, _) => unknown(),
    };
    let lasted = summary.rig_seconds.and_then(|s| std::time::Duration::try_from_secs_f64(s).ok());
    let safe = material.story.safe_stop.as_ref().map_or_else(|| "not on record".to_owned(), crate::timeline::safe_stop);
    let image = summary.device.image_sha256.as_ref();
    let image = image.map(|sha256| pair("Firmware image", format!("SHA-256 {sha256}, as read from the board")));
    let mut facts = vec![
        pair("Scenario", summary.scenario.as_str()),
        pair("Protocol", protocol),
        pair("Run", summary.run.as_str()),
        pair("Purpose", summary.purpose.as_str()),
        pair("Operator", summary.operator.clone().unwrap_or_else(unknown)),
        pair("Started", summary.started.as_str()),
        pair(
            "Lasted (run time)",
            lasted.map_or_else(unknown, |d| format!("{} ({})", domain::time::clock(d), domain::time::span(d))),
        ),
        pair("Rig", format!("{}, station {}", summary.rig, summary.station)),
        pair("Tier", summary.tier.map_or("unknown: no instrument answered", Tier::name)),
        pair("Seed of the simulators", summary.seed.to_string()),
        pair("Left safe", safe),
    ];
    facts.extend(image);
    facts
}

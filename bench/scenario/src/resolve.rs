//! Document to plan: one variant of a scenario, resolved against a rig's station.
//!
//! Every problem is collected: shape first, then what each well-formed step means on this rig.

use core::time::Duration;

use domain::check::{DecisionRule, RISK_LEAST_PERCENT};
use domain::event::{Protocol, flagged_at_most};
use domain::profile::{Role, SafePump};
use domain::quantity::Ratio;
use domain::{Dimension, MassRate, RigProfile};
use text::{Diagnostics, Node, View, validate};

use crate::document::{Document, RULES, SCENARIO};
use crate::guard;
use crate::lower::{Context, Named, Rate};
use crate::needs;
use crate::plan::{Plan, Step, Weighing};
use crate::stated;
use crate::steps::REGISTRY;

/// The check that every plan holds: no alarm but those that a step expects, and no reset.
pub const NO_UNEXPECTED_ALARM: &str = "no unexpected alarm or reset";

/// The check that the pump answers; plans hold it on rigs whose supply can tell whose fault a silence is.
pub const DEVICE_ANSWERS: &str = "device answers";

/// The check that the bath stayed where it was needed; plans that need one hold it. It is never a fail.
pub const BATH_KEPT: &str = "bath kept its temperature";

/// The checks that a plan may hold without a word of it in its scenario.
pub const IMPLICIT: [&str; 3] = [NO_UNEXPECTED_ALARM, DEVICE_ANSWERS, BATH_KEPT];

/// The plan of a document with these parameters on this rig.
///
/// # Errors
/// Every problem of the file, in the order of their places.
pub fn resolve(
    document: &Document,
    assignment: &[(String, String)],
    profile: &RigProfile,
) -> Result<Plan, Diagnostics> {
    let mut problems = Diagnostics::new();
    let root = document.substituted(assignment, &mut problems);
    validate(&root, &SCENARIO, "scenario", &mut problems);
    let plan = lower(&root, assignment, profile, &mut problems);
    match plan {
        Some(plan) if problems.is_empty() => Ok(Plan { pattern_yaml: text::to_yaml(&document.pattern()), ..plan }),
        _ => Err(problems),
    }
}

fn lower(
    root: &Node,
    assignment: &[(String, String)],
    profile: &RigProfile,
    problems: &mut Diagnostics,
) -> Option<Plan> {
    let view = View::new(root);
    let requirements: Vec<(String, String)> = view
        .node("requirements")
        .and_then(Node::map)
        .unwrap_or(&[])
        .iter()
        .map(|(k, v)| (k.text.clone(), v.scalar().unwrap_or("").to_owned()))
        .collect();
    finally(view, profile, problems);
    let weighing = view.view("weighing").map(|w| weighing(w, profile, problems));
    let bath = needs::bath(view, profile, problems);
    let decision_rule = view.view("decision").map_or(Some(DecisionRule::default()), |d| decision(d, problems));
    let mut context = Context {
        profile,
        requirements: &requirements,
        named: Vec::new(),
        rate: Rate::None,
        patient_ul: None,
        checks: implicit_checks(profile, bath.as_ref().is_some_and(Option::is_some)),
        counts: Vec::new(),
        problems,
    };
    let steps: Vec<Step> =
        view.node("steps").and_then(Node::list).unwrap_or(&[]).iter().filter_map(|n| step(n, &mut context)).collect();
    let throughout = view
        .node("throughout")
        .and_then(Node::list)
        .unwrap_or(&[])
        .iter()
        .filter_map(|n| guard::lower(View::new(n), &mut context))
        .collect();
    Some(Plan {
        title: view.text("scenario")?.to_owned(),
        protocol: view.view("protocol").and_then(|p| {
            Some(Protocol { id: p.text("id")?.to_owned(), revision: p.text("revision").map(str::to_owned) })
        }),
        method: view.text("method").unwrap_or("").to_owned(),
        parameters: assignment.to_vec(),
        weighing: weighing??,
        decision_rule: decision_rule?,
        bath: bath?,
        resume_within: view.view("resume").and_then(|resume| resume.duration("within")),
        stated: view.view("report").map(stated::lower).unwrap_or_default(),
        steps,
        throughout,
        checks: context.checks,
        resolved_yaml: text::to_yaml(root),
        pattern_yaml: String::new(),
        requirements,
    })
}

fn implicit_checks(profile: &RigProfile, bath: bool) -> Vec<String> {
    let mut checks = vec![NO_UNEXPECTED_ALARM.to_owned()];
    if profile.pump.supply_v.is_some() && profile.by_role(Role::Supply).is_some() {
        checks.push(DEVICE_ANSWERS.to_owned());
    }
    if bath {
        checks.push(BATH_KEPT.to_owned());
    }
    checks
}

fn step(node: &Node, context: &mut Context<'_>) -> Option<Step> {
    let [(key, body)] = node.map()? else { return None };
    let entry = REGISTRY.iter().find(|s| s.variant.key == key.text)?;
    if !validate(body, &entry.variant.kind, entry.variant.key, &mut Diagnostics::new()) {
        // Its problems are reported already; its name must still be known to the steps after it.
        let _ = context.step_name(View::new(body), entry.variant.key);
        if matches!(entry.variant.key, "start" | "change dose") {
            context.rate = Rate::Unknown;
        }
        if let Some(name) = View::new(body).text("name") {
            context.named.push(Named::lasting(name, f64::INFINITY));
        }
        return None;
    }
    (entry.lower)(View::new(body), context)
}

fn decision(view: View<'_>, problems: &mut Diagnostics) -> Option<DecisionRule> {
    const RISK: &str = "false acceptance at most";
    let risk = view.quantity(RISK, Dimension::Ratio);
    let wrong = match (view.text("rule")?, risk) {
        (rule, None) if rule == RULES[0] => return Some(DecisionRule::GuardBand),
        (rule, None) if rule == RULES[1] => return Some(DecisionRule::SimpleAcceptance),
        (rule, Some(percent)) if rule == RULES[2] && (RISK_LEAST_PERCENT..50.0).contains(&percent) => {
            return Some(DecisionRule::StatedRisk { false_acceptance_percent: percent });
        }
        (rule, Some(percent)) if rule == RULES[2] => {
            format!("{RISK}: expected {RISK_LEAST_PERCENT} % or more and less than 50 %, but found {percent} %")
        }
        (rule, None) => format!("{rule}: expected '{RISK}', but it is missing"),
        (rule, Some(_)) => format!("{RISK}: expected the rule '{}' for it, but found '{rule}'", RULES[2]),
    };
    problems.push(view.pos_of(RISK), wrong);
    None
}

fn weighing(view: View<'_>, profile: &RigProfile, problems: &mut Diagnostics) -> Option<Weighing> {
    let weighing = Weighing {
        before: view.duration("before")?,
        after: view.duration("after")?,
        change_at_most: MassRate::from_ug_per_s(view.quantity("evaporation changes at most", Dimension::MassRate)?),
        flagged_at_most: view
            .quantity("flagged at most", Dimension::Ratio)
            .map_or(flagged_at_most(), Ratio::from_percent),
    };
    if weighing.flagged_at_most.percent() < 0.0 {
        let found = view.text("flagged at most").unwrap_or("");
        problems.push(
            view.pos_of("flagged at most"),
            format!("flagged at most: expected 0 % or more, but found '{found}'"),
        );
    }
    if profile.by_role(Role::Balance).is_none() {
        problems
            .push(view.pos(), format!("weighing: expected a rig with a balance, but rig '{}' has none", profile.name));
    }
    let least = profile.method.settling + profile.method.averaging;
    for (key, span) in [("before", weighing.before), ("after", weighing.after)] {
        if span < least + Duration::from_secs(1) {
            let (least, found) = (domain::time::span(least + Duration::from_secs(1)), domain::time::span(span));
            let message =
                format!("weighing: {key}: expected at least {least} (settling, averaging and 1 s), but found {found}");
            problems.push(view.pos_of(key), message);
        }
    }
    Some(weighing)
}

fn finally(view: View<'_>, profile: &RigProfile, problems: &mut Diagnostics) {
    let Some(finally) = view.view("finally") else { return };
    if finally.text("pump") == Some("stopped") && profile.safe.pump != SafePump::Stopped {
        problems.push_hint(
            finally.pos_of("pump"),
            format!("pump: expected the safe state of rig '{}', but found 'stopped'", profile.name),
            "what is safe is the rig file's word; write: the rig's safe state",
        );
    }
    if finally.text("valve") == Some("open") && !profile.safe.valve_open {
        problems.push_hint(
            finally.pos_of("valve"),
            format!("valve: expected the safe state of rig '{}', but found 'open'", profile.name),
            "what is safe is the rig file's word; write: the rig's safe state",
        );
    }
}

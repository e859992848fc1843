//! How the figures came about: conditions, corrections with their constants, and what this report does not claim.
//! It decides nothing.

use domain::profile::{Declared, Fluid, Method, Role};
use measure::Estimate;
use measure::buoyancy::WEIGHT_KG_PER_M3;

use super::{Material, Pair, pair};
use crate::number::{plain, prose, uncertain};

/// The conditions under which mass became volume, as the rig file declares them.
pub(super) fn conditions(material: &Material<'_>) -> Vec<Pair> {
    let Some(opened) = &material.story.opened else { return Vec::new() };
    let method = &opened.profile.method;
    let fluid = match &method.fluid {
        Fluid::Water => "water, degassed; density by temperature (Tanaka 2001)".to_owned(),
        Fluid::Given { name, .. } => format!("{name}; density as measured and declared"),
    };
    let mut rows = vec![
        pair("Liquid", fluid),
        pair("Temperature in the vessel", declared(method.vessel_c, domain::Temperature::c, "°C")),
        pair("Volumes are stated at", format!("{} °C", plain(method.stated_c.c()))),
        pair("Air temperature", declared(method.air_c, domain::Temperature::c, "°C")),
        pair("Air pressure", declared(method.air_kpa, domain::Pressure::kpa, "kPa")),
        pair("Relative humidity", declared(method.humidity_percent, domain::Ratio::percent, "%")),
        pair("Needle, diameter", declared(method.needle_mm, domain::Length::mm, "mm")),
        pair("Vessel, inner diameter", declared(method.vessel_mm, domain::Length::mm, "mm")),
        pair("Evaporation between the two drifts", method.evaporation.name()),
        pair("Swing of evaporation in between", format!("{} %", plain(method.evaporation_swing.percent()))),
        pair("A weighing is the mean over", domain::time::span(method.averaging)),
        pair("The balance settles for", domain::time::span(method.settling)),
    ];
    rows.extend(characterised(method));
    rows
}

/// What somebody measured of the rig itself, and when; what nobody did is not given.
fn characterised(method: &Method) -> Vec<Pair> {
    let measured = &method.characterised;
    let given = |text: Option<String>| text.unwrap_or_else(|| "not given".to_owned());
    let ul = |volume: Declared<domain::Volume>| declared(volume, domain::Volume::ul, "\u{b5}L");
    let ug = |mass: domain::Mass| format!("± {} \u{b5}g", plain(mass.g() * 1e6));
    vec![
        pair("The rig was characterised on", given(measured.on.clone())),
        pair("Vessel and liquid displace", given(measured.displaced_ul.map(ul))),
        pair("Wetting of the needle", given(measured.wetting_g.map(ug))),
        pair("The balance's zero drifts by", given(measured.zero_drift_g.map(ug))),
        pair("The line holds", given(measured.line_volume_ul.map(ul))),
        pair(
            "The line leaks",
            given(measured.line_leak_ul_per_h.map(|leak| declared(leak, domain::FlowRate::ul_per_h, "\u{b5}L/h"))),
        ),
        pair(
            "Line compliance",
            given(
                measured
                    .line_compliance_ul_per_kpa
                    .map(|compliance| declared(compliance, domain::quantity::Compliance::ul_per_kpa, "\u{b5}L/kPa")),
            ),
        ),
        pair("The valve displaces", given(method.valve_displacement_ul.map(ul))),
    ]
}

fn declared<T: Copy>(declared: Declared<T>, get: impl Fn(T) -> f64, unit: &str) -> String {
    format!("{} ± {} {unit} (half width)", plain(get(declared.value)), plain(get(declared.half_width)))
}

/// The corrections that were applied, with their values.
pub(super) fn corrections(material: &Material<'_>) -> Vec<Pair> {
    let ledger = &material.again.ledger;
    let mut rows = Vec::new();
    if let Some(evaporation) = ledger.evaporation() {
        let after = evaporation.after_ug_per_s();
        rows.push(pair("Evaporation before the steps", estimate(evaporation.before_ug_per_s(), "\u{b5}g/s")));
        rows.push(pair(
            "Evaporation after the steps",
            after.map_or_else(|| "not measured".to_owned(), |after| estimate(after, "\u{b5}g/s")),
        ));
        rows.push(pair("Drift between the two", drift(material, evaporation.before_ug_per_s(), after)));
    } else {
        rows.push(pair("Evaporation", "not measured: the opening weighing is not on record"));
    }
    if let Some(conversion) = ledger.conversion() {
        rows.push(pair(
            "Volume per indicated mass, Z (air buoyancy and density)",
            estimate(conversion.z_ml_per_g, "mL/g"),
        ));
        rows.push(pair("Factor for the immersed needle", estimate(conversion.needle, "")));
        rows.push(pair("Density of the balance's weights", format!("{} kg/m³", plain(WEIGHT_KG_PER_M3))));
    }
    if let (Some(density), u) = (material.summary.fluid.density_kg_per_m3, material.summary.fluid.u) {
        let density = Estimate { value: density, u: u.unwrap_or(0.0), dof: f64::INFINITY };
        rows.push(pair("Density of the liquid in the vessel", estimate(density, "kg/m³")));
    }
    rows.push(pair("Density of air", "CIPM-2007 (Picard 2008)"));
    rows.push(pair(
        "The pump's clock against the bench's, not corrected: a pump doses by its own",
        material.story.pump_clock.told().unwrap_or_else(|| "not read twice".to_owned()),
    ));
    rows
}

/// By how much the loss with the pump stopped, balance drift included, changed over the run.
fn drift(material: &Material<'_>, before: Estimate, after: Option<Estimate>) -> String {
    let Some(after) = after else { return "not measured".to_owned() };
    let change =
        Estimate { value: after.value - before.value, u: before.u.hypot(after.u), dof: before.dof.min(after.dof) };
    let opened = material.story.opened.as_ref();
    let allowed = opened.map(|o| plain(o.evaporation_changes_at_most_ug_per_s.ug_per_s())).unwrap_or_default();
    format!(
        "{}, of balance and evaporation together; at most {allowed} \u{b5}g/s allowed",
        estimate(change, "\u{b5}g/s")
    )
}

/// A value with twice its standard uncertainty.
fn estimate(estimate: Estimate, unit: &str) -> String {
    match uncertain(estimate.value, Some(2.0 * estimate.u)) {
        (value, Some(u)) => format!("{value} ± {u} {unit} (k = 2)").replace("  ", " "),
        (value, None) => format!("{value} {unit}").trim_end().to_owned(),
    }
}

/// What this report does not claim.
pub(super) fn limits_of_this_report(material: &Material<'_>) -> Vec<String> {
    let rule = material.story.opened.as_ref().map(|opened| opened.decision_rule).unwrap_or_default();
    let climate = material.story.opened.as_ref().is_some_and(|opened| opened.profile.by_role(Role::Climate).is_some());
    let mut limits = vec![
        "The method is adapted from IEC 60601-2-24, which excludes implants; its clause text was not checked against \
         the purchased standard. Limits come from the scenario, not from a standard."
            .to_owned(),
        format!(
            "Decision rule, named before the run: {rule}. A check passes if its value lies inside its limits by at least the \
             guard band, fails if it lies outside by more than that, and is inconclusive in between. Times are held against \
             their limits with their whole bounds, whatever the rule."
        ),
        format!(
            "Corrections use the conditions (temperatures, pressure, humidity, diameters) that the rig file declares, with \
             their half widths{}",
            if climate {
                "; the room as it was read stands under Environment."
            } else {
                "; nobody measured them during the run."
            }
        ),
        "The needle's factor and the choice of decision rule are stated from the literature as the authors remember \
         it; the gravimetric formulae are Tanaka 2001 for water and CIPM-2007 for air."
            .to_owned(),
        "Expanded uncertainties cover about 95.45 % if the budget's terms are complete. Gas freed in the line, line \
         breathing, wetting of the needle and leaks are not among the terms unless a budget above names them."
            .to_owned(),
        "This report says nothing about the finished device, and is no statement of conformity.".to_owned(),
    ];
    for deviation in &material.summary.deviations {
        limits.push(format!("A deviation bears upon every verdict: {}.", prose(deviation)));
    }
    if material.summary.purpose != "verification" {
        limits.push(format!("The run's purpose was {}: it is no verification evidence.", material.summary.purpose));
    }
    limits
}

//! Figures beside the checks: how even the flow was, what an occlusion did, how boluses scatter.
//! It formats what the ledger holds and judges nothing; each table says what its figures mean.

use domain::check::whole_cycles_s;
use measure::{Ledger, Occlusion};

use super::{Cell, Section, Table, Tone, section, table};
use crate::number::{plain, rounded, uncertain, unit};
use crate::page::Material;
use crate::series::moment;

const HOUR_S: f64 = 3600.0;
/// What the error over the second hour is called, of runs and of logs.
pub(crate) const MEAN_ERROR_A: &str = "Mean error A, second hour";
/// What the error over the last hour is called.
pub(crate) const MEAN_ERROR_B: &str = "Mean error B, last hour";

pub(super) fn figures(material: &Material<'_>) -> Option<Section> {
    let ledger = &material.again.ledger;
    let tables: Vec<Table> =
        [flow(material, ledger), occlusions(ledger, material), boluses(material)].into_iter().flatten().collect();
    (!tables.is_empty()).then(|| section("figures", "Figures beside the checks", tables))
}

/// How even the flow was over the longest time of one rate.
fn flow(material: &Material<'_>, ledger: &Ledger) -> Option<Table> {
    let (from, to) = material.story.steps_span()?;
    // Behind a valve that is shut nothing flows, whatever is commanded.
    let shut = ledger.occlusions().first().map(|occlusion| moment(occlusion.closed_s));
    let (from_s, to_s) = ledger.steady(from, shut.map_or(to, |shut| shut.min(to)))?;
    let opened = material.story.opened.as_ref()?;
    let ul_per_h = ledger.rate_ul_per_h(moment(f64::midpoint(from_s, to_s)));
    let cycle_s = opened.profile.pump.pulse_ul.ul() / ul_per_h * HOUR_S;
    let hour_s = whole_cycles_s(HOUR_S, cycle_s);
    if to_s - from_s < 2.0 * hour_s {
        return None;
    }
    let error = |from_s: f64| {
        ledger.flow_error(from_s, from_s + hour_s).map_or_else(
            || Cell::of("not measured").small("flagged, or not read").toned(Tone::Missing),
            |(value, budget)| {
                let expanded = budget.combined().ok().map(|combined| combined.expanded);
                let (value, expanded) = uncertain(value, expanded);
                Cell::of(expanded.map_or_else(|| format!("{value} %"), |expanded| format!("{value} ± {expanded} %")))
            },
        )
    };
    let since = |t_s: f64| format!("from {} h of the flow on", rounded((t_s - from_s) / HOUR_S, 3));
    let second_s = from_s + HOUR_S;
    // The last sample has none behind it.
    let last_s = to_s - hour_s - 2.0 * ledger.sample_s();
    let mut rows = vec![
        vec![Cell::of(MEAN_ERROR_A), error(second_s), Cell::of(since(second_s))],
        vec![Cell::of(MEAN_ERROR_B), error(last_s), Cell::of(since(last_s))],
    ];
    if let Some((quiet_from, quiet_to)) = ledger.longest_without_flow(from_s, to_s) {
        let longest = format!("less than {} min", rounded((quiet_to - quiet_from) / 60.0, 3));
        let usual = format!("at this rate a pulse comes each {} min", rounded(cycle_s / 60.0, 3));
        rows.push(vec![
            Cell::of("Longest time without flow"),
            Cell::of(longest).small(usual),
            Cell::of(since(quiet_from)),
        ]);
    }
    let caption = format!(
        "At {} \u{b5}L/h, over the longest time of one rate. Each hour is rounded up to whole pulses of the pump's head, and stated \
         with its expanded uncertainty. Without flow: less than half a pulse was weighed, as far as samples of {} s tell; \
         times in which the balance was not read or was disturbed are not looked at. Method adapted from IEC 60601-2-24, whose \
         scope excludes implants.",
        rounded(ul_per_h, 4),
        plain(ledger.sample_s())
    );
    Some(table(caption, &[("Figure", 36), ("Found", 34), ("When", 30)], rows))
}

fn occlusions(ledger: &Ledger, material: &Material<'_>) -> Option<Table> {
    let rows: Vec<Vec<Cell>> = ledger.occlusions().iter().map(|occlusion| row(ledger, material, occlusion)).collect();
    let caption = "Time starts when the valve's position reads closed, less half the time to the reading before; a check of the alarm \
                   counts from the reading itself. Missed until the alarm: what was commanded meanwhile, none of \
                   which left the line. What was released is judged by a check, if the scenario has one.";
    let columns = [
        ("Closed at", 17),
        ("Time to alarm", 17),
        ("Pressure at alarm", 17),
        ("Greatest pressure", 16),
        ("Missed until the alarm", 18),
        ("Open again after", 15),
    ];
    (!rows.is_empty()).then(|| table(caption, &columns, rows))
}

fn row(ledger: &Ledger, material: &Material<'_>, occlusion: &Occlusion) -> Vec<Cell> {
    let missing = |why: &str| Cell::of(why).toned(Tone::Missing);
    let kpa =
        |kpa: Option<f64>| kpa.map_or_else(|| missing("not read"), |kpa| Cell::of(format!("{} kPa", rounded(kpa, 3))));
    let closed = Cell::of(super::super::clock(material.story.seconds(moment(occlusion.closed_s))));
    let (alarm, missed) = match occlusion.alarm_s {
        None => (Cell::of("no alarm").toned(Tone::Alert), missing("\u{2013}")),
        Some(alarm_s) => {
            // Both moments lie some time within the poll that showed them.
            let half_s = (occlusion.closed_within_s + occlusion.alarm_within_s) / 2.0;
            let took_s = alarm_s - occlusion.closed_s + (occlusion.closed_within_s - occlusion.alarm_within_s) / 2.0;
            let (took, within) = uncertain(took_s, Some(half_s));
            let closed_s = occlusion.closed_s - occlusion.closed_within_s / 2.0;
            let missed_ul = ledger.commanded_ul(moment(closed_s), moment(closed_s + took_s));
            let rate = ledger.rate_ul_per_h(moment(occlusion.closed_s));
            let (ul, within_ul) = uncertain(missed_ul, Some(rate * half_s / HOUR_S));
            (
                Cell::of(format!("{took} ± {} s", within.unwrap_or_default())),
                Cell::of(format!("{ul} ± {} \u{b5}L", within_ul.unwrap_or_default())),
            )
        }
    };
    let greatest = match kpa(occlusion.greatest_kpa) {
        cell if occlusion.beyond_range => cell.small("and beyond its sensor's range").toned(Tone::Alert),
        cell => cell,
    };
    let opened = occlusion
        .opened_s
        .map_or_else(|| missing("not opened"), |opened_s| Cell::of(super::super::clock(opened_s - occlusion.closed_s)));
    vec![closed, alarm, kpa(occlusion.alarm_kpa), greatest, missed, opened]
}

/// How the boluses of each train scatter about what was commanded.
fn boluses(material: &Material<'_>) -> Option<Table> {
    let mut rows = Vec::new();
    for again in material.again.checks.iter().filter(|again| again.each.len() > 1) {
        let Some(check) = material.summary.checks.iter().find(|check| check.name == again.name) else { continue };
        let unit = check.unit.as_deref().map(unit).unwrap_or_default();
        let count = again.each.len();
        let inside = again.each.iter().filter(|error| {
            check.limit_low.is_none_or(|low| **error >= low) && check.limit_high.is_none_or(|high| **error <= high)
        });
        let share = format!("{} %", rounded(100.0 * inside.count() as f64 / count as f64, 3));
        let (least, greatest) =
            again.each.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), e| (low.min(*e), high.max(*e)));
        let mean = again.each.iter().sum::<f64>() / count as f64;
        let shown = |value: f64| Cell::of(format!("{} {unit}", uncertain(value, check.expanded_uncertainty).0));
        rows.push(vec![
            Cell::of(check.name.as_str()),
            Cell::of(count.to_string()),
            shown(mean),
            shown(greatest),
            shown(least),
            Cell::of(share).small(check.limits_text()),
        ]);
    }
    let caption = "Error of each bolus: the volume in excess of the continuous rate, less what was commanded. The share is of values \
                   within the check's limits, without their uncertainty.";
    let columns =
        [("Check", 26), ("Boluses", 11), ("Mean error", 15), ("Greatest", 15), ("Least", 15), ("Within limits", 18)];
    (!rows.is_empty()).then(|| table(caption, &columns, rows))
}

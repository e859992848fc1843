//! Instruments with their papers, the environment as it was read, and how often everything was read.
//! It formats what was read, and judges nothing.

use domain::event::{Opened, Phase};
use domain::identity::Nature;
use domain::profile::{Declared, InstrumentProfile, Role};
use domain::quantity::to_decimal;
use domain::{RunTime, Status};

use super::{Cell, NOT_GIVEN, Section, Tone, section, table};
use crate::number::{plain, rounded};
use crate::page::Material;
use crate::series::Samples;

pub(super) fn instruments(material: &Material<'_>, opened: &Opened) -> Section {
    let mut instruments: Vec<&InstrumentProfile> = opened.profile.instruments.iter().collect();
    instruments.sort_by_key(|instrument| instrument.role != Role::Pump);
    let rows = instruments.into_iter().map(|instrument| row(material, opened, instrument)).collect();
    let caption = "Identities as each instrument stated them itself; calibrations and ranges as the rig file declares them. A \
                   certificate is not opened: its figures are what somebody copied from it.";
    let columns = [
        ("Instrument", 15),
        ("Model and serial number", 23),
        ("Hardware, firmware", 18),
        ("Nature", 13),
        ("Certificate, range, uncertainty", 31),
    ];
    section("devices", "Device and instruments", vec![table(caption, &columns, rows)])
}

fn row(material: &Material<'_>, opened: &Opened, instrument: &InstrumentProfile) -> Vec<Cell> {
    let identity = material.story.identities.get(&instrument.name);
    let said = |text: Option<&Option<String>>| text.and_then(Clone::clone).unwrap_or_else(|| "unknown".to_owned());
    let nature = match identity.map(|identity| identity.nature) {
        Some(Nature::Real) => Cell::of("real"),
        Some(Nature::Simulated) => Cell::of("simulated").toned(Tone::Alert),
        Some(Nature::Emulated) => Cell::of("emulated").toned(Tone::Alert),
        None => Cell::of("never answered").toned(Tone::Alert),
    };
    let role = match instrument.role {
        Role::Pump => "device under test",
        other => other.name(),
    };
    vec![
        if role == instrument.name { Cell::of(role) } else { Cell::of(instrument.name.as_str()).small(role) },
        Cell::of(said(identity.map(|i| &i.model))).small(format!("serial {}", said(identity.map(|i| &i.serial)))),
        Cell::of(said(identity.map(|i| &i.hardware)))
            .small(format!("firmware {}", said(identity.map(|i| &i.firmware)))),
        nature,
        papers(opened, instrument),
    ]
}

/// What is known of an instrument's calibration. Of pump, valve and plant nothing is measured that would need one.
fn papers(opened: &Opened, instrument: &InstrumentProfile) -> Cell {
    let stated = opened.stated.site.papers_of(&instrument.name);
    let calibration = instrument.calibration.as_ref();
    let certificate = calibration.map(|c| c.certificate.as_str()).or(stated.and_then(|p| p.certificate.as_deref()));
    let needs_none = matches!(instrument.role, Role::Pump | Role::Valve | Role::Probe | Role::Plant);
    let Some(certificate) = certificate else {
        return if needs_none { Cell::of("\u{2013}") } else { Cell::given(None) };
    };
    let mut cell = Cell::of(certificate);
    if let Some(due) = calibration.map(|c| c.due.as_str()).or(stated.and_then(|p| p.due.as_deref())) {
        // Days as YYYY-MM-DD are in the order of their letters.
        let overdue = opened.ends_on.as_str() > due;
        cell = cell.small(if overdue { format!("due {due}: overdue") } else { format!("due {due}") });
        cell.tone = if overdue { Tone::Alert } else { Tone::Plain };
    }
    let u = calibration.map(|c| {
        let u_mg = c.expanded_uncertainty_g.g() * 1e3;
        format!("{} mg (k\u{a0}=\u{a0}{})", rounded(u_mg, 2), plain(c.coverage_factor))
    });
    let u = u.or_else(|| stated.and_then(|p| p.uncertainty.clone()));
    let range = stated.and_then(|p| p.range.as_deref());
    cell.small(format!("range {}", range.unwrap_or(NOT_GIVEN)))
        .small(format!("U = {}", u.as_deref().unwrap_or(NOT_GIVEN)))
}

/// A quantity of the surroundings: its name, the role and quantity of its channel, its unit, value and half width declared.
type Watched = (&'static str, Role, &'static str, &'static str, f64, f64);

pub(super) fn environment(material: &Material<'_>, opened: &Opened) -> Section {
    let method = &opened.profile.method;
    let hpa = |p: domain::Pressure| p.kpa() * 10.0;
    let of = |d: Declared<domain::Temperature>| (d.value.c(), d.half_width.c());
    let ((air, air_half), (vessel, vessel_half)) = (of(method.air_c), of(method.vessel_c));
    let (pressure, humidity) = (method.air_kpa, method.humidity_percent);
    let watched: [Watched; 4] = [
        ("Air temperature", Role::Climate, "temperature", "°C", air, air_half),
        ("Air pressure", Role::Climate, "pressure", "hPa", hpa(pressure.value), hpa(pressure.half_width)),
        ("Relative humidity", Role::Climate, "humidity", "%", humidity.value.percent(), humidity.half_width.percent()),
        ("Liquid temperature", Role::Fluid, "temperature", "°C", vessel, vessel_half),
    ];
    let bath = opened.bath_c.map(|needed| {
        let (value, half) = of(needed);
        ("Bath temperature", Role::Bath, "temperature", "°C", value, half)
    });
    let rows = watched.iter().chain(&bath).map(|watched| surroundings(material, opened, watched)).collect();
    let of_bath = if bath.is_some() { ", of the bath from the opening weighing on" } else { "" };
    let caption = format!(
        "Over the run, from the moment the rig was ready{of_bath}; readings beyond a sensor's range are left out. Corrections \
         use what is declared."
    );
    let columns = [("Quantity", 24), ("Least", 13), ("Mean", 13), ("Greatest", 13), ("Declared", 22), ("Readings", 15)];
    section("environment", "Environment", vec![table(&caption, &columns, rows)])
}

fn surroundings(material: &Material<'_>, opened: &Opened, watched: &Watched) -> Vec<Cell> {
    let (name, role, quantity, unit, value, half) = *watched;
    let instrument = opened.profile.by_role(role);
    let weighed =
        || material.story.steps.iter().find(|step| step.phase == Some(Phase::OpeningWeighing)).map(|step| step.at);
    // A bath that was never weighed in was on its way.
    let ready = || Some(material.story.ready.unwrap_or(RunTime::ZERO));
    let from = if role == Role::Bath { weighed() } else { ready() };
    let channel = instrument.map(|instrument| format!("{}.{quantity}", instrument.name));
    let samples = channel.as_deref().and_then(|channel| material.story.series.of(channel)).into_iter();
    let read = samples
        .flat_map(Samples::iter)
        .filter(|s| from.is_some_and(|from| s.at >= from) && s.status != Status::Overload);
    // Of millions, none is held.
    let (count, sum, least, greatest) =
        read.fold((0_usize, 0.0, f64::INFINITY, f64::NEG_INFINITY), |(count, sum, least, greatest), s| {
            (count + 1, sum + s.value, f64::min(least, s.value), f64::max(greatest, s.value))
        });
    let simulated = instrument
        .and_then(|instrument| material.story.identities.get(&instrument.name))
        .is_some_and(|identity| identity.nature != Nature::Real);
    let shown = |value: f64| Cell::of(format!("{} {unit}", to_decimal(value, 2)));
    let name = if simulated { Cell::of(name).small("simulated") } else { Cell::of(name) };
    let declared = format!("{} ± {} {unit}", plain(value), plain(half));
    // The sensor is in the line, where the liquid may be warmed.
    let declared = match role {
        Role::Fluid => Cell::of("\u{2013}").small(format!("in the vessel {declared}")),
        Role::Bath => Cell::of(declared).small("needed"),
        _ => Cell::of(declared),
    };
    if count == 0 {
        let why = if instrument.is_none() { "no sensor" } else { "never read" };
        let missing = || Cell::of("not measured").toned(Tone::Missing);
        return vec![name, missing(), missing(), missing(), declared, Cell::of(why)];
    }
    let mean = sum / count as f64;
    vec![name, shown(least), shown(mean), shown(greatest), declared, Cell::of(count.to_string())]
}

pub(super) fn sampling(material: &Material<'_>, opened: &Opened) -> Section {
    let rows = material.story.series.iter().map(|(channel, samples)| {
        let poll = opened.profile.by_name(channel.instrument()).map(|instrument| domain::time::span(instrument.poll));
        let (mean, longest) = intervals(samples).map_or_else(
            || ("\u{2013}".to_owned(), "\u{2013}".to_owned()),
            |(mean, longest)| (format!("{} s", rounded(mean, 3)), format!("{} s", rounded(longest, 3))),
        );
        let amiss = samples.iter().filter(|sample| sample.status != Status::Ok).count();
        vec![
            Cell::of(channel.as_str()),
            Cell::given(poll.as_deref()),
            Cell::of(samples.len().to_string()),
            Cell::of(mean),
            Cell::of(longest),
            Cell::of(amiss.to_string()),
        ]
    });
    let caption = "How often each channel was read. Not ok: unstable, suspect, or beyond its range.";
    let columns = [
        ("Channel", 28),
        ("Poll", 12),
        ("Readings", 14),
        ("Mean interval", 16),
        ("Longest interval", 18),
        ("Not ok", 12),
    ];
    section("sampling", "Sample intervals", vec![table(caption, &columns, rows.collect())])
}

/// The mean and the longest interval between readings, in s; `None` for fewer than two.
fn intervals(samples: &Samples) -> Option<(f64, f64)> {
    let count = samples.len().checked_sub(1).filter(|count| *count > 0)?;
    let moments = samples.moments(0..samples.len());
    let whole = moments[count].since(moments[0]);
    let longest = moments.windows(2).map(|of| of[1].ns().saturating_sub(of[0].ns())).max()?;
    Some((whole.as_secs_f64() / count as f64, longest as f64 * 1e-9))
}

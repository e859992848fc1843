//! What people and instruments say of a run: report and protocol, tool, place and times, device, liquid, method.
//! Texts as they were given; what nobody gave is said to be missing.

use domain::event::Opened;
use domain::identity::{Nature, Tier};
use domain::profile::{Clock, Fluid, Role};
use domain::stated::Approval;
use sha2::{Digest, Sha256};

use super::{Cell, Section, Table, Tone, listed, section, table};
use crate::number::uncertain;
use crate::page::Material;

/// The names of operators' entries that are fields of the report.
const CONDITIONING: &str = "device conditioning";
const DEGASSING: &str = "fluid degassing";

pub(super) fn report(material: &Material<'_>, opened: &Opened) -> Section {
    let summary = material.summary;
    let protocol = &summary.protocol;
    let revision = protocol.revision.as_deref().unwrap_or("not given");
    let protocol = protocol.id.as_deref().map(|id| format!("{id}, revision {revision}"));
    let rows = vec![
        (
            "Report",
            Cell::of(format!("of run {}, first issue, without amendments", summary.run))
                .small("its SHA-256 stands in manifest.json of the run's folder"),
        ),
        ("Report made by", Cell::of(crate::files::TOOL)),
        ("Record (SHA-256 over its events)", Cell::of(summary.stream_sha256.as_str())),
        ("Test", Cell::of(opened.title.as_str())),
        ("Objective", Cell::given(opened.stated.test.objective.as_deref())),
        ("Purpose of the run", Cell::of(summary.purpose.as_str())),
        ("Protocol", Cell::given(protocol.as_deref())),
    ];
    section(
        "report-protocol",
        "Report and protocol",
        vec![listed("Report and protocol", rows), approvals(material, opened)],
    )
}

/// Who approved the protocol; an approval that came after the run began is none.
fn approvals(material: &Material<'_>, opened: &Opened) -> Table {
    let began = material.summary.started.get(..10).unwrap_or_default();
    let row = |approval: &Approval| {
        let date = Cell::of(approval.date.as_str());
        let date = match approval.date.parse::<jiff::civil::Date>() {
            Ok(day) if day.to_string().as_str() > began => date.toned(Tone::Alert).small("after the run had begun"),
            Ok(_) => date,
            Err(_) => date.small("no day as YYYY-MM-DD: whether it was before the run is not known"),
        };
        vec![Cell::of(approval.name.as_str()), date, Cell::of(approval.meaning.as_str())]
    };
    let mut rows: Vec<_> = opened.stated.test.approvals.iter().map(row).collect();
    if rows.is_empty() {
        rows.push(vec![Cell::given(None); 3]);
    }
    let caption =
        "Approvals of the protocol before the run, as its scenario states them; the signatures are kept elsewhere";
    table(caption, &[("Name", 40), ("Date", 30), ("Meaning", 30)], rows)
}

pub(super) fn tool(material: &Material<'_>, opened: &Opened) -> Section {
    let settled = material.again.checks.len();
    let again = match material.again.different().len() {
        _ if settled == 0 => Cell::of("no settled figure to compute again"),
        0 => Cell::of(format!("{settled} settled figures computed again from the record: the same to the last bit")),
        n => Cell::of(format!("{n} of {settled} settled figures come out differently")).toned(Tone::Alert),
    };
    let canonical = serde_json::to_vec(opened).unwrap_or_default();
    let rows = vec![
        ("Tool that ran it", Cell::of(format!("{} (engine {})", material.tool, opened.version))),
        (
            "Validation status of the tool",
            Cell::given(opened.stated.site.tool_validation.as_deref()).small("as the rig file states it"),
        ),
        ("Its own check on this run", again),
        ("Format of the record", Cell::of(opened.format.to_string())),
        (
            "Configuration (SHA-256)",
            Cell::of(sha256(&canonical))
                .small("over the opening event: scenario, parameters, seed, station, calibrations, what was stated"),
        ),
        ("Scenario as resolved (SHA-256)", Cell::of(sha256(opened.scenario_yaml.as_bytes()))),
    ];
    section("tool", "Tool and configuration", vec![listed("Tool and configuration", rows)])
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

pub(super) fn place(material: &Material<'_>, opened: &Opened) -> Section {
    let summary = material.summary;
    let began = summary.started.parse::<jiff::Timestamp>().ok();
    let lasted = summary.wall_seconds.and_then(|s| jiff::SignedDuration::try_from_secs_f64(s).ok());
    let ended = began.zip(lasted).and_then(|(began, lasted)| began.checked_add(lasted).ok());
    let ended = ended.map(|ended| format!("{ended:.0}"));
    let mut people: Vec<String> = material.story.answers.iter().map(|answer| answer.by.clone()).collect();
    people.sort_unstable();
    people.dedup();
    let operator = Cell::given(summary.operator.as_deref());
    let operator =
        if summary.operator.is_some() { operator.small("the account that started the run") } else { operator };
    let clock = match &opened.profile.clock {
        Clock::Virtual { epoch } => Cell::of(format!("virtual time, simulated, from {epoch} on")),
        Clock::Real => Cell::of("the machine's monotonic clock"),
    };
    let rows = vec![
        ("Site", Cell::given(opened.stated.site.name.as_deref())),
        (
            "Rig",
            Cell::of(format!("{}, station {}", summary.rig, summary.station))
                .small(format!("tier {}", summary.tier.map_or("unknown: no instrument answered", Tier::name))),
        ),
        ("Operator", operator),
        (
            "Operator's steps answered by",
            Cell::of(if people.is_empty() { "nobody was asked".to_owned() } else { people.join(", ") }),
        ),
        ("Began (UTC)", Cell::of(summary.started.as_str())),
        ("Ended (UTC)", ended.map_or_else(|| Cell::of("not on record"), Cell::of)),
        ("Offset of the times stated", Cell::of("+00:00 (UTC)")),
        ("Clock of run time", clock),
        ("Machine's clock set by", Cell::given(opened.stated.site.clock.as_deref())),
    ];
    section("place", "Site, people and times", vec![listed("Site, people and times", rows)])
}

pub(super) fn device(material: &Material<'_>, opened: &Opened) -> Section {
    let device = &material.summary.device;
    let pump = opened.profile.by_role(Role::Pump).and_then(|pump| material.story.identities.get(&pump.name));
    let nature = match pump.map(|pump| pump.nature) {
        Some(Nature::Real) => Cell::of("a real device"),
        Some(Nature::Simulated) => Cell::of("simulated: the pump's logic on the host, no device").toned(Tone::Alert),
        Some(Nature::Emulated) => {
            Cell::of("emulated: the firmware image on an emulated core, no device").toned(Tone::Alert)
        }
        None => Cell::of("it never answered").toned(Tone::Alert),
    };
    let image = match &device.image_sha256 {
        Some(sha256) => Cell::of(sha256.as_str()).small("as read from the board"),
        None => Cell::given(None).small("no debug probe read one"),
    };
    let test = &opened.stated.test;
    let answered = material.story.written_down(CONDITIONING);
    let rows = vec![
        ("Model", Cell::given(device.model.as_deref())),
        ("Serial number", Cell::given(device.serial.as_deref())),
        ("Serial number asked for", Cell::of(opened.device_expected.as_deref().unwrap_or("none in particular"))),
        ("Lot", Cell::given(device.lot.as_deref())),
        ("Hardware", Cell::given(device.hardware.as_deref())),
        ("Firmware", Cell::given(device.firmware.as_deref())),
        ("Firmware image (SHA-256)", image),
        ("What stood behind the link", nature),
        ("Finished device, or why it stands for it", Cell::given(test.finished_device.as_deref())),
        ("Conditioning", Cell::given(test.conditioning.as_deref())),
        ("Conditioning as entered", Cell::given(answered.as_deref())),
    ];
    let sample = vec![
        ("Units", Cell::given(test.units.as_deref())),
        ("Runs a unit", Cell::given(test.runs.as_deref())),
        ("Confidence", Cell::given(test.confidence.as_deref())),
        ("Reliability", Cell::given(test.reliability.as_deref())),
        ("Rationale", Cell::given(test.sample_rationale.as_deref())),
        ("In this report", Cell::of("1 unit, 1 run")),
    ];
    let tables = vec![
        listed("Identity as the device stated it itself; lot by the operator's entry 'device lot'", rows),
        listed("Size of the sample, as the scenario states it", sample),
    ];
    section("device", "Device under test and sample", tables)
}

pub(super) fn liquid(material: &Material<'_>, opened: &Opened) -> Section {
    let fluid = &material.summary.fluid;
    let density = fluid.density_kg_per_m3.map(|density| {
        let (value, u) = uncertain(density, fluid.u.map(|u| 2.0 * u));
        u.map_or_else(|| format!("{value} kg/m³"), |u| format!("{value} ± {u} kg/m³ (k = 2)"))
    });
    let whence = match &opened.profile.method.fluid {
        Fluid::Water => "by the declared temperature in the vessel (Tanaka 2001); not measured",
        Fluid::Given { .. } => "as measured and declared in the rig file",
    };
    let degassing = Cell::given(material.story.written_down(DEGASSING).as_deref());
    let degassing = match (&opened.profile.method.fluid, degassing.tone) {
        (Fluid::Water, Tone::Missing) => degassing.small("the method supposes degassed water"),
        _ => degassing,
    };
    let rows = vec![
        ("Liquid", Cell::given(fluid.name.as_deref())),
        ("Lot", Cell::given(fluid.lot.as_deref())),
        ("Density in the vessel", Cell::given(density.as_deref()).small(whence)),
        ("Degassing", degassing),
    ];
    let caption = "Lot and degassing by the operator's entries 'fluid lot' and 'fluid degassing'";
    section("liquid", "Liquid", vec![listed(caption, rows)])
}

pub(super) fn method(opened: &Opened) -> Section {
    let test = &opened.stated.test;
    let described = Some(opened.method.as_str());
    let rows = vec![
        ("Method", Cell::given(described)),
        ("Adapted from (standard, edition)", Cell::given(test.standard.as_deref())),
        ("Departs from it by plan", Cell::given(Some(test.deviations.join("; ").as_str()))),
        ("Data analysis plan", Cell::given(test.data_analysis.as_deref())),
        ("Decision rule", Cell::of(opened.decision_rule.to_string()).small("named before the run")),
    ];
    let line = "Method adapted from IEC 60601-2-24, which excludes implants; its clause text was not checked against the \
                purchased standard.";
    Section { lines: vec![line.to_owned()], ..section("method", "Method", vec![listed("Method", rows)]) }
}

//! The safe stop against the simulated station, as it stands and with each part of it failing, by the station's truth.

use core::time::Duration;

use domain::profile::Role;
use domain::pump::{PumpLogEntry, PumpOutcome, PumpRequest};
use rig::{Bound, RigFile};
use sim::TrueState;
use text::Source;

use super::*;

/// What is failing, as a rig file says it, and what is safe.
struct Case<'a> {
    faults: &'a str,
    safe: &'a str,
}

const SAFE: &str =
    "safe: {pump: stopped, valve: open, supply: 3 V, supply off: if the pump does not confirm, within: 10 s}";

fn station(case: &Case<'_>) -> Station {
    let text = rig::library::find("virtual")
        .expect("in the library")
        .replace("simulation: {delivered too much: 1.2 %}", &format!("simulation: {{faults: [{}]}}", case.faults))
        .replacen(SAFE, case.safe, 1);
    let source = Source::new("rig.yaml", text.into_bytes()).expect("small");
    let file = RigFile::parse(&source).unwrap_or_else(|problems| panic!("{}", problems.render(&source)));
    file.station(Some("1")).expect("a station").clone()
}

/// Lets the pump infuse against a closed valve, then makes the station safe: what was reported, and what is so.
fn stop(case: &Case<'_>, change: impl FnOnce(SafeStop) -> SafeStop) -> (SafeStopReport, TrueState) {
    let (report, _, state) = stop_and_read(case, 1, change);
    (report, state)
}

/// The same after so many starts, with what the pump's log told.
fn stop_and_read(
    case: &Case<'_>,
    starts: u32,
    change: impl FnOnce(SafeStop) -> SafeStop,
) -> (SafeStopReport, Vec<EventKind>, TrueState) {
    let station = station(case);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime without I/O");
    runtime.block_on(async {
        let bound = station.bind(7);
        let clock = RunClock::new();
        infuse_against_a_closed_valve(&station, &bound, clock, starts).await;
        // The faults begin at 30 s.
        tokio::time::sleep(Duration::from_secs(40)).await;
        let order = change(SafeStop::of(&station, &bound.connectors, Some(0), Path::new("")).expect("a pump"));
        let began = clock.now();
        let (report, told) = execute(&order, clock).await;
        let took = clock.now().since(began);
        assert!(took <= Duration::from_millis(10_100), "{took:?}");
        let state = bound.world.expect("simulated").state().stations["1"];
        (report, told, state)
    })
}

/// Each entry of a log stands there once, from the first to that of the stop.
#[track_caller]
fn is_whole(told: &[EventKind]) {
    let entries = entries(told);
    assert!(entries.iter().map(|e| e.index).eq(0..entries.len() as u32), "{entries:?}");
    let what: Vec<String> = entries.iter().map(|e| format!("{:?}", e.what)).collect();
    assert!(what.first().is_some_and(|what| what.contains("Booted")), "{what:?}");
    assert!(what.last().is_some_and(|what| what.to_lowercase().contains("stop")), "{what:?}");
}

fn entries(told: &[EventKind]) -> Vec<PumpLogEntry> {
    let entry = |kind: &EventKind| if let EventKind::PumpLogged(entry) = kind { Some(entry.clone()) } else { None };
    told.iter().filter_map(entry).collect()
}

async fn infuse_against_a_closed_valve(station: &Station, bound: &Bound, clock: RunClock, starts: u32) {
    let binding = |role| station.bindings.iter().find(|b| b.role == role).expect("bound");
    let (pump, valve) = (binding(Role::Pump), binding(Role::Valve));
    let connect = |name: &str| &*bound.connectors[name];
    let (mut link, _) =
        PumpLink::attach(connect(&pump.instrument), clock, pump.setup.settings).await.expect("it answers");
    for dose in 1..=starts {
        let start = PumpRequest::Start { dose: dose.into(), rate_nl_per_h: 20_000 };
        let answered = link.command(&start).await.expect("an answer");
        assert!(matches!(answered.outcome, PumpOutcome::Accepted { .. }));
        if dose < starts {
            link.command(&PumpRequest::Stop).await.expect("an answer");
        }
    }
    let attach = valve.entry.attach.expect("an instrument");
    let (mut valve, _) = attach(connect(&valve.instrument), clock, &valve.setup).await.expect("it answers");
    valve.order(&Order::Valve { closed: true }).await.expect("obeyed");
}

/// The pump's therapy in truth.
fn therapy(state: &TrueState) -> String {
    format!("{:?}", state.therapy.expect("a board on the host"))
}

#[test]
fn a_pump_that_infuses_against_a_closed_valve_stands_and_the_valve_is_open() {
    let (report, state) = stop(&Case { faults: "", safe: SAFE }, |order| order);
    assert!(report.confirmed && report.log_read && report.unconfirmed.is_empty(), "{report:?}");
    assert_eq!((therapy(&state).as_str(), state.valve_closed), ("Stopped", false), "{state:?}");
    assert_eq!(state.supply_output, Some(true), "{report:?}");
}

#[test]
fn a_pump_that_does_not_confirm_is_made_safe_by_its_supply() {
    let silent = "{device: pump, fault: silent, from: 30 s}";
    let (report, state) = stop(&Case { faults: silent, safe: SAFE }, |order| order);
    assert!(report.confirmed, "{report:?}");
    assert_eq!((state.supply_output, state.board_up), (Some(false), false), "{report:?}");
    let never = "safe: {pump: stopped, valve: open, supply: 3 V, within: 10 s}";
    let (report, state) = stop(&Case { faults: silent, safe: never }, |order| order);
    assert!(!report.confirmed && report.unconfirmed.iter().any(|w| w.starts_with("the pump: ")), "{report:?}");
    assert!(!state.valve_closed, "the valve opens whatever the pump does: {report:?}");
}

#[test]
fn what_a_pump_that_did_not_obey_has_logged_since_is_not_taken_as_read() {
    let mut read_before = 0;
    // Somewhere in this the log has been read and the pump has not been told to stop.
    for offset_ms in 0..250 {
        let dead = format!("{{device: pump, fault: silent, from: {:.3} s}}", 40.0 + f64::from(offset_ms) / 1e3);
        let (report, told, state) = stop_and_read(&Case { faults: &dead, safe: SAFE }, 1, |order| order);
        assert!(report.confirmed, "{dead}: {report:?}");
        if state.supply_output == Some(false) {
            assert!(!report.log_read, "{dead}: {report:?}");
            read_before += u32::from(!told.is_empty());
        }
    }
    assert!(read_before > 0, "the silence began between the first reading and the command");
}

#[test]
fn a_pump_that_is_deaf_for_a_moment_is_stopped_and_its_log_is_read_to_its_end() {
    let mut asked_again = 0;
    // Somewhere in this its last reading begins.
    for offset_ms in 150..350 {
        let from_s = 40.0 + f64::from(offset_ms) / 1e3;
        let deaf = format!("{{device: pump, fault: silent, from: {from_s:.3} s, until: {:.3} s}}", from_s + 0.6);
        let (report, told, state) = stop_and_read(&Case { faults: &deaf, safe: SAFE }, 1, |order| order);
        assert!(report.confirmed && report.log_read, "{deaf}: {report:?}");
        is_whole(&told);
        // Nothing else was tried twice, and yet it took longer than all of it does.
        asked_again += u32::from(report.took_ms > 400 && report.actions.len() == 3);
        assert_eq!((therapy(&state).as_str(), state.supply_output), ("Stopped", Some(true)), "{deaf}: {report:?}");
    }
    assert!(asked_again > 0, "the silence met the last reading of the log");
}

#[test]
fn a_log_that_did_not_survive_a_reset_is_read_from_its_beginning() {
    let change = |order| SafeStop { log_from: Some(1_000), ..order };
    let (report, told, _) = stop_and_read(&Case { faults: "", safe: SAFE }, 1, change);
    assert!(report.confirmed && report.log_read, "{report:?}");
    is_whole(&told);
}

#[test]
fn entries_that_were_overwritten_before_they_were_read_are_told_as_missing() {
    let (report, told, _) = stop_and_read(&Case { faults: "", safe: SAFE }, 100, |order| order);
    assert!(report.confirmed && report.log_read, "{report:?}");
    let first = entries(&told).first().expect("entries").index;
    assert!(first > 0 && told[0] == EventKind::PumpLogGap { from: 0, to: first }, "{:?}", told[0]);
    let gaps = told.iter().filter(|kind| matches!(kind, EventKind::PumpLogGap { .. })).count();
    assert_eq!(
        (gaps, entries(&told).iter().map(|e| e.index).eq(first..first + entries(&told).len() as u32)),
        (1, true)
    );
}

#[test]
fn what_cannot_be_confirmed_is_said_and_the_rest_is_done() {
    let both = "{device: pump, fault: silent, from: 30 s}, {device: supply, fault: silent, from: 30 s}";
    let (report, _) = stop(&Case { faults: both, safe: SAFE }, |order| order);
    assert!(!report.confirmed, "{report:?}");
    assert!(report.unconfirmed.iter().any(|w| w.contains("supply")), "{report:?}");
    let supply = "{device: supply, fault: silent, from: 30 s}";
    let (report, state) = stop(&Case { faults: supply, safe: SAFE }, |order| order);
    assert!(!report.confirmed && report.unconfirmed.len() == 1, "{report:?}");
    assert!(report.unconfirmed[0].starts_with("told the supply: 3 V, output on, but"), "{report:?}");
    assert_eq!(therapy(&state), "Stopped", "{report:?}");
    let valve = "{device: io, fault: silent, from: 30 s}";
    let (report, state) = stop(&Case { faults: valve, safe: SAFE }, |order| order);
    assert!(!report.confirmed, "{report:?}");
    assert_eq!(report.unconfirmed.len(), 1, "{report:?}");
    assert!(report.unconfirmed[0].starts_with("the occlusion valve"), "{report:?}");
    assert_eq!(therapy(&state), "Stopped", "{report:?}");
}

#[test]
fn what_is_safe_is_the_rig_files_word() {
    let slow = "safe: {pump: minimum rate, valve: as it is, within: 10 s}";
    let (report, state) = stop(&Case { faults: "", safe: slow }, |order| order);
    assert!(report.confirmed && state.valve_closed, "{report:?}");
    assert_eq!(therapy(&state), "MinimumRate", "{report:?}");
    let running = "safe: {pump: left running, valve: open, within: 10 s}";
    let (report, state) = stop(&Case { faults: "", safe: running }, |order| order);
    assert!(report.confirmed && !state.valve_closed, "{report:?}");
    assert_eq!(therapy(&state), "Continuous", "{report:?}");
}

#[test]
fn a_station_that_another_run_holds_keeps_its_valve_and_its_supply() {
    let (report, state) = stop(&Case { faults: "", safe: SAFE }, SafeStop::held_by_another);
    assert!(state.valve_closed, "{report:?}");
    assert_eq!(state.supply_output, Some(true));
}

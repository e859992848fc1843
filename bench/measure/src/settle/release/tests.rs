//! Worked by hand: an occluded line releases 30 µL when its valve opens, over 15 s, with the pump stopped.
//!
//! The valve takes back 1.2 µL when it opens, which the vessel lacks; the line leaks 3.6 µL/h, 0.1 µL in the 100 s between
//! the weighings. So 31.3 µL were released.

use domain::CheckVerdict;
use domain::check::Figure;
use domain::profile::{Declared, RigProfile};
use domain::quantity::{Compliance, FlowRate, Volume};

use super::*;
use crate::settle::Settled;
use crate::testing::{Run, WEIGHED_S, check, profile, settled, sure, term_u};

const RELEASED_UL: f64 = 31.3;
const BEGINS_S: u32 = WEIGHED_S + 100;
const ENDS_S: u32 = BEGINS_S + 100;

/// A station whose line stores so much, in µL/kPa with its half width.
fn station(compliance: (f64, f64)) -> RigProfile {
    let mut profile = profile(0.05);
    let volume = Volume::from_ul;
    profile.method.valve_displacement_ul = Some(Declared { value: volume(1.2), half_width: volume(0.3) });
    let measured = &mut profile.method.characterised;
    measured.on = Some("2026-01-01".to_owned());
    measured.line_leak_ul_per_h = Some(sure(FlowRate::from_ul_per_h(3.6), FlowRate::from_ul_per_h(0.0)));
    let compliance = Declared {
        value: Compliance::from_ul_per_kpa(compliance.0),
        half_width: Compliance::from_ul_per_kpa(compliance.1),
    };
    measured.line_compliance_ul_per_kpa = Some(compliance);
    profile
}

/// The release on a station; the line's pressure falls from 100 kPa to 20 kPa, if it is read.
fn released(station: RigProfile, pressure_is_read: bool, valve_opened: bool, limit_ul: f64) -> Settled {
    let mut run = Run::on(station, 0.0);
    let ul = |t_s: f64| 30.0 * ((t_s - f64::from(BEGINS_S) - 5.0) / 15.0).clamp(0.0, 1.0);
    let pressure = |run: &mut Run, at_s: u32, kpa: f64| {
        if pressure_is_read {
            run.read(at_s, "line.pressure", kpa);
        }
    };
    run.weigh_until(BEGINS_S, ul);
    pressure(&mut run, BEGINS_S, 100.0);
    run.mark(BEGINS_S, "release.begin");
    run.weigh_until(ENDS_S, ul);
    pressure(&mut run, ENDS_S, 20.0);
    run.mark(ENDS_S, "release.end");
    let figure = Figure::ExcessVolume { window: Window::of("release"), valve_opened };
    settled(&run.close(30.0), &figure, None, Some(limit_ul))
}

#[test]
fn what_the_valve_took_back_and_the_line_leaked_is_added() {
    let found = released(station((0.0, 0.0)), true, true, 40.0);
    check(&found, RELEASED_UL, 1e-6, CheckVerdict::Pass, "");
    // A half width of 0.3 µL, rectangular.
    let u = term_u(&found, "valve displacement").expect("a term");
    assert!((u - 0.3 / 3.0_f64.sqrt()).abs() < 1e-9, "{u}");
    // A valve that did not open took nothing back.
    let found = released(station((0.0, 0.0)), true, false, 40.0);
    check(&found, 30.1, 1e-6, CheckVerdict::Pass, "");
    assert_eq!(term_u(&found, "valve displacement"), None);
}

/// 80 kPa times 0.02 ± 0.002 µL/kPa are 1.6 ± 0.16 µL that the rig's own line held: 29.7 µL of the device, beyond 25 µL. 0.1 ± 0.01
/// are 8 ± 0.8 µL: 23.3 µL of the device, within them. A release that is within its limit with both passes.
#[test]
fn a_failure_is_one_without_what_the_rigs_line_held() {
    for (per_kpa, limit_ul, verdict, says) in [
        (0.02, 25.0, CheckVerdict::Fail, "but found 31.3"),
        (0.1, 25.0, CheckVerdict::Inconclusive, "can have held 8.00 ± 0.80 uL of it"),
        (0.1, 40.0, CheckVerdict::Pass, ""),
    ] {
        let found = released(station((per_kpa, per_kpa / 10.0)), true, true, limit_ul);
        check(&found, RELEASED_UL, 1e-6, verdict, says);
    }
}

/// Without the line's share of 5.8 µL, 0.0725 µL/kPa times 80 kPa, 25.5 µL are left: 0.5 µL beyond the limit. The valve is known to
/// ±0.3 µL, whose 95.45 % lie within ±0.286 µL: a failure. The line's own ±0.8 µL beside that leave more than 0.8 µL: none. Of a
/// share of 6.1 µL 25.2 µL are left, which the valve alone makes too near.
#[test]
fn what_the_line_held_is_known_to_its_half_width() {
    for (per_kpa, half_width, verdict) in [
        (0.0725, 0.0, CheckVerdict::Fail),
        (0.0725, 0.01, CheckVerdict::Inconclusive),
        (0.076_25, 0.0, CheckVerdict::Inconclusive),
    ] {
        check(&released(station((per_kpa, half_width)), true, true, 25.0), RELEASED_UL, 1e-6, verdict, "");
    }
}

#[test]
fn what_is_not_known_of_the_rig_decides_neither_way() {
    for limit_ul in [25.0, 40.0] {
        let mut unknown = station((0.0, 0.0));
        unknown.method.characterised.line_compliance_ul_per_kpa = None;
        unknown.method.characterised.on = None;
        let found = released(unknown, true, true, limit_ul);
        let says = "what the rig file does not say: line compliance, the day on which they were measured";
        check(&found, RELEASED_UL, 1e-6, CheckVerdict::Inconclusive, says);
        let found = released(station((0.02, 0.002)), false, true, limit_ul);
        check(&found, RELEASED_UL, 1e-6, CheckVerdict::Inconclusive, "pressure before and after, which was not read");
    }
    // Without its displacement and its leak, what is weighed is what is told: 30 µL.
    let mut bare = station((0.0, 0.0));
    bare.method.valve_displacement_ul = None;
    bare.method.characterised.line_leak_ul_per_h = None;
    let found = released(bare, true, true, 40.0);
    check(&found, 30.0, 1e-6, CheckVerdict::Inconclusive, "does not say: line leaks, valve displacement");
}

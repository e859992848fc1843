//! What the rig itself does to a volume: the wander of the balance's zero, buoyancy of the vessel, wetting of the needle,
//! breathing and leak of the line, time.
//!
//! Each is as the rig file declares that it was measured. What it does not declare is not guessed: it is named as missing.

use crate::budget::{Distribution, Term};
use crate::conversion::{Conversion, G_PER_UL_KG_PER_M3};
use crate::jumps::{UNSEEN_CREEP_G_PER_S, UNSEEN_FLOW};
use crate::ledger::{Interrupted, Ledger, Setup};
use crate::settle::terms::Weighed;

/// Names of terms that the boluses of a train share.
pub(super) const LEAK: &str = "line leak";
pub(super) const TIME_BASE: &str = "time base";
pub(super) const WETTING: &str = "wetting of the needle";

const DAY_S: f64 = 86_400.0;
const KNOWN: f64 = f64::INFINITY;
/// Half width of a computer's clock against true time, relative: an assumption, ten times what a disciplined one does.
const TIME_BASE_RELATIVE: f64 = 50e-6;
/// Volume of water in a plastic line that leaves it for each mL and K, in µL: an estimate from rig practice.
const BREATHES_UL_PER_ML_K: f64 = 0.24;
/// How fast a room changes that nobody read, at most: an assumption.
const ROOM_K_PER_H: f64 = 1.0;
const ROOM_KG_PER_M3_PER_H: f64 = 4e-3;
/// From so long after flow began on, in s, the liquid at the needle pulls as it will.
const WETTED_S: f64 = 3600.0;

/// The terms, in the figure's unit (`scale` times microlitres).
pub(super) fn terms(
    ledger: &Ledger,
    setup: &Setup,
    conversion: &Conversion,
    weighed: &Weighed,
    scale: f64,
) -> Option<Vec<Term>> {
    let per_g = conversion.ul_per_g() * scale;
    let measured = &setup.method.characterised;
    let (from_s, to_s) = (weighed.begins_s(), weighed.ends_s());
    let hours = weighed.lasts_s() / 3600.0;
    let mut terms = Vec::new();
    if let Some(drift) = measured.zero_drift_g {
        let distribution = Distribution::Arcsine { half_width: wandered(drift.g(), weighed.lasts_s()) };
        terms.push(Term::type_b("balance drift", distribution, per_g, KNOWN, "wander of the zero, as measured")?);
    }
    if let Some(displaced) = measured.displaced_ul {
        let (half_width, source) = if conversion.air_kg_per_m3.at(from_s).is_some() {
            let denser = conversion.denser_kg_per_m3(from_s, to_s).abs();
            (displaced.half_width.ul() * denser, "what vessel and liquid displace, in the air as read")
        } else {
            let denser = ROOM_KG_PER_M3_PER_H * hours.min(DAY_S / 3600.0);
            (displaced.value.ul() * denser, "vessel and liquid in air that nobody read: at most 0.004 kg/m³ an hour")
        };
        let distribution = Distribution::Rectangular { half_width: half_width * G_PER_UL_KG_PER_M3 };
        terms.push(Term::type_b("buoyancy of the vessel", distribution, per_g, KNOWN, source)?);
    }
    if let Some(wetting) = measured.wetting_g.filter(|_| !wetted(ledger, from_s)) {
        let distribution = Distribution::Rectangular { half_width: wetting.g() };
        terms.push(Term::type_b(WETTING, distribution, per_g, KNOWN, "meniscus at the needle, as measured")?);
    }
    if let Some(line) = measured.line_volume_ul {
        let air = ledger.room().air_c();
        let warmed =
            air.at(to_s).zip(air.at(from_s)).map_or(ROOM_K_PER_H * hours.min(6.0), |(to, from)| (to - from).abs());
        let most_ml = (line.value.ul() + line.half_width.ul()) * 1e-3;
        let distribution = Distribution::Rectangular { half_width: BREATHES_UL_PER_ML_K * most_ml * warmed };
        terms.push(Term::type_b(
            "line breathing",
            distribution,
            scale,
            KNOWN,
            "0.24 uL per mL and K, by the air's change",
        )?);
    }
    if let Some(leak) = measured.line_leak_ul_per_h {
        let distribution = Distribution::Rectangular { half_width: leak.half_width.ul_per_h() * hours };
        terms.push(Term::type_b(LEAK, distribution, scale, KNOWN, "leak of the line, as measured")?);
    }
    let commanded = weighed.sum(|from_s, to_s| ledger.dose.commanded_ul(from_s, to_s));
    let clock = Distribution::Rectangular { half_width: TIME_BASE_RELATIVE * commanded };
    terms.push(Term::type_b(TIME_BASE, clock, scale, KNOWN, "the computer's clock, assumed within 50 ppm")?);
    let over: f64 =
        ledger.interruptions(from_s, to_s).map(|i| i.u_s * ledger.dose.rate_ul_per_h(i.from_s) / 3600.0).sum();
    if over > 0.0 {
        let bridged = Distribution::Rectangular { half_width: over };
        let source = "how well the length of the interruption is known, at the rate commanded";
        terms.push(Term::type_b("time over an interruption", bridged, scale, KNOWN, source)?);
        let unseen: f64 = ledger.interruptions(from_s, to_s).map(|i| unseen_ul(ledger, conversion, i)).sum();
        let step = Distribution::Rectangular { half_width: unseen };
        let source = "what the mass may have stepped meanwhile without being told from flow";
        terms.push(Term::type_b("step in an interruption", step, scale, KNOWN, source)?);
    }
    let flowing =
        [from_s, to_s].map(|t_s| if ledger.dose.flows(t_s) { ledger.dose.rate_ul_per_h(t_s) / 3600.0 } else { 0.0 });
    let passed = libm::hypot(flowing[0], flowing[1]) * setup.poll_s / 2.0;
    let polled = Distribution::Rectangular { half_width: passed };
    terms.push(Term::type_b("polling interval", polled, scale, KNOWN, "half a poll of the balance at either end")?);
    Some(terms)
}

/// How far a zero that swings once a day by a half width is off over a span whose drift was taken out by its slope beside it:
/// the chord and the tangent of the swing, at their worst.
fn wandered(half_width: f64, lasts_s: f64) -> f64 {
    let angle = core::f64::consts::TAU * lasts_s / DAY_S;
    let chord = if lasts_s < DAY_S / 2.0 { 2.0 * libm::sin(angle / 2.0) } else { 2.0 };
    // A tangent is taken on both sides, and a day's swing has no more slope than that.
    half_width * (chord + angle.min(core::f64::consts::TAU))
}

/// Whether the same flow has run for long at a moment, so that the liquid at the needle pulls as it will.
fn wetted(ledger: &Ledger, from_s: f64) -> bool {
    let begun = from_s - WETTED_S;
    ledger.dose.flows(begun) && ledger.dose.flows(from_s) && !ledger.dose.changes(begun, from_s)
}

/// What of a step of the mass an interruption may hide.
fn unseen_ul(ledger: &Ledger, conversion: &Conversion, interruption: &Interrupted) -> f64 {
    let Interrupted { from_s, to_s, .. } = *interruption;
    let creep_ul = UNSEEN_CREEP_G_PER_S * (to_s - from_s) * conversion.ul_per_g();
    UNSEEN_FLOW * ledger.dose.commanded_ul(from_s, to_s) + creep_ul
}

/// That the run was interrupted within a window, as a note.
pub(super) fn interrupted(ledger: &Ledger, from_s: f64, to_s: f64) -> Option<String> {
    let (mut count, mut lasted_s) = (0_u32, 0.0);
    for interruption in ledger.interruptions(from_s, to_s) {
        count += 1;
        lasted_s += interruption.to_s - interruption.from_s;
    }
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    (count > 0).then(|| {
        let lasted = domain::time::span(core::time::Duration::from_secs_f64(lasted_s));
        format!("the run was interrupted {times}, for {lasted} in all, and went on; how well that is known is in the uncertainty")
    })
}

/// Which effects the rig file says nothing of, as a note; none if it says something of all.
pub(super) fn undeclared(ledger: &Ledger) -> Option<String> {
    let measured = &ledger.setup.as_ref()?.method.characterised;
    let all = [
        ("balance drift", measured.zero_drift_g.is_some()),
        ("buoyancy of the vessel", measured.displaced_ul.is_some()),
        (WETTING, measured.wetting_g.is_some()),
        ("line breathing", measured.line_volume_ul.is_some()),
        (LEAK, measured.line_leak_ul_per_h.is_some()),
    ];
    let missing: Vec<&str> = all.into_iter().filter(|(_, declared)| !declared).map(|(name, _)| name).collect();
    (!missing.is_empty()).then(|| {
        format!("not in the uncertainty, since the rig file does not say that it was measured: {}", missing.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use domain::check::{ErrorUnit, Figure, Window};
    use domain::event::{Bridge, Interruption};
    use domain::pump::PumpRequest;
    use domain::{EventKind, RunTime};

    use crate::testing::{Run, WEIGHED_S, profile, settled, term_u};

    /// 100 µL/h over two hours; for 1000 s of them nobody was there, give or take 36 s: that is 1 µL, of 200 µL 0.5 %, and as a
    /// rectangle 0.5 %/√3.
    #[test]
    fn time_over_an_interruption_is_in_the_budget_at_the_rate_commanded() {
        let ul = |t_s: f64| (t_s - f64::from(WEIGHED_S)).clamp(0.0, 7200.0) / 36.0;
        let figure = Figure::VolumeError { window: Window::of("hold"), unit: ErrorUnit::PercentOfCommanded };
        let of = |interrupted: bool| {
            let mut run = Run::on(profile(0.05), 0.0);
            run.mark(WEIGHED_S, "hold.begin");
            run.command(WEIGHED_S, PumpRequest::Start { dose: 1, rate_nl_per_h: 100_000 });
            run.weigh_until(WEIGHED_S + 3000, ul);
            if interrupted {
                let (last_ns, cause) = (RunTime::from_ns(3_600_000_000_000), "a power cut".to_owned());
                let interruption =
                    Interruption { last_ns, u_ns: 36_000_000_000, by: Bridge::WallClock, cause, clocks: None };
                run.skip_until(WEIGHED_S + 4000);
                run.take(WEIGHED_S + 4000, &EventKind::Resumed(interruption));
            }
            run.weigh_until(WEIGHED_S + 7200, ul);
            run.mark(WEIGHED_S + 7200, "hold.end");
            run.command(WEIGHED_S + 7200, PumpRequest::Stop);
            settled(&run.close(200.0), &figure, Some(-10.0), Some(10.0))
        };
        let (whole, gap) = (of(false), of(true));
        let name = "time over an interruption";
        assert_eq!(term_u(&whole, name), None);
        let u = term_u(&gap, name).expect("a term");
        // The weighings are means of some seconds: a little less than 200 µL lies between them.
        assert!((u - 0.5 / 3.0_f64.sqrt()).abs() < 2e-4, "{u}");
        // In 1000 s 27.8 µL were commanded, of which 30 % is 8.33 µL, and 0.5 mg may have crept: 8.83 µL of 200 are 4.42 %.
        let step = term_u(&gap, "step in an interruption").expect("a term");
        assert!((step - 4.42 / 3.0_f64.sqrt()).abs() < 0.01, "{step}");
        assert!(gap.expanded_uncertainty > whole.expanded_uncertainty);
        assert_eq!((gap.value, gap.verdict), (whole.value, whole.verdict));
        assert!(
            gap.notes.iter().any(|note| note.contains("interrupted once, for 16.667 min in all")),
            "{:?}",
            gap.notes
        );
    }
}

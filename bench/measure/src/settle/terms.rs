//! The terms of a volume's uncertainty, one by one, each with where it comes from.
//!
//! Correlations are few and handled by construction: what both weighings share (calibration, density, evaporation)
//! enters once, on the difference.

use domain::profile::EvaporationModel;

use crate::budget::{Distribution, Estimate, Term};
use crate::conditions::SENSOR_PERCENT;
use crate::conversion::Conversion;
use crate::ledger::{Ledger, Setup};
use crate::model::{DENSITY, NEEDLE};
use crate::settle::effects;
use crate::weighing::Weighing;

/// Degrees of freedom of a repeatability taken from a certificate.
const CERTIFICATE_DOF: f64 = 50.0;

/// The names of the terms that the boluses of a train share, so that they do not average out.
pub(super) const SHARED: [&str; 11] = [
    "balance calibration",
    "balance linearity",
    BEFORE_AND_AFTER,
    CHANGE,
    SWING,
    CLIMATE,
    DENSITY,
    NEEDLE,
    effects::LEAK,
    effects::TIME_BASE,
    effects::WETTING,
];

/// The weighings that bound a window: two, or more where somebody handled the vessel in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighed {
    /// Each piece's weighing at its beginning and at its end, in order of time; at least one piece.
    pub(super) pieces: Vec<(Weighing, Weighing)>,
}

impl Weighed {
    /// When the first piece begins, in s of run time.
    pub(super) fn begins_s(&self) -> f64 {
        self.pieces.first().map_or(0.0, |(from, _)| from.t_s)
    }

    /// When the last piece ends, in s of run time.
    pub(super) fn ends_s(&self) -> f64 {
        self.pieces.last().map_or(0.0, |(_, to)| to.t_s)
    }

    /// The marks of the first weighing and of the last, in s of run time.
    pub(super) fn marks_s(&self) -> (f64, f64) {
        let from = self.pieces.first().map_or(0.0, |(from, _)| from.mark_s);
        (from, self.pieces.last().map_or(0.0, |(_, to)| to.mark_s))
    }

    /// Whether it is one piece.
    pub(super) fn is_whole(&self) -> bool {
        self.pieces.len() == 1
    }

    /// The sum over its pieces of what something gives for each from and to, in s.
    pub(super) fn sum(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        self.pieces.iter().map(|(from, to)| of(from.t_s, to.t_s)).sum()
    }

    pub(super) fn lasts_s(&self) -> f64 {
        self.sum(|from_s, to_s| to_s - from_s)
    }

    /// The volume delivered, in uL at the stated temperature.
    pub(super) fn delivered_ul(&self, conversion: &Conversion) -> f64 {
        let between =
            |(from, to): &(Weighing, Weighing)| conversion.between_ul((from.t_s, from.mass_g), (to.t_s, to.mass_g));
        self.pieces.iter().map(between).sum()
    }

    /// Its weighings, in order of time.
    fn weighings(&self) -> impl Iterator<Item = &Weighing> {
        self.pieces.iter().flat_map(|(from, to)| [from, to])
    }

    /// What is to be said of the weighings.
    pub(super) fn note(&self) -> Option<String> {
        let unstable = self.weighings().any(|weighing| weighing.unstable_range_g.is_some());
        let said = match (unstable, self.pieces.len()) {
            (false, 1) => return None,
            (true, 1) => {
                "the balance was not stable at a weighing; the range of its readings is in the uncertainty".to_owned()
            }
            (unstable, pieces) => format!(
                "joined from {pieces} pieces, since the vessel was handled in between; what was commanded meanwhile is left out{}",
                if unstable { ", and the balance was not stable at a weighing" } else { "" }
            ),
        };
        Some(said)
    }
}

/// All terms, in the figure's unit (`scale` times microlitres). `None` without a calibration.
pub(super) fn volume_terms(
    ledger: &Ledger,
    conversion: &Conversion,
    weighed: &Weighed,
    scale: f64,
) -> Option<Vec<Term>> {
    let setup = ledger.setup.as_ref()?;
    let per_g = conversion.ul_per_g() * scale;
    let mut terms = weighing_terms(setup, weighed, per_g)?;
    terms.extend(evaporation_terms(ledger, setup, conversion, weighed, per_g)?);
    let delivered = weighed.delivered_ul(conversion) * scale;
    let relative = |e: Estimate| Estimate::new(e.value, e.u / e.value.abs(), e.dof);
    let z = relative(conversion.z_ml_per_g)?;
    let normal = |e: Estimate| Distribution::Normal { u: e.u };
    terms.push(Term::type_b(
        DENSITY,
        normal(z),
        delivered,
        z.dof,
        "air as read or else as declared, liquid as declared; Tanaka, CIPM-2007",
    )?);
    let needle = relative(conversion.needle)?;
    terms.push(Term::type_b(NEEDLE, normal(needle), delivered, needle.dof, "diameters declared in the rig file")?);
    terms.extend(pulse_term(ledger, setup, weighed, scale));
    terms.extend(effects::terms(ledger, setup, conversion, weighed, scale)?);
    Some(terms)
}

fn weighing_terms(setup: &Setup, weighed: &Weighed, per_g: f64) -> Option<Vec<Term>> {
    let calibration = setup.calibration.as_ref()?;
    let certificate_g = calibration.repeatability_g.g();
    let count = weighed.pieces.len();
    let mut terms = Vec::new();
    for (i, weighing) in weighed.weighings().enumerate() {
        let name = match (count, i % 2) {
            (1, 0) => "repeatability, first weighing".to_owned(),
            (1, _) => "repeatability, second weighing".to_owned(),
            _ => format!("repeatability, weighing {}", i + 1),
        };
        let n = f64::from(weighing.n);
        // A few readings may agree by luck; below the certificate's figure the certificate holds.
        let (s, dof) =
            if weighing.s_g > certificate_g { (weighing.s_g, n - 1.0) } else { (certificate_g, CERTIFICATE_DOF) };
        let mean = Estimate::new(weighing.mass_g, s / n.sqrt(), dof)?;
        terms.push(Term::type_a(
            &name,
            mean,
            per_g,
            "scatter of the readings, at least the certificate's repeatability",
        )?);
        if let Some(range_g) = weighing.unstable_range_g {
            let distribution = Distribution::Rectangular { half_width: range_g / 2.0 };
            terms.push(Term::type_b(
                "unstable weighing",
                distribution,
                per_g,
                f64::INFINITY,
                "range of unstable readings",
            )?);
        }
    }
    let both = (2.0 * count as f64).sqrt() * per_g;
    let resolution = Distribution::Resolution { step: calibration.resolution_g.g() };
    terms.push(Term::type_b("resolution", resolution, both, f64::INFINITY, "one digit, at each weighing")?);
    let expanded = Distribution::Expanded {
        expanded_u: calibration.expanded_uncertainty_g.g(),
        coverage_factor: calibration.coverage_factor,
    };
    let source = format!("certificate {}", calibration.certificate);
    terms.push(Term::type_b("balance calibration", expanded, per_g, f64::INFINITY, &source)?);
    let linearity = Distribution::Rectangular { half_width: calibration.linearity_g.g() };
    terms.push(Term::type_b("balance linearity", linearity, both, f64::INFINITY, &source)?);
    Some(terms)
}

/// Names of terms; each begins with [`crate::evaporation::EVAPORATION`].
const BEFORE_AND_AFTER: &str = "evaporation before and after";
const CHANGE: &str = "evaporation, change between";
const SWING: &str = "evaporation, swing";
const CLIMATE: &str = "evaporation, climate readings";
const REFERENCE: &str = "evaporation, reference vessel";

fn evaporation_terms(
    ledger: &Ledger,
    setup: &Setup,
    conversion: &Conversion,
    weighed: &Weighed,
    per_g: f64,
) -> Option<Vec<Term>> {
    let evaporation = &conversion.evaporation;
    let before = evaporation.before_ug_per_s();
    let after = evaporation.after_ug_per_s().unwrap_or(before);
    let per_ug_per_s = weighed.lasts_s() * 1e-6 * per_g;
    let (u, dof) = crate::budget::combine_independent(&[(before.u / 2.0, before.dof), (after.u / 2.0, after.dof)])?;
    let fits = Estimate::new((before.value + after.value) / 2.0, u, dof)?;
    let lost_g = weighed.sum(|from_s, to_s| evaporation.lost_g(from_s, to_s));
    // What evaporates faster meanwhile is known to the same share, as far as the drifts show a loss at all.
    let faster = lost_g / (fits.value * weighed.lasts_s() * 1e-6);
    let per_ug_per_s = per_ug_per_s * if fits.value > 2.0 * fits.u { faster.max(1.0) } else { 1.0 };
    // Of a model that is driven, how the drifts differ from what drives them is what is not known.
    let unlike = match evaporation.model {
        EvaporationModel::Constant | EvaporationModel::Linear => after.value - before.value,
        EvaporationModel::Climate | EvaporationModel::Reference => evaporation.unlike_ug_per_s(),
    };
    let change = Distribution::Rectangular { half_width: unlike.abs() / 2.0 };
    let swing =
        Distribution::Rectangular { half_width: lost_g.abs() * setup.method.evaporation_swing.percent() / 100.0 };
    let known = f64::INFINITY;
    let mut terms = vec![
        Term::type_a(BEFORE_AND_AFTER, fits, per_ug_per_s, "scatter about the drifts with the pump stopped")?,
        Term::type_b(
            CHANGE,
            change,
            per_ug_per_s,
            known,
            "difference of the two drifts that the model does not explain",
        )?,
        Term::type_b(
            SWING,
            swing,
            per_g,
            known,
            "declared in the rig file: what the model does not follow in between",
        )?,
    ];
    match evaporation.model {
        EvaporationModel::Climate => {
            // A hygrometer that is off scales the swing that it shows; what it shows all the time is in the drifts.
            let followed_g = lost_g - weighed.sum(|from_s, to_s| evaporation.straight_g(from_s, to_s));
            let dry = 100.0 - ledger.room().humidity_percent().mean()?;
            let half_width = followed_g.abs() * (SENSOR_PERCENT / dry.max(SENSOR_PERCENT));
            let readings = Distribution::Rectangular { half_width };
            terms.push(Term::type_b(
                CLIMATE,
                readings,
                per_g,
                known,
                "accuracy of a hygrometer, on the swing that it shows",
            )?);
        }
        EvaporationModel::Reference => {
            // Two weighings of the reference vessel, each a mean over a cell of readings, and its zero's wander.
            let drift_g = setup.method.characterised.zero_drift_g.map_or(0.0, domain::Mass::g);
            let u = (2.0 * ledger.room().reference_s_g().powi(2) + drift_g * drift_g).sqrt();
            let normal = Distribution::Normal { u };
            terms.push(Term::type_b(REFERENCE, normal, per_g, known, "two weighings of the reference vessel")?);
        }
        EvaporationModel::Constant | EvaporationModel::Linear => {}
    }
    Some(terms)
}

/// Where a pulse stands at an edge is not known: a pulsed pump is not inaccurate for that.
fn pulse_term(ledger: &Ledger, setup: &Setup, weighed: &Weighed, scale: f64) -> Option<Term> {
    let edges: Vec<Distribution> =
        weighed.pieces.iter().filter_map(|(from, to)| pulses_at_the_edges(ledger, setup, from.t_s, to.t_s)).collect();
    let source = "nominal pulse volume declared in the rig file";
    let name = "pulse at the edges";
    match edges.as_slice() {
        [] => None,
        [one] => Term::type_b(name, *one, scale, f64::INFINITY, source),
        several => {
            let squares: Option<f64> = several.iter().map(|edge| edge.standard_u().map(|u| u * u)).sum();
            Term::type_b(name, Distribution::Normal { u: squares?.sqrt() }, scale, f64::INFINITY, source)
        }
    }
}

fn pulses_at_the_edges(ledger: &Ledger, setup: &Setup, from_s: f64, to_s: f64) -> Option<Distribution> {
    let rate = ledger.dose.rate_ul_per_h(from_s);
    let flowing = u8::from(ledger.dose.flows(from_s)) + u8::from(ledger.dose.flows(to_s));
    let pulse = setup.pulse_ul;
    match flowing {
        0 => None,
        1 => Some(Distribution::Rectangular { half_width: pulse / 2.0 }),
        _ => {
            let cycles = ledger.dose.commanded_ul(from_s, to_s) / pulse;
            let whole = (cycles - cycles.round()).abs() < 0.02 && !ledger.dose.changes(from_s, to_s) && rate > 0.0;
            // Over whole cycles the phases agree to within a poll at either end.
            let cycle_s = pulse / rate.max(f64::MIN_POSITIVE) * 3600.0;
            let share = if whole { (2.0 * setup.poll_s / cycle_s).min(1.0) } else { 1.0 };
            Some(Distribution::Triangular { half_width: pulse * share })
        }
    }
}

//! The plants of the study: each seed draws one, within what the rig file declares to the measurement.
//!
//! What no rig file declares (evaporation's mean, the pump, the balance's drift, breathing, meniscus, tare, the line) is
//! drawn about the simulators' default. What comes out is the text of a rig file, so that a run takes the same way as any.

use domain::profile::{Calibration, Declared, Method, Role};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use text::Source;

use crate::{Failure, load};

/// The rig whose declarations hold.
const RIG: &str = "virtual";
/// What stands in its file for the first station's plant, and where the second station begins.
const PLANT: &str = "simulation: {delivered too much: 1.2 %}";
const SECOND_STATION: &str = "  \"2\":\n";
/// The stream of the study's own draws; the simulators use others of the same seed.
const STREAM: u64 = u64::MAX;
/// About the mass that the basal window weighs, in g: the greatest mass difference of a run.
const GREATEST_DIFFERENCE_G: f64 = 0.167;

/// A plant that was drawn.
pub(super) struct Plant {
    /// The rig's whole file.
    pub(super) rig: Source,
    /// What the valve really displaces, in uL.
    pub(super) displacement_ul: f64,
}

/// The rig file that plants are drawn within.
pub(super) struct Declarations {
    text: String,
    method: Method,
    calibration: Calibration,
}

impl Declarations {
    /// Those of the library's rig.
    pub(super) fn read() -> Result<Self, Failure> {
        let missing = |what: &str| Failure::bench(format!("expected {what} in the rig '{RIG}', but found none"));
        let text = ::rig::library::find(RIG).ok_or_else(|| missing("a file"))?;
        let text = text.split_once(SECOND_STATION).ok_or_else(|| missing("a second station"))?.0.to_owned();
        if !text.contains(PLANT) {
            return Err(missing("the plant's line"));
        }
        let rig = load::rig(&Source::new("coverage.yaml", text.clone().into_bytes()).map_err(Failure::bench)?)?;
        let profile = &rig.station(None).map_err(Failure::bench)?.profile;
        let balance = profile.by_role(Role::Balance).and_then(|balance| balance.calibration.clone());
        let calibration = balance.ok_or_else(|| missing("a balance's calibration"))?;
        Ok(Self { text, method: profile.method.clone(), calibration })
    }

    /// The plant of a seed.
    pub(super) fn draw(&self, seed: u64) -> Result<Plant, Failure> {
        let mut draw = Draw::new(seed);
        let (method, calibration) = (&self.method, &self.calibration);
        let displacement_ul = method.valve_displacement_ul.map_or(0.1, |d| draw.declared(d, domain::Volume::ul));
        let span_percent = calibration.expanded_uncertainty_g.g() / GREATEST_DIFFERENCE_G * 100.0;
        let figures = [
            ("delivered too much", draw.between(-10.0, 10.0), "%"),
            ("ripple", draw.between(0.0, 6.0), "%"),
            ("pulse noise", draw.between(0.5, 4.0), "%"),
            ("pump clock", draw.between(-50.0, 50.0), "ppm"),
            ("evaporation", draw.scaled(0.04, 0.3), "ug/s"),
            ("evaporation swings by", draw.between(0.0, method.evaporation_swing.percent()), "%"),
            ("evaporation swings over", draw.scaled(4.0, 24.0), "h"),
            ("vessel", draw.declared(method.vessel_c, domain::Temperature::c), "°C"),
            ("needle", draw.declared(method.needle_mm, domain::Length::mm), "mm"),
            ("vessel bore", draw.declared(method.vessel_mm, domain::Length::mm), "mm"),
            ("valve displacement", displacement_ul, "uL"),
            ("balance noise", draw.between(0.5, 1.0) * calibration.repeatability_g.g() * 1e6, "ug"),
            ("balance span", span_percent, "%"),
            ("balance nonlinearity", draw.between(0.5, 1.0) * calibration.linearity_g.g() * 1e6, "ug"),
            ("balance nonlinearity over", draw.scaled(0.01, 10.0), "g"),
            ("balance drift", draw.about(30.0), "ug"),
            ("tare", draw.between(10.0, 60.0), "g"),
            ("meniscus", draw.about(0.02), "mg"),
            ("breathing", draw.about(0.02), "uL"),
            ("line compliance", draw.scaled(0.015, 0.06), "uL/kPa"),
        ];
        let mut written: Vec<String> =
            figures.iter().map(|(key, value, unit)| format!("{key}: {value:.6} {unit}")).collect();
        // The balance that tracks its zero is one that does not tell: whichever does is refused before it weighs.
        written.push("balance tells: all off".to_owned());
        let text = self.text.replace(PLANT, &format!("simulation: {{{}}}", written.join(", ")));
        let rig = Source::new("coverage.yaml", text.into_bytes()).map_err(Failure::bench)?;
        Ok(Plant { rig, displacement_ul })
    }
}

/// The draws of one seed.
struct Draw(ChaCha8Rng);

impl Draw {
    fn new(seed: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(STREAM);
        Self(generator)
    }

    /// Even over a range.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        const STEPS: f64 = 9_007_199_254_740_992.0; // 2^53, what an f64 holds
        low + (high - low) * ((self.0.next_u64() >> 11) as f64 / STEPS)
    }

    /// Even over the logarithm of a range.
    fn scaled(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// From half of a simulator's default to one and a half times it.
    fn about(&mut self, default: f64) -> f64 {
        self.between(0.5, 1.5) * default
    }

    /// Even over what a rig file declares.
    fn declared<T>(&mut self, declared: Declared<T>, number: impl Fn(T) -> f64) -> f64 {
        let (value, half_width) = (number(declared.value), number(declared.half_width));
        self.between(value - half_width, value + half_width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plant_is_its_seeds_and_makes_a_rig() {
        let Ok(declarations) = Declarations::read() else { panic!("the library's rig declares what is needed") };
        let text = |seed| declarations.draw(seed).map(|plant| plant.rig.text().to_owned()).unwrap_or_default();
        assert_eq!(text(5), text(5));
        assert_ne!(text(5), text(6));
        for seed in 0..50 {
            let Ok(plant) = declarations.draw(seed) else { panic!("drawn") };
            assert!((0.05..=0.15).contains(&plant.displacement_ul), "the rig declares 0.1 ± 0.05 uL");
            assert!(load::rig(&plant.rig).is_ok(), "{}", plant.rig.text());
        }
    }
}

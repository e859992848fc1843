//! A gravimetric log that never was, for benchmarks: a pump that delivers in pulses, evaporation, a balance's noise and digits.
//!
//! The same seed gives the same log.

use std::path::Path;

use serde_json::{Value, json};

use crate::Failure;

/// Readings a second.
pub(super) const HZ: f64 = 10.0;
/// One pulse of the pump, in µL.
const PULSE_UL: f64 = 0.5;
/// How long one takes to arrive on the balance, in s.
const PULSE_S: f64 = 0.2;
/// What is commanded, in µL a day.
pub(super) const UL_PER_DAY: f64 = 500.0;
/// How much more is delivered than commanded, as a share.
const TOO_MUCH: f64 = 0.012;
/// What evaporates, in g/s.
const EVAPORATION_G_PER_S: f64 = 0.12e-6;
/// Mass of the liquid, in g/µL.
const G_PER_UL: f64 = 0.998e-3;
/// The vessel at the beginning, in g.
const BEGIN_G: f64 = 12.0;
/// Standard deviation of a reading, in g, and one of its digits.
const NOISE_G: f64 = 12e-6;
const DIGITS_PER_G: f64 = 1e5;

/// A balance under a pump.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plant {
    /// Of the noise.
    pub(super) seed: u64,
    /// When the pump runs, from and to, in s.
    pub(super) runs_s: (f64, f64),
}

impl Plant {
    /// What the balance shows at a moment, in g.
    pub(super) fn mass_g(&self, reading: u64, t_s: f64) -> f64 {
        let (from_s, to_s) = self.runs_s;
        let pulse_s = PULSE_UL / (UL_PER_DAY * (1.0 + TOO_MUCH)) * 86_400.0;
        let pulses = (t_s.min(to_s) - from_s).max(0.0) / pulse_s;
        // The last pulse is on its way for a moment.
        let arrived = pulses.floor() - 1.0 + (pulses.fract() * pulse_s / PULSE_S).min(1.0);
        let mass_g = BEGIN_G + arrived.max(0.0) * PULSE_UL * G_PER_UL - EVAPORATION_G_PER_S * t_s;
        let shown_g = mass_g + NOISE_G * normal(self.seed, reading);
        (shown_g * DIGITS_PER_G).round() / DIGITS_PER_G
    }
}

/// A number that is nearly normal: the sum of four that are even, with a deviation of 1.
pub(super) fn normal(seed: u64, number: u64) -> f64 {
    let even =
        |i: u64| (mixed(seed ^ mixed(number.wrapping_mul(4).wrapping_add(i))) >> 11) as f64 / (1_u64 << 53) as f64;
    ((0..4).map(even).sum::<f64>() - 2.0) * 3.0_f64.sqrt()
}

/// Splitmix64, whose stream is fixed by its algorithm.
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Writes a log of so many readings, at most 2³² of them, into a folder.
pub(super) fn write(folder: &Path, count: u64, seed: u64) -> Result<Value, Failure> {
    let plant = Plant { seed, runs_s: (0.0, f64::INFINITY) };
    let times: Vec<f64> = (0..count).map(|i| i as f64 / HZ).collect();
    let masses = (0..count).zip(&times).map(|(i, t)| plant.mass_g(i, *t)).collect();
    let path = folder.join("log.parquet");
    reports::analysis::write_log(&path, [("time_s", times), ("mass_g", masses)]).map_err(Failure::bench)?;
    Ok(json!({"path": path.display().to_string(), "readings": count}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vessel_gains_what_was_commanded_and_a_little_more() {
        let plant = Plant { seed: 1, runs_s: (600.0, 87_000.0) };
        let gained_g = plant.mass_g(1, 87_600.0) - plant.mass_g(0, 0.0) + EVAPORATION_G_PER_S * 87_600.0;
        let ul = gained_g / G_PER_UL;
        assert!((ul - UL_PER_DAY * (1.0 + TOO_MUCH)).abs() < 2.0 * PULSE_UL, "{ul}");
    }

    #[test]
    fn the_noise_has_its_deviation() {
        let values: Vec<f64> = (0..100_000).map(|i| normal(7, i)).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}

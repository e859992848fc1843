//! Is a volume delivered in pulses? Their period, their volumes, and the error over whole cycles.
//!
//! A pump that delivers a fixed volume each few minutes is not inaccurate because a window's edges fall between its pulses
//! (Bissig et al. 2022, doi 10.1515/bmt-2022-0040: a basal rate is averaged over whole cycles). What is found here stands
//! beside the trumpet curve.

use core::ops::Range;

use crate::cumulative::Cumulative;
use crate::order::nth;

/// Fewer pulses than this are none: steps of another kind look alike.
const PULSES_MIN: usize = 8;
/// By so many deviations of the noise a rise stands out of it.
const NOISE_FACTOR: f64 = 6.0;
/// So many digits of the readings are no pulse.
const DIGITS: f64 = 2.5;
/// The share of the whole volume that the pulses must bring for the delivery to be called pulsed.
const SHARE_MIN: f64 = 0.8;
/// So many rises are looked at together.
const BLOCK: usize = 512;
/// For a normal distribution, the deviation in terms of the median of absolute values.
const PER_MEDIAN: f64 = 1.482_602_218_505_602;

/// One pulse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pulse {
    /// When it came, in s: in the middle of the readings that it lies between.
    pub t_s: f64,
    /// Its volume, in the curve's unit.
    pub volume: f64,
}

/// Delivery by pulses.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulses {
    /// Each, in order.
    pub pulses: Vec<Pulse>,
    /// The mean time between two, in s; where one was missed, it counts as two.
    pub period_s: f64,
}

/// The pulses of a cumulative volume between some of its points; `None` if it does not come in pulses that the readings
/// resolve.
#[must_use]
pub fn find(volume: &Cumulative, points: Range<usize>) -> Option<Pulses> {
    let (times_s, levels) = (volume.times_s().get(points.clone())?, volume.values().get(points)?);
    let count = levels.len().checked_sub(1).filter(|count| *count > 0)?;
    // Between pulses nothing flows, so most differences are noise about zero.
    let usual = nth(rises(levels).map(f64::abs), count, (count - 1) / 2)?;
    let greatest_of: Vec<f64> = (0..count).step_by(BLOCK).map(|from| greatest(levels, from)).collect();
    let greatest = greatest_of.iter().copied().fold(0.0, f64::max);
    let some = |rise: &f64| *rise > 1e-9 * greatest;
    // An even flow that is read in digits comes in steps of one or two of them. The digit is the least rise of all: where the
    // usual one is some, its noise is the stricter word.
    let digit = if some(&usual) { 0.0 } else { rises(levels).map(f64::abs).filter(some).fold(f64::INFINITY, f64::min) };
    let threshold = (NOISE_FACTOR * PER_MEDIAN * usual).max(greatest * 0.2).max(DIGITS * digit);
    if threshold <= 0.0 {
        return None;
    }
    let mut pulses: Vec<Pulse> = Vec::new();
    let stands_out = |i: usize| levels[i + 1] - levels[i] >= threshold;
    let mut i = 0;
    while i < count {
        if !stands_out(i) {
            // Where a whole block holds nothing that does, it is passed over.
            let passed = i.is_multiple_of(BLOCK) && greatest_of[i / BLOCK] < threshold;
            i += if passed { BLOCK } else { 1 };
            continue;
        }
        let first = i;
        while i < count && stands_out(i) {
            i += 1;
        }
        // A pulse that falls between two readings may show in the ones beside it as well.
        let (from, to) = (first.saturating_sub(1), (i + 1).min(count));
        pulses.push(Pulse { t_s: f64::midpoint(times_s[first], times_s[i]), volume: levels[to] - levels[from] });
    }
    let (from, to) = (levels[0], levels[count]);
    let brought: f64 = pulses.iter().map(|pulse| pulse.volume).sum();
    if pulses.len() < PULSES_MIN || brought < SHARE_MIN * (to - from) {
        return None;
    }
    // One time between two is known to a reading's spacing; over all of them that makes little.
    let between = pulses.windows(2).map(|pair| pair[1].t_s - pair[0].t_s);
    let usual = nth(between.clone(), pulses.len() - 1, (pulses.len() - 2) / 2)?;
    let cycles: f64 = between.map(|time| (time / usual).round().max(1.0)).sum();
    let period_s = (pulses[pulses.len() - 1].t_s - pulses[0].t_s) / cycles;
    Some(Pulses { pulses, period_s })
}

impl Pulses {
    /// The greatest and the least error over `cycles` whole cycles, in %, of the volume that they bring against what was
    /// commanded between the first of them and the one behind them; `None` if there are fewer, or nothing was commanded.
    #[must_use]
    pub fn over_cycles(&self, cycles: usize, commanded: &Cumulative) -> Option<(f64, f64)> {
        // Sums up to each pulse: as much work for many cycles as for one.
        let sums: Vec<f64> = core::iter::once(0.0)
            .chain(self.pulses.iter().scan(0.0, |sum, pulse| {
                *sum += pulse.volume;
                Some(*sum)
            }))
            .collect();
        let errors = self.pulses.windows(cycles.checked_add(1)?).enumerate().filter_map(|(i, window)| {
            let (from, to) = (commanded.at(window[0].t_s)?, commanded.at(window[cycles].t_s)?);
            let brought = sums[i + cycles] - sums[i];
            (to > from).then(|| 100.0 * (brought / (to - from) - 1.0))
        });
        let ends = |ends: Option<(f64, f64)>, e: f64| Some(ends.map_or((e, e), |(max, min)| (max.max(e), min.min(e))));
        if cycles == 0 { None } else { errors.fold(None, ends) }
    }
}

/// The greatest rise of a block, or zero.
fn greatest(levels: &[f64], from: usize) -> f64 {
    let to = (from + BLOCK + 1).min(levels.len());
    // Finite numbers: which of two is greater needs no more than that, and several are compared at a time.
    rises(&levels[from..to]).fold(0.0, |most, rise| if rise > most { rise } else { most })
}

/// What a volume rises by from each point to the next.
fn rises(levels: &[f64]) -> impl Iterator<Item = f64> + Clone {
    levels.windows(2).map(|pair| pair[1] - pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(volume: &Cumulative) -> Option<Pulses> {
        super::find(volume, 0..volume.values().len())
    }

    /// A reading each 10 s for 6 h: 2 µL each 5.76 min, and noise.
    fn readings(pulse_ul: f64, noise_ul: f64) -> Vec<(f64, f64)> {
        let noise = |i: u32| noise_ul * (f64::from(i.wrapping_mul(2_654_435_761) % 1000) / 500.0 - 1.0);
        (0..=2160).map(|i| (f64::from(i) * 10.0, pulse_ul * (f64::from(i) * 10.0 / 345.6).floor() + noise(i))).collect()
    }

    #[test]
    fn a_pump_head_is_recognised_and_is_right_over_whole_cycles() {
        let volume = Cumulative::new(readings(2.0, 0.02)).expect("a curve");
        let commanded = Cumulative::new(vec![(0.0, 0.0), (21_600.0, 21_600.0 * 2.0 / 345.6)]).expect("a curve");
        let found = find(&volume).expect("pulses");
        assert_eq!(found.pulses.len(), 62);
        assert!((found.period_s - 345.6).abs() < 0.2, "{}", found.period_s);
        let (max, min) = found.over_cycles(20, &commanded).expect("cycles");
        assert!(max < 1.0 && min > -1.0, "{max} {min}");
        assert_eq!(found.over_cycles(0, &commanded), None);
        assert_eq!(found.over_cycles(62, &commanded), None);
    }

    #[test]
    fn an_even_flow_a_few_steps_and_noise_alone_are_no_pulses() {
        let even = (0..100).map(|i| (f64::from(i), 0.1 * f64::from(i))).collect();
        assert_eq!(find(&Cumulative::new(even).expect("a curve")), None);
        // 0.5 mL/day, a reading a second on a digit of 0.1 mg.
        let digits = (0..20_000).map(|i| (f64::from(i), (f64::from(i) * 0.005_787 * 10.0).floor() / 10.0)).collect();
        assert_eq!(find(&Cumulative::new(digits).expect("a curve")), None);
        let noise = Cumulative::new(readings(0.0, 0.02)).expect("a curve");
        assert_eq!(find(&noise), None);
        let still = Cumulative::new(vec![(0.0, 1.0), (1.0, 1.0)]).expect("a curve");
        assert_eq!(find(&still), None);
        let steps = (0..100).map(|i| (f64::from(i), f64::from(i / 25))).collect();
        assert_eq!(find(&Cumulative::new(steps).expect("a curve")), None);
    }
}

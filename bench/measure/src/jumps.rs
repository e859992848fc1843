//! Jumps of the indicated mass that no flow explains: a wetting step, a knock, a drop that fell off.
//!
//! Detection flags, it does not delete: a jump within a window can turn a pass into inconclusive and nothing else. A
//! jump that is no larger than what the pump may have delivered meanwhile cannot be told from flow.

use crate::dose::Dose;

/// How much more than the commanded dose may have flowed between two readings.
const FLOW_FACTOR: f64 = 1.5;
/// Pulses that may fall between two readings beside what was commanded: one, a quarter larger than it should be.
const PULSES: f64 = 1.25;
/// For so long after a jump, in s, the balance's filter still brings the rest of it.
const TAIL_S: f64 = 10.0;
/// How many standard deviations of a reading are none of that rest.
const TAIL_NOISE_FACTOR: f64 = 4.0;
/// How long after it was commanded a volume may still arrive: the balance lags, the pump's clock differs.
const LATE_S: f64 = 5.0;
/// How many standard deviations of a reading are no jump.
const NOISE_FACTOR: f64 = 8.0;
/// Evaporation or seepage that may pass between two readings, in g/s; a gap is long.
const CREEP_G_PER_S: f64 = 5e-6;
/// The same where nobody was there to see it pass; what evaporates in a lab is a fifth of that at most.
pub(crate) const UNSEEN_CREEP_G_PER_S: f64 = 5e-7;
/// By how much of what was commanded the flow may have differed where nobody was there: what differs more is a jump.
pub(crate) const UNSEEN_FLOW: f64 = 0.3;
/// One microlitre weighs no more than this, in g.
const G_PER_UL: f64 = 1e-3;
/// More jumps than this are counted, but not kept.
const KEPT_MAX: usize = 256;

/// A jump.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// When the mass was last read before it, in s of run time.
    pub from_s: f64,
    /// When it was read after it.
    pub t_s: f64,
    /// The mass before it, in g.
    pub before_g: f64,
    /// By how much, in g.
    pub by_g: f64,
    /// Whether the flow meter shows that no liquid moved, once it has been asked.
    pub no_flow: Option<bool>,
}

impl Jump {
    /// Whether it lies within a span and may have been flow, or a loss of liquid.
    fn counts(&self, from_s: f64, to_s: f64) -> bool {
        self.within(from_s, to_s) && self.no_flow != Some(true)
    }

    /// Whether it lies within a span.
    pub(crate) fn within(&self, from_s: f64, to_s: f64) -> bool {
        from_s < self.t_s && self.t_s <= to_s
    }
}

/// The jumps of one channel so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Jumps {
    last: Option<(f64, f64)>,
    kept: Vec<Jump>,
    dropped: u64,
    /// The run was interrupted since the last reading.
    unseen: bool,
}

impl Jumps {
    /// Takes a reading. `noise_g` is the standard deviation of one, `pulse_ul` the volume of a pulse.
    pub(crate) fn push(&mut self, t_s: f64, mass_g: f64, dose: &Dose, noise_g: f64, pulse_ul: f64) {
        let unseen = core::mem::take(&mut self.unseen);
        let Some((last_s, last_g)) = self.last.replace((t_s, mass_g)) else { return };
        let by_g = mass_g - last_g;
        if unseen {
            let commanded_g = dose.commanded_ul(last_s - LATE_S, t_s) * G_PER_UL;
            let creep_g = UNSEEN_CREEP_G_PER_S * (t_s - last_s).max(0.0);
            let usual_g = NOISE_FACTOR * noise_g + creep_g + UNSEEN_FLOW * commanded_g + PULSES * pulse_ul * G_PER_UL;
            if (by_g - commanded_g).abs() > usual_g {
                self.keep(Jump { from_s: last_s, t_s, before_g: last_g, by_g, no_flow: None });
            }
            return;
        }
        let still = NOISE_FACTOR * noise_g + CREEP_G_PER_S * (t_s - last_s).max(0.0);
        // A balance filters: a step comes as one great change and smaller ones behind it.
        let beyond_g = by_g - dose.commanded_ul(last_s, t_s) * G_PER_UL;
        if let Some(jump) = self.kept.last_mut()
            && t_s - jump.t_s <= TAIL_S
            && beyond_g * jump.by_g > 0.0
            && beyond_g.abs() > TAIL_NOISE_FACTOR * noise_g
        {
            jump.by_g += beyond_g;
            return;
        }
        if by_g.abs() <= still {
            return;
        }
        let flow_ul = dose.commanded_ul(last_s - LATE_S, t_s) * FLOW_FACTOR + PULSES * pulse_ul;
        if by_g > 0.0 && by_g <= still + flow_ul * G_PER_UL {
            return;
        }
        self.keep(Jump { from_s: last_s, t_s, before_g: last_g, by_g, no_flow: None });
    }

    fn keep(&mut self, jump: Jump) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(jump);
        } else {
            self.dropped += 1;
        }
    }

    /// The run was interrupted: the balance may have been off, or somebody at it. What the next reading shows is held against what
    /// was commanded more strictly.
    pub(crate) fn interrupted(&mut self) {
        self.unseen = true;
    }

    /// What comes next is not held against what came before.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    /// Those kept, in order of time.
    pub(crate) fn kept(&self) -> &[Jump] {
        &self.kept
    }

    /// Asks a witness of every jump that it has not been asked of, once it has been looking for long enough afterwards.
    pub(crate) fn ask(&mut self, before_s: f64, shows_no_flow: impl Fn(&Jump) -> Option<bool>) {
        for jump in self.kept.iter_mut().filter(|jump| jump.no_flow.is_none() && jump.t_s < before_s) {
            jump.no_flow = shows_no_flow(jump).or(Some(false));
        }
    }

    /// The first jump downwards within a span; where too many were found to keep them, any span may hold one.
    pub(crate) fn loss_within(&self, from_s: f64, to_s: f64) -> Option<Jump> {
        let inside = self.kept.iter().find(|j| j.by_g < 0.0 && j.counts(from_s, to_s)).copied();
        inside.or_else(|| self.kept.last().copied().filter(|j| self.dropped > 0 && j.t_s <= to_s))
    }

    /// The first jump within a span; where too many were found to keep them, any span may hold one.
    pub(crate) fn within(&self, from_s: f64, to_s: f64) -> Option<Jump> {
        let inside = self.kept.iter().find(|j| j.counts(from_s, to_s)).copied();
        inside.or_else(|| self.kept.last().copied().filter(|j| self.dropped > 0 && j.t_s <= to_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::RunTime;
    use domain::pump::PumpRequest;

    fn found(masses_g: &[f64], dose: &Dose) -> usize {
        let mut jumps = Jumps::default();
        for (t, m) in masses_g.iter().enumerate() {
            jumps.push(t as f64, *m, dose, 20e-6, 0.5);
        }
        jumps.kept.len()
    }

    #[test]
    fn pulses_noise_and_boluses_are_no_jumps() {
        let mut dose = Dose::default();
        assert_eq!(found(&[25.0, 25.000_05, 25.000_55, 25.000_5], &dose), 0);
        dose.accepted(&PumpRequest::Bolus { dose: 1, volume_nl: 10_000, duration_ms: 2_000 }, RunTime::ZERO, 0.0);
        assert_eq!(found(&[25.0, 25.005, 25.010], &dose), 0);
    }

    #[test]
    fn a_step_through_a_balance_s_filter_is_one_jump_of_its_whole_size() {
        let mut jumps = Jumps::default();
        let dose = Dose::default();
        for t in 0..40_i32 {
            // 5 mg by a filter of 1.5 s.
            let risen = if t < 10 { 0.0 } else { 5e-3 * (1.0 - (-f64::from(t - 9) / 1.5).exp()) };
            jumps.push(f64::from(t), 25.0 + risen, &dose, 20e-6, 0.5);
        }
        let [jump] = jumps.kept() else { panic!("one jump, but found {:?}", jumps.kept()) };
        assert!((jump.by_g - 5e-3).abs() < 0.25e-3, "{jump:?}");
    }

    #[test]
    fn what_the_pump_cannot_have_done_is_a_jump() {
        let dose = Dose::default();
        assert_eq!(found(&[25.0, 25.002], &dose), 1);
        assert_eq!(found(&[25.0, 24.998], &dose), 1, "no pump takes liquid back");
    }
}

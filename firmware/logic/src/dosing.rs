//! When pulses fall due: the exact account of what rate and bolus have scheduled.
//!
//! The unit of account is nL·µs/h, in which rate times time is an integer; a pulse is due whenever the account
//! reaches one pulse's worth. Nothing is ever rounded away, and a result depends on times only, not on how often
//! `advance` was called. It must not know the motor, the therapy's name or the alarms.
//!
//! Magnitudes for `u128`: a quantum and a bolus' volume are below 2^64 (u32 nL × 3.6e9), a duration below 2^42 µs, a
//! time below 2^64 µs, a rate below 2^32 nL/h; the largest product, duration × (quantum + volume), is below 2^107.

use wire::DoseId;

use crate::config::NANOLITRE;

/// What the passing of time brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advance {
    /// Pulses that fell due.
    pub(crate) pulses: u64,
    /// The bolus that was scheduled to its end.
    pub(crate) ended: Option<Bolus>,
}

/// A bolus: volume on top of the continuous rate, even over its duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bolus {
    pub(crate) dose: DoseId,
    pub(crate) volume_nl: u32,
    pub(crate) duration_us: u64,
    pub(crate) start_us: u64,
}

impl Bolus {
    pub(crate) fn end_us(&self) -> u64 {
        self.start_us.saturating_add(self.duration_us)
    }

    fn volume(&self) -> u128 {
        u128::from(self.volume_nl) * u128::from(NANOLITRE)
    }

    /// Scheduled until `at_us`: the whole volume at the end and afterwards.
    fn scheduled(&self, at_us: u64) -> u128 {
        if at_us >= self.end_us() {
            return self.volume();
        }
        let elapsed_us = u128::from(at_us.saturating_sub(self.start_us));
        self.volume() * elapsed_us / u128::from(self.duration_us)
    }

    /// Scheduled until `at_us`, nL, rounded down.
    pub(crate) fn scheduled_nl(&self, at_us: u64) -> u32 {
        let nl = self.scheduled(at_us) / u128::from(NANOLITRE);
        u32::try_from(nl).unwrap_or(self.volume_nl)
    }

    fn rate_nl_per_h(&self) -> u32 {
        let rate = self.volume() / u128::from(self.duration_us);
        u32::try_from(rate).unwrap_or(u32::MAX)
    }
}

/// The account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dosing {
    quantum: u128,
    carry: u128,
    at_us: u64,
    rate_nl_per_h: u32,
    bolus: Option<Bolus>,
}

impl Dosing {
    /// An account that holds `carry` already, nL·µs/h; what is a whole pulse of it falls due with the first advance.
    pub(crate) fn new(pulse_nl: u32, carry: u128, now_us: u64) -> Self {
        let quantum = u128::from(pulse_nl) * u128::from(NANOLITRE);
        Self { quantum, carry, at_us: now_us, rate_nl_per_h: 0, bolus: None }
    }

    /// What is in the account and not yet a pulse, nL·µs/h.
    pub(crate) const fn carry(&self) -> u128 {
        self.carry
    }

    /// Whether nothing is scheduled.
    pub(crate) const fn idle(&self) -> bool {
        self.rate_nl_per_h == 0 && self.bolus.is_none()
    }

    /// The bolus that is running.
    pub(crate) fn bolus(&self) -> Option<&Bolus> {
        self.bolus.as_ref()
    }

    /// Continuous rate and bolus together, nL/h.
    pub(crate) fn rate_nl_per_h(&self) -> u32 {
        let bolus = self.bolus.as_ref().map_or(0, Bolus::rate_nl_per_h);
        self.rate_nl_per_h.saturating_add(bolus)
    }

    /// Accounts for the time until `now_us`.
    pub(crate) fn advance(&mut self, now_us: u64) -> Advance {
        let elapsed_us = now_us.saturating_sub(self.at_us);
        let mut account = self.carry + u128::from(self.rate_nl_per_h) * u128::from(elapsed_us);
        let mut ended = None;
        if let Some(bolus) = self.bolus {
            account += bolus.scheduled(now_us) - bolus.scheduled(self.at_us);
            if now_us >= bolus.end_us() {
                ended = self.bolus.take();
            }
        }
        self.at_us = self.at_us.max(now_us);
        self.carry = account % self.quantum;
        let pulses = u64::try_from(account / self.quantum).unwrap_or(u64::MAX);
        Advance { pulses, ended }
    }

    /// Changes the continuous rate as of the last `advance`; the account goes on.
    pub(crate) fn set_rate(&mut self, rate_nl_per_h: u32) {
        self.rate_nl_per_h = rate_nl_per_h;
    }

    /// Begins a bolus as of the last `advance`.
    pub(crate) fn begin_bolus(&mut self, dose: DoseId, volume_nl: u32, duration_us: u64) {
        self.bolus = Some(Bolus { dose, volume_nl, duration_us, start_us: self.at_us });
    }

    /// Ends a running bolus as of the last `advance`; what it had scheduled stays in the account.
    pub(crate) fn discard_bolus(&mut self) -> Option<Bolus> {
        self.bolus.take()
    }

    /// When the next pulse falls due, or the bolus ends if that comes first.
    pub(crate) fn next_due_us(&self) -> Option<u64> {
        let need = self.quantum.saturating_sub(self.carry).max(1);
        let rate = u128::from(self.rate_nl_per_h);
        let Some(bolus) = &self.bolus else {
            return self.after(need.div_ceil(if rate == 0 { return None } else { rate }));
        };
        // The least x with rate·x + floor(V·(e + x)/D) − floor(V·e/D) ≥ need. All but the floor is an integer, so
        // this is V·(e + x) ≥ D·(need + floor(V·e/D) − rate·x), and x can be had by one division.
        let volume = bolus.volume();
        let duration_us = u128::from(bolus.duration_us);
        let elapsed_us = u128::from(self.at_us - bolus.start_us);
        let target = duration_us * (need + bolus.scheduled(self.at_us)) - volume * elapsed_us;
        let pulse = self.after(target.div_ceil(volume + duration_us * rate));
        let end = Some(bolus.end_us());
        pulse.filter(|&at| at < bolus.end_us()).or(end)
    }

    fn after(&self, wait_us: u128) -> Option<u64> {
        self.at_us.checked_add(u64::try_from(wait_us).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulses_until(dosing: &mut Dosing, end_us: u64) -> u64 {
        let mut pulses = 0;
        while let Some(due) = dosing.next_due_us().filter(|&due| due <= end_us) {
            assert_eq!(dosing.clone().advance(due - 1).pulses, 0, "early at {due}");
            let advance = dosing.advance(due);
            assert!(advance.pulses == 1 || advance.ended.is_some(), "nothing at {due}");
            pulses += advance.pulses;
        }
        pulses + dosing.advance(end_us).pulses
    }

    #[test]
    fn a_pulse_is_due_at_the_first_whole_microsecond() {
        let mut dosing = Dosing::new(500, 0, 7);
        dosing.set_rate(20_833);
        // 500 nL at 20 833 nL/h last 86 401 382.4... µs.
        assert_eq!(dosing.next_due_us(), Some(7 + 86_401_383));
        assert_eq!(dosing.advance(7 + 86_401_382).pulses, 0);
        assert_eq!(dosing.advance(7 + 86_401_383).pulses, 1);
    }

    #[test]
    fn a_bolus_adds_exactly_its_volume() {
        for (volume_nl, duration_us) in [(500, 7), (501, 999_983), (999_999, 3_600_000_001)] {
            let mut dosing = Dosing::new(500, 0, 0);
            dosing.begin_bolus(DoseId(1), volume_nl, duration_us);
            let pulses = pulses_until(&mut dosing, duration_us);
            let left = dosing.carry;
            let total = u128::from(pulses) * dosing.quantum + left;
            assert_eq!(total, u128::from(volume_nl) * u128::from(NANOLITRE));
            assert_eq!(dosing.next_due_us(), None);
        }
    }

    #[test]
    fn rate_and_bolus_share_one_account() {
        let mut dosing = Dosing::new(500, 0, 0);
        dosing.set_rate(20_833);
        dosing.advance(1_234_567);
        dosing.begin_bolus(DoseId(1), 5_000, 600_000_000);
        let pulses = pulses_until(&mut dosing, 36_000_000_000);
        // 10 h at 20 833 nL/h and 5 000 nL are 213 330 nL.
        assert_eq!(pulses, 426);
        assert_eq!(dosing.carry, 330 * u128::from(NANOLITRE));
    }

    #[test]
    fn a_discarded_bolus_keeps_what_it_had_scheduled() {
        let mut dosing = Dosing::new(500, 0, 0);
        dosing.begin_bolus(DoseId(1), 1_000, 1_000_000);
        dosing.advance(250_000);
        let bolus = dosing.discard_bolus().expect("is running");
        assert_eq!(bolus.scheduled_nl(250_000), 250);
        assert_eq!(dosing.carry, 250 * u128::from(NANOLITRE));
    }

    #[test]
    fn the_largest_figures_do_not_overflow() {
        let mut dosing = Dosing::new(u32::MAX, 0, 0);
        dosing.set_rate(u32::MAX);
        dosing.begin_bolus(DoseId(1), u32::MAX, u64::from(u32::MAX) * 1_000);
        assert!(dosing.next_due_us().is_some());
        dosing.advance(u64::from(u32::MAX) * 1_000 - 1);
        assert!(dosing.next_due_us().is_some());
        assert!(dosing.advance(u64::MAX).ended.is_some());
    }
}

//! The commanded dose: what the pump was told to deliver, and from when on it had agreed.
//!
//! Bounded by the number of commands in the plan. Times are the middle between request and reply.

use domain::RunTime;
use domain::pump::PumpRequest;

/// A bolus that the pump accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bolus {
    from_s: f64,
    to_s: f64,
    ul_per_s: f64,
}

/// What was commanded, as a function of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dose {
    /// From when on which continuous rate holds, in s and uL/h.
    rates: Vec<(f64, f64)>,
    boluses: Vec<Bolus>,
    uncertain: Option<String>,
}

impl Dose {
    /// The pump accepted a request at that moment. `minimum_ul_per_h` is the pump's minimum rate.
    pub fn accepted(&mut self, request: &PumpRequest, at: RunTime, minimum_ul_per_h: f64) {
        let at_s = at.seconds();
        match request {
            PumpRequest::Start { rate_nl_per_h, .. } => self.rates.push((at_s, f64::from(*rate_nl_per_h) * 1e-3)),
            PumpRequest::MinimumRate => self.rates.push((at_s, minimum_ul_per_h)),
            PumpRequest::Stop => {
                self.rates.push((at_s, 0.0));
                for bolus in self.boluses.iter_mut().filter(|b| b.to_s > at_s) {
                    bolus.to_s = at_s.max(bolus.from_s);
                }
            }
            PumpRequest::Bolus { volume_nl, duration_ms, .. } => {
                let lasts_s = f64::from(*duration_ms).max(1.0) * 1e-3;
                let ul_per_s = f64::from(*volume_nl) * 1e-3 / lasts_s;
                self.boluses.push(Bolus { from_s: at_s, to_s: at_s + lasts_s, ul_per_s });
            }
        }
    }

    /// Nobody knows what became of a request, so no volume can be called commanded any more.
    pub fn unknown(&mut self, request: &PumpRequest) {
        self.uncertain.get_or_insert_with(|| format!("the pump did not say whether it would {request}"));
    }

    /// Why the commanded dose is not known, if it is not.
    #[must_use]
    pub fn uncertain(&self) -> Option<&str> {
        self.uncertain.as_deref()
    }

    /// The continuous rate that holds at a moment, in uL/h.
    #[must_use]
    pub fn rate_ul_per_h(&self, at_s: f64) -> f64 {
        self.rates.iter().rev().find(|(from, _)| *from <= at_s).map_or(0.0, |(_, rate)| *rate)
    }

    /// Whether anything was commanded to flow at a moment, a bolus included.
    #[must_use]
    pub fn flows(&self, at_s: f64) -> bool {
        self.rate_ul_per_h(at_s) > 0.0 || self.boluses.iter().any(|b| b.from_s <= at_s && at_s <= b.to_s)
    }

    /// Whether the continuous rate changes within a span.
    #[must_use]
    pub fn changes(&self, from_s: f64, to_s: f64) -> bool {
        self.rates.iter().any(|(at, _)| from_s < *at && *at < to_s)
    }

    /// The volume of continuous therapy within a span, in uL.
    #[must_use]
    pub fn basal_ul(&self, from_s: f64, to_s: f64) -> f64 {
        let mut volume = 0.0;
        for (i, (start, rate)) in self.rates.iter().enumerate() {
            let end = self.rates.get(i + 1).map_or(f64::INFINITY, |(next, _)| *next);
            let overlap = end.min(to_s) - start.max(from_s);
            volume += rate * overlap.max(0.0) / 3600.0;
        }
        volume
    }

    /// The volume of boluses within a span, in uL, each spread evenly over its duration.
    #[must_use]
    pub fn bolus_ul(&self, from_s: f64, to_s: f64) -> f64 {
        self.boluses.iter().map(|b| (b.to_s.min(to_s) - b.from_s.max(from_s)).max(0.0) * b.ul_per_s).sum()
    }

    /// All of it within a span, in uL.
    #[must_use]
    pub fn commanded_ul(&self, from_s: f64, to_s: f64) -> f64 {
        self.basal_ul(from_s, to_s) + self.bolus_ul(from_s, to_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> RunTime {
        RunTime::from_ns(seconds * 1_000_000_000)
    }

    #[test]
    fn boluses_come_on_top_and_a_stop_cuts_them() {
        let mut dose = Dose::default();
        dose.accepted(&PumpRequest::Start { dose: 1, rate_nl_per_h: 36_000 }, s(100), 0.25);
        dose.accepted(&PumpRequest::Bolus { dose: 2, volume_nl: 10_000, duration_ms: 100_000 }, s(200), 0.25);
        assert!((dose.commanded_ul(0.0, 200.0) - 1.0).abs() < 1e-12);
        assert!((dose.commanded_ul(200.0, 250.0) - 5.5).abs() < 1e-12);
        dose.accepted(&PumpRequest::Stop, s(250), 0.25);
        assert!((dose.bolus_ul(0.0, 1000.0) - 5.0).abs() < 1e-12);
        assert!((dose.basal_ul(0.0, 1000.0) - 1.5).abs() < 1e-12);
        assert!(!dose.flows(300.0));
    }
}

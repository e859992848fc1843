//! The commanded dose: what the pump was told to deliver, and from when on it had agreed.
//!
//! Bounded by the number of commands in the plan. Times are the middle between request and reply.

use domain::RunTime;
use domain::pump::PumpRequest;

const DAY_S: f64 = 86_400.0;
/// A moment that is known no better than this, in ns, is no moment.
const VAGUE_NS: u64 = 2_000_000_000;

/// A bolus that the pump accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bolus {
    from_s: f64,
    to_s: f64,
    ul_per_s: f64,
}

/// The continuous therapy that holds from a moment on.
#[derive(Debug, Clone, PartialEq)]
struct Basal {
    from_s: f64,
    rate: Rate,
}

#[derive(Debug, Clone, PartialEq)]
enum Rate {
    /// The same all the time, in uL/h.
    Constant(f64),
    /// By the pump's day.
    Flex {
        /// The second of the day that began at `from_s`.
        second_of_day: f64,
        /// From which second of the day on which rate holds, in uL/h, in order of the day.
        steps: Vec<(f64, f64)>,
    },
}

impl Rate {
    /// The rate so long after the therapy's beginning, in uL/h.
    fn at(&self, elapsed_s: f64) -> f64 {
        match self {
            Self::Constant(rate) => *rate,
            Self::Flex { second_of_day, steps } => {
                let second = (second_of_day + elapsed_s) % DAY_S;
                // Before the day's first step the last of the day before still holds.
                steps.iter().rev().find(|(from, _)| *from <= second).or(steps.last()).map_or(0.0, |(_, rate)| *rate)
            }
        }
    }

    /// The volume between two times after the therapy's beginning, in uL.
    fn volume_ul(&self, from_s: f64, to_s: f64) -> f64 {
        match self {
            Self::Constant(rate) => rate * (to_s - from_s) / 3600.0,
            Self::Flex { second_of_day, steps } => {
                since_midnight_ul(steps, second_of_day + to_s) - since_midnight_ul(steps, second_of_day + from_s)
            }
        }
    }
}

/// The volume of a schedule from the midnight before its beginning until so many seconds after it, in uL.
fn since_midnight_ul(steps: &[(f64, f64)], until_s: f64) -> f64 {
    let days = (until_s / DAY_S).floor();
    let day_ul = within_day_ul(steps, DAY_S);
    days * day_ul + within_day_ul(steps, until_s - days * DAY_S)
}

fn within_day_ul(steps: &[(f64, f64)], until_s: f64) -> f64 {
    let first = steps.first().map_or(DAY_S, |(from, _)| *from);
    let before = steps.last().map_or(0.0, |(_, rate)| rate * first.min(until_s) / 3600.0);
    let after: f64 = steps
        .iter()
        .enumerate()
        .map(|(i, (from, rate))| {
            let to = steps.get(i + 1).map_or(DAY_S, |(next, _)| *next);
            rate * (to.min(until_s) - from).max(0.0) / 3600.0
        })
        .sum();
    before + after
}

/// Whether a request changes what is commanded.
const fn changes(request: &PumpRequest) -> bool {
    match request {
        PumpRequest::Start { .. }
        | PumpRequest::StartFlex { .. }
        | PumpRequest::MinimumRate
        | PumpRequest::Stop
        | PumpRequest::Bolus { .. }
        | PumpRequest::SetPatient { .. }
        | PumpRequest::PatientBolus { .. } => true,
        PumpRequest::TelemetryOpen | PumpRequest::TelemetryClose | PumpRequest::SetReservoir { .. } => false,
    }
}

/// What was commanded, as a function of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dose {
    basal: Vec<Basal>,
    boluses: Vec<Bolus>,
    /// A patient's bolus as it was last set: its volume in uL and its duration in s.
    patient: (f64, f64),
    doubts: Vec<Doubt>,
}

/// A span within which it is not known, or not said, what was commanded.
#[derive(Debug, Clone, PartialEq)]
struct Doubt {
    from_s: f64,
    until: Until,
    why: String,
}

/// How long a doubt lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Until {
    /// To that moment, in s of run time.
    At(f64),
    /// Until therapy is commanded anew.
    Commanded,
    /// For good: what became of a request cannot be learnt later.
    Ever,
}

impl Doubt {
    /// What begins where a span ends, or ends where it begins, is none of the span's.
    fn touches(&self, from_s: f64, to_s: f64) -> bool {
        let ended = matches!(self.until, Until::At(until_s) if until_s <= from_s);
        self.from_s < to_s && !ended
    }
}

impl Dose {
    /// The pump accepted a request at that moment. `minimum_ul_per_h` is the pump's minimum rate.
    pub fn accepted(&mut self, request: &PumpRequest, at: RunTime, minimum_ul_per_h: f64) {
        let at_s = at.seconds();
        match request {
            PumpRequest::Start { rate_nl_per_h, .. } => self.therapy(at_s, constant(*rate_nl_per_h)),
            PumpRequest::StartFlex { minute_of_day, steps, .. } => {
                let second = |minute: u16| f64::from(minute) * 60.0;
                let steps = steps.iter().map(|s| (second(s.from_min), f64::from(s.rate_nl_per_h) * 1e-3)).collect();
                self.therapy(at_s, Rate::Flex { second_of_day: second(*minute_of_day), steps });
            }
            PumpRequest::MinimumRate => self.therapy(at_s, Rate::Constant(minimum_ul_per_h)),
            PumpRequest::Stop => self.end(at_s),
            PumpRequest::Bolus { volume_nl, duration_ms, .. } => {
                self.bolus(at_s, f64::from(*volume_nl) * 1e-3, f64::from(*duration_ms) * 1e-3);
            }
            PumpRequest::SetPatient { volume_nl, duration_ms, .. } => {
                self.patient = (f64::from(*volume_nl) * 1e-3, f64::from(*duration_ms) * 1e-3);
            }
            PumpRequest::PatientBolus { .. } => self.bolus(at_s, self.patient.0, self.patient.1),
            PumpRequest::TelemetryOpen | PumpRequest::TelemetryClose | PumpRequest::SetReservoir { .. } => {}
        }
    }

    fn therapy(&mut self, from_s: f64, rate: Rate) {
        // From here on it is said again.
        for doubt in self.doubts.iter_mut().filter(|d| d.until == Until::Commanded) {
            doubt.until = Until::At(from_s);
        }
        self.basal.push(Basal { from_s, rate });
    }

    fn bolus(&mut self, from_s: f64, volume_ul: f64, lasts_s: f64) {
        let lasts_s = lasts_s.max(1e-3);
        self.boluses.push(Bolus { from_s, to_s: from_s + lasts_s, ul_per_s: volume_ul / lasts_s });
    }

    /// An alarm ended whatever was running; at `looked` the pump still ran, at `at` its status shows that it does not.
    pub fn halted(&mut self, looked: RunTime, at: RunTime) {
        let (from_s, at_s) = (looked.min(at).seconds(), at.seconds());
        if self.flows(from_s) || self.flows(at_s) {
            let why = format!(
                "an alarm ended therapy by {at_s:.0} s of run time, and what is commanded from then on is not said; end \
                 the span before the alarm, or put a stop behind it"
            );
            self.end(at_s);
            self.doubts.push(Doubt { from_s, until: Until::Commanded, why });
        }
    }

    /// Nothing is commanded any more.
    fn end(&mut self, at_s: f64) {
        self.therapy(at_s, Rate::Constant(0.0));
        for bolus in self.boluses.iter_mut().filter(|b| b.to_s > at_s) {
            bolus.to_s = at_s.max(bolus.from_s);
        }
    }

    /// The pump did it, but when is known no better than by that much, in ns, before or after.
    pub fn vague(&mut self, request: &PumpRequest, at: RunTime, u_ns: u64) {
        if u_ns > VAGUE_NS && changes(request) {
            let (at_s, u_s) = (at.seconds(), u_ns as f64 * 1e-9);
            let why = format!("when the pump did {request} is known to ± {u_s:.0} s alone, at {at_s:.0} s of run time");
            self.doubts.push(Doubt { from_s: at_s - u_s, until: Until::At(at_s + u_s), why });
        }
    }

    /// Why what was commanded over a span is in doubt, if it is.
    #[must_use]
    pub fn doubt(&self, from_s: f64, to_s: f64) -> Option<&str> {
        self.doubts.iter().find(|doubt| doubt.touches(from_s, to_s)).map(|doubt| doubt.why.as_str())
    }

    /// Nobody knows what became of a request. If it changes what is commanded, no volume from `since` on, the last moment
    /// before it was sent, can be called commanded.
    pub fn unknown(&mut self, request: &PumpRequest, since: RunTime) {
        if changes(request) {
            let why = format!("the pump did not say whether it would {request}");
            self.doubts.push(Doubt { from_s: since.seconds(), until: Until::Ever, why });
        }
    }

    /// The continuous rate that holds at a moment, in uL/h.
    #[must_use]
    pub fn rate_ul_per_h(&self, at_s: f64) -> f64 {
        let basal = self.basal.iter().rev().find(|b| b.from_s <= at_s);
        basal.map_or(0.0, |b| b.rate.at(at_s - b.from_s))
    }

    /// Whether anything was commanded to flow at a moment, a bolus included.
    #[must_use]
    pub fn flows(&self, at_s: f64) -> bool {
        self.rate_ul_per_h(at_s) > 0.0 || self.boluses.iter().any(|b| b.from_s <= at_s && at_s <= b.to_s)
    }

    /// Whether the continuous rate may change within a span.
    #[must_use]
    pub fn changes(&self, from_s: f64, to_s: f64) -> bool {
        let flex = |b: &Basal| matches!(b.rate, Rate::Flex { .. }) && b.from_s < to_s;
        self.basal.iter().any(|b| (from_s < b.from_s && b.from_s < to_s) || flex(b))
    }

    /// The longest time within a span in which one constant rate flowed and no bolus was given: from, to, in s.
    #[must_use]
    pub fn steady(&self, from_s: f64, to_s: f64) -> Option<(f64, f64)> {
        let mut longest: Option<(f64, f64)> = None;
        for (i, basal) in self.basal.iter().enumerate() {
            if !matches!(basal.rate, Rate::Constant(rate) if rate > 0.0) {
                continue;
            }
            let end = self.basal.get(i + 1).map_or(f64::INFINITY, |next| next.from_s).min(to_s);
            let mut begin = basal.from_s.max(from_s);
            let mut boluses: Vec<&Bolus> = self.boluses.iter().filter(|b| b.from_s < end && b.to_s > begin).collect();
            boluses.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
            let mut take = |begin: f64, end: f64| {
                if end - begin > longest.map_or(0.0, |(from, to)| to - from) {
                    longest = Some((begin, end));
                }
            };
            for bolus in boluses {
                take(begin, bolus.from_s);
                begin = begin.max(bolus.to_s);
            }
            take(begin, end);
        }
        longest
    }

    /// The volume of continuous therapy within a span, in uL.
    #[must_use]
    pub fn basal_ul(&self, from_s: f64, to_s: f64) -> f64 {
        let mut volume = 0.0;
        for (i, basal) in self.basal.iter().enumerate() {
            let end = self.basal.get(i + 1).map_or(f64::INFINITY, |next| next.from_s);
            let (from, to) = (basal.from_s.max(from_s), end.min(to_s));
            if to > from {
                volume += basal.rate.volume_ul(from - basal.from_s, to - basal.from_s);
            }
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

fn constant(nl_per_h: u32) -> Rate {
    Rate::Constant(f64::from(nl_per_h) * 1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::pump::FlexStep;

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
        assert_eq!(dose.steady(0.0, 1000.0), Some((100.0, 200.0)), "the longest piece without a bolus");
        assert_eq!(dose.steady(240.0, 1000.0), None);
        assert!((dose.bolus_ul(0.0, 1000.0) - 5.0).abs() < 1e-12);
        assert!((dose.basal_ul(0.0, 1000.0) - 1.5).abs() < 1e-12);
        assert!(!dose.flows(300.0));
    }

    #[test]
    fn a_schedule_is_integrated_over_its_days() {
        let mut dose = Dose::default();
        let step = |hour: u16, rate_nl_per_h| FlexStep { from_min: hour * 60, rate_nl_per_h };
        let steps = vec![step(6, 10_000), step(22, 20_000)];
        // From 20:00 on: 2 h at 10, 8 h at 20, 16 h at 10 …
        dose.accepted(&PumpRequest::StartFlex { dose: 1, minute_of_day: 1_200, steps }, s(1_000), 0.25);
        let h = |hours: f64| 1_000.0 + hours * 3600.0;
        assert!((dose.rate_ul_per_h(h(1.0)) - 10.0).abs() < 1e-12);
        assert!((dose.rate_ul_per_h(h(2.5)) - 20.0).abs() < 1e-12);
        assert!((dose.rate_ul_per_h(h(4.5)) - 20.0).abs() < 1e-12, "after midnight the day's last step holds");
        assert!((dose.basal_ul(0.0, h(3.0)) - 40.0).abs() < 1e-9);
        assert!((dose.basal_ul(h(0.0), h(10.0)) - 180.0).abs() < 1e-9);
        assert!((dose.basal_ul(h(0.0), h(48.0)) - 640.0).abs() < 1e-9);
        dose.accepted(&PumpRequest::Start { dose: 2, rate_nl_per_h: 1_000 }, s(1_000 + 3_600), 0.25);
        assert!((dose.basal_ul(0.0, h(2.0)) - 11.0).abs() < 1e-9, "the new rate holds from its moment on");
    }

    #[test]
    fn a_patient_bolus_has_the_volume_that_was_set() {
        let mut dose = Dose::default();
        let set = PumpRequest::SetPatient { volume_nl: 5_000, duration_ms: 60_000, lockout_s: 600, daily_max: 4 };
        dose.accepted(&set, s(0), 0.25);
        dose.accepted(&PumpRequest::PatientBolus { dose: 3 }, s(10), 0.25);
        assert!((dose.bolus_ul(0.0, 100.0) - 5.0).abs() < 1e-12);
    }

    #[test]
    fn an_alarm_leaves_a_doubt_until_the_next_command() {
        let mut dose = Dose::default();
        dose.accepted(&PumpRequest::Start { dose: 1, rate_nl_per_h: 36_000 }, s(100), 0.0);
        dose.halted(s(190), s(200));
        assert_eq!(dose.commanded_ul(100.0, 400.0), 1.0);
        assert!(dose.doubt(150.0, 250.0).is_some() && dose.doubt(300.0, 400.0).is_some());
        assert_eq!(dose.doubt(100.0, 190.0), None, "it still ran when it was last looked at");
        assert!(dose.doubt(100.0, 195.0).is_some(), "it may have ended before it was looked at again");
        dose.accepted(&PumpRequest::Stop, s(500), 0.0);
        assert!(dose.doubt(400.0, 600.0).is_some());
        assert_eq!(dose.doubt(501.0, 600.0), None);
        dose.halted(s(690), s(700));
        assert_eq!(dose.doubt(600.0, 800.0), None, "nothing was running");
    }

    #[test]
    fn a_request_without_an_answer_is_a_doubt_from_its_sending_on_and_for_good() {
        let mut dose = Dose::default();
        dose.unknown(&PumpRequest::TelemetryOpen, s(50));
        assert_eq!(dose.doubt(0.0, 1000.0), None, "it changes nothing that is commanded");
        dose.unknown(&PumpRequest::Stop, s(100));
        dose.accepted(&PumpRequest::Start { dose: 1, rate_nl_per_h: 1_000 }, s(200), 0.0);
        assert_eq!(dose.doubt(0.0, 100.0), None);
        assert!(dose.doubt(0.0, 101.0).is_some() && dose.doubt(300.0, 400.0).is_some());
    }

    #[test]
    fn a_moment_that_is_not_known_is_a_doubt_about_its_spans() {
        let mut dose = Dose::default();
        dose.vague(&PumpRequest::Stop, s(100), 1_000_000_000);
        assert_eq!(dose.doubt(0.0, 1000.0), None, "half a round trip is known well enough");
        dose.vague(&PumpRequest::Stop, s(100), 30_000_000_000);
        assert!(dose.doubt(0.0, 80.0).is_some());
        assert_eq!(dose.doubt(131.0, 1000.0), None);
    }
}

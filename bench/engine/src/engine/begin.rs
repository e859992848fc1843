//! From instruments that answer to a run that may begin: preconditions, a pump that stands, then the bath that the plan needs; and the
//! check at its end that the bath has stayed there.
//!
//! A bath takes its time. Meanwhile the run is under way: an instrument that goes away is missed, and somebody may stop it.

use core::time::Duration;

use domain::check::CheckHead;
use domain::event::{Opened, Phase};
use domain::quantity::significant;
use domain::{CheckRecord, CheckVerdict, Event, EventKind, Limits, Order, RunTime, Status, time};
use scenario::{BATH_KEPT, Bath};

use super::{Engine, State};
use crate::ending::Ending;
use crate::preconditions::{self, Wanted};
use crate::steps::{Answered, Ordered};

/// How long the bath must have been where it is to be, by each reading, before anything is weighed.
const STEADY: Duration = Duration::from_secs(30);

/// The bath's way to its set-point.
#[derive(Debug, Clone)]
pub(super) struct Tempering {
    bath: Bath,
    /// The order, until it is answered.
    ordered: Option<Ordered>,
    /// Since when each reading was within the range.
    steady: Option<RunTime>,
    found_c: Option<f64>,
    /// Until when it may take.
    pub(super) until: RunTime,
}

/// How far a bath is.
enum Reached {
    NotYet(Tempering),
    There,
    Failed(Ending),
}

impl Engine {
    pub(super) fn open(&mut self, opened: &Opened) {
        self.device_expected.clone_from(&opened.device_expected);
        self.overdue = preconditions::overdue(opened);
        self.core.dose_base = opened.dose_base;
    }

    /// The station is ready: preconditions, then the pump is stopped, whatever it did before.
    pub(super) fn begin(&mut self) -> State {
        self.ready = true;
        let images = self.core.images.as_ref().filter(|_| !self.core.may_differ());
        let wanted = Wanted { device: self.device_expected.as_deref(), overdue: self.overdue.as_deref(), images };
        let unmet = preconditions::unmet(&self.core.profile, &self.instruments, &self.active_alarms, wanted);
        if let Some(why) = unmet {
            return self.stop(Ending::NotRun(why));
        }
        self.halt(Phase::OpeningWeighing)
    }

    /// The pump stands: the bath is brought to its set-point before the first weighing.
    pub(super) fn halted(&mut self, then: Phase) -> State {
        let bath = self.core.plan.bath.clone().filter(|_| then == Phase::OpeningWeighing);
        let Some(bath) = bath else { return self.weigh(then) };
        let ordered = Some(Ordered::send(&bath.instrument, Order::Bath { at_c: bath.at_c.value }, &mut self.core));
        let until = self.core.now + bath.within;
        State::Tempering(Tempering { bath, ordered, steady: None, found_c: None, until })
    }

    /// The check that the bath has stayed where it was needed. No device is to blame for a bath.
    pub(super) fn bath_kept(&self) -> Option<CheckRecord> {
        let bath = self.core.plan.bath.as_ref()?;
        let objection = self.core.ledger.bath_objection();
        let (at, half) = (bath.at_c.value.c(), bath.at_c.half_width.c());
        Some(CheckRecord {
            head: CheckHead {
                name: BATH_KEPT.to_owned(),
                step: "throughout".to_owned(),
                because: "what was found holds for that temperature alone".to_owned(),
                requirements: Vec::new(),
            },
            verdict: if objection.is_none() { CheckVerdict::Pass } else { CheckVerdict::Inconclusive },
            value: None,
            unit: "°C".to_owned(),
            expanded_uncertainty: None,
            coverage_factor: None,
            limits: Limits { low: Some(at - half), high: Some(at + half) },
            reason: objection,
            figure: None,
            notes: Vec::new(),
        })
    }

    /// An event comes while the bath is brought to its set-point.
    pub(super) fn tempered(&mut self, tempering: Tempering, event: &Event) -> State {
        match tempering.apply(event, self.core.now) {
            Reached::NotYet(tempering) => State::Tempering(tempering),
            Reached::There => self.weigh(Phase::OpeningWeighing),
            Reached::Failed(ending) => self.stop(ending),
        }
    }
}

impl Tempering {
    fn apply(mut self, event: &Event, now: RunTime) -> Reached {
        if let Some(ordered) = &self.ordered {
            match ordered.answer(event) {
                Answered::Pending => {}
                Answered::Done { .. } => self.ordered = None,
                Answered::Failed(ending) => return Reached::Failed(ending),
            }
        } else if matches!(&event.kind, EventKind::Lost { instrument, .. } if *instrument == self.bath.instrument) {
            // Nobody knows where it was meanwhile.
            self.steady = None;
        } else if let Some((at, found_c)) = self.reading(event) {
            self.found_c = found_c.or(self.found_c);
            let off = found_c.map_or(f64::INFINITY, |c| (c - self.bath.at_c.value.c()).abs());
            self.steady = self.steady.or(Some(at)).filter(|_| off <= self.bath.at_c.half_width.c());
            if self.steady.is_some_and(|since| at.since(since) >= STEADY) {
                return Reached::There;
            }
        }
        if now < self.until {
            return Reached::NotYet(self);
        }
        let found = self.found_c.map_or_else(|| "no reading".to_owned(), |c| format!("{} °C", significant(c)));
        Reached::Failed(Ending::NotRun(format!(
            "expected {} to be at {} for {} within {}, but found {found}; look at it, or give it more time",
            self.bath.instrument,
            self.bath,
            time::span(STEADY),
            time::span(self.bath.within)
        )))
    }

    /// The bath's temperature, if that is what was read; none of it if nobody can tell.
    fn reading(&self, event: &Event) -> Option<(RunTime, Option<f64>)> {
        let EventKind::Reading(reading) = &event.kind else { return None };
        let of_bath = reading.channel.as_str().strip_prefix(self.bath.instrument.as_str()) == Some(".temperature");
        of_bath.then_some((reading.at_ns, Some(reading.value).filter(|_| reading.status == Status::Ok)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use domain::order::OrderOutcome;
    use domain::profile::Declared;
    use domain::{Channel, Reading, Temperature};

    fn at(seconds: u64) -> RunTime {
        RunTime::from_ns(seconds * 1_000_000_000)
    }

    fn told(seconds: u64, kind: EventKind) -> Event {
        Event { seq: 0, t_ns: at(seconds), station: Arc::from("1"), kind }
    }

    fn reads(seconds: u64, channel: &str, value: f64) -> Event {
        let channel = Channel::new(channel);
        told(seconds, EventKind::Reading(Reading { channel, at_ns: at(seconds), u_ns: 0, value, status: Status::Ok }))
    }

    /// One that was ordered and may take an hour.
    fn ordered() -> Tempering {
        let c = Temperature::from_c;
        let at_c = Declared { value: c(37.0), half_width: c(0.5) };
        let bath = Bath { instrument: "bath".to_owned(), at_c, within: Duration::from_secs(3600) };
        let profile = crate::testing::profile();
        let plan = crate::testing::plan("  - hold: {for: 1 s}\n", &profile);
        let mut core = crate::core::Core::new(Arc::new(plan), Arc::new(profile));
        let ordered = Some(Ordered::send("bath", Order::Bath { at_c: c(37.0) }, &mut core));
        Tempering { bath, ordered, steady: None, found_c: None, until: at(3600) }
    }

    fn goes_on(tempering: Tempering, event: &Event) -> Tempering {
        match tempering.apply(event, event.t_ns) {
            Reached::NotYet(tempering) => tempering,
            Reached::There => panic!("it is not there at {:?}", event.t_ns),
            Reached::Failed(ending) => panic!("{}", ending.cause()),
        }
    }

    fn done() -> Event {
        told(1, EventKind::OrderAnswered { order: 0, at_ns: at(1), u_ns: 0, outcome: OrderOutcome::Done })
    }

    #[test]
    fn it_is_there_when_it_has_stayed_there_and_no_other_channel_says_so() {
        let early = goes_on(ordered(), &reads(0, "bath.temperature", 37.0));
        assert_eq!(early.steady, None, "what it was before the order is no answer to it");
        let mut tempering = goes_on(early, &done());
        let steps = [(10, 30.0), (20, 36.6), (30, 37.4), (40, 37.6), (50, 37.4), (60, 37.0), (70, 36.9)];
        for (seconds, value) in steps {
            tempering = goes_on(tempering, &reads(seconds, "bath.temperature", value));
            tempering = goes_on(tempering, &reads(seconds, "bath.set_point", 37.0));
            tempering = goes_on(tempering, &reads(seconds, "fluid.temperature", 37.0));
        }
        let mut beyond = reads(79, "bath.temperature", 37.0);
        if let EventKind::Reading(reading) = &mut beyond.kind {
            reading.status = Status::Overload;
        }
        assert_eq!(goes_on(tempering.clone(), &beyond).steady, None, "nobody knows where it is");
        let there = reads(80, "bath.temperature", 37.0);
        assert!(
            matches!(tempering.apply(&there, there.t_ns), Reached::There),
            "30 s behind the first within the range"
        );
    }

    #[test]
    fn one_that_does_not_get_there_or_will_not_is_told_with_what_it_reads() {
        let cold = goes_on(goes_on(ordered(), &done()), &reads(3000, "bath.temperature", 29.1));
        let Reached::Failed(ending) = cold.apply(&told(3600, EventKind::Tick), at(3600)) else { panic!("it is over") };
        assert!(matches!(ending, Ending::NotRun(_)));
        assert_eq!(
            ending.cause(),
            "expected bath to be at 37 ± 0.5 °C for 30 s within 60 min, but found 29.1 °C; look at it, or give it more time"
        );
        let refused = OrderOutcome::Refused { reason: "locked at its panel".to_owned() };
        let refused = told(1, EventKind::OrderAnswered { order: 0, at_ns: at(1), u_ns: 0, outcome: refused });
        let Reached::Failed(ending) = ordered().apply(&refused, at(1)) else { panic!("it will not") };
        assert!(ending.cause().contains("it refused 'keep 37 °C': locked at its panel"), "{}", ending.cause());
    }
}

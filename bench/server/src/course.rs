//! A run's course as a page shows it: a fold over its events into what fits on a screen, however long the run is.
//!
//! Each channel is kept in at most [`BUCKETS_MAX`] buckets of equal time, of each the least, the greatest and the mean value; when they
//! are full, two become one. Nothing is decided here; what is told are the events' own words.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::event::{Opened, Phase, Prompt};
use domain::profile::{RigProfile, Role};
use domain::pump::PumpLogged;
use domain::time::span;
use domain::{CheckVerdict, Event, EventKind, RunTime, Status};
use engine::Replay;
use scenario::Plan;
use serde_json::{Value, json};

use crate::herald::Matter;

/// More than any screen shows of a plot.
pub(crate) const BUCKETS_MAX: usize = 1024;
/// The time of a bucket at first, in s.
const BUCKET_S: f64 = 1.0;
/// An instrument that is away for less is nobody's concern: it is attached again.
const AWAY_FOR: Duration = Duration::from_secs(10);
/// So many sentences are kept of what happened.
const TOLD_MAX: usize = 200;

/// A channel's values, and the last one.
#[derive(Debug, Clone)]
struct Series {
    unit: String,
    bucket_s: f64,
    /// From run time zero on; none where there was no value.
    buckets: Vec<Option<Bucket>>,
    last: (RunTime, f64, Status),
}

/// The values of a time, which are read at equal distances.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    low: f64,
    high: f64,
    sum: f64,
    count: f64,
}

impl Bucket {
    const fn of(value: f64) -> Self {
        Self { low: value, high: value, sum: value, count: 1.0 }
    }

    fn and(self, other: Self) -> Self {
        let (low, high) = (self.low.min(other.low), self.high.max(other.high));
        Self { low, high, sum: self.sum + other.sum, count: self.count + other.count }
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

impl Series {
    fn push(&mut self, at: RunTime, value: f64, status: Status) {
        self.last = (at, value, status);
        // Beyond its range an instrument has no value.
        if status == Status::Overload {
            return;
        }
        let mut index = (at.seconds() / self.bucket_s) as usize;
        while index >= BUCKETS_MAX {
            let wider = self.buckets.chunks(2).map(|pair| pair.iter().flatten().copied().reduce(Bucket::and));
            self.buckets = wider.collect();
            self.bucket_s *= 2.0;
            index /= 2;
        }
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, None);
        }
        let bucket = &mut self.buckets[index];
        *bucket = Some(bucket.map_or(Bucket::of(value), |known| known.and(Bucket::of(value))));
    }
}

/// Something that happened, for people.
#[derive(Debug, Clone)]
struct Told {
    number: u64,
    at: RunTime,
    text: String,
    /// Whether it must not be overlooked.
    loud: bool,
}

/// What is done now.
#[derive(Debug, Clone)]
struct Doing {
    name: String,
    what: String,
    /// The step's place in the plan, from 0.
    step: Option<usize>,
    since: RunTime,
    lasts: Duration,
}

/// A run's course so far.
#[derive(Debug, Default)]
pub(crate) struct Course {
    opened: Option<Opened>,
    plan: Option<Arc<Plan>>,
    now: RunTime,
    doing: Option<Doing>,
    alarms: Vec<String>,
    /// Instruments that are away, since when and why.
    away: BTreeMap<String, (RunTime, String)>,
    prompt: Option<Prompt>,
    checks: Vec<Value>,
    ended: Option<(String, Option<String>)>,
    channels: BTreeMap<String, Series>,
    told: VecDeque<Told>,
    told_ever: u64,
}

/// What a client has been sent of a course.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    told: u64,
    /// Of each channel the time of a bucket, and the bucket from which on it is to be sent again.
    channels: BTreeMap<String, (f64, usize)>,
}

impl Course {
    /// Takes the next event.
    pub(crate) fn apply(&mut self, event: &Event) {
        let at = event.t_ns;
        self.now = self.now.max(at);
        // Nobody is waited for any more.
        self.prompt.take_if(|prompt| prompt.until_ns < self.now);
        match &event.kind {
            EventKind::Opened(opened) => {
                self.plan = Replay::plan_of(opened);
                self.tell(at, format!("{} on rig {}", opened.title, opened.profile.name), false);
                self.opened = Some((**opened).clone());
            }
            EventKind::Reading(reading) => {
                let profile = self.opened.as_ref().map(|opened| &opened.profile);
                let series = self.channels.entry(reading.channel.as_str().to_owned()).or_insert_with_key(|channel| {
                    let (unit, last) = (unit_of(profile, channel), (at, reading.value, reading.status));
                    Series { unit, bucket_s: BUCKET_S, buckets: Vec::new(), last }
                });
                series.push(reading.at_ns, reading.value, reading.status);
                if !self.away.is_empty() {
                    self.away.remove(reading.channel.instrument());
                }
            }
            EventKind::PhaseEntered(phase) => self.phase(at, *phase),
            EventKind::StepEntered { index, name, what } => {
                let step = *index as usize;
                let planned = self.plan.as_ref().and_then(|plan| plan.steps.get(step));
                let lasts = planned.map_or(Duration::ZERO, scenario::Step::duration);
                self.tell(at, format!("step {} {name}: {what}", step + 1), false);
                self.doing = Some(Doing { name: name.clone(), what: what.clone(), step: Some(step), since: at, lasts });
                self.prompt = None;
            }
            EventKind::Prompted(prompt) => {
                self.tell(at, format!("asked: {}", prompt.instruction), true);
                self.prompt = Some(prompt.clone());
            }
            EventKind::Answered(answer) => {
                self.prompt = None;
                self.tell(at, format!("answered by {}", answer.by), false);
            }
            EventKind::PumpChanged(state) => self.alarms.clone_from(&state.alarms),
            EventKind::Attached { instrument, .. } => self.attached(instrument),
            EventKind::Lost { instrument, fault, .. } => self.lost(at, instrument, fault.to_string()),
            EventKind::CheckDecided(check) => {
                let verdict = check.verdict.name();
                self.checks.push(json!({"name": check.head.name, "verdict": verdict, "reason": check.reason}));
                self.tell(at, format!("check {}: {verdict}", check.head.name), check.verdict != CheckVerdict::Pass);
            }
            EventKind::SafeStopBegan { cause } => {
                self.prompt = None;
                let (name, what) = ("making the station safe".to_owned(), cause.clone());
                self.tell(at, format!("{name}: {cause}"), false);
                self.doing = Some(Doing { name, what, step: None, since: at, lasts: Duration::ZERO });
            }
            EventKind::Ended { verdict, reason, .. } => {
                self.doing = None;
                self.tell(at, format!("ended: {verdict}"), *verdict != domain::RunVerdict::Pass);
                self.ended = Some((verdict.name().to_owned(), reason.clone()));
            }
            kind => {
                if let Some((text, loud)) = said(kind, at) {
                    self.tell(at, text, loud);
                }
            }
        }
    }

    /// The pump's word alone brings it back; any other instrument must give a reading, if that is what it is there for.
    fn attached(&mut self, instrument: &str) {
        let of = self.opened.as_ref().and_then(|opened| opened.profile.by_name(instrument));
        if of.is_none_or(|of| of.role == Role::Pump || of.channels.is_empty()) {
            self.away.remove(instrument);
        }
    }

    fn lost(&mut self, at: RunTime, instrument: &str, why: String) {
        if let Some((_, known)) = self.away.get_mut(instrument) {
            *known = why;
            return;
        }
        self.tell(at, format!("{instrument} is away: {why}"), true);
        self.away.insert(instrument.to_owned(), (at, why));
    }

    fn phase(&mut self, at: RunTime, phase: Phase) {
        let weighing = self.plan.as_ref().map(|plan| plan.weighing);
        let lasts = match phase {
            Phase::OpeningWeighing => weighing.map(|weighing| weighing.before),
            Phase::ClosingWeighing => weighing.map(|weighing| weighing.after),
            Phase::Steps => return,
        };
        self.prompt = None;
        let (name, what) = (phase.name().to_owned(), "the vessel is weighed with the pump stopped".to_owned());
        self.tell(at, name.clone(), false);
        self.doing = Some(Doing { name, what, step: None, since: at, lasts: lasts.unwrap_or_default() });
    }

    fn tell(&mut self, at: RunTime, text: String, loud: bool) {
        if self.told.len() >= TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(Told { number: self.told_ever, at, text, loud });
        self.told_ever += 1;
    }

    /// What people should hear of now: a question, instruments that have been away for a while.
    pub(crate) fn matters(&self) -> Vec<Matter> {
        let asked = self.prompt.iter().map(|prompt| Matter {
            key: format!("asks {} until {}", prompt.name, prompt.until_ns.ns()),
            subject: format!("somebody is asked: {}", prompt.name),
            text: format!("{}; {} left to answer", prompt.instruction, span(prompt.until_ns.since(self.now))),
        });
        let away = self.away.iter().filter(|(_, (since, _))| self.now.since(*since) >= AWAY_FOR);
        let away = away.map(|(instrument, (since, why))| Matter {
            key: format!("{instrument} away since {}", since.ns()),
            subject: format!("{instrument} is away"),
            text: format!("{instrument} has been away for {}: {why}", span(self.now.since(*since))),
        });
        asked.chain(away).collect()
    }

    /// How long the rest takes at least, in s: what is done now, the steps behind it, the closing weighing.
    fn left_s(&self) -> Option<f64> {
        let (plan, doing) = (self.plan.as_ref()?, self.doing.as_ref()?);
        let of_this = doing.lasts.saturating_sub(self.now.since(doing.since));
        let behind = match doing.step {
            Some(step) => plan.steps.iter().skip(step + 1).map(scenario::Step::duration).sum::<Duration>(),
            None if doing.name == Phase::OpeningWeighing.name() => {
                plan.steps.iter().map(scenario::Step::duration).sum::<Duration>()
            }
            None => return Some(of_this.as_secs_f64()),
        };
        Some((of_this + behind + plan.weighing.after).as_secs_f64())
    }

    /// What is new for a client, and the whole of what is small.
    pub(crate) fn news(&self, sent: &mut Sent) -> Value {
        let seconds = |at: RunTime| (at.seconds() * 1e3).round() * 1e-3;
        let doing = self.doing.as_ref().map(|doing| {
            let since_s = seconds(doing.since);
            json!({"name": doing.name, "what": doing.what, "step": doing.step.map(|step| step + 1), "since_s": since_s,
                   "lasts_s": doing.lasts.as_secs_f64()})
        });
        let prompt = self.prompt.as_ref().map(|prompt| {
            json!({"name": prompt.name, "instruction": prompt.instruction, "entries": prompt.entries,
                   "until_s": seconds(prompt.until_ns)})
        });
        let told: Vec<Value> = self
            .told
            .iter()
            .filter(|told| told.number >= sent.told)
            .map(|told| json!({"at_s": seconds(told.at), "text": told.text, "loud": told.loud}))
            .collect();
        sent.told = self.told_ever;
        let channels: serde_json::Map<String, Value> =
            self.channels.iter().map(|(name, series)| (name.clone(), part(name, series, sent))).collect();
        let (title, station) = match &self.opened {
            Some(opened) => (opened.title.as_str(), opened.profile.station.as_str()),
            None => ("", ""),
        };
        let (verdict, reason) = self.ended.clone().unzip();
        let away: BTreeMap<&str, &str> =
            self.away.iter().map(|(name, (_, why))| (name.as_str(), why.as_str())).collect();
        json!({
            "title": title, "station": station, "now_s": seconds(self.now), "left_s": self.left_s(), "doing": doing,
            "steps": self.plan.as_ref().map(|plan| plan.steps.len()), "alarms": self.alarms, "away": away, "prompt": prompt,
            "checks": self.checks, "verdict": verdict, "reason": reason.flatten(), "told": told, "channels": channels,
        })
    }
}

/// A channel's last value, and its buckets from the last one that was sent on: that may have grown.
fn part(name: &str, series: &Series, sent: &mut Sent) -> Value {
    let (bucket_s, from) = sent.channels.get(name).copied().unwrap_or((0.0, 0));
    // Buckets that have become wider are other ones.
    let from = if bucket_s.total_cmp(&series.bucket_s).is_eq() { from } else { 0 };
    let tail = series.buckets.get(from..).unwrap_or_default();
    let side = |of: fn(&Bucket) -> f64| tail.iter().map(|bucket| bucket.as_ref().map(of)).collect::<Vec<_>>();
    let (at, value, status) = series.last;
    let part = json!({
        "unit": series.unit, "value": value, "status": status.name(), "at_s": at.seconds(), "bucket_s": series.bucket_s, "from": from,
        "low": side(|bucket| bucket.low), "high": side(|bucket| bucket.high), "mean": side(Bucket::mean),
    });
    sent.channels.insert(name.to_owned(), (series.bucket_s, series.buckets.len().saturating_sub(1)));
    part
}

fn unit_of(profile: Option<&RigProfile>, channel: &str) -> String {
    let channels = profile.into_iter().flat_map(|profile| profile.instruments.iter().flat_map(|i| &i.channels));
    let mut found = channels.filter(|of| of.channel == channel).map(|of| of.unit.clone());
    found.next().unwrap_or_default()
}

/// What an event says that changes nothing else, if people should hear it, and whether they must.
fn said(kind: &EventKind, at: RunTime) -> Option<(String, bool)> {
    Some(match kind {
        EventKind::Resumed(interruption) => (interruption.told(at), true),
        EventKind::PumpLogged(entry) => match &entry.what {
            PumpLogged::AlarmRaised { alarm } => (format!("the pump raised the alarm '{alarm}'"), true),
            PumpLogged::AlarmCleared { alarm } => (format!("the pump cleared the alarm '{alarm}'"), false),
            PumpLogged::Booted { cause } => (format!("the pump booted: {cause}"), true),
            PumpLogged::Therapy { .. } => return None,
        },
        EventKind::PumpLogGap { .. } => {
            ("entries of the pump's log were overwritten before they were read".to_owned(), true)
        }
        EventKind::Commanded { request, .. } => (format!("told the pump to {request}"), false),
        EventKind::Ordered { instrument, what, .. } => (format!("told {instrument}: {what}"), false),
        EventKind::Remarked { text, by } => (format!("{text} ({by})"), false),
        EventKind::StopAsked { cause } => (format!("asked to stop: {cause}"), true),
        EventKind::Broke(fault) => (fault.to_string(), true),
        EventKind::SafeStopped(report) if report.confirmed => ("the station is safe".to_owned(), false),
        EventKind::SafeStopped(report) => {
            (format!("THE STATION COULD NOT BE CONFIRMED SAFE: {}", report.unconfirmed.join("; ")), true)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_of_three_days_fits_into_its_buckets_and_keeps_its_extremes() {
        let mut series = Series {
            unit: String::new(),
            bucket_s: BUCKET_S,
            buckets: Vec::new(),
            last: (RunTime::ZERO, 0.0, Status::Ok),
        };
        for second in 0..259_200_u64 {
            let value = if second == 100_000 { 9.0 } else { f64::from(u8::from(second % 2 == 0)) };
            series.push(RunTime::from_ns(second * 1_000_000_000), value, Status::Ok);
        }
        series.push(RunTime::from_ns(259_200_000_000_000), 99.0, Status::Overload);
        assert!(series.buckets.len() <= BUCKETS_MAX && series.buckets.len() > BUCKETS_MAX / 2 - 1);
        assert_eq!(series.bucket_s, 256.0);
        let peak = series.buckets[100_000 / 256].expect("read");
        assert_eq!((peak.low, peak.high), (0.0, 9.0));
        // Of 256 seconds 128 are 1, and one that would be is 9.
        assert!((peak.mean() - 136.0 / 256.0).abs() < 1e-12, "{peak:?}");
        assert!(
            series.buckets.iter().all(|bucket| bucket.is_some_and(|bucket| bucket.low == 0.0 && bucket.high >= 1.0))
        );
        let mut sent = Sent::default();
        let whole = part("balance.mass", &series, &mut sent);
        assert_eq!(
            (whole["from"].as_u64(), whole["low"].as_array().map(Vec::len)),
            (Some(0), Some(series.buckets.len()))
        );
        assert_eq!(
            part("balance.mass", &series, &mut sent)["low"].as_array().map(Vec::len),
            Some(1),
            "the last may grow"
        );
        series.push(RunTime::from_ns(260_000_000_000_000), 1.0, Status::Ok);
        assert_eq!(part("balance.mass", &series, &mut sent)["from"], whole["low"].as_array().expect("all").len() - 1);
    }
}

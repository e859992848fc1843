//! The flow meter beside the balance: an independent witness of whether liquid moved.
//!
//! It owns the volume that the meter has seen, at marks and around a moment. The balance decides accuracy; what is here can
//! only cast doubt on a pass, or show that a jump of the mass was no flow. Below the meter's declared range nothing is said.

use std::collections::{BTreeMap, VecDeque};

use domain::profile::{Meter, Role};
use domain::{Reading, RigProfile, Status};

/// Readings that are kept to look back at, at most.
const KEPT: usize = 256;
/// The meter and the line lag behind what the balance shows, or before it, by no more than this, in s.
pub(crate) const LAG_S: f64 = 15.0;
/// Readings farther apart than this, in polls, are a gap.
const GAP_POLLS: f64 = 5.0;
/// So much of a jump may pass the meter unseen, at most, for the jump to be shown to be no flow.
const MOVED_SHARE: f64 = 0.25;

/// What the meter has seen up to a mark.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Passed {
    t_s: f64,
    ul: f64,
    /// For how long it was not read, in s.
    unread_s: f64,
}

/// The meter so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct FlowMeter {
    channel: String,
    poll_s: f64,
    meter: Option<Meter>,
    recent: VecDeque<(f64, f64)>,
    last: Option<(f64, f64)>,
    ul: f64,
    unread_s: f64,
    marks: BTreeMap<String, Passed>,
}

/// What meter and balance say of the same span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Metered {
    /// By the meter, in µL.
    pub ul: f64,
    /// What the meter may be off by, in µL: its accuracy, its zero, its sampling of pulses.
    pub within_ul: f64,
}

impl FlowMeter {
    /// The meter of a rig; one without a declared range says nothing.
    pub(crate) fn of(profile: &RigProfile) -> Self {
        let Some(flow) = profile.by_role(Role::Flow) else { return Self::default() };
        Self {
            channel: flow.channels.first().map_or_else(String::new, |channel| channel.channel.clone()),
            poll_s: flow.poll.as_secs_f64(),
            meter: flow.meter,
            ..Self::default()
        }
    }

    /// Takes a reading, in mL/h; whether it was the meter's.
    pub(crate) fn push(&mut self, reading: &Reading) -> bool {
        if self.meter.is_none() || reading.channel.as_str() != self.channel {
            return false;
        }
        if reading.status == Status::Overload {
            return true;
        }
        let (t_s, ul_per_h) = (reading.at_ns.seconds(), reading.value * 1e3);
        if let Some((last_s, last)) = self.last.replace((t_s, ul_per_h)) {
            let apart_s = (t_s - last_s).max(0.0);
            self.ul += (last + ul_per_h) / 2.0 * apart_s / 3600.0;
            if apart_s > GAP_POLLS * self.poll_s {
                self.unread_s += apart_s;
            }
        }
        self.recent.push_back((t_s, ul_per_h));
        if self.recent.len() > KEPT {
            self.recent.pop_front();
        }
        true
    }

    /// The moment has a name from now on.
    pub(crate) fn mark(&mut self, mark: &str, at_s: f64) {
        // A meter that is away at the mark is unread from its last reading on.
        let away_s = at_s - self.last.map_or(0.0, |(last_s, _)| last_s);
        let away_s = if away_s > GAP_POLLS * self.poll_s { away_s } else { 0.0 };
        let passed = Passed { t_s: at_s, ul: self.ul, unread_s: self.unread_s + away_s };
        self.marks.insert(mark.to_owned(), passed);
    }

    /// What it saw between two marks, if its declared range lets it say anything of a volume that was commanded so, in µL.
    ///
    /// `pulse_ul` is what may pass between two of its readings unseen, or be seen twice.
    pub(crate) fn between(&self, from: &str, to: &str, commanded_ul: f64, pulse_ul: f64) -> Option<Metered> {
        let meter = self.meter?;
        let (from, to) = (self.marks.get(from)?, self.marks.get(to)?);
        let hours = (to.t_s - from.t_s) / 3600.0;
        let rate = commanded_ul / hours;
        let read = to.unread_s <= from.unread_s && hours > 0.0;
        let ul = to.ul - from.ul;
        let range = meter.from_ul_per_h.ul_per_h()..=meter.to_ul_per_h.ul_per_h();
        let off = meter.accuracy.percent() / 100.0 * ul.abs().max(commanded_ul);
        let within_ul = off + meter.zero_ul_per_h.ul_per_h() * hours + 2.0 * pulse_ul;
        (read && range.contains(&rate)).then_some(Metered { ul, within_ul })
    }

    /// Whether it shows that a jump by so many µL was no flow: `None` before it has been read for long enough afterwards, or
    /// where it could not tell. `commanded_ul` is what was to flow within its lag of that moment.
    pub(crate) fn shows_no_flow(&self, t_s: f64, by_ul: f64, commanded: impl Fn(f64, f64) -> f64) -> Option<bool> {
        let meter = self.meter?;
        let (from_s, to_s) = (t_s - LAG_S, t_s + LAG_S);
        let covered = self.recent.front()?.0 <= from_s && self.recent.back()?.0 >= to_s;
        if !covered {
            return None;
        }
        let pairs =
            self.recent.iter().zip(self.recent.iter().skip(1)).filter(|((t, _), (u, _))| *u > from_s && *t < to_s);
        let mut metered_ul = 0.0;
        for ((t0, v0), (t1, v1)) in pairs {
            if t1 - t0 > GAP_POLLS * self.poll_s {
                return Some(false);
            }
            metered_ul += (v0 + v1) / 2.0 * (t1 - t0) / 3600.0;
        }
        let hours = 2.0 * LAG_S / 3600.0;
        let could_hide = meter.zero_ul_per_h.ul_per_h() * hours + meter.accuracy.percent() / 100.0 * by_ul.abs();
        let allowed = MOVED_SHARE * by_ul.abs();
        let moved = (metered_ul - commanded(from_s, to_s)).abs();
        // A jump that would have passed below the range, or within its zero's error, is none that it could have seen.
        let seen = by_ul.abs() / hours >= meter.from_ul_per_h.ul_per_h() && could_hide < allowed;
        Some(seen && moved <= allowed)
    }
}

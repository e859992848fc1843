//! Does the occlusion valve stay where it was last confirmed to be?
//!
//! A valve that leaves its place by itself occludes the line, or opens it, without any order: what the pump does then is
//! no doing of its own. Moving it is the steps' work; this only looks at what nobody ordered.

use core::time::Duration;

use domain::fault::Fault;
use domain::order::{VALVE_CLOSED_FROM, VALVE_OPEN_UP_TO};
use domain::profile::Role;
use domain::pump::{OCCLUSION_ALARM, PumpLogEntry, PumpLogged};
use domain::quantity::significant;
use domain::{Reading, RigProfile, RunTime, Status};

/// So many readings in a row must be off: a single one may be a spike of the sensor.
const READINGS: u32 = 3;
/// An occlusion's alarm may come so long after what caused it: the pump takes several samples, a minute apart.
const ALARM_AFTER: Duration = Duration::from_secs(300);
const BEYOND: &str = "is beyond its feedback's range";

/// What is known of the valve.
#[derive(Debug, Clone, Default)]
pub(crate) struct ValveWatch {
    /// What it was last ordered to be, closed rather than open.
    ordered: Option<bool>,
    /// Whether a reading has confirmed that since.
    confirmed: bool,
    /// Readings off that in a row, and since when.
    off: Option<(u32, RunTime)>,
    /// The last moment at which it was not known to be in its place, and what was found.
    unsure: Option<(RunTime, String)>,
}

impl ValveWatch {
    /// The valve is told to move.
    pub(crate) fn ordered(&mut self, closed: bool) {
        *self = Self { ordered: Some(closed), ..Self::default() };
    }

    /// Whether it is known where the valve should be, so that a reading can tell whether it is there.
    pub(crate) const fn is_watched(&self) -> bool {
        self.confirmed
    }

    /// A reading: the fault of a valve that has left its place, as soon as that is sure.
    pub(crate) fn reading(&mut self, reading: &Reading, profile: &RigProfile) -> Option<Fault> {
        let closed = self.ordered?;
        let valve = profile.by_role(Role::Valve)?;
        if reading.channel.instrument() != valve.name {
            return None;
        }
        // A position beyond the feedback's range is no position: nobody knows where the valve stands.
        let inside = reading.status != Status::Overload;
        let place = if closed { reading.value >= VALVE_CLOSED_FROM } else { reading.value <= VALVE_OPEN_UP_TO };
        let there = inside && place;
        self.confirmed |= there;
        if there || !self.confirmed {
            self.off = None;
            return None;
        }
        let (seen, since) = self.off.unwrap_or((0, reading.at_ns));
        self.off = Some((seen + 1, since));
        let found = if inside { format!("reads {} % closed", significant(reading.value)) } else { BEYOND.to_owned() };
        let what = self.told(since, &found);
        self.unsure = Some((reading.at_ns, what.clone()));
        (seen + 1 >= READINGS).then(|| Fault::Instrument { instrument: valve.name.clone(), what })
    }

    /// The valve is away: nobody knows where it stands.
    pub(crate) fn lost(&mut self, now: RunTime, why: &str) {
        if self.ordered.is_some() {
            self.unsure = Some((now, format!("the valve was away: {why}")));
        }
    }

    /// The fault of a valve that was not known to be in its place, a while ago at most, and so explains an occlusion.
    pub(crate) fn explains(&self, entry: &PumpLogEntry, profile: &RigProfile, now: RunTime) -> Option<Fault> {
        let occlusion = matches!(&entry.what, PumpLogged::AlarmRaised { alarm } if alarm == OCCLUSION_ALARM);
        if occlusion { self.excuse(profile, now) } else { None }
    }

    /// The fault of a valve that was not known to be in its place, a while ago at most.
    pub(crate) fn excuse(&self, profile: &RigProfile, now: RunTime) -> Option<Fault> {
        let (_, what) = self.unsure.as_ref().filter(|(at, _)| now.since(*at) <= ALARM_AFTER)?;
        let what = format!("{what}; look at the valve's drive");
        Some(Fault::Instrument { instrument: profile.by_role(Role::Valve)?.name.clone(), what })
    }

    fn told(&self, since: RunTime, found: &str) -> String {
        let wanted = if self.ordered.unwrap_or(false) { "closed" } else { "open" };
        let since_s = since.seconds();
        format!("expected the valve to stay {wanted}, but since {since_s:.1} s of run time its position {found}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Channel;

    fn rig() -> RigProfile {
        let mut profile = crate::testing::profile();
        let like = profile.instruments[1].clone();
        let valve = domain::profile::InstrumentProfile { name: "valve".to_owned(), role: Role::Valve, ..like };
        profile.instruments.push(valve);
        profile
    }

    fn reading(seconds: u64, percent: f64, status: Status) -> Reading {
        let at_ns = RunTime::from_ns(seconds * 1_000_000_000);
        Reading { channel: Channel::new("valve.position"), at_ns, u_ns: 0, value: percent, status }
    }

    /// Whether a valve that was ordered to be so is found off its place after these readings.
    fn check(closed: bool, percents: &[f64], expect: bool) {
        let mut watch = ValveWatch::default();
        watch.ordered(closed);
        let found = (0..).zip(percents).filter_map(|(t, p)| watch.reading(&reading(t, *p, Status::Ok), &rig()));
        assert_eq!(found.count() > 0, expect, "{closed} {percents:?}");
    }

    #[test]
    fn a_valve_that_leaves_its_place_is_found_after_three_readings() {
        check(false, &[0.0, 0.0, 30.0, 40.0, 50.0], true);
        check(true, &[60.0, 100.0, 90.0, 80.0, 70.0], true);
        check(false, &[0.0, 30.0, 0.0, 30.0, 0.0, 30.0], false);
    }

    #[test]
    fn a_valve_on_its_way_is_the_steps_to_watch() {
        check(true, &[0.0, 0.0, 20.0, 50.0, 80.0, 100.0, 100.0], false);
        let mut watch = ValveWatch::default();
        assert_eq!(watch.reading(&reading(1, 50.0, Status::Ok), &rig()), None, "nothing was ordered yet");
        watch.ordered(false);
        for t in 2..9 {
            assert_eq!(watch.reading(&reading(t, 50.0, Status::Overload), &rig()), None, "it has not arrived yet");
        }
        assert_eq!(watch.reading(&reading(9, 0.0, Status::Ok), &rig()), None);
        let beyond = (10..13).filter_map(|t| watch.reading(&reading(t, 0.0, Status::Overload), &rig()));
        assert_eq!(beyond.count(), 1, "a position beyond the feedback's range is none");
    }

    #[test]
    fn an_occlusion_behind_a_valve_off_its_place_is_explained_by_it() {
        let entry = |alarm: &str| PumpLogEntry {
            index: 1,
            pump_us: 0,
            what: PumpLogged::AlarmRaised { alarm: alarm.to_owned() },
        };
        let mut watch = ValveWatch::default();
        watch.ordered(false);
        drop(watch.reading(&reading(1, 0.0, Status::Ok), &rig()));
        let at = |seconds: u64| RunTime::from_ns(seconds * 1_000_000_000);
        assert_eq!(watch.explains(&entry("occlusion"), &rig(), at(1)), None);
        drop(watch.reading(&reading(2, 60.0, Status::Ok), &rig()));
        drop(watch.reading(&reading(3, 0.0, Status::Ok), &rig()));
        assert!(watch.explains(&entry("occlusion"), &rig(), at(4)).is_some(), "the alarm comes later");
        assert_eq!(watch.explains(&entry("occlusion"), &rig(), at(400)), None);
        assert_eq!(watch.explains(&entry("motor stall"), &rig(), at(4)), None);
        watch.lost(at(500), "no answer");
        assert!(watch.explains(&entry("occlusion"), &rig(), at(510)).is_some());
    }
}

//! Occlusions: when the valve was seen to close, what the line's pressure was, when the alarm came, what was missed.
//!
//! Time starts at the valve's position, never at the order. It owns the pressure at marks as well, from which follows what
//! the rig's own line stored; what a pump's own catheter stores nobody knows, and it is what a release is to show.

use std::collections::BTreeMap;

use domain::check::Window;
use domain::order::{VALVE_CLOSED_FROM, VALVE_OPEN_UP_TO};
use domain::profile::Role;
use domain::pump::{OCCLUSION_ALARM, PumpLogged};
use domain::{EventKind, Reading, RigProfile, RunTime, Status};

/// So many polls may pass until a pressure is none.
const POLLS_FRESH: f64 = 5.0;
/// Occlusions that are kept at most: a scenario of more shows the first ones.
const KEPT: usize = 256;

/// One occlusion of the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Occlusion {
    /// When the valve's position first read closed, in s of run time.
    pub closed_s: f64,
    /// It closed up to so much earlier: the time to the reading before, in s.
    pub closed_within_s: f64,
    /// The line's pressure when it closed, in kPa.
    pub closed_kpa: Option<f64>,
    /// When the pump's occlusion alarm was read first, in s of run time; none if none came before the valve opened.
    pub alarm_s: Option<f64>,
    /// It was raised up to so much earlier: a poll of the pump, in s.
    pub alarm_within_s: f64,
    /// The line's pressure when the alarm was read, in kPa.
    pub alarm_kpa: Option<f64>,
    /// The greatest pressure that was read while it lasted, in kPa.
    pub greatest_kpa: Option<f64>,
    /// Whether the pressure was beyond its sensor's range meanwhile, so that it was greater than that.
    pub beyond_range: bool,
    /// When the valve's position first read open again, in s of run time.
    pub opened_s: Option<f64>,
}

/// The occlusions so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Occlusions {
    valve: String,
    line: String,
    pump_poll_s: f64,
    /// When the position was read last, in s.
    position_s: Option<f64>,
    /// The last pressure in kPa and when it was read, in s; none once the sensor was beyond its range.
    kpa: Option<(f64, f64)>,
    /// A pressure is no longer that of a moment when it is older than this, in s.
    fresh_s: f64,
    kept: Vec<Occlusion>,
    /// The line's pressure at each mark, in kPa.
    marks: BTreeMap<String, f64>,
}

impl Occlusions {
    /// Those of a rig; one without a valve has none.
    pub(crate) fn of(profile: &RigProfile) -> Self {
        let first = |role| {
            let channel = profile.by_role(role).and_then(|instrument| instrument.channels.first());
            channel.map_or_else(String::new, |channel| channel.channel.clone())
        };
        Self {
            valve: first(Role::Valve),
            line: first(Role::Line),
            fresh_s: POLLS_FRESH * profile.by_role(Role::Line).map_or(0.0, |line| line.poll.as_secs_f64()),
            pump_poll_s: profile.by_role(Role::Pump).map_or(0.0, |pump| pump.poll.as_secs_f64()),
            ..Self::default()
        }
    }

    /// Takes a reading, in % closed of the valve and in kPa of the line; whether it was one of theirs.
    pub(crate) fn push(&mut self, reading: &Reading) -> bool {
        let (t_s, channel) = (reading.at_ns.seconds(), reading.channel.as_str());
        if channel == self.line {
            let inside = reading.status != Status::Overload;
            self.kpa = inside.then_some((reading.value, t_s));
            if let Some(shut) = self.shut() {
                shut.beyond_range |= !inside;
                if inside {
                    shut.greatest_kpa = Some(shut.greatest_kpa.map_or(reading.value, |most| most.max(reading.value)));
                }
            }
            return true;
        }
        if channel != self.valve {
            return false;
        }
        if reading.status == Status::Overload {
            return true;
        }
        let before_s = self.position_s.replace(t_s).unwrap_or(t_s);
        let (kpa, within) = (self.kpa_at(t_s), t_s - before_s);
        if let Some(shut) = self.shut() {
            shut.opened_s = (reading.value <= VALVE_OPEN_UP_TO).then_some(t_s);
        } else if reading.value >= VALVE_CLOSED_FROM && self.kept.len() < KEPT {
            self.kept.push(Occlusion {
                closed_s: t_s,
                closed_within_s: within,
                closed_kpa: kpa,
                alarm_s: None,
                alarm_within_s: self.pump_poll_s,
                alarm_kpa: None,
                greatest_kpa: kpa,
                beyond_range: false,
                opened_s: None,
            });
        }
        true
    }

    /// The line's pressure at a moment, in kPa; none if the sensor was silent or beyond its range.
    fn kpa_at(&self, t_s: f64) -> Option<f64> {
        self.kpa.filter(|(_, read_s)| t_s - read_s <= self.fresh_s).map(|(kpa, _)| kpa)
    }

    /// The occlusion that lasts.
    fn shut(&mut self) -> Option<&mut Occlusion> {
        self.kept.last_mut().filter(|occlusion| occlusion.opened_s.is_none())
    }

    /// Takes what the pump logged, and where the plan has its marks.
    pub(crate) fn take(&mut self, at: RunTime, kind: &EventKind) {
        match kind {
            EventKind::PumpLogged(entry) => {
                let raised = matches!(&entry.what, PumpLogged::AlarmRaised { alarm } if alarm == OCCLUSION_ALARM);
                let kpa = self.kpa_at(at.seconds());
                if let Some(shut) = self.shut().filter(|shut| raised && shut.alarm_s.is_none()) {
                    (shut.alarm_s, shut.alarm_kpa) = (Some(at.seconds()), kpa);
                }
            }
            EventKind::Marked { mark } => self.marks.extend(self.kpa_at(at.seconds()).map(|kpa| (mark.clone(), kpa))),
            _ => {}
        }
    }

    /// Every occlusion, in order of time.
    pub(crate) fn kept(&self) -> &[Occlusion] {
        &self.kept
    }

    /// By how much the line's pressure fell over a window, in kPa; `None` if it was not read.
    pub(crate) fn fell_kpa(&self, window: &Window) -> Option<f64> {
        Some(self.marks.get(&window.from)? - self.marks.get(&window.to)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::Channel;
    use domain::pump::PumpLogEntry;

    use super::*;

    fn at(seconds: f64) -> RunTime {
        RunTime::from_ns((seconds * 1e9) as u64)
    }

    fn push(of: &mut Occlusions, channel: &str, seconds: f64, value: f64) {
        let reading =
            Reading { channel: Channel::new(channel), at_ns: at(seconds), u_ns: 0, value, status: Status::Ok };
        assert_eq!(of.push(&reading), channel != "balance.mass");
    }

    fn alarm(of: &mut Occlusions, seconds: f64, alarm: &str) {
        let what = PumpLogged::AlarmRaised { alarm: alarm.to_owned() };
        of.take(at(seconds), &EventKind::PumpLogged(PumpLogEntry { index: 1, pump_us: 0, what }));
    }

    fn occlusions() -> Occlusions {
        Occlusions {
            valve: "valve.position".to_owned(),
            line: "line.pressure".to_owned(),
            pump_poll_s: 1.0,
            fresh_s: 5.0,
            ..Occlusions::default()
        }
    }

    #[test]
    fn time_starts_at_the_position_and_the_first_alarm_counts() {
        let mut of = occlusions();
        push(&mut of, "line.pressure", 0.0, 3.0);
        alarm(&mut of, 0.5, "occlusion");
        push(&mut of, "valve.position", 1.0, 0.0);
        push(&mut of, "valve.position", 2.0, 60.0);
        push(&mut of, "valve.position", 3.0, 99.0);
        push(&mut of, "line.pressure", 10.0, 70.0);
        alarm(&mut of, 11.0, "motor stall");
        alarm(&mut of, 12.0, "occlusion");
        push(&mut of, "line.pressure", 13.0, 90.0);
        alarm(&mut of, 14.0, "occlusion");
        of.take(at(15.0), &EventKind::Marked { mark: "release.begin".to_owned() });
        push(&mut of, "valve.position", 16.0, 4.0);
        push(&mut of, "line.pressure", 17.0, 5.0);
        push(&mut of, "balance.mass", 17.0, 5.0);
        of.take(at(18.0), &EventKind::Marked { mark: "release.end".to_owned() });
        let expect = Occlusion {
            closed_s: 3.0,
            closed_within_s: 1.0,
            closed_kpa: Some(3.0),
            alarm_s: Some(12.0),
            alarm_within_s: 1.0,
            alarm_kpa: Some(70.0),
            greatest_kpa: Some(90.0),
            beyond_range: false,
            opened_s: Some(16.0),
        };
        assert_eq!(of.kept(), [expect]);
        assert_eq!(of.fell_kpa(&Window::of("release")), Some(85.0));
        assert_eq!(of.fell_kpa(&Window::of("another")), None);
        alarm(&mut of, 20.0, "occlusion");
        assert_eq!(of.kept(), [expect], "an alarm behind the release is none of it");
    }

    #[test]
    fn a_sensor_that_is_silent_or_beyond_its_range_gives_no_pressure() {
        let mut of = occlusions();
        push(&mut of, "line.pressure", 0.0, 25.0);
        push(&mut of, "valve.position", 1.0, 99.0);
        let beyond = Reading {
            channel: Channel::new("line.pressure"),
            at_ns: at(2.0),
            u_ns: 0,
            value: 25.0,
            status: Status::Overload,
        };
        assert!(of.push(&beyond));
        alarm(&mut of, 3.0, "occlusion");
        of.take(at(3.0), &EventKind::Marked { mark: "release.begin".to_owned() });
        push(&mut of, "line.pressure", 4.0, 3.0);
        of.take(at(60.0), &EventKind::Marked { mark: "release.end".to_owned() });
        let [found] = of.kept() else { panic!("one occlusion") };
        assert_eq!((found.alarm_kpa, found.greatest_kpa, found.beyond_range), (None, Some(25.0), true));
        assert_eq!(of.fell_kpa(&Window::of("release")), None);
    }
}

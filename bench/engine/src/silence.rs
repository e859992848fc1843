//! Whose fault is the pump's silence? An implicit check, `device answers`, on rigs whose supply can tell.
//!
//! The device's only if the port was there all the time, nothing broken came over it, and since no step allows the
//! silence and the supply reads within its range attaching it again failed three times. What cannot be decided is the
//! bench's.

use core::time::Duration;

use domain::check::{CheckHead, CheckRecord, Limits};
use domain::fault::{Fault, LinkFault};
use domain::order::supply_tolerance_v;
use domain::profile::{Declared, Role};
use domain::pump::{BATTERY_ALARMS, POWER_RESETS, PumpLogEntry, PumpLogged};
use domain::{CheckVerdict, Reading, RigProfile, RunTime, Status, Stimulus, Voltage, time};
use scenario::DEVICE_ANSWERS;

/// Attempts to attach that must have failed after the link was lost.
const ATTEMPTS: usize = 3;
/// How long after an order the supply may still read something else.
const SETTLING: Duration = Duration::from_secs(5);
/// A supply's reading that is older than so many of its polls tells nothing any more.
const POLLS: u32 = 5;
/// An alarm of the battery may come so long after what caused it: the pump takes several samples, a minute apart.
const ALARM_AFTER: Duration = Duration::from_secs(300);

/// What is known of the pump's silence and of its supply.
#[derive(Debug, Clone, Default)]
pub(crate) struct Silence {
    /// Since when the pump is silent.
    since: Option<RunTime>,
    /// When the last attempts to attach failed, the latest last.
    failures: Vec<RunTime>,
    /// Something else than silence was seen meanwhile.
    other: bool,
    /// The supply's last reading within the pump's range, and the last moment at which it was not known to be there.
    good_at: Option<RunTime>,
    not_good_at: Option<RunTime>,
    /// The last moment at which the supply was off what it had been ordered to be, and how.
    off: Option<(RunTime, String)>,
    /// What the supply was last ordered to be, in V, and when; 0 V while its output is off.
    ordered: Option<(f64, RunTime)>,
    /// The voltage that it was last set to, whether its output is on or off.
    set_v: Option<f64>,
    /// What steps have done to the plant that may silence the board, and is not taken back yet.
    provoked: Vec<String>,
    /// The longest silence that ended, without what a step allowed.
    longest: Duration,
}

/// The supply's channel and range, where the rig can tell.
fn range(profile: &RigProfile) -> Option<(String, Declared<Voltage>, Duration)> {
    let supply = profile.by_role(Role::Supply)?;
    let channel = supply.channels.iter().find(|c| c.channel.ends_with(".voltage"))?;
    Some((channel.channel.clone(), profile.pump.supply_v?, supply.poll))
}

impl Silence {
    /// The pump answered. Until `silent_until` a step allowed it to be silent.
    pub(crate) fn answered(&mut self, silent_until: RunTime, now: RunTime) {
        if let Some(since) = self.since.take() {
            self.longest = self.longest.max(now.since(since.max(silent_until)));
        }
        self.failures.clear();
        self.other = false;
    }

    /// An exchange with the pump failed.
    pub(crate) fn failed(&mut self, fault: &LinkFault, now: RunTime) {
        if self.since.is_none() {
            self.since = Some(now);
        } else {
            self.failures.push(now);
            let surplus = self.failures.len().saturating_sub(ATTEMPTS);
            drop(self.failures.drain(..surplus));
        }
        self.other |= !matches!(fault, LinkFault::Silent { received: 0, .. });
    }

    /// The run was interrupted: nobody asked the pump meanwhile, and nobody read the supply.
    pub(crate) fn interrupted(&mut self, silent_until: RunTime, last: RunTime, now: RunTime) {
        // Until then it was silent, and longer for all that is known.
        self.answered(silent_until, last);
        self.supply_lost(now, "the run was interrupted");
    }

    /// Something was done to the plant, or taken back.
    pub(crate) fn stimulated(&mut self, stimulus: &Stimulus) {
        self.provoked.retain(|name| *name != stimulus.name);
        if stimulus.value != 0.0 && domain::stimulus::find(&stimulus.name).is_some_and(|spec| spec.silences) {
            self.provoked.push(stimulus.name.clone());
        }
    }

    /// The supply was ordered to be something else. Switched on without a voltage it gives what it was last set to.
    pub(crate) fn ordered(&mut self, voltage_v: Option<f64>, output: bool, profile: &RigProfile, now: RunTime) {
        self.set_v = voltage_v.or(self.set_v).or(profile.pump.supply_v.map(|declared| declared.value.v()));
        let volts = if output { self.set_v } else { Some(0.0) };
        self.ordered = volts.map(|volts| (volts, now)).or(self.ordered);
    }

    /// The supply was read.
    pub(crate) fn reading(&mut self, reading: &Reading, profile: &RigProfile) {
        let Some((channel, range, _)) = range(profile).filter(|(c, _, _)| c == reading.channel.as_str()) else {
            return;
        };
        let inside = |low: f64, high: f64| reading.status != Status::Overload && (low..=high).contains(&reading.value);
        let (low, high) = (range.value.v() - range.half_width.v(), range.value.v() + range.half_width.v());
        if inside(low, high) {
            self.good_at = Some(reading.at_ns);
        } else {
            self.not_good_at = Some(reading.at_ns);
        }
        // What a step has ordered is right, however low; until then it is the pump's range.
        let (low, high) = match self.ordered {
            Some((_, at)) if reading.at_ns < at + SETTLING => return,
            Some((volts, _)) => (volts - supply_tolerance_v(volts), volts + supply_tolerance_v(volts)),
            None => (low, high),
        };
        if !inside(low, high) {
            let shown = domain::quantity::significant;
            let found = format!(
                "{channel}: expected {} V to {} V, but found {} V",
                shown(low),
                shown(high),
                shown(reading.value)
            );
            self.off = Some((reading.at_ns, found));
        }
    }

    /// The supply is away: nobody knows what it gives.
    pub(crate) fn supply_lost(&mut self, now: RunTime, why: &str) {
        self.not_good_at = Some(now);
        self.off = Some((now, format!("the supply was away: {why}")));
    }

    /// The fault of a supply that was off what it should be and so explains an alarm of the battery or a reset.
    pub(crate) fn supply_fault(&self, entry: &PumpLogEntry, profile: &RigProfile, now: RunTime) -> Option<Fault> {
        let told = match &entry.what {
            PumpLogged::AlarmRaised { alarm } if BATTERY_ALARMS.contains(&alarm.as_str()) => {
                format!("the alarm '{alarm}'")
            }
            PumpLogged::Booted { cause } if POWER_RESETS.contains(&cause.as_str()) => format!("a reset ({cause})"),
            _ => return None,
        };
        let (_, why) = self.off.as_ref().filter(|(at, _)| now.since(*at) <= ALARM_AFTER)?;
        let what = format!("{why}, and then the pump told of {told}; look at the supply");
        Some(Fault::Instrument { instrument: profile.by_role(Role::Supply)?.name.clone(), what })
    }

    /// The failed check if the silence that has lasted until now is the device's. What counts is what was seen since
    /// no step allows it any more and the supply is back in range.
    pub(crate) fn verdict(&self, profile: &RigProfile, silent_until: RunTime, now: RunTime) -> Option<CheckRecord> {
        let since = self.since?;
        let (_, _, poll) = range(profile)?;
        let judged_from = since.max(silent_until).max(self.not_good_at.unwrap_or(RunTime::ZERO));
        let fresh = self.good_at.is_some_and(|at| at >= judged_from && now.since(at) <= poll * POLLS);
        let tried = self.failures.len() >= ATTEMPTS && self.failures.iter().all(|at| *at >= judged_from);
        if self.other || !self.provoked.is_empty() || !tried || !fresh {
            return None;
        }
        let silent = now.since(since).as_secs_f64();
        let reason = format!(
            "expected the device to answer, but it was silent for {}; its port was there, its supply in range, and \
             attaching it again failed {ATTEMPTS} times",
            time::span(Duration::from_secs_f64(silent)),
        );
        Some(record(CheckVerdict::Fail, Some(silent), Some(reason)))
    }

    /// The check at the end of a run in which nothing failed it; none on a rig that cannot tell.
    pub(crate) fn settled(&self, profile: &RigProfile) -> Option<CheckRecord> {
        range(profile)?;
        let allowed = profile.by_role(Role::Pump)?.away_at_most.as_secs_f64();
        let mut check = record(CheckVerdict::Pass, Some(self.longest.as_secs_f64()), None);
        check.limits.high = Some(allowed);
        Some(check)
    }
}

fn record(verdict: CheckVerdict, value: Option<f64>, reason: Option<String>) -> CheckRecord {
    let because = "a board that is powered and connected answers".to_owned();
    let head =
        CheckHead { name: DEVICE_ANSWERS.to_owned(), step: "throughout".to_owned(), because, requirements: Vec::new() };
    CheckRecord {
        head,
        verdict,
        value,
        unit: "s".to_owned(),
        expanded_uncertainty: None,
        coverage_factor: None,
        limits: Limits::default(),
        reason,
        figure: None,
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Channel;
    use domain::profile::{ChannelProfile, InstrumentProfile};

    fn s(seconds: u64) -> RunTime {
        RunTime::from_ns(seconds * 1_000_000_000)
    }

    fn rig() -> RigProfile {
        let mut profile = crate::testing::profile();
        profile.pump.supply_v = Some(Declared { value: Voltage::from_v(3.0), half_width: Voltage::from_v(0.3) });
        profile.instruments.push(InstrumentProfile {
            name: "supply".to_owned(),
            role: Role::Supply,
            driver: "scpi-supply".to_owned(),
            poll: Duration::from_secs(1),
            deadline: Duration::from_millis(500),
            away_at_most: Duration::from_secs(60),
            channels: vec![ChannelProfile { channel: "supply.voltage".to_owned(), unit: "V".to_owned() }],
            calibration: None,
            meter: None,
            settings: None,
            settable_c: None,
        });
        profile
    }

    fn supply(at: u64, value: f64) -> Reading {
        Reading { channel: Channel::new("supply.voltage"), at_ns: s(at), u_ns: 0, value, status: Status::Ok }
    }

    fn silent() -> LinkFault {
        LinkFault::Silent { request: "status".to_owned(), deadline_ms: 250, received: 0 }
    }

    /// Silence from 10 s on, attaching fails until 58 s, the supply reads 3 V; then one thing is changed.
    fn case(change: impl FnOnce(&mut Silence, &RigProfile)) -> Option<CheckRecord> {
        let profile = rig();
        let mut silence = Silence::default();
        (0..10).for_each(|t| silence.reading(&supply(t, 3.0), &profile));
        (10..59).for_each(|t| silence.failed(&silent(), s(t)));
        (10..60).for_each(|t| silence.reading(&supply(t, 3.0), &profile));
        change(&mut silence, &profile);
        silence.verdict(&profile, RunTime::ZERO, s(60))
    }

    #[test]
    fn a_powered_board_that_is_silent_on_a_port_that_is_there_fails() {
        let check = case(|_, _| {}).expect("the device's fault");
        assert_eq!(check.verdict, CheckVerdict::Fail);
        assert!(check.reason.is_some_and(|r| r.contains("silent for 50 s")));
    }

    #[test]
    fn anything_else_is_the_benchs() {
        let vanished = LinkFault::Vanished { port: "p".to_owned(), why: "gone".to_owned() };
        let broken = LinkFault::Broken { expected: "a frame".to_owned(), found: "noise".to_owned() };
        let half = LinkFault::Silent { request: "status".to_owned(), deadline_ms: 250, received: 3 };
        for fault in [vanished, broken, half] {
            assert_eq!(case(|silence, _| silence.failed(&fault, s(20))), None, "{fault}");
        }
        assert_eq!(case(|silence, rig| silence.reading(&supply(58, 1.2), rig)), None, "the supply sagged");
        assert_eq!(case(|silence, _| silence.supply_lost(s(58), "silent")), None, "the supply was away");
        assert_eq!(case(|silence, _| silence.failures.truncate(2)), None, "attaching was not tried often enough");
        assert_eq!(case(|silence, _| silence.answered(RunTime::ZERO, s(50))), None, "it answered");
        assert_eq!(Silence::default().verdict(&crate::testing::profile(), RunTime::ZERO, s(60)), None, "no supply");
    }

    #[test]
    fn a_board_that_never_wakes_after_an_allowed_silence_is_the_devices() {
        let profile = rig();
        let mut silence = Silence::default();
        silence.ordered(Some(1.5), true, &profile, s(5));
        (10..30).for_each(|t| silence.reading(&supply(t, 1.5), &profile));
        silence.ordered(Some(3.0), true, &profile, s(30));
        (10..120).for_each(|t| silence.failed(&silent(), s(t)));
        (31..120).for_each(|t| silence.reading(&supply(t, 3.0), &profile));
        assert_eq!(silence.verdict(&profile, s(119), s(120)), None, "a step still allows it, or did just now");
        assert!(silence.verdict(&profile, s(60), s(120)).is_some());
    }

    #[test]
    fn a_supply_that_is_switched_on_again_gives_what_it_was_set_to() {
        let profile = rig();
        let entry =
            PumpLogEntry { index: 1, pump_us: 0, what: PumpLogged::AlarmRaised { alarm: "end of service".to_owned() } };
        let mut silence = Silence::default();
        silence.ordered(None, false, &profile, s(5));
        silence.ordered(None, true, &profile, s(10));
        (16..60).for_each(|t| silence.reading(&supply(t, 3.0), &profile));
        assert_eq!(silence.supply_fault(&entry, &profile, s(60)), None);
        silence.reading(&supply(60, 2.2), &profile);
        assert!(silence.supply_fault(&entry, &profile, s(61)).is_some());
    }

    #[test]
    fn a_battery_alarm_is_the_supplys_only_if_it_was_off_what_was_ordered() {
        let profile = rig();
        let entry = |alarm: &str| PumpLogEntry {
            index: 1,
            pump_us: 0,
            what: PumpLogged::AlarmRaised { alarm: alarm.to_owned() },
        };
        let mut silence = Silence::default();
        silence.ordered(Some(2.55), true, &profile, s(5));
        (6..60).for_each(|t| silence.reading(&supply(t, 2.55), &profile));
        assert_eq!(silence.supply_fault(&entry("end of service"), &profile, s(60)), None);
        silence.reading(&supply(61, 2.2), &profile);
        assert!(silence.supply_fault(&entry("end of service"), &profile, s(62)).is_some());
        assert_eq!(silence.supply_fault(&entry("motor stall"), &profile, s(62)), None);
    }
}

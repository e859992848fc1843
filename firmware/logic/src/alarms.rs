//! Which alarms are active, what sounds when, and how long the pump has stood still.
//!
//! It owns the set of active alarms, the tones' times and the 48 h of rest. It must not know the motor or the log:
//! the pump tells it what happened and writes down what it answers.

use wire::Alarm;

use crate::sampling::next_on_grid;
use crate::{Config, Tone};

/// Rest after which the alarm of a stopped pump is raised, µs.
pub const PUMP_STOPPED_US: u64 = 172_800_000_000;

/// The alarms' state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alarms {
    active: u16,
    enabled: u16,
    resting_since_us: Option<u64>,
    /// Rest before this boot that counts with the rest since.
    rested_before_us: u64,
    tone_due_us: Option<u64>,
    critical_interval_us: u64,
    other_interval_us: u64,
}

impl Alarms {
    /// Alarms as a boot finds them: those that were active, and how long the pump had rested if it did. They sound
    /// at once.
    pub(crate) fn new(config: &Config, active: u16, rested_us: Option<u64>, now_us: u64) -> Self {
        let mut alarms = Self {
            active,
            enabled: config.alarms_enabled,
            resting_since_us: rested_us.map(|_| now_us),
            rested_before_us: rested_us.unwrap_or(0),
            tone_due_us: None,
            critical_interval_us: config.critical_interval_us,
            other_interval_us: config.other_interval_us,
        };
        alarms.tone_due_us = alarms.sounding().map(|_| now_us);
        alarms
    }

    /// The active alarms' bits.
    pub(crate) const fn active(&self) -> u16 {
        self.active
    }

    /// Whether this alarm is active.
    pub(crate) const fn is_active(&self, alarm: Alarm) -> bool {
        self.active & alarm.bit() != 0
    }

    /// Whether this alarm can be raised.
    pub(crate) const fn is_enabled(&self, alarm: Alarm) -> bool {
        self.enabled & alarm.bit() != 0
    }

    /// Changes what can be raised and heard. What is active stays so, and locks what it locked.
    pub(crate) fn enable(&mut self, bits: u16, now_us: u64) {
        self.enabled = bits;
        self.tone_due_us = self.sounding().map(|_| self.tone_due_us.unwrap_or(now_us));
    }

    /// The most urgent active alarm that may be heard.
    pub(crate) fn sounding(&self) -> Option<Alarm> {
        Alarm::in_set(self.active & self.enabled).next()
    }

    /// The active alarm that locks therapy.
    pub(crate) fn lock(&self) -> Option<Alarm> {
        Alarm::in_set(self.active).find(|alarm| alarm.locks_therapy())
    }

    /// Makes an alarm active; whether it was not. One that is not enabled is not raised. It sounds at once unless a
    /// critical one sounds and this is none.
    pub(crate) fn raise(&mut self, alarm: Alarm, at_us: u64) -> bool {
        if !self.is_enabled(alarm) || self.is_active(alarm) {
            return false;
        }
        if alarm.critical() || !self.sounding().is_some_and(Alarm::critical) {
            self.tone_due_us = Some(at_us);
        }
        self.active |= alarm.bit();
        true
    }

    /// Makes an alarm inactive; whether it was active. If only alarms of less urgency are left, they sound at once.
    pub(crate) fn clear(&mut self, alarm: Alarm, at_us: u64) -> bool {
        let cleared = self.is_active(alarm);
        let before = self.sounding();
        self.active &= !alarm.bit();
        let after = self.sounding();
        if after.is_none() {
            self.tone_due_us = None;
        } else if before.map(Alarm::critical) != after.map(Alarm::critical) {
            self.tone_due_us = Some(at_us);
        }
        cleared
    }

    /// The tone that is due, once. What a late step has missed is not made up for.
    pub(crate) fn tone(&mut self, now_us: u64) -> Option<Tone> {
        let due_us = self.tone_due_us.filter(|due_us| *due_us <= now_us)?;
        let alarm = self.sounding()?;
        let (interval_us, tones) =
            if alarm.critical() { (self.critical_interval_us, 2) } else { (self.other_interval_us, 1) };
        self.tone_due_us = Some(next_on_grid(due_us, interval_us, now_us));
        Some(Tone { alarm, tones })
    }

    /// When a tone is due next.
    pub(crate) const fn tone_due_us(&self) -> Option<u64> {
        self.tone_due_us
    }

    /// The pump rests since this time, unless it rests already.
    pub(crate) fn rest(&mut self, at_us: u64) {
        self.resting_since_us.get_or_insert(at_us);
    }

    /// The pump works again.
    pub(crate) const fn work(&mut self) {
        self.resting_since_us = None;
        self.rested_before_us = 0;
    }

    /// How long the pump has rested if it does, over boots, µs.
    pub(crate) fn rested_us(&self, now_us: u64) -> Option<u64> {
        self.resting_since_us.map(|since_us| self.rested_before_us.saturating_add(now_us.saturating_sub(since_us)))
    }

    /// When the alarm of a stopped pump is to be raised.
    pub(crate) fn rest_alarm_due_us(&self) -> Option<u64> {
        if self.is_active(Alarm::PumpStopped48h) || !self.is_enabled(Alarm::PumpStopped48h) {
            return None;
        }
        self.resting_since_us?.checked_add(PUMP_STOPPED_US.saturating_sub(self.rested_before_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarms(now_us: u64) -> Alarms {
        Alarms::new(&Config::reference(), 0, Some(0), now_us)
    }

    #[test]
    fn the_most_urgent_alarm_sounds_and_only_the_stall_locks() {
        let mut alarms = alarms(0);
        assert!(alarms.raise(Alarm::PumpStopped48h, 0));
        assert_eq!((alarms.sounding(), alarms.lock()), (Some(Alarm::PumpStopped48h), None));
        assert!(alarms.raise(Alarm::MotorStall, 0));
        assert!(!alarms.raise(Alarm::MotorStall, 0));
        assert_eq!(alarms.sounding(), Some(Alarm::MotorStall));
        assert_eq!(alarms.lock(), Some(Alarm::MotorStall));
        assert!(alarms.clear(Alarm::MotorStall, 0));
        assert!(!alarms.clear(Alarm::MotorStall, 0));
        assert_eq!(alarms.active(), Alarm::PumpStopped48h.bit());
    }

    #[test]
    fn rest_is_counted_from_its_beginning() {
        let mut alarms = alarms(5);
        alarms.rest(99);
        assert_eq!(alarms.rest_alarm_due_us(), Some(5 + PUMP_STOPPED_US));
        alarms.work();
        assert_eq!(alarms.rest_alarm_due_us(), None);
        alarms.rest(100);
        assert_eq!(alarms.rest_alarm_due_us(), Some(100 + PUMP_STOPPED_US));
    }

    #[test]
    fn rest_before_a_boot_counts() {
        let alarms = Alarms::new(&Config::reference(), 0, Some(PUMP_STOPPED_US - 7), 50);
        assert_eq!(alarms.rest_alarm_due_us(), Some(57));
        assert_eq!(alarms.rested_us(52), Some(PUMP_STOPPED_US - 5));
    }

    #[test]
    fn a_critical_alarm_takes_over_and_hands_back() {
        let (two, one) =
            (Some(Tone { alarm: Alarm::MotorStall, tones: 2 }), Some(Tone { alarm: Alarm::LowReservoir, tones: 1 }));
        let mut alarms = alarms(0);
        alarms.raise(Alarm::LowReservoir, 10);
        assert_eq!((alarms.tone(10), alarms.tone(10), alarms.tone_due_us()), (one, None, Some(3_600_000_010)));
        alarms.raise(Alarm::MotorStall, 20);
        assert_eq!((alarms.tone(20), alarms.tone_due_us()), (two, Some(600_000_020)));
        // A less urgent one does not interrupt.
        alarms.raise(Alarm::ElectiveReplacement, 30);
        assert_eq!(alarms.tone(30), None);
        assert_eq!((alarms.tone(1_300_000_000), alarms.tone_due_us()), (two, Some(1_800_000_020)));
        alarms.clear(Alarm::MotorStall, 1_300_000_001);
        assert_eq!((alarms.tone(1_300_000_001), alarms.tone_due_us()), (one, Some(4_900_000_001)));
        alarms.clear(Alarm::LowReservoir, 1_300_000_002);
        alarms.clear(Alarm::ElectiveReplacement, 1_300_000_002);
        assert_eq!((alarms.tone(9_000_000_000), alarms.tone_due_us()), (None, None));
    }

    #[test]
    fn an_alarm_that_is_not_enabled_is_neither_raised_nor_heard() {
        let mut alarms = alarms(0);
        alarms.raise(Alarm::MotorStall, 0);
        alarms.enable(Alarm::LowReservoir.bit(), 0);
        assert_eq!((alarms.sounding(), alarms.tone(0), alarms.tone_due_us()), (None, None, None));
        assert_eq!(alarms.lock(), Some(Alarm::MotorStall));
        assert!(!alarms.raise(Alarm::Occlusion, 0));
        assert_eq!(alarms.rest_alarm_due_us(), None);
    }
}

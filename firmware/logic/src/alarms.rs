//! Which alarms are active, which one sounds, and how long the pump has stood still.
//!
//! It owns the set of active alarms and the 48 h of rest. It must not know the motor or the log: the pump tells it
//! what happened and writes down what it answers.

use wire::Alarm;

/// Rest after which the alarm of a stopped pump is raised, µs.
pub const PUMP_STOPPED_US: u64 = 172_800_000_000;

/// The alarms' state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alarms {
    active: u16,
    resting_since_us: Option<u64>,
}

impl Alarms {
    /// A pump comes up at rest.
    pub(crate) const fn new(now_us: u64) -> Self {
        Self { active: 0, resting_since_us: Some(now_us) }
    }

    /// The active alarms' bits.
    pub(crate) const fn active(&self) -> u16 {
        self.active
    }

    /// The most urgent active alarm.
    pub(crate) fn sounding(&self) -> Option<Alarm> {
        Alarm::in_set(self.active).next()
    }

    /// The active alarm that locks therapy.
    pub(crate) fn lock(&self) -> Option<Alarm> {
        Alarm::in_set(self.active).find(|alarm| alarm.locks_therapy())
    }

    /// Makes an alarm active; whether it was not.
    pub(crate) const fn raise(&mut self, alarm: Alarm) -> bool {
        let raised = self.active & alarm.bit() == 0;
        self.active |= alarm.bit();
        raised
    }

    /// Makes an alarm inactive; whether it was active.
    pub(crate) const fn clear(&mut self, alarm: Alarm) -> bool {
        let cleared = self.active & alarm.bit() != 0;
        self.active &= !alarm.bit();
        cleared
    }

    /// The pump rests since this time, unless it rests already.
    pub(crate) fn rest(&mut self, at_us: u64) {
        self.resting_since_us.get_or_insert(at_us);
    }

    /// The pump works again.
    pub(crate) const fn work(&mut self) {
        self.resting_since_us = None;
    }

    /// When the alarm of a stopped pump is to be raised.
    pub(crate) fn rest_alarm_due_us(&self) -> Option<u64> {
        if self.active & Alarm::PumpStopped48h.bit() != 0 {
            return None;
        }
        self.resting_since_us?.checked_add(PUMP_STOPPED_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_alarm_sounds_and_only_the_stall_locks() {
        let mut alarms = Alarms::new(0);
        assert!(alarms.raise(Alarm::PumpStopped48h));
        assert_eq!((alarms.sounding(), alarms.lock()), (Some(Alarm::PumpStopped48h), None));
        assert!(alarms.raise(Alarm::MotorStall));
        assert!(!alarms.raise(Alarm::MotorStall));
        assert_eq!(alarms.sounding(), Some(Alarm::MotorStall));
        assert_eq!(alarms.lock(), Some(Alarm::MotorStall));
        assert!(alarms.clear(Alarm::MotorStall));
        assert!(!alarms.clear(Alarm::MotorStall));
        assert_eq!(alarms.active(), Alarm::PumpStopped48h.bit());
    }

    #[test]
    fn rest_is_counted_from_its_beginning() {
        let mut alarms = Alarms::new(5);
        alarms.rest(99);
        assert_eq!(alarms.rest_alarm_due_us(), Some(5 + PUMP_STOPPED_US));
        alarms.work();
        assert_eq!(alarms.rest_alarm_due_us(), None);
        alarms.rest(100);
        assert_eq!(alarms.rest_alarm_due_us(), Some(100 + PUMP_STOPPED_US));
    }
}

//! The motor: pulses owed, runs asked for and rotation sensed.
//!
//! It owns one run at a time, the queue of pulses behind it, the retry and the verdict that the motor stalls. A pulse
//! is owed until its rotation was sensed, through retry, stop and stall: nothing is lost, and a retry asks only for
//! the steps that are missing. It must not know rates, therapy or alarms.

use serde::{Deserialize, Serialize};

use crate::Config;

/// Most runs for one pulse before the motor counts as stalled.
pub const RUNS_PER_PULSE_MAX: u8 = 2;

/// One run that the motor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MotorRun {
    /// Steps to turn.
    pub steps: u16,
}

/// What the pump makes of a run whose rotation is missing at its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It will be tried again, or was held meanwhile.
    Retry,
    /// It was tried often enough.
    Stall,
}

/// What a reset leaves of the motor's state. A pulse whose rotation was not sensed is still owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owed {
    /// Pulses due whose rotation has not been sensed.
    pub(crate) pulses: u64,
    /// Whether the first of them has been driven.
    pub(crate) begun: bool,
    /// Steps sensed for it.
    pub(crate) turned: u16,
}

impl Owed {
    pub(crate) const NOTHING: Self = Self { pulses: 0, begun: false, turned: 0 };
}

/// The motor's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Motor {
    steps_per_pulse: u16,
    run_us: u64,
    deadline_us: u64,
    /// Pulses due whose rotation has not been sensed, the one under way included.
    owed: u64,
    /// Whether the first of them has been driven at all; rotation before that is none of ours.
    begun: bool,
    /// Steps sensed for it.
    turned: u16,
    /// Runs for it whose rotation stayed out.
    failures: u8,
    /// Deadline of the run under way.
    awaited_until_us: Option<u64>,
    /// When the motor can be driven again.
    free_at_us: u64,
    /// While held, no run begins, and one that failed is not judged.
    held: bool,
    /// While paused, no run begins, and one that failed is judged as ever.
    paused: bool,
    pulses: u32,
}

impl Motor {
    /// A motor at rest that owes this much.
    pub(crate) fn new(config: &Config, owed: Owed, now_us: u64) -> Self {
        Self {
            steps_per_pulse: config.steps_per_pulse,
            run_us: config.motor_run_us,
            deadline_us: config.rotation_deadline_us,
            owed: owed.pulses,
            begun: owed.begun && owed.pulses > 0,
            turned: owed.turned.min(config.steps_per_pulse - 1),
            failures: 0,
            awaited_until_us: None,
            free_at_us: now_us,
            held: false,
            paused: false,
            pulses: 0,
        }
    }

    /// Pulses whose rotation was sensed.
    pub(crate) fn pulses(&self) -> u32 {
        self.pulses
    }

    /// What a reset would leave.
    pub(crate) const fn owed(&self) -> Owed {
        Owed { pulses: self.owed, begun: self.begun, turned: self.turned }
    }

    /// Queues pulses that fell due.
    pub(crate) fn owe(&mut self, pulses: u64) {
        self.owed = self.owed.saturating_add(pulses);
    }

    /// Begins no more runs; one under way ends by itself.
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    /// Runs may begin again.
    pub(crate) fn release(&mut self) {
        self.held = false;
    }

    /// Begins no more runs for a while, without a word about the one under way.
    pub(crate) const fn pause(&mut self) {
        self.paused = true;
    }

    /// The pause is over.
    pub(crate) const fn resume(&mut self) {
        self.paused = false;
    }

    /// Takes sensed rotation; whether it completed a pulse. Rotation that comes after its deadline still counts for
    /// the pulse that is owed.
    pub(crate) fn sense(&mut self, steps: u16) -> bool {
        if !self.begun {
            return false;
        }
        self.turned = self.turned.saturating_add(steps);
        if self.turned < self.steps_per_pulse {
            return false;
        }
        self.owed = self.owed.saturating_sub(1);
        self.begun = false;
        self.turned = 0;
        self.failures = 0;
        self.awaited_until_us = None;
        self.pulses = self.pulses.saturating_add(1);
        true
    }

    /// When the rotation of the run under way must have been sensed.
    pub(crate) fn deadline_us(&self) -> Option<u64> {
        self.awaited_until_us
    }

    /// The deadline has passed.
    pub(crate) fn miss(&mut self) -> Missing {
        self.awaited_until_us = None;
        if self.held {
            // Nothing moves after a stop, so there is no second try to judge the motor by.
            self.failures = 0;
            return Missing::Retry;
        }
        self.failures += 1;
        if self.failures < RUNS_PER_PULSE_MAX {
            return Missing::Retry;
        }
        self.failures = 0;
        self.held = true;
        Missing::Stall
    }

    /// Begins the next run if one is owed and the motor is free.
    pub(crate) fn start(&mut self, now_us: u64) -> Option<MotorRun> {
        if !self.waiting() || now_us < self.free_at_us {
            return None;
        }
        self.begun = true;
        self.free_at_us = now_us.saturating_add(self.run_us);
        self.awaited_until_us = Some(now_us.saturating_add(self.deadline_us));
        Some(MotorRun { steps: self.steps_per_pulse - self.turned })
    }

    /// When the motor needs attention next.
    pub(crate) fn next_due_us(&self) -> Option<u64> {
        self.awaited_until_us.or(if self.waiting() { Some(self.free_at_us) } else { None })
    }

    fn waiting(&self) -> bool {
        self.owed > 0 && !self.held && !self.paused && self.awaited_until_us.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn motor() -> Motor {
        Motor::new(&Config::reference(), Owed::NOTHING, 0)
    }

    #[test]
    fn a_queued_pulse_follows_as_soon_as_the_motor_is_free() {
        let mut motor = motor();
        motor.owe(2);
        assert_eq!(motor.start(1_000), Some(MotorRun { steps: 48 }));
        assert_eq!(motor.start(1_000), None);
        motor.sense(48);
        assert_eq!(motor.next_due_us(), Some(201_000));
        assert_eq!(motor.start(200_999), None);
        assert_eq!(motor.start(201_000), Some(MotorRun { steps: 48 }));
    }

    #[test]
    fn a_retry_asks_for_the_missing_steps_only() {
        let mut motor = motor();
        motor.owe(1);
        motor.start(0);
        motor.sense(40);
        assert_eq!(motor.deadline_us(), Some(400_000));
        assert_eq!(motor.miss(), Missing::Retry);
        assert_eq!(motor.start(400_000), Some(MotorRun { steps: 8 }));
        motor.sense(8);
        assert_eq!((motor.pulses(), motor.owed, motor.next_due_us()), (1, 0, None));
    }

    #[test]
    fn two_missing_rotations_are_a_stall_and_the_pulse_stays_owed() {
        let mut motor = motor();
        motor.owe(1);
        motor.start(0);
        assert_eq!(motor.miss(), Missing::Retry);
        motor.start(400_000);
        assert_eq!(motor.miss(), Missing::Stall);
        assert_eq!((motor.start(900_000), motor.next_due_us()), (None, None));
        motor.release();
        assert_eq!(motor.start(900_000), Some(MotorRun { steps: 48 }));
    }

    #[test]
    fn nothing_moves_while_held_but_late_rotation_counts() {
        let mut motor = motor();
        motor.owe(1);
        motor.start(0);
        motor.hold();
        assert_eq!(motor.miss(), Missing::Retry);
        assert_eq!(motor.start(500_000), None);
        motor.sense(48);
        motor.release();
        assert_eq!((motor.pulses(), motor.start(600_000)), (1, None));
    }

    #[test]
    fn a_pause_neither_makes_nor_hides_a_stall() {
        let mut motor = motor();
        motor.owe(1);
        motor.start(0);
        motor.pause();
        assert_eq!(motor.deadline_us(), Some(400_000));
        assert_eq!((motor.miss(), motor.start(400_000), motor.next_due_us()), (Missing::Retry, None, None));
        motor.resume();
        assert_eq!(motor.start(500_000), Some(MotorRun { steps: 48 }));
        motor.pause();
        assert_eq!(motor.miss(), Missing::Stall);
    }

    #[test]
    fn a_pulse_under_way_at_a_reset_is_owed_less_the_steps_sensed() {
        let mut before = motor();
        before.owe(3);
        before.start(0);
        before.sense(40);
        let mut motor = Motor::new(&Config::reference(), before.owed(), 7);
        assert_eq!(motor.start(7), Some(MotorRun { steps: 8 }));
        assert!(motor.sense(8));
        assert_eq!((motor.pulses(), motor.owed), (1, 2));
    }

    #[test]
    fn rotation_that_was_not_asked_for_is_no_pulse() {
        let mut motor = motor();
        motor.sense(48);
        motor.owe(1);
        motor.sense(48);
        assert_eq!((motor.pulses(), motor.owed), (0, 1));
    }
}

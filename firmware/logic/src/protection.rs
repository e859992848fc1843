//! What raises and clears each alarm, and what the pump does about it.
//!
//! It owns the way into rest and out of it, and the mute pump, which protects from nothing that it may not tell. It
//! must not know when things fall due (`pump` does) nor how tones are spaced (`alarms` does).

use wire::{Alarm, LogEvent, Therapy};

use crate::Pump;
use crate::config::ALARMS_KNOWN;
use crate::parameters::{Parameters, Programme};
use crate::reservoir::Level;

impl Pump {
    /// Sets which alarms the pump can raise from now on, each [`Alarm::bit`]; bits of no alarm are left out. For
    /// simulators of a pump that is mute: what it may not tell it does nothing about. What is active stays so, unheard.
    pub fn set_alarms_enabled(&mut self, bits: u16) {
        self.config.alarms_enabled = bits & ALARMS_KNOWN;
        self.alarms.enable(self.config.alarms_enabled, self.now_us);
    }

    /// Brings therapy and rate to what is programmed, or stops if that is not to be trusted.
    pub(crate) fn obey(&mut self) {
        if let Some(programme) = self.programme() {
            self.therapy = programme.therapy;
            self.dosing.set_rate(programme.rate_at(self.powered_us()));
        } else {
            self.protect(Alarm::MemoryError);
        }
    }

    /// The motor failed its last try.
    pub(crate) fn stall(&mut self) {
        self.protect(Alarm::MotorStall);
        if !self.alarms.is_active(Alarm::MotorStall) {
            // A mute pump goes on trying.
            self.motor.release();
        }
    }

    /// The pump has rested too long.
    pub(crate) fn rested(&mut self) {
        self.raise(Alarm::PumpStopped48h);
    }

    pub(crate) fn judge_battery(&mut self) {
        if self.battery.wants_replacement() {
            self.raise(Alarm::ElectiveReplacement);
        }
        if self.battery.exhausted() {
            self.protect(Alarm::EndOfService);
        }
    }

    pub(crate) fn judge_line(&mut self) {
        if self.occlusion.occluded(&self.config) {
            self.protect(Alarm::Occlusion);
        }
    }

    /// Judges the reservoir after a pulse; only a refill clears what it raises.
    pub(crate) fn judge_reservoir(&mut self) {
        let Some(programme) = self.programme() else {
            return;
        };
        match self.memory.reservoir.level(self.config.pulse_nl, programme.reservoir_low_nl) {
            Level::Good => {}
            Level::Low => {
                self.raise(Alarm::LowReservoir);
            }
            Level::Empty => {
                self.raise(Alarm::LowReservoir);
                self.protect(Alarm::EmptyReservoir);
            }
        }
    }

    /// Judges the reservoir afresh after a refill.
    pub(crate) fn refilled(&mut self, low_nl: u32) {
        let level = self.memory.reservoir.level(self.config.pulse_nl, low_nl);
        if level != Level::Empty {
            self.clear(Alarm::EmptyReservoir);
        }
        if level == Level::Good {
            self.clear(Alarm::LowReservoir);
        }
        self.judge_reservoir();
    }

    /// Stops on the host's word, which also ends the alarms that wait for it.
    pub(crate) fn stop(&mut self) {
        self.clear(Alarm::MotorStall);
        self.clear(Alarm::Occlusion);
        self.occlusion.forgive();
        if self.senses.battery_mv >= self.config.eos_mv {
            self.clear(Alarm::EndOfService);
            self.battery.forgive();
        }
        if self.alarms.is_active(Alarm::MemoryError) {
            self.memory.parameters = Parameters::new(&Programme::safe(&self.config));
            self.clear(Alarm::MemoryError);
        }
        self.rest();
    }

    /// Raises an alarm; if it is a new one, delivery stops.
    fn protect(&mut self, alarm: Alarm) {
        if self.raise(alarm) {
            self.rest();
        }
    }

    /// The pump delivers from now on.
    pub(crate) fn work(&mut self) {
        self.motor.release();
        self.settle();
    }

    /// Ends bolus and therapy; what the account holds and the motor owes waits for the next delivery.
    fn rest(&mut self) {
        if let Some(bolus) = self.dosing.discard_bolus() {
            self.bolus_ended(&bolus);
        }
        self.dosing.set_rate(0);
        self.motor.hold();
        self.reprogramme(|programme| programme.therapy = Therapy::Stopped);
        if self.therapy != Therapy::Stopped {
            self.therapy = Therapy::Stopped;
            self.write(LogEvent::TherapyStopped);
        }
        self.settle();
    }

    /// Counts rest from here, or ends it, by whether anything is scheduled.
    pub(crate) fn settle(&mut self) {
        if self.dosing.idle() {
            self.alarms.rest(self.now_us);
        } else {
            self.alarms.work();
            self.clear(Alarm::PumpStopped48h);
        }
    }

    /// Raises an alarm; whether it was not active and could be raised.
    fn raise(&mut self, alarm: Alarm) -> bool {
        let raised = self.alarms.raise(alarm, self.now_us);
        if raised {
            self.write(LogEvent::AlarmRaised(alarm));
        }
        raised
    }

    fn clear(&mut self, alarm: Alarm) {
        if self.alarms.clear(alarm, self.now_us) {
            self.write(LogEvent::AlarmCleared(alarm));
        }
    }
}

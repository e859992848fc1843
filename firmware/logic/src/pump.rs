//! The pump: one fold from time and inputs to motor runs, replies and the next time to be called.
//!
//! It owns the order in which things happen in a step. What happened at a time is accounted at that time, however
//! late the step comes; only the motor is driven, and voltage and pressure are sampled, when the step is. It must not
//! know bytes or sequence numbers (`link` does), a clock or a motor driver (the caller does), nor what a request
//! (`requests`) or an alarm (`protection`) does.

use wire::{LogEvent, Therapy};

use crate::alarms::Alarms;
use crate::battery::Battery;
use crate::dosing::{Bolus, Dosing};
use crate::memory::Memory;
use crate::motor::{Missing, Motor};
use crate::occlusion::Occlusion;
use crate::sampling::Sampling;
use crate::{Config, Input, Output, Senses};

/// Things that can happen by themselves in one step. Only a schedule's steps repeat within one, 8 a day: a call that
/// is later than 22 years finds the rate of that time held from then on.
const EVENTS_PER_STEP_MAX: u32 = 65_536;

/// The pump's whole state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pump {
    pub(crate) config: Config,
    pub(crate) memory: Memory,
    pub(crate) now_us: u64,
    pub(crate) boot_us: u64,
    pub(crate) powered_before_us: u64,
    pub(crate) senses: Senses,
    /// The therapy that the account is at: the programmed one, until the programme is not to be trusted.
    pub(crate) therapy: Therapy,
    pub(crate) dosing: Dosing,
    pub(crate) motor: Motor,
    pub(crate) alarms: Alarms,
    pub(crate) telemetry_until_us: Option<u64>,
    pub(crate) sampling: Sampling,
    pub(crate) battery: Battery,
    pub(crate) occlusion: Occlusion,
}

impl Pump {
    /// The configuration that the pump was made of.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Takes the time and what happened at it. Time never runs backwards: an earlier one counts as the last.
    pub fn step(&mut self, now_us: u64, senses: Senses, input: Input) -> Output {
        self.senses = senses;
        let now_us = now_us.max(self.now_us);
        // Rotation first: it was sensed before this moment, so a late step must not take it for missing.
        let pulse = match input {
            Input::Rotation { steps } => self.motor.sense(steps),
            Input::Time | Input::Request(_) => false,
        };
        self.pass(now_us);
        self.obey();
        if pulse {
            self.memory.reservoir.deliver(self.config.pulse_nl);
            self.judge_reservoir();
        }
        self.sample();
        let reply = match input {
            Input::Request(request) => Some(self.answer(&request)),
            Input::Time | Input::Rotation { .. } => None,
        };
        let motor = self.motor.start(now_us);
        if motor.is_some() {
            self.sampling.run(now_us, self.config.motor_run_us);
        }
        let tone = self.alarms.tone(now_us);
        Output { motor, reply, next_due_us: self.next_due_us(), sounding: self.alarms.sounding(), tone }
    }

    /// Lets time pass, each event at its own time.
    fn pass(&mut self, now_us: u64) {
        for _ in 0..EVENTS_PER_STEP_MAX {
            let ends = self.dosing.bolus().map(Bolus::end_us);
            let missing = self.motor.deadline_us();
            let rested = self.alarms.rest_alarm_due_us();
            let stepped = self.flex_due_us();
            let closes = self.telemetry_until_us;
            let Some(at_us) = earliest([ends, missing, rested, stepped, closes]).filter(|&at| at <= now_us) else {
                break;
            };
            // What was due before now, such as an alarm that was enabled late, happens now: time never runs backwards.
            self.account(at_us.max(self.now_us));
            if stepped == Some(at_us) {
                self.flex_step();
            }
            if missing == Some(at_us) && self.motor.miss() == Missing::Stall {
                self.stall();
            }
            if rested == Some(at_us) {
                self.rested();
            }
            if closes == Some(at_us) {
                self.close_telemetry(true);
            }
        }
        self.account(now_us);
    }

    fn account(&mut self, at_us: u64) {
        self.now_us = at_us;
        let advance = self.dosing.advance(at_us);
        self.motor.owe(advance.pulses);
        if let Some(bolus) = advance.ended {
            self.bolus_ended(&bolus);
            self.settle();
        }
    }

    /// When the schedule's next step begins.
    fn flex_due_us(&self) -> Option<u64> {
        self.since_boot_us(self.programme()?.next_step_us(self.powered_us())?)
    }

    fn flex_step(&mut self) {
        if let Some(programme) = self.programme() {
            let rate_nl_per_h = programme.rate_at(self.powered_us());
            self.dosing.set_rate(rate_nl_per_h);
            self.write(LogEvent::FlexStepped { rate_nl_per_h });
            self.settle();
        }
    }

    /// Takes the samples that are due and judges them.
    fn sample(&mut self) {
        let due = self.sampling.take(self.now_us);
        if due.rest {
            self.battery.rest(self.senses.battery_mv, &self.config);
        }
        if due.loaded {
            self.battery.loaded(self.senses.battery_mv, &self.config);
        }
        if due.rest || due.loaded {
            self.judge_battery();
        }
        if due.line {
            self.occlusion.sample(self.senses.line_pa, &self.config);
            self.judge_line();
        }
    }

    fn next_due_us(&self) -> Option<u64> {
        earliest([
            self.dosing.next_due_us(),
            self.motor.next_due_us(),
            self.alarms.rest_alarm_due_us(),
            self.flex_due_us(),
            self.telemetry_until_us,
            Some(self.sampling.next_due_us()),
            self.alarms.tone_due_us(),
        ])
    }

    pub(crate) fn bolus_ended(&mut self, bolus: &Bolus) {
        let delivered_nl = bolus.scheduled_nl(self.now_us);
        self.write(LogEvent::BolusEnded { dose: bolus.dose, delivered_nl });
    }

    pub(crate) fn write(&mut self, event: LogEvent) {
        self.memory.log.write(self.now_us, event);
    }
}

fn earliest<const N: usize>(times: [Option<u64>; N]) -> Option<u64> {
    times.into_iter().flatten().min()
}

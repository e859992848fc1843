//! The pump: one fold from time and inputs to motor runs, replies and the next time to be called.
//!
//! It owns the order in which things happen in a step and what each request does. What happened at a time is
//! accounted at that time, however late the step comes; only the motor is driven when the step is. It must not know
//! bytes or sequence numbers (`link` does), a clock or a motor driver (the caller does).

use wire::{Alarm, BolusProgress, DoseId, LogEvent, LogPage, Refusal, Reply, Request, ResetCause, Status, Therapy};

use crate::alarms::Alarms;
use crate::doses::Doses;
use crate::dosing::{Bolus, Dosing};
use crate::log::Log;
use crate::motor::{Missing, Motor};
use crate::{Config, MotorRun};

/// Things that can happen by themselves in one step: a bolus ends, a rotation is missing, the pump has rested too
/// long. Each can happen once, because the motor is driven anew only at the step's end.
const EVENTS_PER_STEP_MAX: usize = 3;

/// What a step is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time passed.
    Time,
    /// The head's sensor saw it turn.
    Rotation {
        /// How far since the last report, steps.
        steps: u16,
    },
    /// The host asks.
    Request(Request),
}

/// What a step wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Drive the motor now.
    pub motor: Option<MotorRun>,
    /// Answer the host; there is an answer exactly if there was a request.
    pub reply: Option<Answer>,
    /// Call again at this time at the latest, µs. Later than the step's own time, if there is one.
    pub next_due_us: Option<u64>,
    /// The alarm to sound.
    pub sounding: Option<Alarm>,
}

/// A reply without borrowed texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The identity in the configuration.
    Identity,
    /// What the pump is doing.
    Status(Status),
    /// The request was executed, now or before.
    Accepted {
        /// When, µs since boot.
        at_us: u64,
        /// Whether the dose id had been executed before.
        repeated: bool,
    },
    /// The request was not executed.
    Refused(Refusal),
    /// A page of the event log.
    Log(LogPage),
}

impl Answer {
    /// The reply that goes to the host.
    pub fn to_reply<'a>(&self, config: &'a Config) -> Reply<'a> {
        match *self {
            Self::Identity => Reply::Identity(config.identity()),
            Self::Status(status) => Reply::Status(status),
            Self::Accepted { at_us, repeated } => Reply::Accepted { at_us, repeated },
            Self::Refused(refusal) => Reply::Refused(refusal),
            Self::Log(page) => Reply::Log(page),
        }
    }
}

/// The pump's whole state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pump {
    config: Config,
    now_us: u64,
    therapy: Therapy,
    dosing: Dosing,
    motor: Motor,
    alarms: Alarms,
    doses: Doses,
    log: Log,
}

impl Pump {
    /// A pump that has just come up, stopped.
    ///
    /// # Panics
    ///
    /// If the configuration is not valid; [`Config::validate`] says why.
    pub fn new(config: Config, cause: ResetCause, now_us: u64) -> Self {
        if let Err(error) = config.validate() {
            panic!("a pump is made of a valid configuration: {error}");
        }
        let mut log = Log::new();
        log.write(now_us, LogEvent::Booted(cause));
        Self {
            config,
            now_us,
            therapy: Therapy::Stopped,
            dosing: Dosing::new(config.pulse_nl, now_us),
            motor: Motor::new(&config, now_us),
            alarms: Alarms::new(now_us),
            doses: Doses::new(),
            log,
        }
    }

    /// The configuration that the pump was made of.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Takes the time and what happened at it. Time never runs backwards: an earlier one counts as the last.
    pub fn step(&mut self, now_us: u64, input: Input) -> Output {
        let now_us = now_us.max(self.now_us);
        // Rotation first: it was sensed before this moment, so a late step must not take it for missing.
        if let Input::Rotation { steps } = input {
            self.motor.sense(steps);
        }
        self.pass(now_us);
        let reply = match input {
            Input::Request(request) => Some(self.answer(&request)),
            Input::Time | Input::Rotation { .. } => None,
        };
        let motor = self.motor.start(now_us);
        Output { motor, reply, next_due_us: self.next_due_us(), sounding: self.alarms.sounding() }
    }

    /// Lets time pass, each event at its own time.
    fn pass(&mut self, now_us: u64) {
        for _ in 0..EVENTS_PER_STEP_MAX {
            let ends = self.dosing.bolus().map(Bolus::end_us);
            let missing = self.motor.deadline_us();
            let rested = self.alarms.rest_alarm_due_us();
            let Some(at_us) = earliest([ends, missing, rested]).filter(|&at| at <= now_us) else {
                break;
            };
            self.account(at_us);
            if missing == Some(at_us) && self.motor.miss() == Missing::Stall {
                self.stall();
            }
            if rested == Some(at_us) {
                self.raise(Alarm::PumpStopped48h);
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
            if self.therapy == Therapy::Stopped {
                self.alarms.rest(at_us);
            }
        }
    }

    fn next_due_us(&self) -> Option<u64> {
        earliest([self.dosing.next_due_us(), self.motor.next_due_us(), self.alarms.rest_alarm_due_us()])
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match *request {
            Request::Hello => Answer::Identity,
            Request::Status => Answer::Status(self.status()),
            Request::Log { from } => Answer::Log(self.log.page(from)),
            Request::Start { dose, rate_nl_per_h } => self.once(dose, |pump| pump.start(dose, rate_nl_per_h)),
            Request::Bolus { dose, volume_nl, duration_ms } => {
                self.once(dose, |pump| pump.bolus(dose, volume_nl, duration_ms))
            }
            Request::Stop => {
                self.stop();
                self.accepted()
            }
            Request::MinimumRate => match self.minimum_rate() {
                Ok(()) => self.accepted(),
                Err(refusal) => Answer::Refused(refusal),
            },
        }
    }

    /// Executes a delivery unless its id was executed before. A refused one may be asked for again.
    fn once(&mut self, dose: DoseId, deliver: impl FnOnce(&mut Self) -> Result<(), Refusal>) -> Answer {
        if let Some(at_us) = self.doses.executed_at_us(dose) {
            return Answer::Accepted { at_us, repeated: true };
        }
        match deliver(self) {
            Ok(()) => {
                self.doses.executed(dose, self.now_us);
                self.accepted()
            }
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn accepted(&self) -> Answer {
        Answer::Accepted { at_us: self.now_us, repeated: false }
    }

    fn start(&mut self, dose: DoseId, rate_nl_per_h: u32) -> Result<(), Refusal> {
        self.unlocked()?;
        let (min_nl_per_h, max_nl_per_h) = (self.config.rate_min_nl_per_h, self.config.rate_max_nl_per_h);
        if !(min_nl_per_h..=max_nl_per_h).contains(&rate_nl_per_h) {
            return Err(Refusal::RateOutOfRange { min_nl_per_h, max_nl_per_h });
        }
        self.therapy = Therapy::Continuous;
        self.dosing.set_rate(rate_nl_per_h);
        self.write(LogEvent::TherapyStarted { dose, rate_nl_per_h });
        self.work();
        Ok(())
    }

    fn minimum_rate(&mut self) -> Result<(), Refusal> {
        self.unlocked()?;
        let rate_nl_per_h = self.config.minimum_rate_nl_per_h;
        self.dosing.set_rate(rate_nl_per_h);
        if self.therapy != Therapy::MinimumRate {
            self.therapy = Therapy::MinimumRate;
            self.write(LogEvent::MinimumRateStarted { rate_nl_per_h });
        }
        self.work();
        Ok(())
    }

    fn bolus(&mut self, dose: DoseId, volume_nl: u32, duration_ms: u32) -> Result<(), Refusal> {
        self.unlocked()?;
        if self.dosing.bolus().is_some() {
            return Err(Refusal::BolusRunning);
        }
        let (min_nl, max_nl) = (self.config.bolus_min_nl, self.config.bolus_max_nl);
        if !(min_nl..=max_nl).contains(&volume_nl) {
            return Err(Refusal::VolumeOutOfRange { min_nl, max_nl });
        }
        // Volume over duration against the limit, multiplied out; a duration of 0 is too fast for any volume.
        let max_nl_per_h = self.config.bolus_rate_max_nl_per_h;
        let most = u64::from(max_nl_per_h) * u64::from(duration_ms);
        if u64::from(volume_nl) * 3_600_000 > most {
            return Err(Refusal::BolusTooFast { max_nl_per_h });
        }
        self.dosing.begin_bolus(dose, volume_nl, u64::from(duration_ms) * 1_000);
        self.write(LogEvent::BolusStarted { dose, volume_nl, duration_ms });
        self.work();
        Ok(())
    }

    fn unlocked(&self) -> Result<(), Refusal> {
        self.alarms.lock().map_or(Ok(()), |alarm| Err(Refusal::CriticalAlarm(alarm)))
    }

    /// The pump delivers from now on.
    fn work(&mut self) {
        self.motor.release();
        self.alarms.work();
        self.clear(Alarm::PumpStopped48h);
    }

    fn stop(&mut self) {
        self.clear(Alarm::MotorStall);
        self.rest();
    }

    fn stall(&mut self) {
        self.raise(Alarm::MotorStall);
        self.rest();
    }

    /// Ends bolus and therapy; what the account holds and the motor owes waits for the next delivery.
    fn rest(&mut self) {
        if let Some(bolus) = self.dosing.discard_bolus() {
            self.bolus_ended(&bolus);
        }
        self.dosing.set_rate(0);
        self.motor.hold();
        if self.therapy != Therapy::Stopped {
            self.therapy = Therapy::Stopped;
            self.write(LogEvent::TherapyStopped);
        }
        self.alarms.rest(self.now_us);
    }

    fn bolus_ended(&mut self, bolus: &Bolus) {
        let delivered_nl = bolus.scheduled_nl(self.now_us);
        self.write(LogEvent::BolusEnded { dose: bolus.dose, delivered_nl });
    }

    fn raise(&mut self, alarm: Alarm) {
        if self.alarms.raise(alarm) {
            self.write(LogEvent::AlarmRaised(alarm));
        }
    }

    fn clear(&mut self, alarm: Alarm) {
        if self.alarms.clear(alarm) {
            self.write(LogEvent::AlarmCleared(alarm));
        }
    }

    fn write(&mut self, event: LogEvent) {
        self.log.write(self.now_us, event);
    }

    fn status(&self) -> Status {
        let bolus = self.dosing.bolus().map(|bolus| BolusProgress {
            dose: bolus.dose,
            remaining_nl: bolus.volume_nl - bolus.scheduled_nl(self.now_us),
        });
        Status {
            now_us: self.now_us,
            therapy: self.therapy,
            rate_nl_per_h: self.dosing.rate_nl_per_h(),
            bolus,
            pulses: self.motor.pulses(),
            log_oldest: self.log.oldest(),
            log_next: self.log.next(),
            alarms: self.alarms.active(),
        }
    }
}

fn earliest<const N: usize>(times: [Option<u64>; N]) -> Option<u64> {
    times.into_iter().flatten().min()
}

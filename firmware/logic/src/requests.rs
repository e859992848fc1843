//! What each request of the host does, and why it is refused.
//!
//! It owns the requests' order of checks, dose ids executed once, and telemetry. It must not know the frames that
//! requests come in (`link` does) nor how alarms come about (`protection` does).

use wire::{BolusProgress, DoseId, FLEX_STEPS_MAX, FlexStep, LogEvent, Refusal, Request, Status, Therapy};

use crate::flex::Flex;
use crate::patient::Patient;
use crate::reservoir::Reservoir;
use crate::{Answer, Pump};

impl Pump {
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        match *request {
            Request::Hello => Answer::Identity,
            Request::Status => Answer::Status(self.status()),
            Request::Log { from } => Answer::Log(self.memory.log.page(from)),
            Request::Start { dose, rate_nl_per_h } => self.once(dose, |pump| pump.start(dose, rate_nl_per_h)),
            Request::Bolus { dose, volume_nl, duration_ms } => {
                self.once(dose, |pump| pump.bolus(dose, volume_nl, duration_ms))
            }
            Request::Stop => {
                self.stop();
                self.accepted()
            }
            Request::MinimumRate => self.done(Self::minimum_rate),
            Request::StartFlex { dose, minute_of_day, steps } => {
                self.once(dose, |pump| pump.start_flex(dose, minute_of_day, &steps))
            }
            Request::TelemetryOpen => {
                self.open_telemetry();
                self.accepted()
            }
            Request::TelemetryClose => {
                self.close_telemetry(false);
                self.accepted()
            }
            Request::SetPatient { volume_nl, duration_ms, lockout_s, daily_max } => {
                let patient = Patient { volume_nl, duration_ms, lockout_s, daily_max };
                self.done(|pump| pump.set_patient(patient))
            }
            Request::PatientBolus { dose } => self.once(dose, |pump| pump.patient_bolus(dose)),
            Request::SetReservoir { volume_nl, low_nl } => self.done(|pump| pump.set_reservoir(volume_nl, low_nl)),
        }
    }

    /// Executes a delivery unless its id was executed before. A refused one may be asked for again.
    fn once(&mut self, dose: DoseId, deliver: impl FnOnce(&mut Self) -> Result<(), Refusal>) -> Answer {
        if let Some(at_us) = self.memory.doses.executed_at_us(dose) {
            return Answer::Accepted { at_us, repeated: true };
        }
        let answer = self.done(deliver);
        if matches!(answer, Answer::Accepted { .. }) {
            self.memory.doses.executed(dose, self.now_us);
        }
        answer
    }

    fn done(&mut self, execute: impl FnOnce(&mut Self) -> Result<(), Refusal>) -> Answer {
        execute(self).map_or_else(Answer::Refused, |()| self.accepted())
    }

    const fn accepted(&self) -> Answer {
        Answer::Accepted { at_us: self.now_us, repeated: false }
    }

    fn start(&mut self, dose: DoseId, rate_nl_per_h: u32) -> Result<(), Refusal> {
        self.unlocked()?;
        self.changeable()?;
        self.rate_in_range(rate_nl_per_h)?;
        self.begin(Therapy::Continuous, rate_nl_per_h, Flex::NONE);
        self.write(LogEvent::TherapyStarted { dose, rate_nl_per_h });
        self.work();
        Ok(())
    }

    fn start_flex(
        &mut self,
        dose: DoseId,
        minute_of_day: u16,
        steps: &[Option<FlexStep>; FLEX_STEPS_MAX],
    ) -> Result<(), Refusal> {
        self.unlocked()?;
        self.changeable()?;
        let flex = Flex::new(self.powered_us(), minute_of_day, steps).ok_or(Refusal::BadSchedule)?;
        // A rate of 0 is a pause.
        for step in flex.steps().iter().filter(|step| step.rate_nl_per_h > 0) {
            self.rate_in_range(step.rate_nl_per_h)?;
        }
        self.begin(Therapy::Flex, 0, flex);
        let rate_nl_per_h = flex.rate_at(flex.start_us);
        self.write(LogEvent::FlexStarted { dose, minute_of_day, rate_nl_per_h });
        self.work();
        Ok(())
    }

    fn minimum_rate(&mut self) -> Result<(), Refusal> {
        self.unlocked()?;
        let rate_nl_per_h = self.config.minimum_rate_nl_per_h;
        let running = self.therapy == Therapy::MinimumRate;
        self.begin(Therapy::MinimumRate, rate_nl_per_h, Flex::NONE);
        if !running {
            self.write(LogEvent::MinimumRateStarted { rate_nl_per_h });
        }
        self.work();
        Ok(())
    }

    /// Programmes a therapy and brings the account to it.
    fn begin(&mut self, therapy: Therapy, rate_nl_per_h: u32, flex: Flex) {
        self.reprogramme(|programme| {
            programme.therapy = therapy;
            programme.rate_nl_per_h = rate_nl_per_h;
            programme.flex = flex;
        });
        self.obey();
    }

    fn bolus(&mut self, dose: DoseId, volume_nl: u32, duration_ms: u32) -> Result<(), Refusal> {
        self.unlocked()?;
        if self.dosing.bolus().is_some() {
            return Err(Refusal::BolusRunning);
        }
        self.bolus_in_range(volume_nl, duration_ms)?;
        self.dosing.begin_bolus(dose, volume_nl, u64::from(duration_ms) * 1_000);
        self.write(LogEvent::BolusStarted { dose, volume_nl, duration_ms });
        self.work();
        Ok(())
    }

    fn set_patient(&mut self, patient: Patient) -> Result<(), Refusal> {
        let Patient { volume_nl, duration_ms, lockout_s, daily_max } = patient;
        self.programmable()?;
        if volume_nl > 0 {
            self.bolus_in_range(volume_nl, duration_ms)?;
        }
        self.reprogramme(|programme| programme.patient = patient);
        self.write(LogEvent::PatientSet { volume_nl, lockout_s, daily_max });
        Ok(())
    }

    fn patient_bolus(&mut self, dose: DoseId) -> Result<(), Refusal> {
        let given = self.give_patient(dose);
        if given.is_err() {
            self.write(LogEvent::PatientRefused { dose });
        }
        given
    }

    fn give_patient(&mut self, dose: DoseId) -> Result<(), Refusal> {
        self.unlocked()?;
        let patient = self.programme().map_or(Patient::FORBIDDEN, |programme| programme.patient);
        let now_us = self.powered_us();
        self.memory.given.judge(&patient, now_us)?;
        self.bolus(dose, patient.volume_nl, patient.duration_ms)?;
        self.memory.given.note(now_us);
        Ok(())
    }

    fn set_reservoir(&mut self, volume_nl: u32, low_nl: u32) -> Result<(), Refusal> {
        self.programmable()?;
        let max_nl = self.config.reservoir_max_nl;
        if volume_nl > max_nl || low_nl > max_nl {
            return Err(Refusal::ReservoirOutOfRange { max_nl });
        }
        self.reprogramme(|programme| programme.reservoir_low_nl = low_nl);
        self.memory.reservoir = Reservoir::new(volume_nl);
        self.write(LogEvent::ReservoirSet { volume_nl });
        self.refilled(low_nl);
        Ok(())
    }

    /// Opens telemetry or lets its time begin anew. A run of the motor under way ends and is judged as ever.
    fn open_telemetry(&mut self) {
        if self.telemetry_until_us.is_none() {
            self.write(LogEvent::TelemetryOpened);
        }
        self.telemetry_until_us = Some(self.now_us.saturating_add(self.config.telemetry_timeout_us));
        self.motor.pause();
    }

    /// Closes telemetry if it is open.
    pub(crate) fn close_telemetry(&mut self, timed_out: bool) {
        if self.telemetry_until_us.take().is_some() {
            self.motor.resume();
            self.write(LogEvent::TelemetryClosed { timed_out });
        }
    }

    fn unlocked(&self) -> Result<(), Refusal> {
        self.alarms.lock().map_or(Ok(()), |alarm| Err(Refusal::CriticalAlarm(alarm)))
    }

    /// Whether parameters can be changed: with damaged ones, only a stop brings new ones.
    fn programmable(&self) -> Result<(), Refusal> {
        let damaged = self.programme().is_none();
        if damaged { Err(Refusal::CriticalAlarm(wire::Alarm::MemoryError)) } else { Ok(()) }
    }

    /// Whether another therapy may take this one's place.
    fn changeable(&self) -> Result<(), Refusal> {
        let programmed = matches!(self.therapy, Therapy::Continuous | Therapy::Flex);
        if programmed && self.telemetry_until_us.is_none() { Err(Refusal::TelemetryClosed) } else { Ok(()) }
    }

    fn rate_in_range(&self, rate_nl_per_h: u32) -> Result<(), Refusal> {
        let (min_nl_per_h, max_nl_per_h) = (self.config.rate_min_nl_per_h, self.config.rate_max_nl_per_h);
        let within = (min_nl_per_h..=max_nl_per_h).contains(&rate_nl_per_h);
        if within { Ok(()) } else { Err(Refusal::RateOutOfRange { min_nl_per_h, max_nl_per_h }) }
    }

    fn bolus_in_range(&self, volume_nl: u32, duration_ms: u32) -> Result<(), Refusal> {
        let (min_nl, max_nl) = (self.config.bolus_min_nl, self.config.bolus_max_nl);
        if !(min_nl..=max_nl).contains(&volume_nl) {
            return Err(Refusal::VolumeOutOfRange { min_nl, max_nl });
        }
        // Volume over duration against the limit, multiplied out; a duration of 0 is too fast for any volume.
        let max_nl_per_h = self.config.bolus_rate_max_nl_per_h;
        let most = u64::from(max_nl_per_h) * u64::from(duration_ms);
        let too_fast = u64::from(volume_nl) * 3_600_000 > most;
        if too_fast { Err(Refusal::BolusTooFast { max_nl_per_h }) } else { Ok(()) }
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
            log_oldest: self.memory.log.oldest(),
            log_next: self.memory.log.next(),
            alarms: self.alarms.active(),
            reservoir_nl: self.memory.reservoir.volume_nl(),
            battery_mv: self.battery.rest_mv(),
            battery_loaded_mv: self.battery.loaded_mv(),
            line_pa: self.senses.line_pa,
            telemetry: self.telemetry_until_us.is_some(),
        }
    }
}

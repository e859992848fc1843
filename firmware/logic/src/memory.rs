//! What outlives a reset, and how a pump comes up from it.
//!
//! It owns the non-volatile state and the powered time that ties one boot to the next. It must not know where the
//! board keeps it (the board does), nor how a running pump changes it.
//!
//! Powered time is the time that all boots together have lasted, µs. The board has no clock that runs without supply,
//! so a day of the schedule, a lockout, the 24 h of the daily maximum and the 48 h of rest stand still while it is off
//! and go on where they were. Times in the event log and of executed doses stay those of their own boot: an entry
//! belongs to the last `Booted` before it.

use serde::{Deserialize, Serialize};
use wire::{Alarm, DoseId, LogEvent, ResetCause, Therapy};

use crate::alarms::Alarms;
use crate::battery::Battery;
use crate::doses::Doses;
use crate::dosing::Dosing;
use crate::log::Log;
use crate::motor::{Motor, Owed};
use crate::occlusion::Occlusion;
use crate::parameters::{PARAMETERS_LEN, Parameters, Programme};
use crate::patient::Given;
use crate::reservoir::Reservoir;
use crate::sampling::Sampling;
use crate::{Config, Pump, Senses};

/// Most bytes that a memory is stored in: 128 entries of the log at 39 bytes, 255 times and 32 dose ids at up to 21,
/// and the parameters.
pub const STORED_MAX: usize = 9_216;

/// The pump's non-volatile memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    pub(crate) parameters: Parameters,
    pub(crate) log: Log,
    pub(crate) doses: Doses,
    pub(crate) given: Given,
    pub(crate) reservoir: Reservoir,
    account: u128,
    owed: Owed,
    /// The bolus under way and what of it was scheduled, nL.
    bolus: Option<(DoseId, u32)>,
    alarms: u16,
    rested_us: Option<u64>,
    powered_us: u64,
}

impl Memory {
    /// The memory of a board that has never run: everything stopped, the reservoir as it leaves the factory.
    pub fn factory(config: &Config) -> Self {
        Self {
            parameters: Parameters::new(&Programme::safe(config)),
            log: Log::new(),
            doses: Doses::new(),
            given: Given::new(),
            reservoir: Reservoir::new(config.reservoir_initial_nl),
            account: 0,
            owed: Owed::NOTHING,
            bolus: None,
            alarms: 0,
            rested_us: Some(0),
            powered_us: 0,
        }
    }

    /// Writes everything as bytes and gives their number; a board keeps them where a reset leaves them.
    ///
    /// # Panics
    ///
    /// Never: [`STORED_MAX`] bytes hold every memory there is.
    pub fn store(&self, out: &mut [u8; STORED_MAX]) -> usize {
        postcard::to_slice(self, out).expect("the greatest memory fits").len()
    }

    /// The memory that [`store`](Self::store) wrote; `None` if these bytes are no such memory. Whether they are the
    /// ones that were written is for a check value beside them to say.
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        match postcard::take_from_bytes::<Self>(bytes) {
            Ok((memory, [])) => memory.is_possible().then_some(memory),
            _ => None,
        }
    }

    /// Whether every place that it points to exists.
    fn is_possible(&self) -> bool {
        self.doses.is_possible() && self.given.is_possible()
    }

    /// The parameters' block as [`Pump::parameters_mut`] shows it, for faults while the board is off.
    pub const fn parameters_mut(&mut self) -> &mut [u8; PARAMETERS_LEN] {
        self.parameters.bytes_mut()
    }
}

impl Pump {
    /// A pump that has just come up for the first time, stopped.
    ///
    /// # Panics
    ///
    /// If the configuration is not valid; [`Config::validate`] says why.
    pub fn new(config: Config, cause: ResetCause, now_us: u64) -> Self {
        Self::restart(config, Memory::factory(&config), cause, now_us)
    }

    /// A pump that comes up from its memory: therapy goes on as programmed, telemetry is closed, a bolus that was under
    /// way has ended. What was owed is still owed, a pulse whose rotation was not sensed included; while therapy is
    /// stopped it waits for the next delivery. Alarms that were active are so again. Parameters that do not fit their
    /// check value raise the memory's alarm and nothing is delivered.
    ///
    /// # Panics
    ///
    /// If the configuration is not valid; [`Config::validate`] says why.
    pub fn restart(config: Config, memory: Memory, cause: ResetCause, now_us: u64) -> Self {
        if let Err(error) = config.validate() {
            panic!("a pump is made of a valid configuration: {error}");
        }
        let bolus = memory.bolus;
        let mut pump = Self {
            config,
            now_us,
            boot_us: now_us,
            powered_before_us: memory.powered_us,
            senses: Senses::NOMINAL,
            therapy: Therapy::Stopped,
            dosing: Dosing::new(config.pulse_nl, memory.account, now_us),
            motor: Motor::new(&config, memory.owed, now_us),
            alarms: Alarms::new(&config, memory.alarms, memory.rested_us, now_us),
            telemetry_until_us: None,
            sampling: Sampling::new(config.sample_interval_us, now_us),
            battery: Battery::new(),
            occlusion: Occlusion::new(),
            memory,
        };
        pump.motor.hold();
        pump.write(LogEvent::Booted(cause));
        if let Some((dose, delivered_nl)) = bolus {
            pump.write(LogEvent::BolusEnded { dose, delivered_nl });
        }
        pump.obey();
        if pump.therapy != Therapy::Stopped {
            pump.motor.release();
        }
        pump.settle();
        pump
    }

    /// What a reset right after the last step would leave. Time since that step is not in it: step the pump at the
    /// moment of the reset first.
    pub fn memory(&self) -> Memory {
        Memory {
            account: self.dosing.carry(),
            owed: self.motor.owed(),
            bolus: self.dosing.bolus().map(|bolus| (bolus.dose, bolus.scheduled_nl(self.now_us))),
            alarms: self.alarms.active(),
            rested_us: self.alarms.rested_us(self.now_us),
            powered_us: self.powered_us(),
            ..self.memory.clone()
        }
    }

    /// The bytes of the programmed parameters and their CRC-32, as a fault or a debugger reaches them; the pump itself
    /// never uses this. What is programmed is kept here and nowhere else and is read at each step.
    pub const fn parameters_mut(&mut self) -> &mut [u8; PARAMETERS_LEN] {
        self.memory.parameters.bytes_mut()
    }

    /// Powered time of the last step, µs.
    pub(crate) const fn powered_us(&self) -> u64 {
        self.powered_before_us.saturating_add(self.now_us - self.boot_us)
    }

    /// The time of this boot at a later powered time, µs.
    pub(crate) fn since_boot_us(&self, powered_us: u64) -> Option<u64> {
        self.now_us.checked_add(powered_us.checked_sub(self.powered_us())?)
    }

    /// What is programmed; `None` if the memory's alarm is active, or is called for and can be raised.
    pub(crate) fn programme(&self) -> Option<Programme> {
        let parameters = &self.memory.parameters;
        let trusted = parameters.fits() || !self.alarms.is_enabled(Alarm::MemoryError);
        (trusted && !self.alarms.is_active(Alarm::MemoryError)).then(|| parameters.read())
    }

    /// Changes what is programmed. A block that is not trusted stays as it is, so that no damage gets a new check value.
    pub(crate) fn reprogramme(&mut self, change: impl FnOnce(&mut Programme)) {
        if let Some(mut programme) = self.programme() {
            change(&mut programme);
            self.memory.parameters.write(&programme);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, LOG_CAPACITY};

    fn greatest() -> Memory {
        let mut memory = Memory::factory(&Config::reference());
        for index in 0..LOG_CAPACITY {
            memory.log.write(
                u64::MAX,
                LogEvent::BolusStarted { dose: DoseId(u64::MAX), volume_nl: u32::MAX - index, duration_ms: u32::MAX },
            );
        }
        (0..=u8::MAX).for_each(|_| memory.given.note(u64::MAX));
        (0..crate::DOSES_REMEMBERED).for_each(|_| memory.doses.executed(DoseId(u64::MAX), u64::MAX));
        memory.parameters.bytes_mut().fill(0xFF);
        Memory {
            reservoir: Reservoir::new(u32::MAX),
            account: u128::MAX,
            owed: Owed { pulses: u64::MAX, begun: true, turned: u16::MAX },
            bolus: Some((DoseId(u64::MAX), u32::MAX)),
            alarms: u16::MAX,
            rested_us: Some(u64::MAX),
            powered_us: u64::MAX,
            ..memory
        }
    }

    #[test]
    fn the_greatest_memory_is_stored_and_comes_back() {
        let mut bytes = [0; STORED_MAX];
        for memory in [greatest(), Memory::factory(&Config::reference())] {
            let len = memory.store(&mut bytes);
            assert_eq!(Memory::restore(&bytes[..len]), Some(memory));
            assert_eq!(Memory::restore(&bytes[..len - 1]), None);
            assert_eq!(Memory::restore(&bytes[..=len]), None);
        }
    }

    #[test]
    fn a_pump_comes_up_from_what_was_stored_as_from_what_it_had() {
        let mut pump = Pump::new(Config::reference(), ResetCause::PowerOn, 0);
        let start = wire::Request::Start { dose: DoseId(7), rate_nl_per_h: 100_000 };
        pump.step(1_000, Senses::NOMINAL, Input::Request(start));
        pump.step(60_000_000, Senses::NOMINAL, Input::Time);
        let memory = pump.memory();
        let mut bytes = [0; STORED_MAX];
        let len = memory.store(&mut bytes);
        let stored = Memory::restore(&bytes[..len]).expect("it is whole");
        let restart = |memory| Pump::restart(Config::reference(), memory, ResetCause::Watchdog, 0);
        assert_eq!(restart(stored), restart(memory));
    }

    #[test]
    fn a_place_that_does_not_exist_is_no_memory() {
        let mut bytes = [0; STORED_MAX];
        let mut memory = Memory::factory(&Config::reference());
        memory.doses.put_next(usize::MAX);
        let len = memory.store(&mut bytes);
        assert_eq!(Memory::restore(&bytes[..len]), None);
        assert_eq!(Memory::restore(&[]), None);
        assert_eq!(Memory::restore(&[0xFF; 64]), None);
    }
}

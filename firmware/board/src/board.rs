//! The control loop: what it asks the front end, when it steps the pump, and what it does with the step's output.
//!
//! It owns the order: senses first, then the step, then memory, then motor and sounder, and the reply last, so that
//! nothing is confirmed which a reset could take back. It must not know a register, a byte of a frame or a dose.

use core::sync::atomic::{AtomicU32, Ordering};

use logic::link::{Link, Received};
use logic::{Answer, Config, Input, Memory, Output, Pump};
use wire::{ResetCause, Target};

use crate::front_end::{self, Measured};
use crate::last_words::Last;
use crate::motor_driver::{self, MotorDriver};
use crate::ports::{self, HOST};
use crate::store::Store;
use crate::{clock, stack, watchdog};

/// How often the head's turning is looked at while a run is awaited, and otherwise, µs.
const LOOK_RUNNING_US: u64 = 10_000;
const LOOK_RESTING_US: u64 = 100_000;
/// How often the stack is measured, µs.
const STACK_EVERY_US: u64 = 10_000_000;

/// While this is not zero the control loop stands still, and the watchdog is not fed. A debugger's hold on it: nothing
/// in the image writes it.
#[unsafe(no_mangle)]
static CONTROL_LOOP_HELD: AtomicU32 = AtomicU32::new(0);

/// Rounds of the control loop since boot, for a debugger.
#[unsafe(no_mangle)]
static CONTROL_LOOP_ROUNDS: AtomicU32 = AtomicU32::new(0);

const CONFIG: Config = Config { target: Target::Emulated, ..Config::reference() };

/// The running board.
pub(crate) struct Board {
    pump: Pump,
    link: Link,
    motor: MotorDriver,
    store: Store,
    /// Steps that the head had turned when it was last looked at.
    turned: u16,
    /// Until when a run of the motor is awaited, µs.
    awaited_until_us: u64,
    /// When the head is looked at next, µs.
    look_us: u64,
    /// When the stack is measured next, µs.
    stack_us: u64,
    /// When the pump must be stepped next, µs.
    due_us: u64,
}

impl Board {
    /// Comes up: finds out why the board was reset and what it was doing.
    ///
    /// # Panics
    /// If front end or motor driver do not answer: without them nothing can be delivered, and nothing judged.
    pub(crate) fn boot(last: Last, mut store: Store, memory: Option<Memory>) -> Self {
        let measured = measure();
        let cause = match last {
            Last::NothingWritten => ResetCause::PowerOn,
            Last::Said(cause) => cause,
            Last::NothingSaid if measured.dipped => ResetCause::Brownout,
            Last::NothingSaid => ResetCause::External,
        };
        front_end::forget_dip().unwrap_or_else(|_| front_end_is_gone());
        let memory = match memory {
            Some(mut memory) => {
                *memory.parameters_mut() = store.parameters();
                memory
            }
            None => {
                let mut memory = Memory::factory(&CONFIG);
                store.set_parameters(memory.parameters_mut());
                memory
            }
        };
        defmt::info!("up after {=str}, battery {=u16} mV", name(cause), measured.senses.battery_mv);
        let now_us = clock::now_us();
        Self {
            pump: Pump::restart(CONFIG, memory, cause, now_us),
            link: Link::new(),
            motor: MotorDriver::open().unwrap_or_else(|gone| motor_driver_is_gone(gone)),
            store,
            turned: measured.turned,
            awaited_until_us: 0,
            look_us: now_us,
            stack_us: now_us,
            due_us: now_us,
        }
    }

    /// Runs for ever.
    pub(crate) fn run(mut self) -> ! {
        loop {
            watchdog::feed();
            while CONTROL_LOOP_HELD.load(Ordering::Relaxed) != 0 {}
            CONTROL_LOOP_ROUNDS.fetch_add(1, Ordering::Relaxed);
            self.hear();
            let now_us = clock::now_us();
            if now_us >= self.due_us.min(self.look_us) {
                self.look(now_us);
            }
            if now_us >= self.stack_us {
                self.measure_stack(now_us);
            }
            ports::sleep(&HOST, self.due_us.min(self.look_us).min(self.stack_us));
        }
    }

    /// Serves what the host has sent.
    fn hear(&mut self) {
        while let Some(byte) = HOST.read() {
            match self.link.receive(byte) {
                None => {}
                Some(Received::Ready) => HOST.write(self.link.reply()),
                Some(Received::Request { seq, request }) => {
                    let output = self.step(&measure(), Input::Request(request));
                    if let Some(answer) = &output.reply {
                        if let Answer::Refused(_) = answer {
                            defmt::warn!("refused request {=u16}", seq);
                        }
                        HOST.write(self.link.answer(seq, request, answer, &CONFIG));
                    }
                }
            }
        }
    }

    /// Looks whether the head has turned, and lets the pump do what is due.
    fn look(&mut self, now_us: u64) {
        let measured = measure();
        let steps = measured.turned.wrapping_sub(self.turned);
        self.turned = measured.turned;
        if steps != 0 {
            self.step(&measured, Input::Rotation { steps });
        } else if now_us >= self.due_us {
            self.step(&measured, Input::Time);
        }
        let running = clock::now_us() < self.awaited_until_us;
        self.look_us = now_us + if running { LOOK_RUNNING_US } else { LOOK_RESTING_US };
    }

    /// Steps the pump and carries out what it wants, but for its reply.
    fn step(&mut self, measured: &Measured, input: Input) -> Output {
        // Whatever has happened to the parameters, the pump goes by them: a flipped bit is for the logic to notice.
        let parameters = self.store.parameters();
        *self.pump.parameters_mut() = parameters;
        let now_us = clock::now_us();
        let output = self.pump.step(now_us, measured.senses, input);
        let mut memory = self.pump.memory();
        if *memory.parameters_mut() != parameters {
            self.store.set_parameters(memory.parameters_mut());
        }
        self.store.write(&memory);
        self.due_us = output.next_due_us.unwrap_or(u64::MAX);
        if let Some(run) = output.motor {
            self.motor.turn(run.steps).unwrap_or_else(|gone| motor_driver_is_gone(gone));
            self.awaited_until_us = now_us + CONFIG.rotation_deadline_us;
            self.look_us = now_us;
        }
        if let Some(tone) = output.tone {
            defmt::warn!("alarm {=u16:#06x}", tone.alarm.bit());
            front_end::sound(tone.tones).unwrap_or_else(|_| front_end_is_gone());
        }
        output
    }

    fn measure_stack(&mut self, now_us: u64) {
        if let Some(bytes) = stack::measure() {
            defmt::info!("stack has used {=u32} B, ports have lost {=u32} B", bytes, ports::lost());
        }
        self.stack_us = now_us + STACK_EVERY_US;
    }
}

fn measure() -> Measured {
    front_end::measure().unwrap_or_else(|_| front_end_is_gone())
}

fn front_end_is_gone() -> ! {
    panic!("the front end does not answer")
}

fn motor_driver_is_gone(gone: motor_driver::Gone) -> ! {
    panic!("the motor driver's register {:#04x} does not answer", gone.register)
}

const fn name(cause: ResetCause) -> &'static str {
    match cause {
        ResetCause::PowerOn => "power on",
        ResetCause::Watchdog => "watchdog reset",
        ResetCause::Software => "software reset",
        ResetCause::Brownout => "brown-out",
        ResetCause::External => "external reset",
        ResetCause::Fault => "fault",
    }
}

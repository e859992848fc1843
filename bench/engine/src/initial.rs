//! From the first instrument attached to a station as it must be before anything is weighed: the supply on at its nominal
//! voltage, the image of a plan that begins by flashing it on the board, the valve open.
//!
//! What an earlier run left behind, killed or made safe by switching off, must not be taken for the device's doing. Both
//! are ordered and confirmed by readings like the steps of a scenario; what cannot be confirmed is the bench's fault.

use core::time::Duration;
use std::sync::Arc;

use domain::profile::Role;
use domain::{Event, EventKind, RigProfile, RunTime};
use scenario::{Plan, Supply, Valve};

use crate::core::Core;
use crate::ending::Ending;
use crate::steps::{self, Active, Flow};

/// How long the pump may be silent after the supply was switched on: it may have been off, and boots.
const BOOT: Duration = Duration::from_secs(10);
/// How long the valve may take to open.
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// The way there.
#[derive(Debug, Clone)]
pub(crate) enum Initial {
    /// Instruments are being attached.
    Attaching(Box<Attaching>),
    /// The valve is opened.
    Opening(Active),
}

/// Instruments come one by one. Without the supply no pump answers, and an empty board only when it was flashed.
#[derive(Debug, Clone)]
pub(crate) struct Attaching {
    power: Power,
    flash: Flash,
    /// Whether every instrument has been attached.
    attached: bool,
}

/// The supply while instruments are being attached.
#[derive(Debug, Clone)]
enum Power {
    /// Not there yet.
    Unknown,
    /// It was told to come on.
    Coming(Active),
    /// It reads what it was told, or the station has none.
    On,
}

/// A plan's first step, if that flashes the board.
#[derive(Debug, Clone)]
enum Flash {
    /// The supply or the probe is not there yet, or it is not known whether the pump is.
    Due {
        /// Whether the probe is.
        probe: bool,
        /// Whether the pump's log is followed; unknown until it has answered, or has not though the board has power.
        pump: Option<bool>,
    },
    /// The image is written.
    Writing {
        active: Active,
        /// Whether the pump's log was followed before.
        pump: bool,
    },
    /// It has been since then, and the pump has not shown itself.
    Booting { since: RunTime, pump: bool },
    /// The pump is there, or the plan begins with something else.
    Done,
}

/// How far an event has led.
#[derive(Debug, Clone)]
pub(crate) enum Reached {
    /// On the way.
    NotYet(Initial),
    /// The station is as it must be.
    There,
    /// It cannot be brought there.
    Failed(Ending),
}

impl Initial {
    pub(crate) fn new(plan: &Plan) -> Self {
        let flash = if plan.flashes_first() { Flash::Due { probe: false, pump: None } } else { Flash::Done };
        Self::Attaching(Box::new(Attaching { power: Power::Unknown, flash, attached: false }))
    }

    /// What is done now.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Attaching(attaching) => match attaching.flash {
                Flash::Writing { .. } => "flashing the board",
                _ => "attaching instruments",
            },
            Self::Opening(_) => "opening the valve",
        }
    }

    pub(crate) fn due(&self) -> Option<RunTime> {
        match self {
            Self::Attaching(attaching) => match &attaching.power {
                Power::Coming(active) => steps::due(active),
                Power::Unknown | Power::On => None,
            },
            Self::Opening(active) => steps::due(active),
        }
    }

    pub(crate) fn apply(self, event: &Event, core: &mut Core) -> Reached {
        match self {
            Self::Attaching(attaching) => attaching.apply(event, core),
            Self::Opening(active) => opening(steps::apply(active, event, core).0),
        }
    }
}

impl Attaching {
    fn apply(self, event: &Event, core: &mut Core) -> Reached {
        let attached = self.attached || matches!(event.kind, EventKind::RigReady);
        let power = match self.power.apply(event, core) {
            Ok(power) => power,
            Err(ending) => return Reached::Failed(ending),
        };
        let on = matches!(power, Power::On);
        let flash = match self.flash.apply(event, on, core) {
            Ok(flash) => flash,
            Err(ending) => return Reached::Failed(ending),
        };
        if !(attached && on && matches!(flash, Flash::Done)) {
            return Reached::NotYet(Initial::Attaching(Box::new(Self { power, flash, attached })));
        }
        match opened(&core.profile) {
            Some(valve) => opening(steps::enter_valve(&valve, core)),
            None => Reached::There,
        }
    }
}

impl Power {
    fn apply(self, event: &Event, core: &mut Core) -> Result<Self, Ending> {
        let flow = match self {
            Self::On => return Ok(self),
            Self::Coming(active) => steps::apply(active, event, core).0,
            Self::Unknown => match powered(&core.profile) {
                None => Flow::Done,
                Some(supply) if is_attached(&supply.instrument, event) => steps::enter_supply(&supply, core),
                Some(_) => return Ok(self),
            },
        };
        match flow {
            Flow::Stay(active) => Ok(Self::Coming(active)),
            Flow::Done => Ok(Self::On),
            Flow::End(ending) => Err(ending),
        }
    }
}

impl Flash {
    fn apply(self, event: &Event, power: bool, core: &mut Core) -> Result<Self, Ending> {
        let (flow, pump) = match self {
            Self::Done => return Ok(self),
            Self::Booting { since, pump } => {
                if !shows_pump(event, since, &core.profile) {
                    return Ok(self);
                }
                if !pump {
                    // Its log is followed from here on: the boot that the flash has brought about is not told of any more.
                    core.resets_ordered.clear();
                    core.pump_deaf_at = Some(core.now);
                }
                return Ok(Self::Done);
            }
            Self::Due { probe, pump } => {
                let is = |role| core.profile.by_role(role).is_some_and(|i| is_attached(&i.name, event));
                let probe = probe || is(Role::Probe);
                // What a board says of its reset is heard only if it is listened to from before: whichever of probe and pump
                // is there first must not decide that.
                let pump = match pump {
                    _ if is(Role::Pump) => Some(true),
                    None if power && is_lost(Role::Pump, event, &core.profile) => Some(false),
                    pump => pump,
                };
                let Some(pump) = pump.filter(|_| probe && power) else { return Ok(Self::Due { probe, pump }) };
                let plan = Arc::clone(&core.plan);
                core.enter_step(0, &plan.steps[0]);
                // What the board says of its reset may be read before the probe has answered.
                core.flashed_first_at = Some(core.now);
                (steps::enter(&plan.steps[0], core), pump)
            }
            Self::Writing { active, pump } => (steps::apply(active, event, core).0, pump),
        };
        match flow {
            Flow::Stay(active) => Ok(Self::Writing { active, pump }),
            Flow::Done => {
                core.flashed_first_at = Some(core.now);
                Ok(Self::Booting { since: core.now, pump })
            }
            Flow::End(ending) => Err(ending),
        }
    }
}

/// Whether an event shows that the pump was there at some time since then.
fn shows_pump(event: &Event, since: RunTime, profile: &RigProfile) -> bool {
    match &event.kind {
        EventKind::Attached { instrument, .. } => profile.fills(instrument, Role::Pump),
        EventKind::Reading(reading) => {
            reading.at_ns >= since && profile.fills(reading.channel.instrument(), Role::Pump)
        }
        _ => false,
    }
}

fn opening(flow: Flow) -> Reached {
    match flow {
        Flow::Stay(active) => Reached::NotYet(Initial::Opening(active)),
        Flow::Done => Reached::There,
        Flow::End(ending) => Reached::Failed(ending),
    }
}

fn is_attached(name: &str, event: &Event) -> bool {
    matches!(&event.kind, EventKind::Attached { instrument, .. } if instrument == name)
}

fn is_lost(role: Role, event: &Event, profile: &RigProfile) -> bool {
    matches!(&event.kind, EventKind::Lost { instrument, .. } if profile.fills(instrument, role))
}

/// The supply that plays a fresh battery, if the station has one and a voltage is declared for it.
fn powered(profile: &RigProfile) -> Option<Supply> {
    let supply = profile.by_role(Role::Supply)?;
    let nominal = profile.pump.supply_v.map(|declared| declared.value).or(profile.safe.supply_v)?;
    Some(Supply { instrument: supply.name.clone(), voltage: Some(nominal), output: true, silent: BOOT })
}

/// The valve open, if the station has one.
fn opened(profile: &RigProfile) -> Option<Valve> {
    let instrument = profile.by_role(Role::Valve)?.name.clone();
    Some(Valve { instrument, closed: false, within: OPEN_WITHIN, collect: Duration::ZERO })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::identity::Nature;
    use domain::order::{Order, OrderOutcome};
    use domain::profile::Declared;
    use domain::quantity::Voltage;
    use domain::{Channel, Identity, Images, LinkFault, Reading, Status};

    /// A station with supply and valve, and what it has been told.
    struct Station {
        core: Core,
        initial: Option<Initial>,
        end: Option<Reached>,
        seq: u64,
    }

    impl Station {
        fn new() -> Self {
            Self::of("  - hold: {for: 1 s}\n")
        }

        fn of(steps: &str) -> Self {
            let mut profile = crate::testing::profile();
            let volts = |v| Voltage::from_v(v);
            profile.pump.supply_v = Some(Declared { value: volts(3.0), half_width: volts(0.3) });
            for (name, role) in [("supply", Role::Supply), ("valve", Role::Valve), ("probe", Role::Probe)] {
                let like = profile.instruments[1].clone();
                profile.instruments.push(domain::profile::InstrumentProfile { name: name.to_owned(), role, ..like });
            }
            let plan = crate::testing::plan(steps, &profile);
            let initial = Some(Initial::new(&plan));
            let core = Core::new(Arc::new(plan), Arc::new(profile));
            Self { core, initial, end: None, seq: 0 }
        }

        fn tell(&mut self, seconds: u64, kind: EventKind) -> Vec<Order> {
            let t_ns = RunTime::from_ns(seconds * 1_000_000_000);
            self.core.now = t_ns;
            let event = Event { seq: self.seq, t_ns, station: Arc::from("1"), kind };
            self.seq += 1;
            match self.initial.take().expect("under way").apply(&event, &mut self.core) {
                Reached::NotYet(initial) => self.initial = Some(initial),
                end => self.end = Some(end),
            }
            let ordered = |kind| match kind {
                EventKind::Ordered { what, .. } => Some(what),
                EventKind::StepEntered { .. } => None,
                kind => panic!("nothing is weighed or commanded yet, but found {kind:?}"),
            };
            self.core.decisions.drain(..).filter_map(ordered).collect()
        }

        fn attach(&mut self, name: &str) -> Vec<Order> {
            let identity =
                Identity { model: None, serial: None, hardware: None, firmware: None, nature: Nature::Simulated };
            self.tell(0, EventKind::Attached { instrument: name.to_owned(), identity })
        }

        fn mute(&mut self, name: &str) -> Vec<Order> {
            let fault = LinkFault::Silent { request: "identify".to_owned(), deadline_ms: 500, received: 0 };
            self.tell(1, EventKind::Lost { instrument: name.to_owned(), fault, frames: Vec::new() })
        }

        fn done(&mut self, seconds: u64, order: u32) -> Vec<Order> {
            let at_ns = RunTime::from_ns(seconds * 1_000_000_000);
            self.tell(seconds, EventKind::OrderAnswered { order, at_ns, u_ns: 0, outcome: OrderOutcome::Done })
        }

        fn reads(&mut self, seconds: u64, channel: &str, value: f64) -> Vec<Order> {
            let at_ns = RunTime::from_ns(seconds * 1_000_000_000);
            let reading = Reading { channel: Channel::new(channel), at_ns, u_ns: 0, value, status: Status::Ok };
            self.tell(seconds, EventKind::Reading(reading))
        }
    }

    #[test]
    fn a_station_left_unpowered_and_occluded_is_brought_back_before_anything_is_weighed() {
        let mut station = Station::new();
        assert!(station.attach("valve").is_empty(), "the valve waits for everybody to be there");
        let power = Order::Supply { voltage_v: Some(Voltage::from_v(3.0)), output: true };
        assert_eq!(station.attach("supply"), [power]);
        assert!(station.core.silent_until > RunTime::ZERO, "a board that was off boots");
        assert!(station.done(1, 0).is_empty());
        assert!(station.reads(2, "supply.voltage", 0.0).is_empty());
        assert!(station.reads(3, "supply.voltage", 3.0).is_empty());
        assert!(station.attach("supply").is_empty(), "it is told once");
        assert_eq!(station.tell(4, EventKind::RigReady), [Order::Valve { closed: false }]);
        assert!(station.done(5, 1).is_empty());
        assert!(station.reads(6, "valve.position", 100.0).is_empty());
        assert!(station.end.is_none());
        assert!(station.reads(7, "valve.position", 1.0).is_empty());
        assert!(matches!(station.end, Some(Reached::There)));
    }

    /// An empty board tells of no boot from before its log was followed: the excuse for it must not wait for another, and a step
    /// that expects it cannot tell. A board that only has not been reached yet is waited for.
    #[test]
    fn a_first_flash_excuses_its_own_reset_and_no_later_one() {
        for pump_before in [false, true] {
            let mut station = Station::of("  - flash: {}\n  - hold: {for: 1 s}\n");
            if pump_before {
                station.attach("pump");
            }
            station.attach("supply");
            station.done(0, 0);
            assert!(station.reads(1, "supply.voltage", 3.0).is_empty(), "the probe is not there");
            let mut orders = station.attach("probe");
            if !pump_before {
                assert!(orders.is_empty(), "it would not be heard what the board says of it");
                orders = station.mute("pump");
            }
            assert_eq!(orders, [Order::Flash]);
            assert_eq!(station.core.resets_ordered.len(), 1);
            assert!(station.core.flashed_first_at.is_some(), "its reset may be read before the probe answers");
            let images = Images { file_sha256: "a".to_owned(), board_sha256: "a".to_owned() };
            station.core.images = Some(images);
            station.done(2, 1);
            assert!(station.core.flashed_first_at.is_some());
            station.reads(1, "pump.commanded_rate", 0.0);
            station.reads(9, "pump.commanded_rate", 0.0);
            assert_eq!(station.core.resets_ordered.len(), usize::from(pump_before));
            assert_eq!(station.core.pump_deaf_at.is_some(), !pump_before, "what was not heard may have come");
            assert_eq!(station.tell(9, EventKind::RigReady), [Order::Valve { closed: false }]);
        }
    }

    #[test]
    fn a_valve_that_stays_closed_and_a_supply_that_stays_off_are_the_benchs_fault() {
        let mut station = Station::new();
        station.attach("supply");
        station.done(0, 0);
        station.reads(11, "supply.voltage", 0.0);
        assert!(matches!(station.end, Some(Reached::Failed(Ending::Broken(_)))), "{:?}", station.end);
        let mut station = Station::new();
        station.attach("supply");
        station.done(0, 0);
        station.reads(1, "supply.voltage", 3.0);
        station.tell(1, EventKind::RigReady);
        station.done(1, 1);
        station.reads(32, "valve.position", 100.0);
        assert!(matches!(station.end, Some(Reached::Failed(Ending::Broken(_)))), "{:?}", station.end);
    }
}

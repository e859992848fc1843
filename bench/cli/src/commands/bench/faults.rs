//! How long after its deadline a fault is found, on a rig that is served over pseudo-terminals and sockets.
//!
//! Each instrument is silenced and unplugged by the control socket, between two polls; the time counts from the poll
//! that meets the fault to the driver's verdict. Then it is brought back, unplugged ones under another name.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use ::rig::{Binding, Port};
use domain::LinkFault;
use domain::profile::Role;
use drivers::pump_link::PumpLink;
use drivers::{AskError, Connect, Instrument, RunClock};
use serde_json::{Value, json};

use super::served::Server;
use crate::{Failure, load};

/// How long an instrument may take to be attached again.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// The time between two attempts, and between an attempt and the fault.
const PAUSE: Duration = Duration::from_millis(50);

/// Every fault of every instrument, so many times: by how much each was found later than its deadline, at worst.
pub(super) fn measure(folder: &Path, rounds: u64) -> Result<Value, Failure> {
    let server = Server::start(folder)?;
    let file = load::rig(&load::rig_source(&server.rig)?)?;
    let station = file.station(Some("1")).map_err(Failure::input)?.clone();
    let plant = station.bindings.iter().find_map(|b| match (&b.port, b.role) {
        (Port::Unix { path }, Role::Plant) => Some(path.clone()),
        _ => None,
    });
    let plant = plant.ok_or_else(|| Failure::bench("the served rig has no control socket"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::bench)?;
    runtime.block_on(async {
        let bound = station.bind(1);
        let mut found = Vec::new();
        for binding in station.bindings.iter().filter(|b| b.role != Role::Plant) {
            let bench = Bench { binding, connect: &*bound.connectors[&binding.instrument], plant: &plant };
            for fault in ["silent", "vanish"] {
                let mut worst_ms = f64::NEG_INFINITY;
                for _ in 0..rounds.max(1) {
                    worst_ms = worst_ms.max(bench.find(fault).await?);
                }
                found.push(json!({
                    "instrument": binding.instrument,
                    "fault": fault,
                    "deadline_ms": binding.setup.settings.deadline.as_secs_f64() * 1e3,
                    "beyond_deadline_ms": worst_ms,
                }));
            }
        }
        let worst = found.iter().filter_map(|f| f["beyond_deadline_ms"].as_f64()).fold(f64::NEG_INFINITY, f64::max);
        Ok(json!({"rounds": rounds.max(1), "worst_beyond_deadline_ms": worst, "faults": found}))
    })
}

/// One instrument of the served rig.
struct Bench<'a> {
    binding: &'a Binding,
    connect: &'a dyn Connect,
    plant: &'a str,
}

/// An instrument or the pump, attached.
enum Link {
    Instrument(Box<dyn Instrument>),
    Pump(Box<PumpLink>),
}

impl Link {
    async fn poll(&mut self) -> Result<(), AskError> {
        match self {
            Self::Instrument(instrument) => instrument.read().await.map(drop),
            Self::Pump(pump) => pump.status().await.map(drop).map_err(AskError::Link),
        }
    }
}

impl Bench<'_> {
    /// Meets a fault and brings the instrument back; by how much it was found later than its deadline, in ms.
    async fn find(&self, fault: &str) -> Result<f64, Failure> {
        let mut link = self.attach().await?;
        link.poll().await.map_err(Failure::bench)?;
        tokio::time::sleep(PAUSE).await;
        self.switch(fault, true)?;
        let met = Instant::now();
        let polled = link.poll().await;
        let took = met.elapsed();
        drop(link);
        self.switch(fault, false)?;
        match (fault, &polled) {
            ("silent", Err(AskError::Link(LinkFault::Silent { .. })))
            | ("vanish", Err(AskError::Link(LinkFault::Vanished { .. }))) => {}
            _ => return Err(Failure::bench(format!("{}: {fault}, but found {polled:?}", self.binding.instrument))),
        }
        Ok((took.as_secs_f64() - self.binding.setup.settings.deadline.as_secs_f64()) * 1e3)
    }

    async fn attach(&self) -> Result<Link, Failure> {
        let began = Instant::now();
        let (setup, clock) = (&self.binding.setup, RunClock::new());
        loop {
            let attached = match self.binding.entry.attach {
                Some(attach) => attach(self.connect, clock, setup).await.map(|(link, _)| Link::Instrument(link)),
                None => PumpLink::attach(self.connect, clock, setup.settings)
                    .await
                    .map(|(link, _)| Link::Pump(Box::new(link))),
            };
            match attached {
                Ok(link) => return Ok(link),
                Err(fault) if began.elapsed() > BACK_WITHIN => return Err(Failure::bench(fault)),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Switches a fault of the instrument on or off.
    fn switch(&self, fault: &str, on: bool) -> Result<(), Failure> {
        let device = self.binding.device().unwrap_or_default();
        let line = format!("{}\n", json!({"fault": {"device": device, "fault": fault, "on": on}}));
        let say = || {
            let mut stream = UnixStream::connect(self.plant)?;
            stream.write_all(line.as_bytes())?;
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).map(|_| answer)
        };
        let answer = say().map_err(|e| Failure::bench(format!("{}: {e}", self.plant)))?;
        let done = serde_json::from_str::<Value>(&answer).is_ok_and(|answer| answer["done"] == true);
        if done { Ok(()) } else { Err(Failure::bench(format!("the plant was told {line}, but answered {answer}"))) }
    }
}

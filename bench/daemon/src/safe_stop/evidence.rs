//! The pump's log, and the board's memory if a debug probe reaches it: both are read before anything is commanded, the log once
//! more when the pump is as wanted.
//!
//! Bounded: a station is not left unsafe for the sake of what it could tell.

use core::time::Duration;
use std::path::{Path, PathBuf};

use domain::{EventKind, Order};
use drivers::RunClock;
use drivers::debug_probe::Probe;
use drivers::instrument::Instrument;
use drivers::pump_link::PumpLink;
use tokio::time::{Instant, timeout, timeout_at};

use super::{RETRY, Target};

/// The bound on reading the log before anything is commanded.
pub(super) const FIRST_WITHIN: Duration = Duration::from_secs(1);
/// The bound on reading it once the pump is as wanted.
const LAST_WITHIN: Duration = Duration::from_secs(3);
/// The bound on letting a core run whose memory could not be read.
const RUN_WITHIN: Duration = Duration::from_secs(1);
/// The file of the memory, in the run's folder: Intel HEX, as debuggers read it.
const MEMORY: &str = "memory.hex";

/// What the pump's log held beyond what the run had read.
#[derive(Default)]
pub(super) struct Evidence {
    /// Its entries in their order, and where some are missing that the pump had overwritten.
    pub(super) told: Vec<EventKind>,
    /// Whether it was read to its end once the pump was as wanted.
    pub(super) whole: bool,
    /// From which entry on it has not been read; `None` as long as no page came.
    next: Option<u32>,
    /// Whether reading it was tried before the first command.
    pub(super) tried: bool,
}

impl Evidence {
    /// Reads the log on from where it was read to; whether its end was reached.
    pub(super) async fn read_log(&mut self, link: &mut PumpLink, log_from: u32) -> bool {
        let mut from = self.next.unwrap_or(log_from);
        while let Ok(page) = link.log(from).await {
            let end = page.entries.last().map_or(page.next, |e| e.index + 1);
            if page.oldest > from && page.next > from {
                self.told.push(EventKind::PumpLogGap { from, to: page.oldest });
            }
            // A log that ends before what was read of it did not survive a reset: what it holds now was not read. One that holds as
            // much again by now is not told from one that went on.
            from = if page.next < from { 0 } else { end };
            self.next = Some(from);
            self.told.extend(page.entries.into_iter().map(EventKind::PumpLogged));
            if from >= page.next {
                return true;
            }
        }
        false
    }

    /// Reads it to its end once the pump is as it is to be, which is to be known by that moment: one answer that is lost says
    /// nothing of what the pump has logged. A port that has gone does not come back within this.
    pub(super) async fn read_rest_of_log(&mut self, link: &mut PumpLink, log_from: Option<u32>, until: Instant) {
        let Some(log_from) = log_from else { return };
        // A pump that is safe is not reported otherwise for the sake of its log.
        let bound = (Instant::now() + LAST_WITHIN).min(until - RETRY);
        let read = async {
            while !self.read_log(link, log_from).await {
                tokio::time::sleep(RETRY).await;
            }
        };
        self.whole = timeout_at(bound, read).await.is_ok();
    }
}

/// The debug probe, and the folder into which the board's memory is read.
#[derive(Clone)]
pub(super) struct Memory {
    pub(super) probe: Target,
    pub(super) folder: PathBuf,
}

impl Memory {
    /// Reads the board's memory into the run's folder, within the bound; what was done, in a sentence.
    pub(super) async fn read(&self, clock: RunClock, within: Duration) -> String {
        let failed = match timeout(within, self.attempt(clock, &self.folder.join(MEMORY))).await {
            Ok(Ok(bytes)) => return format!("read the board's memory: {bytes} bytes in {MEMORY}"),
            Ok(Err(why)) => why,
            Err(_) => format!("it took longer than {}", domain::time::span(within)),
        };
        // A worker that was given up may have left the core halted, which cannot be told to stop its pump.
        let ran = matches!(timeout(RUN_WITHIN, self.run(clock)).await, Ok(Ok(())));
        let then = if ran { "let the core run" } else { "could not let the core run either" };
        format!("tried to read the board's memory, but {failed}; {then}")
    }

    async fn open(&self, clock: RunClock) -> Result<Probe, String> {
        let Target { connect, setup, .. } = &self.probe;
        Probe::open(&**connect, clock, setup).await.map(|(probe, _)| probe).map_err(|fault| fault.to_string())
    }

    async fn run(&self, clock: RunClock) -> Result<(), String> {
        let mut probe = self.open(clock).await?;
        probe.order(&Order::Run).await.map(drop).map_err(|error| error.to_string())
    }

    async fn attempt(&self, clock: RunClock, path: &Path) -> Result<u64, String> {
        let mut probe = self.open(clock).await?;
        let taken = probe.snapshot(path).await.map_err(|error| error.to_string());
        // A core that a step has halted cannot be told to stop its pump.
        probe.order(&Order::Run).await.map_err(|error| error.to_string())?;
        taken
    }
}

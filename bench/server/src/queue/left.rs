//! Runs that somebody has begun by hand and whose processes have ended in their midst: they are gone on with or brought to their ends as
//! those of jobs are, for their pumps may deliver.
//!
//! Their stations are in quarantine meanwhile, so that nothing begins there.

use std::process::Child;
use std::time::Instant;

use rustix::process::Signal;
use store::StoreError;
use tracing::{error, warn};

use super::Work;
use super::ending::signal;
use super::interrupted::RECOVERIES_MAX;
use crate::work;

impl Work {
    /// Brings a run to its end that was left at a station, as soon as that can be had.
    pub(super) fn recover_left(&mut self, station: &str) -> Result<(), StoreError> {
        let config = std::sync::Arc::clone(&self.config);
        let at = config.place(station);
        // Whoever has ended without a word is found by looking.
        if at.ports.is_empty() || self.taken(at.ports)?.is_some() {
            return Ok(());
        }
        let Some(run) = self.store.left_run(&at)? else { return Ok(()) };
        let is_over = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        if self.left.get_mut(&run).is_some_and(|child| !is_over(child)) {
            return Ok(());
        }
        let recovery = self.recovery(&run);
        if Instant::now() < recovery.next || recovery.tries >= RECOVERIES_MAX {
            return Ok(());
        }
        let close = recovery.begin_try();
        let folder = self.store.work_folder("left")?;
        warn!(station, run, "it was begun by hand and left without its end, and is brought to it");
        match work::recover_left(&config, station, &run, &folder, close) {
            Ok(child) => drop(self.left.insert(run, child)),
            Err(why) => error!(station, run, %why, "it cannot be gone on with or brought to its end"),
        }
        Ok(())
    }

    /// Asks those that go on with such runs to stop, or to leave them; which of them have not.
    pub(super) fn end_left(&mut self, by: Signal, asks: bool) -> Vec<String> {
        self.left.retain(|_, child| matches!(child.try_wait(), Ok(None)));
        if asks {
            self.left.values().for_each(|child| signal(child.id(), by));
        }
        self.left.keys().map(|run| format!("run {run}")).collect()
    }
}

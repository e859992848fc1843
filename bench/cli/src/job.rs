//! The daemon's job that this process works on: what becomes of it is noted in the host's store as it happens.
//!
//! The daemon may have ended meanwhile, or be another one: nothing here needs it.

use std::path::Path;

use store::Store;

use crate::commands::run::Refused;
use crate::{Failure, station};

/// A job under work.
pub(crate) struct Work {
    store: Store,
    id: i64,
}

impl Work {
    /// Works on the job of that number from now on.
    pub(crate) fn on(id: i64) -> Result<Self, Failure> {
        let mut store = station::store()?;
        store.job_process(id, std::process::id()).map_err(station::failure)?;
        Ok(Self { store, id })
    }

    /// It has set up a run, of which nothing has moved.
    pub(crate) fn runs(&mut self, run: &str, folder: &Path, planned: usize) -> Result<(), Failure> {
        let planned = u32::try_from(planned).unwrap_or(u32::MAX);
        self.store.job_runs(self.id, run, &folder.display().to_string(), planned).map_err(station::failure)
    }

    /// That run is over.
    pub(crate) fn run_ended(&mut self, run: &str, verdict: &str) -> Result<(), Failure> {
        self.store.job_run_ended(self.id, run, verdict).map_err(station::failure)
    }

    /// It is over, or waits again if the station is somebody else's.
    pub(crate) fn end(mut self, done: Result<u8, Refused>) -> Result<u8, Failure> {
        let noted = match &done {
            Ok(code) => self.store.end_job(self.id, *code, None),
            Err(Refused::Taken(why)) => self.store.put_back_job(self.id, Some(why.sentence())),
            Err(Refused::For(why)) => self.store.end_job(self.id, why.code, Some(why.sentence())),
        };
        noted.map_err(station::failure)?;
        Ok(done?)
    }
}

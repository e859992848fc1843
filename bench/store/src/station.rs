//! Stations of a rig: who serves them, what the ends of runs tell of them, and what is said there.
//!
//! Which ports a station has is not known here; those are held and leased by their own names.

use std::fs::File;

use data_encoding::HEXLOWER;
use domain::fault::AtStation;
use rusqlite::params;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::alive::lock;
use crate::error::StoreError;
use crate::quarantine::keep_apart;
use crate::store::{Change, Store};

/// So many runs in a row that could not be made at a station keep it apart: one may be a glitch, and all others of a night would end
/// so as well.
const FAILURES_IN_A_ROW: u32 = 3;

impl Store {
    /// A run by hand has come to its steps at a station: what kept runs of jobs from that is over.
    ///
    /// # Errors
    /// If the store fails.
    pub fn station_works(&mut self, rig: &str, station: &str) -> Result<(), StoreError> {
        self.change(|change| works(change, rig, station))
    }

    /// Notes that something is said to a run: what that changes is in the run's own record.
    ///
    /// # Errors
    /// If the store fails.
    pub fn note_of_run(&mut self, action: &str, run: &str, detail: &serde_json::Value) -> Result<(), StoreError> {
        self.change(|change| change.note_of(action, run, detail))
    }

    /// Makes the caller the one daemon of a rig on this host, as long as he has the file.
    ///
    /// # Errors
    /// [`StoreError::Served`] if there is another one.
    pub fn serve_rig(&self, rig: &str) -> Result<File, StoreError> {
        let name = format!("rig-{}", HEXLOWER.encode(&Sha256::digest(rig.as_bytes())));
        lock(&self.jobs_folder(), &name)?.ok_or_else(|| StoreError::Served(rig.to_owned()))
    }
}

/// What kept runs of jobs from a station is over.
pub(crate) fn works(change: &Change<'_>, rig: &str, station: &str) -> Result<(), StoreError> {
    let delete = "DELETE FROM station_failures WHERE rig = ?1 AND station = ?2";
    change.transaction.execute(delete, params![rig, station])?;
    Ok(())
}

/// Notes what a run's end tells of its station. From the third in a row on that could not be made there nothing begins until somebody
/// has looked, and that is why.
pub(crate) fn noted_of(
    change: &Change<'_>,
    rig: &str,
    station: &str,
    told: &AtStation,
) -> Result<Option<String>, StoreError> {
    let why = match told {
        AtStation::Untold => return Ok(None),
        AtStation::Works => return works(change, rig, station).map(|()| None),
        AtStation::Fails(why) => why,
    };
    let add = "INSERT INTO station_failures VALUES (?1, ?2, 1) \
               ON CONFLICT DO UPDATE SET in_a_row = in_a_row + 1 RETURNING in_a_row";
    let in_a_row: u32 = change.transaction.query_row(add, params![rig, station], |row| row.get(0))?;
    change.note_of("station.failed", station, &json!({"rig": rig, "reason": why, "in_a_row": in_a_row}))?;
    if in_a_row < FAILURES_IN_A_ROW {
        return Ok(None);
    }
    let reason = format!("{in_a_row} runs in a row could not be made there, the last one because {why}");
    keep_apart(change, (rig, station), &reason, false)?;
    Ok(Some(reason))
}

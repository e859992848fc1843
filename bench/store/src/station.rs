//! Stations of a rig: who serves them, and where nothing begins until a person has looked.
//!
//! Which ports a station has is not known here; those are held and leased by their own names.

use std::fs::File;

use data_encoding::HEXLOWER;
use domain::fault::AtStation;
use rusqlite::{OptionalExtension, Row, params};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::alive::lock;
use crate::error::StoreError;
use crate::store::{Change, Store, shown};

/// So many runs in a row that could not be made at a station keep it apart: one may be a glitch, and all others of a night would end
/// so as well.
const FAILURES_IN_A_ROW: u32 = 3;

impl Store {
    /// Lets nothing begin at a station until somebody has looked at it. One that is in quarantine stays there for its first
    /// reason.
    ///
    /// # Errors
    /// If the store fails.
    pub fn quarantine(&mut self, rig: &str, station: &str, reason: &str) -> Result<(), StoreError> {
        self.change(|change| keep_apart(change, rig, station, reason, false))
    }

    /// Lets nothing begin at a station until a check has passed or somebody has looked.
    ///
    /// # Errors
    /// If the store fails.
    pub fn quarantine_by_check(&mut self, rig: &str, station: &str, reason: &str) -> Result<(), StoreError> {
        self.change(|change| keep_apart(change, rig, station, reason, true))
    }

    /// A run by hand has come to its steps at a station: what kept runs of jobs from that is over.
    ///
    /// # Errors
    /// If the store fails.
    pub fn station_works(&mut self, rig: &str, station: &str) -> Result<(), StoreError> {
        self.change(|change| noted_of(change, rig, station, &AtStation::Works).map(drop))
    }

    /// Whether a station is in quarantine by a check alone.
    ///
    /// # Errors
    /// If the store fails.
    pub fn is_quarantined_by_check(&self, rig: &str, station: &str) -> Result<bool, StoreError> {
        let find = "SELECT by_check FROM quarantines WHERE rig = ?1 AND station = ?2";
        Ok(self.connection.query_row(find, params![rig, station], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    /// A check has passed: jobs begin again at a station that a check alone kept apart.
    ///
    /// # Errors
    /// If the store fails.
    pub fn check_passed(&mut self, rig: &str, station: &str) -> Result<(), StoreError> {
        self.change(|change| {
            let delete = "DELETE FROM quarantines WHERE rig = ?1 AND station = ?2 AND by_check";
            if change.transaction.execute(delete, params![rig, station])? == 0 {
                return Ok(());
            }
            change.note_of("station.released", station, &json!({"rig": rig, "because": "its health check passed"}))
        })
    }

    /// Why nothing begins at a station, and since when, if it is in quarantine.
    ///
    /// # Errors
    /// If the store fails.
    pub fn quarantined(&self, rig: &str, station: &str) -> Result<Option<(String, String)>, StoreError> {
        let find = "SELECT reason, since_ms FROM quarantines WHERE rig = ?1 AND station = ?2";
        let read = |row: &Row<'_>| Ok((row.get(0)?, shown(row.get(1)?)));
        Ok(self.connection.query_row(find, params![rig, station], read).optional()?)
    }

    /// Somebody has looked at a station, and lets jobs begin there again.
    ///
    /// # Errors
    /// [`StoreError::NoQuarantine`] if it is in none.
    pub fn release(&mut self, rig: &str, station: &str, by: &str, because: &str) -> Result<(), StoreError> {
        self.change(|change| {
            let delete = "DELETE FROM quarantines WHERE rig = ?1 AND station = ?2";
            if change.transaction.execute(delete, params![rig, station])? == 0 {
                return Err(StoreError::NoQuarantine(station.to_owned()));
            }
            noted_of(change, rig, station, &AtStation::Works)?;
            change.note_of("station.released", station, &json!({"rig": rig, "by": by, "because": because}))
        })
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

/// What a person must look at is not made less by a check.
fn keep_apart(change: &Change<'_>, rig: &str, station: &str, reason: &str, by_check: bool) -> Result<(), StoreError> {
    let insert = "INSERT INTO quarantines (rig, station, reason, since_ms, by_check) VALUES (?1, ?2, ?3, ?4, ?5) \
                  ON CONFLICT DO UPDATE SET reason = excluded.reason, by_check = 0 WHERE by_check AND NOT excluded.by_check";
    if change.transaction.execute(insert, params![rig, station, reason, change.now_ms(), by_check])? > 0 {
        change.note_of("station.quarantined", station, &json!({"rig": rig, "reason": reason}))?;
    }
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
        AtStation::Works => {
            let delete = "DELETE FROM station_failures WHERE rig = ?1 AND station = ?2";
            change.transaction.execute(delete, params![rig, station])?;
            return Ok(None);
        }
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
    keep_apart(change, rig, station, &reason, false)?;
    Ok(Some(reason))
}

//! Stations in quarantine: nothing begins there until a person has looked, a check has passed, or the run that was left there has come
//! to its end.
//!
//! One that may not be safe is kept apart with its ports, so that nobody comes to them under another name of the rig.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{OptionalExtension, Row, params};
use serde_json::json;

use crate::error::StoreError;
use crate::hold::Use;
use crate::store::{Change, Store, shown};

/// A station of a rig, with its ports.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The rig.
    pub rig: &'a str,
    /// The station.
    pub station: &'a str,
    /// What it uses of the host's ports; those that it uses alone are kept apart with it.
    pub ports: &'a BTreeMap<String, Use>,
}

impl<'a> Place<'a> {
    /// The ports that are nobody else's.
    fn own(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.ports.iter().filter(|(_, of)| **of == Use::Alone).map(|(port, _)| port.as_str())
    }
}

impl Store {
    /// Lets nothing begin at a station until somebody has looked at it. One that is in quarantine stays there for its first
    /// reason.
    ///
    /// # Errors
    /// If the store fails.
    pub fn quarantine(&mut self, at: &Place<'_>, reason: &str) -> Result<(), StoreError> {
        self.change(|change| {
            keep_apart(change, (at.rig, at.station), reason, false)?;
            with_ports(change, (at.rig, at.station), at.own())
        })
    }

    /// Lets nothing begin at a station until a check has passed or somebody has looked.
    ///
    /// # Errors
    /// If the store fails.
    pub fn quarantine_by_check(&mut self, rig: &str, station: &str, reason: &str) -> Result<(), StoreError> {
        self.change(|change| keep_apart(change, (rig, station), reason, true).map(drop))
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

    /// Why nothing begins at a station, and since when, if it is in quarantine, or one that has a port of its own.
    ///
    /// # Errors
    /// If the store fails.
    pub fn quarantined(&self, at: &Place<'_>) -> Result<Option<(String, String)>, StoreError> {
        let find = "SELECT reason, since_ms FROM quarantines WHERE rig = ?1 AND station = ?2";
        let read = |row: &Row<'_>| Ok((row.get(0)?, shown(row.get(1)?)));
        let own = self.connection.query_row(find, params![at.rig, at.station], read).optional()?;
        if own.is_some() {
            return Ok(own);
        }
        let find = "SELECT reason, since_ms, rig, station FROM quarantines JOIN quarantined_ports USING (rig, station) \
                    WHERE resource = ?1";
        let mut find = self.connection.prepare(find)?;
        for port in at.own() {
            let read = |row: &Row<'_>| {
                let (why, rig, station): (String, String, String) = (row.get(0)?, row.get(2)?, row.get(3)?);
                let release = format!("released by `dosebench release {station} --rig {rig} --because WHAT`");
                Ok((
                    format!("{port} is that of station {station} of {rig}, where {why}; {release}"),
                    shown(row.get(1)?),
                ))
            };
            if let Some(other) = find.query_row([port], read).optional()? {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// The folder of a run without an end whose process has left a station, if the station is in quarantine for it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn left_run(&self, at: &Place<'_>) -> Result<Option<String>, StoreError> {
        let find = "SELECT run FROM quarantines JOIN quarantined_ports USING (rig, station) \
                    WHERE resource = ?1 AND run IS NOT NULL";
        let mut find = self.connection.prepare(find)?;
        for port in at.own() {
            if let Some(run) = find.query_row([port], |row| row.get(0)).optional()? {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// A run that had been left has come to its end, and its station is safe: what was kept apart for it alone no longer is.
    ///
    /// # Errors
    /// If the store fails.
    pub fn left_run_has_ended(&mut self, run: &Path) -> Result<(), StoreError> {
        self.change(|change| {
            let delete = "DELETE FROM quarantines WHERE run = ?1 RETURNING rig, station";
            let of = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let mut delete = change.transaction.prepare(delete)?;
            let found: Vec<(String, String)> =
                delete.query_map([run.display().to_string()], of)?.collect::<Result<_, _>>()?;
            for (rig, station) in found {
                let because = format!("run {} has its end, and the station is safe", run.display());
                change.note_of("station.released", &station, &json!({"rig": rig, "because": because}))?;
            }
            Ok(())
        })
    }

    /// Somebody has looked at a station, and lets jobs begin there again, whatever it was called by who kept it apart.
    ///
    /// # Errors
    /// [`StoreError::NoQuarantine`] if it is in none.
    pub fn release(&mut self, at: &Place<'_>, by: &str, because: &str) -> Result<(), StoreError> {
        self.change(|change| {
            let mut found = vec![(at.rig.to_owned(), at.station.to_owned())];
            let find = "SELECT rig, station FROM quarantined_ports WHERE resource = ?1";
            let mut find = change.transaction.prepare(find)?;
            for port in at.own() {
                let others = find.query_map([port], |row| Ok((row.get(0)?, row.get(1)?)))?;
                found.extend(others.collect::<Result<Vec<_>, _>>()?);
            }
            let mut released = 0;
            for (rig, station) in found {
                let delete = "DELETE FROM quarantines WHERE rig = ?1 AND station = ?2";
                if change.transaction.execute(delete, params![rig, station])? > 0 {
                    released += 1;
                    change.note_of("station.released", &station, &json!({"rig": rig, "by": by, "because": because}))?;
                }
            }
            if released == 0 {
                return Err(StoreError::NoQuarantine(at.station.to_owned()));
            }
            crate::station::works(change, at.rig, at.station)
        })
    }
}

/// What a person must look at is not made less by a check.
pub(crate) fn keep_apart(
    change: &Change<'_>,
    (rig, station): (&str, &str),
    reason: &str,
    by_check: bool,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO quarantines (rig, station, reason, since_ms, by_check) VALUES (?1, ?2, ?3, ?4, ?5) \
                  ON CONFLICT DO UPDATE SET reason = excluded.reason, by_check = 0 WHERE by_check AND NOT excluded.by_check";
    let is_new = change.transaction.execute(insert, params![rig, station, reason, change.now_ms(), by_check])? > 0;
    if is_new {
        change.note_of("station.quarantined", station, &json!({"rig": rig, "reason": reason}))?;
    }
    Ok(is_new)
}

fn with_ports<'a>(
    change: &Change<'_>,
    (rig, station): (&str, &str),
    own: impl IntoIterator<Item = &'a str>,
) -> Result<(), StoreError> {
    for port in own {
        let insert = "INSERT OR IGNORE INTO quarantined_ports (resource, rig, station) VALUES (?1, ?2, ?3)";
        change.transaction.execute(insert, params![port, rig, station])?;
    }
    Ok(())
}

/// A process has ended in the midst of a run, and its pump may deliver.
pub(crate) fn keep_apart_for(
    change: &Change<'_>,
    at: (&str, &str),
    (run, holder): (&str, &str),
    own: &[String],
) -> Result<(), StoreError> {
    let reason = format!(
        "{holder} has left run {run} there without its end, and the pump may deliver; the daemon brings it to its end, and so does \
         `dosebench recover {run}`"
    );
    if keep_apart(change, at, &reason, false)? {
        let note = "UPDATE quarantines SET run = ?3 WHERE rig = ?1 AND station = ?2";
        change.transaction.execute(note, params![at.0, at.1, run])?;
    }
    with_ports(change, at, own.iter().map(String::as_str))
}

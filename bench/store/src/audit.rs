//! The audit log: what was changed, when and by whom, each entry bound to the one before it by its hash.
//!
//! Whoever changes an entry has to change all behind it; a head that was noted elsewhere then tells.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::store::Store;

/// The hash before the first entry.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number, from 1 without gaps.
    pub seq: i64,
    /// When, by the wall clock.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What was done: `hold.taken`, `lease.ended` …
    pub action: String,
    /// To what.
    pub subject: String,
    /// More of it, as JSON.
    pub detail: String,
    /// The hash of the entry before.
    pub previous: String,
    /// SHA-256 over all of the above, in hexadecimal.
    pub hash: String,
}

/// A log that is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: i64,
    /// The hash of the last one.
    pub head: String,
}

impl Entry {
    /// The hash that its contents call for: over a JSON array, so that no field runs into the next.
    fn due(&self) -> String {
        let fields = (&self.seq, &self.at, &self.actor, &self.action, &self.subject, &self.detail, &self.previous);
        let text = serde_json::to_vec(&fields).unwrap_or_default();
        HEXLOWER.encode(&Sha256::digest(&text))
    }

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            at: row.get(1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            detail: row.get(5)?,
            previous: row.get(6)?,
            hash: row.get(7)?,
        })
    }
}

const FIELDS: &str = "seq, at, actor, action, subject, detail, previous, hash";

/// Appends an entry, within the change that it tells of.
pub(crate) fn append(
    connection: &Connection,
    now: Timestamp,
    actor: &str,
    action: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<(), StoreError> {
    let last: Option<(i64, String)> = connection
        .query_row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (seq, previous) = last.unwrap_or_else(|| (0, NOTHING.to_owned()));
    let mut entry = Entry {
        seq: seq + 1,
        at: now.to_string(),
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_string(),
        previous,
        hash: String::new(),
    };
    entry.hash = entry.due();
    let Entry { seq, at, actor, action, subject, detail, previous, hash } = entry;
    connection.execute(
        &format!("INSERT INTO audit ({FIELDS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
        params![seq, at, actor, action, subject, detail, previous, hash],
    )?;
    Ok(())
}

impl Store {
    /// A run is about to be removed; what it was stays in the audit log.
    ///
    /// # Errors
    /// If the store fails.
    pub fn run_removed(&mut self, run: &str, detail: &serde_json::Value) -> Result<(), StoreError> {
        self.change(|change| change.note_of("run.removed", run, detail))
    }

    /// Every entry of the audit log, the first one first.
    ///
    /// # Errors
    /// If the store fails.
    pub fn audit(&self, mut each: impl FnMut(Entry)) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(&format!("SELECT {FIELDS} FROM audit ORDER BY seq"))?;
        for entry in statement.query_map([], Entry::of)? {
            each(entry?);
        }
        Ok(())
    }

    /// Whether the audit log is as it was written: its numbers have no gap, each entry's hash is that of its contents and
    /// of the entry before it, and the hash that somebody noted earlier, if one is given, is among them.
    ///
    /// What was cut from the end together with everything behind it shows only by such a hash.
    ///
    /// # Errors
    /// [`StoreError::Tampered`] with the first entry that is wrong.
    pub fn verify_audit(&self, noted: Option<&str>) -> Result<Verified, StoreError> {
        let mut verified = Verified { entries: 0, head: NOTHING.to_owned() };
        let mut wrong: Option<(i64, String)> = None;
        let mut seen = noted.is_none_or(|noted| noted == NOTHING);
        self.audit(|entry| {
            let what = if entry.seq != verified.entries + 1 {
                format!("stands where entry {} was expected", verified.entries + 1)
            } else if entry.previous != verified.head {
                "does not follow from the entry before it".to_owned()
            } else if entry.hash != entry.due() {
                "has another hash than its contents call for".to_owned()
            } else {
                seen |= noted == Some(entry.hash.as_str());
                verified = Verified { entries: entry.seq, head: entry.hash };
                return;
            };
            wrong.get_or_insert((entry.seq, what));
        })?;
        match wrong {
            Some((seq, what)) => Err(StoreError::Tampered { seq, what }),
            None if !seen => {
                let what = "is missing: no entry has the hash that was noted".to_owned();
                Err(StoreError::Tampered { seq: verified.entries + 1, what })
            }
            None => Ok(verified),
        }
    }
}

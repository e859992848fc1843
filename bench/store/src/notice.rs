//! What people should hear of, and who was told: so that a daemon that begins anew tells nobody twice, and forgets nobody.
//!
//! What the matters are is not known here; each has a key.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::json;

use crate::error::StoreError;
use crate::store::{Change, Store};

/// How far somebody has been told of a matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notice {
    /// Whether he was.
    pub sent: bool,
    /// How often that failed.
    pub failures: u32,
    /// Not again before, in ms since 1970.
    pub not_before_ms: i64,
}

impl Store {
    /// Since when a matter is open, in ms since 1970: the first time that it was asked so.
    ///
    /// # Errors
    /// If the store fails.
    pub fn matter(&mut self, key: &str) -> Result<i64, StoreError> {
        let find = "SELECT since_ms FROM matters WHERE key = ?1";
        if let Some(since_ms) = self.connection.query_row(find, [key], |row| row.get(0)).optional()? {
            return Ok(since_ms);
        }
        self.change(|change| {
            change
                .transaction
                .execute("INSERT OR IGNORE INTO matters VALUES (?1, ?2)", params![key, change.now_ms()])?;
            Ok(change.transaction.query_row(find, [key], |row| row.get(0))?)
        })
    }

    /// Since when somebody is told of what happens at a rig, in ms since 1970: the first time that it was asked so; always, of whom it is
    /// known that he was told before that was noted.
    ///
    /// # Errors
    /// If the store fails.
    pub fn told_since(&mut self, rig: &str, recipient: &str) -> Result<i64, StoreError> {
        let find = "SELECT since_ms FROM recipients WHERE rig = ?1 AND name = ?2";
        let known = self.connection.query_row(find, [rig, recipient], |row| row.get(0)).optional()?;
        known.map_or_else(|| self.change(|change| is_told_from_now_on(change, rig, recipient)), Ok)
    }

    /// How far somebody has been told of it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn notice(&self, key: &str, recipient: &str) -> Result<Notice, StoreError> {
        let find = "SELECT sent, failures, not_before_ms FROM notices WHERE matter = ?1 AND recipient = ?2";
        let read = |row: &Row<'_>| Ok(Notice { sent: row.get(0)?, failures: row.get(1)?, not_before_ms: row.get(2)? });
        Ok(self.connection.query_row(find, params![key, recipient], read).optional()?.unwrap_or_default())
    }

    /// How many matters each recipient could not be told of, of those where it was tried within the last ten minutes.
    ///
    /// # Errors
    /// If the store fails.
    pub fn failing_notices(&self) -> Result<Vec<(String, u32)>, StoreError> {
        // What is not tried again any more was given up, or is no matter any more.
        let sql = "SELECT recipient, count(*) FROM notices WHERE NOT sent AND not_before_ms > ?1 GROUP BY recipient ORDER BY recipient";
        let lately_ms = jiff::Timestamp::now().as_millisecond() - 600_000;
        let mut all = self.connection.prepare(sql)?;
        Ok(all.query_map([lately_ms], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// He was told, or that has failed and is tried again so many ms from now.
    ///
    /// # Errors
    /// If the store fails.
    pub fn noticed(&mut self, key: &str, recipient: &str, failed: Option<(&str, i64)>) -> Result<(), StoreError> {
        self.change(|change| {
            let again_ms = change.now_ms() + failed.map_or(0, |(_, again_ms)| again_ms);
            change.transaction.execute(
                "INSERT INTO notices VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET sent = excluded.sent, \
                 failures = failures + excluded.failures, not_before_ms = excluded.not_before_ms",
                params![key, recipient, failed.is_none(), i64::from(failed.is_some()), again_ms],
            )?;
            match failed {
                None => change.note_of("notice.sent", key, &json!({"to": recipient})),
                // What is tried again each few minutes would fill the log.
                Some(_) => Ok(()),
            }
        })
    }
}

fn is_told_from_now_on(change: &Change<'_>, rig: &str, recipient: &str) -> Result<i64, StoreError> {
    // Matters of a rig begin with its name.
    let before = "SELECT EXISTS (SELECT 1 FROM notices WHERE recipient = ?1 AND substr(matter, 1, length(?2)) = ?2)";
    let before: bool = change.transaction.query_row(before, [recipient, &format!("{rig}: ")], |row| row.get(0))?;
    let since_ms = if before { 0 } else { change.now_ms() };
    let insert = "INSERT OR IGNORE INTO recipients VALUES (?1, ?2, ?3)";
    change.transaction.execute(insert, params![rig, recipient, since_ms])?;
    Ok(since_ms)
}

//! Leases: whose ports are until a moment, whether they use them or not.
//!
//! A lease is known by its token, which only its holder has; the store keeps the token's hash. It ends at its moment by the
//! wall clock, when it is returned, or when somebody ends it for a reason that the audit log keeps.

use core::fmt;
use std::io::Read;
use std::time::Duration;

use data_encoding::HEXLOWER;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::hold::{self, Use, Wanted};
use crate::store::{Change, Store, shown};

const LEAST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
const TOKEN_BYTES: usize = 32;

/// What proves that a lease is one's own: 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// As somebody wrote it down.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// To be shown to its holder, once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A new one, which belongs to nothing yet.
    ///
    /// # Errors
    /// If the host gives no random bytes.
    pub fn random() -> Result<Self, StoreError> {
        let path = std::path::Path::new("/dev/urandom");
        let mut bytes = [0_u8; TOKEN_BYTES];
        let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
        read.map_err(|e| StoreError::io(path, e))?;
        Ok(Self(HEXLOWER.encode(&bytes)))
    }

    pub(crate) fn sha256(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A lease that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// Its number.
    pub id: i64,
    /// The ports.
    pub resources: Vec<String>,
    /// Whose.
    pub holder: String,
    /// What for.
    pub reason: String,
    /// Since when.
    pub since: String,
    /// Until when.
    pub until: String,
}

impl Store {
    /// Leases ports for a time, all or none, to whoever has the token. A process that uses one of them now is in the way.
    ///
    /// Of what is shared nobody else can have the whole meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Held`], [`StoreError::Leased`], [`StoreError::Duration`] and [`StoreError::Nothing`].
    pub fn lease(&mut self, wanted: &Wanted<'_>, lasts: Duration) -> Result<(Token, Lease), StoreError> {
        let lasts_ms = within(lasts)?;
        if !wanted.resources.values().any(|of| *of == Use::Alone) {
            return Err(StoreError::Nothing);
        }
        let token = Token::random()?;
        let locks = self.locks();
        let leased = self.change(|change| {
            clear(change)?;
            if let Some(why) = hold::refused(change, wanted.resources, None, &locks)? {
                return Ok(Err(why));
            }
            let (since_ms, until_ms) = (change.now_ms(), change.now_ms().saturating_add(lasts_ms));
            change.transaction.execute(
                "INSERT INTO leases (token_sha256, holder, reason, since_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![token.sha256(), wanted.holder, wanted.reason, since_ms, until_ms],
            )?;
            let id = change.transaction.last_insert_rowid();
            for (resource, of) in wanted.resources {
                let alone = *of == Use::Alone;
                change.transaction.execute("INSERT INTO leased VALUES (?1, ?2, ?3)", params![resource, id, alone])?;
            }
            let (since, until) = (shown(since_ms), shown(until_ms));
            let resources: Vec<String> = wanted.resources.keys().cloned().collect();
            let detail =
                json!({"resources": resources, "holder": wanted.holder, "reason": wanted.reason, "until": until});
            change.note("lease.taken", id, &detail)?;
            let (holder, reason) = (wanted.holder.to_owned(), wanted.reason.to_owned());
            Ok(Ok(Lease { id, resources, holder, reason, since, until }))
        });
        Ok((token, leased.and_then(|leased| leased)?))
    }

    /// Lets a lease end so long from now, and tells when that is.
    ///
    /// # Errors
    /// [`StoreError::NoLease`] if no lease has that token, [`StoreError::Duration`].
    pub fn renew(&mut self, token: &Token, lasts: Duration) -> Result<String, StoreError> {
        let lasts_ms = within(lasts)?;
        self.change(|change| {
            clear(change)?;
            let id = id_of(change, token)?;
            let until_ms = change.now_ms().saturating_add(lasts_ms);
            change.transaction.execute("UPDATE leases SET until_ms = ?2 WHERE id = ?1", params![id, until_ms])?;
            change.note("lease.renewed", id, &json!({"until": shown(until_ms)}))?;
            Ok(shown(until_ms))
        })
    }

    /// Gives a lease back before its time.
    ///
    /// # Errors
    /// [`StoreError::NoLease`] if no lease has that token.
    pub fn end_lease(&mut self, token: &Token) -> Result<(), StoreError> {
        self.change(|change| {
            clear(change)?;
            let id = id_of(change, token)?;
            change.transaction.execute("DELETE FROM leases WHERE id = ?1", [id])?;
            change.note("lease.returned", id, &json!({}))
        })
    }

    /// Ends a lease whose token is lost, or whose holder is away; who does it and why is in the audit log.
    ///
    /// # Errors
    /// [`StoreError::NoLease`] if no lease has that number.
    pub fn break_lease(&mut self, id: i64, because: &str) -> Result<(), StoreError> {
        self.change(|change| {
            clear(change)?;
            if change.transaction.execute("DELETE FROM leases WHERE id = ?1", [id])? == 0 {
                return Err(StoreError::NoLease("number"));
            }
            change.note("lease.broken", id, &json!({"because": because}))
        })
    }

    /// The leases that have not ended.
    ///
    /// # Errors
    /// If the store fails.
    pub fn leases(&mut self) -> Result<Vec<Lease>, StoreError> {
        self.change(|change| {
            clear(change)?;
            let sql = "SELECT id, holder, reason, since_ms, until_ms FROM leases ORDER BY id";
            let mut all = change.transaction.prepare(sql)?;
            let mut leases: Vec<Lease> = all
                .query_map([], |row| {
                    let (id, holder, reason) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    let (since, until) = (shown(row.get(3)?), shown(row.get(4)?));
                    Ok(Lease { id, resources: Vec::new(), holder, reason, since, until })
                })?
                .collect::<Result<_, _>>()?;
            let mut of =
                change.transaction.prepare("SELECT resource FROM leased WHERE lease = ?1 ORDER BY resource")?;
            for lease in &mut leases {
                lease.resources = of.query_map([lease.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            }
            Ok(leases)
        })
    }
}

/// In ms, if a lease may last so long.
fn within(lasts: Duration) -> Result<i64, StoreError> {
    let ms = (LEAST..=LONGEST).contains(&lasts).then(|| i64::try_from(lasts.as_millis()).ok()).flatten();
    ms.ok_or(StoreError::Duration(lasts.as_secs()))
}

/// The number of the lease that a token is of; those whose time is over are to be cleared before.
pub(crate) fn id_of(change: &Change<'_>, token: &Token) -> Result<i64, StoreError> {
    let sql = "SELECT id FROM leases WHERE token_sha256 = ?1";
    let found = change.transaction.query_row(sql, [token.sha256()], |row| row.get(0)).optional()?;
    found.ok_or(StoreError::NoLease("token"))
}

/// Why a lease keeps somebody from such a use of a port who has another one or none; those whose time is over are to be cleared before.
pub(crate) fn refused(
    change: &Change<'_>,
    resource: &str,
    of: &Use,
    own: Option<i64>,
) -> Result<Option<StoreError>, StoreError> {
    let sql = "SELECT holder, reason, until_ms FROM leases JOIN leased ON lease = id \
               WHERE resource = ?1 AND (alone OR ?2) AND id IS NOT ?3 ORDER BY id";
    let found = change.transaction.query_row(sql, params![resource, *of == Use::Alone, own], |row| {
        let of: (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(of)
    });
    Ok(found.optional()?.map(|(holder, reason, until_ms)| {
        let (resource, until) = (resource.to_owned(), shown(until_ms));
        StoreError::Leased { resource, holder, reason, until }
    }))
}

/// Ends the leases whose time is over.
pub(crate) fn clear(change: &Change<'_>) -> Result<(), StoreError> {
    let mut over = change.transaction.prepare("DELETE FROM leases WHERE until_ms <= ?1 RETURNING id, until_ms")?;
    let over: Vec<(i64, i64)> =
        over.query_map([change.now_ms()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (id, until_ms) in over {
        change.note("lease.ended", id, &json!({"until": shown(until_ms)}))?;
    }
    Ok(())
}

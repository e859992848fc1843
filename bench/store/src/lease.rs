//! Leases: whose ports are until a moment, whether they use them or not.
//!
//! A lease is known by its token, which only its holder has; the store keeps the token's hash. It ends at its moment by the
//! wall clock, or when it is returned.

use core::fmt;
use std::io::Read;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::hold::{Use, Wanted};
use crate::store::{Change, Store};

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

    fn random() -> Result<Self, StoreError> {
        let path = std::path::Path::new("/dev/urandom");
        let mut bytes = [0_u8; TOKEN_BYTES];
        let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
        read.map_err(|e| StoreError::io(path, e))?;
        Ok(Self(hex(&bytes)))
    }

    fn sha256(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A lease that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Ports that are shared are not leased: nobody has them alone.
    ///
    /// # Errors
    /// [`StoreError::Held`], [`StoreError::Leased`], and [`StoreError::Duration`].
    pub fn lease(&mut self, wanted: &Wanted<'_>, lasts: Duration) -> Result<(Token, Lease), StoreError> {
        if !(LEAST..=LONGEST).contains(&lasts) {
            return Err(StoreError::Duration(lasts.as_secs()));
        }
        let token = Token::random()?;
        let locks = self.locks();
        let leased = self.change(|change| {
            if let Some(why) = crate::hold::refused(change, wanted, &locks)? {
                return Ok(Err(why));
            }
            let until = change.now.checked_add(lasts).unwrap_or(Timestamp::MAX);
            let (since, until) = (change.now.to_string(), until.to_string());
            change.transaction.execute(
                "INSERT INTO leases (token_sha256, holder, reason, since, until) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![token.sha256(), wanted.holder, wanted.reason, since, until],
            )?;
            let id = change.transaction.last_insert_rowid();
            let mut resources: Vec<String> = Vec::new();
            for (resource, _) in wanted.resources.iter().filter(|(_, of)| *of == Use::Alone) {
                if !resources.contains(resource) {
                    change.transaction.execute("INSERT INTO leased VALUES (?1, ?2)", params![resource, id])?;
                    resources.push(resource.clone());
                }
            }
            let detail =
                json!({"resources": resources, "holder": wanted.holder, "reason": wanted.reason, "until": until});
            change.note("lease.taken", &id.to_string(), &detail)?;
            let (holder, reason) = (wanted.holder.to_owned(), wanted.reason.to_owned());
            Ok(Ok(Lease { id, resources, holder, reason, since, until }))
        });
        Ok((token, leased.and_then(|leased| leased)?))
    }

    /// Gives a lease back before its time.
    ///
    /// # Errors
    /// [`StoreError::NoLease`] if no lease has that token.
    pub fn end_lease(&mut self, token: &Token) -> Result<(), StoreError> {
        self.change(|change| {
            clear(change)?;
            let id: i64 = change
                .transaction
                .query_row("SELECT id FROM leases WHERE token_sha256 = ?1", [token.sha256()], |row| row.get(0))
                .optional()?
                .ok_or(StoreError::NoLease)?;
            change.transaction.execute("DELETE FROM leases WHERE id = ?1", [id])?;
            change.note("lease.returned", &id.to_string(), &json!({}))
        })
    }

    /// The leases that have not ended.
    ///
    /// # Errors
    /// If the store fails.
    pub fn leases(&mut self) -> Result<Vec<Lease>, StoreError> {
        self.change(|change| {
            clear(change)?;
            let mut all =
                change.transaction.prepare("SELECT id, holder, reason, since, until FROM leases ORDER BY id")?;
            let mut leases: Vec<Lease> = all
                .query_map([], |row| {
                    let (id, holder, reason) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    Ok(Lease { id, resources: Vec::new(), holder, reason, since: row.get(3)?, until: row.get(4)? })
                })?
                .collect::<Result<_, _>>()?;
            for lease in &mut leases {
                let mut of =
                    change.transaction.prepare("SELECT resource FROM leased WHERE lease = ?1 ORDER BY resource")?;
                lease.resources = of.query_map([lease.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            }
            Ok(leases)
        })
    }
}

/// Whether a token is that of a lease that has not ended.
pub(crate) fn is_known(change: &Change<'_>, token: &Token) -> Result<bool, StoreError> {
    clear(change)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM leases WHERE token_sha256 = ?1)";
    Ok(change.transaction.query_row(sql, [token.sha256()], |row| row.get(0))?)
}

/// Why a lease keeps somebody from a port, if one does.
pub(crate) fn refused_by_lease(
    change: &Change<'_>,
    resource: &str,
    own: Option<&Token>,
) -> Result<Option<StoreError>, StoreError> {
    clear(change)?;
    let found = change.transaction.query_row(
        "SELECT token_sha256, holder, reason, until FROM leases JOIN leased ON lease = id WHERE resource = ?1",
        [resource],
        |row| {
            let of: (String, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(of)
        },
    );
    let Some((token_sha256, holder, reason, until)) = found.optional()? else { return Ok(None) };
    let is_own = own.is_some_and(|own| own.sha256() == token_sha256);
    Ok((!is_own).then(|| StoreError::Leased { resource: resource.to_owned(), holder, reason, until }))
}

/// Ends the leases whose time is over.
fn clear(change: &Change<'_>) -> Result<(), StoreError> {
    let mut all = change.transaction.prepare("SELECT id, until FROM leases")?;
    let known: Vec<(i64, String)> =
        all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (id, until) in known {
        // What cannot be read has no end that anybody could wait for.
        if until.parse::<Timestamp>().is_ok_and(|until| until > change.now) {
            continue;
        }
        change.transaction.execute("DELETE FROM leases WHERE id = ?1", [id])?;
        change.note("lease.ended", &id.to_string(), &json!({"until": until}))?;
    }
    Ok(())
}

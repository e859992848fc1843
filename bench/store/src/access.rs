//! Access: who may ask the daemon for what, from wherever he does.
//!
//! Access is known by its token, which only its holder has; the store keeps the token's hash. What a request needs is not known
//! here.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::json;

use crate::error::StoreError;
use crate::lease::Token;
use crate::store::{Store, shown};

/// What somebody may do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See what runs and what has run.
    View,
    /// Submit jobs, and cancel them.
    Run,
    /// Answer operators' steps, and add remarks.
    Operate,
    /// Let jobs begin again at a station that was not safe.
    Administer,
}

impl Scope {
    /// All, the least first.
    pub const ALL: [Self; 4] = [Self::View, Self::Run, Self::Operate, Self::Administer];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Run => "run",
            Self::Operate => "operate",
            Self::Administer => "administer",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Access that was granted and not taken back; it may be over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    /// Whose, or what for.
    pub name: String,
    /// What he may do.
    pub scope: Scope,
    /// Since when.
    pub since: String,
    /// Until when, if it ends by itself.
    pub until: Option<String>,
}

const FIELDS: &str = "name, scope, since_ms, until_ms";

impl Access {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let scope: String = row.get(1)?;
        let until: Option<i64> = row.get(3)?;
        // The table holds no others; one of a later version allows least.
        let scope = Scope::named(&scope).unwrap_or(Scope::View);
        Ok(Self { name: row.get(0)?, scope, since: shown(row.get(2)?), until: until.map(shown) })
    }
}

impl Store {
    /// Grants access under a name, for a time or until it is taken back; the token is to be shown once.
    ///
    /// # Errors
    /// [`StoreError::Named`] if somebody has access under that name.
    pub fn grant(&mut self, name: &str, scope: Scope, lasts: Option<Duration>) -> Result<(Token, Access), StoreError> {
        let token = Token::random()?;
        let granted = self.change(|change| {
            let since_ms = change.now_ms();
            let until_ms = lasts.map(|lasts| since_ms.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)));
            // What is over makes room for its name.
            change.transaction.execute("DELETE FROM access WHERE name = ?1 AND until_ms <= ?2", params![name, since_ms])?;
            let insert = "INSERT OR IGNORE INTO access (name, token_sha256, scope, since_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = params![name, token.sha256(), scope.name(), since_ms, until_ms];
            if change.transaction.execute(insert, values)? == 0 {
                return Err(StoreError::Named(name.to_owned()));
            }
            let until = until_ms.map(shown);
            change.note_of("access.granted", name, &json!({"scope": scope.name(), "until": until}))?;
            Ok(Access { name: name.to_owned(), scope, since: shown(since_ms), until })
        });
        Ok((token, granted?))
    }

    /// Takes access back; who does it and why is in the audit log.
    ///
    /// # Errors
    /// [`StoreError::NoAccess`] if nobody has access under that name.
    pub fn revoke(&mut self, name: &str, because: &str) -> Result<(), StoreError> {
        self.change(|change| {
            if change.transaction.execute("DELETE FROM access WHERE name = ?1", [name])? == 0 {
                return Err(StoreError::NoAccess(name.to_owned()));
            }
            change.note_of("access.revoked", name, &json!({"because": because}))
        })
    }

    /// What a token allows now; nothing if it was never granted, was taken back, or is over.
    ///
    /// # Errors
    /// If the store fails.
    pub fn access_of(&self, token: &Token) -> Result<Option<Access>, StoreError> {
        let find =
            format!("SELECT {FIELDS} FROM access WHERE token_sha256 = ?1 AND (until_ms IS NULL OR until_ms > ?2)");
        let now_ms = jiff::Timestamp::now().as_millisecond();
        Ok(self.connection.query_row(&find, params![token.sha256(), now_ms], Access::of).optional()?)
    }

    /// Who has access, in the order of their names.
    ///
    /// # Errors
    /// If the store fails.
    pub fn accesses(&self) -> Result<Vec<Access>, StoreError> {
        let mut all = self.connection.prepare(&format!("SELECT {FIELDS} FROM access ORDER BY name"))?;
        Ok(all.query_map([], Access::of)?.collect::<Result<_, _>>()?)
    }
}

//! Holds: which process uses which port now.
//!
//! A hold is a row of the store and a lock of the kernel on a file of its own. The row says who and why; the lock says whether
//! that is still so, since the kernel lets go of it when its process ends, be it by kill -9. A row without its lock is cleared
//! away by whoever meets it.

use std::fs::File;
use std::path::Path;

use rusqlite::{OptionalExtension, Row, params};
use rustix::fs::{FlockOperation, flock};
use serde_json::json;

use crate::error::StoreError;
use crate::lease::{Token, is_known, refused_by_lease};
use crate::store::{Change, Store};

/// How a port is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Beside others, as an instrument that all stations of a rig read.
    Shared,
    /// By nobody else.
    Alone,
}

/// What is wanted of which ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The ports, each by one name whoever asks.
    pub resources: &'a [(String, Use)],
    /// Who, for those who have to wait.
    pub holder: &'a str,
    /// What for.
    pub reason: &'a str,
    /// The lease under which it is used, if there is one.
    pub lease: Option<&'a Token>,
}

/// Who uses something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The ports.
    pub resources: Vec<String>,
    /// Who.
    pub holder: String,
    /// What for.
    pub reason: String,
    /// Since when.
    pub since: String,
}

/// Ports that are this process's until it is dropped, or the process ends.
#[must_use = "the ports are let go when it is dropped"]
pub struct Hold {
    store: Store,
    id: i64,
    lock: String,
    /// Locked; the lock goes with it.
    _file: File,
}

/// A hold as the store knows it.
struct Known {
    id: i64,
    lock: String,
    holder: String,
    reason: String,
    since: String,
    alone: bool,
}

impl Known {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            lock: row.get(1)?,
            holder: row.get(2)?,
            reason: row.get(3)?,
            since: row.get(4)?,
            alone: row.get(5)?,
        })
    }
}

impl Hold {
    /// Takes ports, all or none, and does not wait.
    ///
    /// The store is the hold's own from then on: it is needed when the ports are let go.
    ///
    /// # Errors
    /// [`StoreError::Held`] and [`StoreError::Leased`] if one of them is somebody else's.
    pub fn take(mut store: Store, wanted: &Wanted<'_>) -> Result<Self, StoreError> {
        let locks = store.locks();
        let (lock, file) = new_lock(&locks)?;
        let taken = store.change(|change| {
            let why = match refused(change, wanted, &locks)? {
                None => return insert(change, wanted, &lock).map(Ok),
                Some(why) => why,
            };
            // Not an error of the change: what was cleared away on the way stays so.
            Ok(Err(why))
        });
        match taken.and_then(|taken| taken) {
            Ok(id) => Ok(Self { store, id, lock, _file: file }),
            Err(why) => {
                drop(std::fs::remove_file(locks.join(&lock)));
                Err(why)
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let path = self.store.locks().join(&self.lock);
        let id = self.id;
        // If this fails, whoever meets the row finds that its lock is gone.
        drop(self.store.change(|change| {
            // Somebody may have cleared it away, if its lock was taken from it.
            if change.transaction.execute("DELETE FROM holds WHERE id = ?1", [id])? > 0 {
                change.note("hold.ended", &id.to_string(), &json!({}))?;
            }
            Ok(())
        }));
        drop(std::fs::remove_file(path));
    }
}

impl Store {
    /// Who uses what now, in the order in which they took it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn holders(&mut self) -> Result<Vec<Holder>, StoreError> {
        let locks = self.locks();
        self.change(|change| {
            let ids: Vec<i64> = {
                let mut all = change.transaction.prepare("SELECT id FROM holds ORDER BY id")?;
                all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
            };
            let mut holders = Vec::new();
            for id in ids {
                let known = change.transaction.query_row(
                    "SELECT id, lock, holder, reason, since, 0 FROM holds WHERE id = ?1",
                    [id],
                    Known::of,
                )?;
                if is_gone(change, &known, &locks)? {
                    continue;
                }
                let mut of =
                    change.transaction.prepare("SELECT resource FROM held WHERE hold = ?1 ORDER BY resource")?;
                let resources = of.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
                let Known { holder, reason, since, .. } = known;
                holders.push(Holder { resources, holder, reason, since });
            }
            Ok(holders)
        })
    }
}

/// Makes a lock of a new name and takes it.
fn new_lock(locks: &Path) -> Result<(String, File), StoreError> {
    // A process id alone comes again; the moment tells two of one process apart.
    let moment = jiff::Timestamp::now().as_nanosecond();
    let name = format!("{}-{moment}", std::process::id());
    let path = locks.join(&name);
    let file = File::create_new(&path).map_err(|e| StoreError::io(&path, e))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|e| StoreError::io(&path, e))?;
    Ok((name, file))
}

/// Why the ports cannot be had, if they cannot.
pub(crate) fn refused(
    change: &Change<'_>,
    wanted: &Wanted<'_>,
    locks: &Path,
) -> Result<Option<StoreError>, StoreError> {
    if let Some(token) = wanted.lease
        && !is_known(change, token)?
    {
        return Ok(Some(StoreError::NoLease));
    }
    for (resource, of) in wanted.resources {
        if let Some(why) = refused_by_lease(change, resource, wanted.lease)? {
            return Ok(Some(why));
        }
        if let Some(known) = in_the_way(change, resource, *of, locks)? {
            let Known { holder, reason, since, .. } = known;
            return Ok(Some(StoreError::Held { resource: resource.clone(), holder, since, reason }));
        }
    }
    Ok(None)
}

/// A process that uses a port so that another use is not possible.
fn in_the_way(change: &Change<'_>, resource: &str, of: Use, locks: &Path) -> Result<Option<Known>, StoreError> {
    let mut found = change.transaction.prepare(
        "SELECT id, lock, holder, reason, since, alone FROM holds JOIN held ON hold = id WHERE resource = ?1 ORDER BY id",
    )?;
    let known: Vec<Known> = found.query_map([resource], Known::of)?.collect::<Result<_, _>>()?;
    for known in known {
        if !is_gone(change, &known, locks)? && (known.alone || of == Use::Alone) {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

/// Whether the process of a hold has ended; then the hold is cleared away.
fn is_gone(change: &Change<'_>, known: &Known, locks: &Path) -> Result<bool, StoreError> {
    let path = locks.join(&known.lock);
    match File::open(&path) {
        Ok(file) => {
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                return Ok(false);
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        // Who cannot look takes it to be in use.
        Err(_) => return Ok(false),
    }
    change.transaction.execute("DELETE FROM holds WHERE id = ?1", [known.id])?;
    let detail = json!({"holder": known.holder, "reason": known.reason, "since": known.since});
    change.note("hold.abandoned", &known.id.to_string(), &detail)?;
    drop(std::fs::remove_file(path));
    Ok(true)
}

fn insert(change: &Change<'_>, wanted: &Wanted<'_>, lock: &str) -> Result<i64, StoreError> {
    change.transaction.execute(
        "INSERT INTO holds (lock, holder, reason, since) VALUES (?1, ?2, ?3, ?4)",
        params![lock, wanted.holder, wanted.reason, change.now.to_string()],
    )?;
    let id = change.transaction.last_insert_rowid();
    for (resource, of) in wanted.resources {
        // Twice in one rig, as a module that has line and valve: the stricter use counts.
        let known: Option<bool> = change
            .transaction
            .query_row("SELECT alone FROM held WHERE resource = ?1 AND hold = ?2", params![resource, id], |row| {
                row.get(0)
            })
            .optional()?;
        let alone = known.unwrap_or(false) || *of == Use::Alone;
        change.transaction.execute(
            "INSERT OR REPLACE INTO held (resource, hold, alone) VALUES (?1, ?2, ?3)",
            params![resource, id, alone],
        )?;
    }
    let resources: Vec<&str> = wanted.resources.iter().map(|(resource, _)| resource.as_str()).collect();
    let detail = json!({"resources": resources, "holder": wanted.holder, "reason": wanted.reason});
    change.note("hold.taken", &id.to_string(), &detail)?;
    Ok(id)
}

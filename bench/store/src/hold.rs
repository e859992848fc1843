//! Holds: which process uses which port now.
//!
//! A hold is a row of the store and locks of the kernel: one on a file of its own and one on a file of each port. The row says
//! who and why; the hold's lock says whether that is still so, since the kernel lets go of it when its process ends, be it by
//! kill -9. A row without its lock is cleared away by whoever meets it. The ports' locks keep two apart whatever the rows say.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rusqlite::{Row, params};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::{Set, StoreError};
use crate::lease::{self, Token};
use crate::quarantine;
use crate::store::{Change, FILE_MODE, Store, share, shown};

/// How the name of a port's lock begins; a hold's begins with a number.
const PORT: &str = "port-";

/// How a port is used; of two uses by one, the greater counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Beside others, as a module that has something for each station.
    Shared,
    /// Beside others that want it set to the same, as a bath to a temperature.
    At(String),
    /// By nobody else.
    Alone,
}

impl Use {
    /// What it is to be set to, if others may have it so as well.
    #[must_use]
    pub fn setting(&self) -> Option<&str> {
        if let Self::At(setting) = self { Some(setting) } else { None }
    }
}

/// What several runs need one after the other: what they all need at one setting is had so, and anything else alone.
#[must_use]
pub fn needs_of_all(runs: impl IntoIterator<Item = BTreeMap<String, Use>>) -> BTreeMap<String, Use> {
    let mut all: BTreeMap<String, Use> = BTreeMap::new();
    for (resource, of) in runs.into_iter().flatten() {
        let known = all.entry(resource).or_insert_with(|| of.clone());
        if *known != of {
            *known = Use::Alone;
        }
    }
    all
}

/// What is wanted of which ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The ports, each by one name whoever asks.
    pub resources: &'a BTreeMap<String, Use>,
    /// Who, for those who have to wait.
    pub holder: &'a str,
    /// What for.
    pub reason: &'a str,
    /// The lease under which it is used, if there is one.
    pub lease: Option<&'a Token>,
}

/// Who uses something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Its number.
    pub id: i64,
    /// The ports.
    pub resources: Vec<String>,
    /// Who.
    pub holder: String,
    /// What for.
    pub reason: String,
    /// The number of the lease under which it was taken.
    pub lease: Option<i64>,
    /// Since when.
    pub since: String,
}

/// Ports that are this process's until it is dropped, or the process ends.
#[must_use = "the ports are let go when it is dropped"]
pub struct Hold {
    store: Store,
    id: i64,
    /// Whether a run is made with them.
    makes: bool,
    /// Let go behind the row.
    _lock: Lock,
}

/// Locks of the kernel: on a hold's own file, which goes with it, and on those of its ports, which stay.
struct Lock {
    path: PathBuf,
    files: Vec<File>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// A hold as the store knows it.
struct Known {
    id: i64,
    lock: String,
    holder: String,
    reason: String,
    lease: Option<i64>,
    since: String,
    /// The folder of the run that it makes, with the rig and the station.
    run: Option<(String, String, String)>,
}

impl Known {
    const FIELDS: &str = "id, lock, holder, reason, lease, since_ms, run, rig, station";

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            lock: row.get(1)?,
            holder: row.get(2)?,
            reason: row.get(3)?,
            lease: row.get(4)?,
            since: shown(row.get(5)?),
            run: row
                .get::<_, Option<String>>(6)?
                .map(|run| Ok::<_, rusqlite::Error>((run, row.get(7)?, row.get(8)?)))
                .transpose()?,
        })
    }
}

impl Hold {
    /// Takes ports, all or none, and does not wait.
    ///
    /// The store is the hold's own from then on: it is needed when the ports are let go.
    ///
    /// # Errors
    /// [`StoreError::Held`] and [`StoreError::Leased`] if one of them is somebody else's, [`StoreError::NoLease`] for a token
    /// of none.
    pub fn take(mut store: Store, wanted: &Wanted<'_>) -> Result<Self, StoreError> {
        let locks = store.locks();
        let taken = store.change(|change| {
            lease::clear(change)?;
            let own = match wanted.lease.map(|token| lease::id_of(change, token)).transpose() {
                Err(why @ StoreError::NoLease(_)) => return Ok(Err(why)),
                own => own?,
            };
            // Not an error of the change: what was cleared away on the way stays so.
            if let Some(why) = refused(change, wanted.resources, own, &locks)? {
                return Ok(Err(why));
            }
            // Within the change: nobody looks for locks without a row meanwhile.
            let (name, mut lock) = new_lock(&locks)?;
            for (resource, of) in wanted.resources {
                match lock_port(&locks, resource, of)? {
                    Some(file) => lock.files.push(file),
                    None => return Ok(Err(unknown(resource))),
                }
            }
            Ok(Ok((insert(change, wanted, own, &name)?, lock)))
        });
        let (id, lock) = taken??;
        Ok(Self { store, id, makes: false, _lock: lock })
    }

    /// A run is made with them, in that folder, at that station of that rig, or none any more. If the process ends in the midst of it, or
    /// lets them go, the station is kept apart until the run is brought to its end.
    ///
    /// # Errors
    /// If the store fails.
    pub fn makes(&mut self, run: Option<(&Path, &str, &str)>) -> Result<(), StoreError> {
        let folder = run.map(|(folder, ..)| folder.display().to_string());
        let (rig, station) = run.map(|(_, rig, station)| (rig, station)).unzip();
        let id = self.id;
        self.makes = run.is_some();
        self.store.change(|change| {
            let note = "UPDATE holds SET run = ?2, rig = ?3, station = ?4 WHERE id = ?1";
            change.transaction.execute(note, params![id, folder, rig, station])?;
            change.note("hold.makes", id, &json!({"run": folder}))
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.makes {
            // Its run was left: whoever meets the row finds that its lock is gone.
            return;
        }
        let id = self.id;
        // If this fails, whoever meets the row finds that its lock is gone.
        drop(self.store.change(|change| {
            // Somebody may have cleared it away, if its lock was taken from it.
            if change.transaction.execute("DELETE FROM holds WHERE id = ?1", [id])? > 0 {
                change.note("hold.ended", id, &json!({}))?;
            }
            Ok(())
        }));
    }
}

impl Store {
    /// Who uses what now, in the order in which they took it. What was left by processes that ended is cleared away.
    ///
    /// # Errors
    /// If the store fails.
    pub fn holders(&mut self) -> Result<Vec<Holder>, StoreError> {
        let locks = self.locks();
        self.change(|change| {
            let mut all = change.transaction.prepare(&format!("SELECT {} FROM holds ORDER BY id", Known::FIELDS))?;
            let known: Vec<Known> = all.query_map([], Known::of)?.collect::<Result<_, _>>()?;
            sweep(&locks, &known);
            let mut holders = Vec::new();
            for known in known {
                if is_gone(change, &known, &locks)? {
                    continue;
                }
                let mut of =
                    change.transaction.prepare("SELECT resource FROM held WHERE hold = ?1 ORDER BY resource")?;
                let resources = of.query_map([known.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
                let Known { id, holder, reason, lease, since, .. } = known;
                holders.push(Holder { id, resources, holder, reason, lease, since });
            }
            Ok(holders)
        })
    }
}

/// Makes a lock of a new name and takes it.
fn new_lock(locks: &Path) -> Result<(String, Lock), StoreError> {
    // A process id alone comes again; the moment tells two of one process apart.
    let moment = jiff::Timestamp::now().as_nanosecond();
    let name = format!("{}-{moment}", std::process::id());
    let path = locks.join(&name);
    let file = File::create_new(&path).map_err(|e| StoreError::io(&path, e))?;
    let lock = Lock { path, files: vec![file] };
    flock(&lock.files[0], FlockOperation::NonBlockingLockExclusive).map_err(|e| StoreError::io(&lock.path, e))?;
    // Whoever can read it can look whether it is taken.
    share(&lock.path, FILE_MODE)?;
    Ok((name, lock))
}

/// Takes the lock of a port, whose file stays; `None` if somebody has it.
fn lock_port(locks: &Path, resource: &str, of: &Use) -> Result<Option<File>, StoreError> {
    let path = locks.join(format!("{PORT}{}", HEXLOWER.encode(&Sha256::digest(resource.as_bytes()))));
    let io = |e: std::io::Error| StoreError::io(&path, e);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let file = File::create_new(&path).map_err(io)?;
            share(&path, FILE_MODE)?;
            file
        }
        Err(error) => return Err(io(error)),
    };
    let wanted = match of {
        Use::Alone => FlockOperation::NonBlockingLockExclusive,
        // To what it is set, the rows alone tell.
        Use::Shared | Use::At(_) => FlockOperation::NonBlockingLockShared,
    };
    match flock(&file, wanted) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(StoreError::io(&path, error)),
    }
}

/// The port is used, but no row says by whom: somebody has removed it.
fn unknown(resource: &str) -> StoreError {
    let (resource, holder, since) =
        (resource.to_owned(), "a process that the store does not know".to_owned(), "before".into());
    StoreError::Held { resource, holder, since, reason: "its row was removed".to_owned() }
}

/// Why the ports cannot be had, if they cannot, by whoever has that lease.
pub(crate) fn refused(
    change: &Change<'_>,
    resources: &BTreeMap<String, Use>,
    own: Option<i64>,
    locks: &Path,
) -> Result<Option<StoreError>, StoreError> {
    for (resource, of) in resources {
        if let Some(why) = lease::refused(change, resource, of, own)? {
            return Ok(Some(why));
        }
        if let Some((known, setting)) = in_the_way(change, resource, of, locks)? {
            let (Known { holder, reason, since, .. }, resource) = (known, resource.clone());
            return Ok(Some(match (setting, of) {
                (Some(found), Use::At(wanted)) => {
                    let wanted = wanted.clone();
                    StoreError::Set(Box::new(Set { resource, wanted, found, holder, since, reason }))
                }
                _ => StoreError::Held { resource, holder, since, reason },
            }));
        }
    }
    Ok(None)
}

/// A process that uses a port so that another use is not possible, and what it has it set to.
fn in_the_way(
    change: &Change<'_>,
    resource: &str,
    of: &Use,
    locks: &Path,
) -> Result<Option<(Known, Option<String>)>, StoreError> {
    let mut found = change.transaction.prepare(&format!(
        "SELECT {}, alone, setting FROM holds JOIN held ON hold = id WHERE resource = ?1 ORDER BY id",
        Known::FIELDS
    ))?;
    let with_use = |row: &Row<'_>| Ok((Known::of(row)?, row.get(9)?, row.get(10)?));
    let known: Vec<(Known, bool, Option<String>)> = found.query_map([resource], with_use)?.collect::<Result<_, _>>()?;
    for (known, alone, setting) in known {
        let other = |wanted: &String| setting.as_ref().is_some_and(|setting| setting != wanted);
        let is_other = matches!(of, Use::At(wanted) if other(wanted));
        if !is_gone(change, &known, locks)? && (alone || *of == Use::Alone || is_other) {
            return Ok(Some((known, setting)));
        }
    }
    Ok(None)
}

/// Whether nobody has a lock; `None` if that cannot be told.
fn is_free(path: &Path) -> Option<bool> {
    match File::open(path) {
        Ok(file) => Some(flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(true),
        Err(_) => None,
    }
}

/// Whether the process of a hold has ended; then the hold is cleared away. Who cannot look takes it to be in use.
fn is_gone(change: &Change<'_>, known: &Known, locks: &Path) -> Result<bool, StoreError> {
    let path = locks.join(&known.lock);
    if is_free(&path) != Some(true) {
        return Ok(false);
    }
    if let Some((run, rig, station)) = &known.run {
        let mut own = change.transaction.prepare("SELECT resource FROM held WHERE hold = ?1 AND alone = 1")?;
        let own: Vec<String> = own.query_map([known.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        quarantine::keep_apart_for(change, (rig, station), (run, &known.holder), &own)?;
    }
    change.transaction.execute("DELETE FROM holds WHERE id = ?1", [known.id])?;
    let detail = json!({"holder": known.holder, "reason": known.reason, "since": known.since});
    change.note("hold.abandoned", known.id, &detail)?;
    drop(std::fs::remove_file(path));
    Ok(true)
}

/// Removes the locks that no row names, left by processes that were killed before they had one.
fn sweep(locks: &Path, known: &[Known]) {
    for entry in std::fs::read_dir(locks).into_iter().flatten().flatten() {
        let is_named = known.iter().any(|known| entry.file_name() == *known.lock);
        let is_port = entry.file_name().as_encoded_bytes().starts_with(PORT.as_bytes());
        if !is_named && !is_port && is_free(&entry.path()) == Some(true) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

fn insert(change: &Change<'_>, wanted: &Wanted<'_>, lease: Option<i64>, lock: &str) -> Result<i64, StoreError> {
    change.transaction.execute(
        "INSERT INTO holds (lock, holder, reason, lease, since_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![lock, wanted.holder, wanted.reason, lease, change.now_ms()],
    )?;
    let id = change.transaction.last_insert_rowid();
    for (resource, of) in wanted.resources {
        let (alone, setting) = (*of == Use::Alone, of.setting());
        change
            .transaction
            .execute("INSERT INTO held VALUES (?1, ?2, ?3, ?4)", params![resource, id, alone, setting])?;
    }
    let detail =
        json!({"resources": wanted.resources, "holder": wanted.holder, "reason": wanted.reason, "lease": lease});
    change.note("hold.taken", id, &detail)?;
    Ok(id)
}

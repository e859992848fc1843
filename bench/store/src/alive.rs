//! Whether somebody works on a job: who has its lock does, until the kernel takes it from him.
//!
//! The time of the lock's file tells when he last said that he goes on, which decides nothing of that.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{FlockOperation, Timespec, Timestamps, UTIME_NOW, flock, futimens};
use rustix::io::Errno;

use crate::error::StoreError;
use crate::store::{FILE_MODE, Store, share};

impl Store {
    /// The lock of a job that runs, for whoever brings it to its end; `None` if somebody has it. The process that had it is
    /// forgotten: another one may have its number by now.
    ///
    /// # Errors
    /// If there can be no lock.
    pub fn lock_job(&mut self, id: i64) -> Result<Option<File>, StoreError> {
        let folder = self.jobs_folder();
        self.change(|change| {
            let lock = lock(&folder, &id.to_string())?;
            if lock.is_some() {
                change.transaction.execute("UPDATE jobs SET process = NULL WHERE id = ?1", [id])?;
            }
            Ok(lock)
        })
    }

    /// Whether a process works on a job: whether it has the job's lock.
    ///
    /// # Errors
    /// If the lock cannot be looked at.
    pub fn job_is_alive(&self, id: i64) -> Result<bool, StoreError> {
        let path = self.jobs_folder().join(id.to_string());
        match File::open(&path) {
            Ok(lock) => Ok(flock(&lock, FlockOperation::NonBlockingLockShared).is_err()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io(&path, error)),
        }
    }

    /// When the process that works on a job has told last that it goes on: the time of its lock, which it sets each second. One that
    /// has stood still since tells nothing; whether it is alive only the lock itself does.
    ///
    /// # Errors
    /// If the lock cannot be looked at.
    pub fn job_beat(&self, id: i64) -> Result<SystemTime, StoreError> {
        let path = self.jobs_folder().join(id.to_string());
        let modified = std::fs::metadata(&path).and_then(|lock| lock.modified());
        modified.map_err(|error| StoreError::io(&path, error))
    }

    /// Whether the time of a file beside the locks can be set now: where it cannot, a process that does not set its own need not have
    /// stood still.
    #[must_use]
    pub fn can_beat(&self) -> bool {
        let path = self.jobs_folder().join("beat");
        let file = File::options().create(true).append(true).open(&path);
        file.is_ok_and(|file| share(&path, FILE_MODE).is_ok() && beat(file).is_ok())
    }
}

/// Sets the time of a file to now: of a job's lock, as a sign that the job goes on.
///
/// # Errors
/// If it cannot be set.
pub fn beat(file: impl AsFd) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: now, last_modification: now })?)
}

/// Takes a lock by its name; `None` if somebody has it.
pub(crate) fn lock(folder: &Path, name: &str) -> Result<Option<File>, StoreError> {
    let path = folder.join(name);
    let io = |e: io::Error| StoreError::io(&path, e);
    let lock = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let lock = File::create_new(&path).map_err(io)?;
            share(&path, FILE_MODE)?;
            lock
        }
        opened => opened.map_err(io)?,
    };
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(StoreError::io(&path, error)),
    }
}

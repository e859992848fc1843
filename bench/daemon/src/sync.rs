//! Syncing the record to disk, by the wall clock, on a thread of its own.
//!
//! The loop never waits for the disk but for one case: the intent of a command that delivers drug.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use record::SyncHandle;

/// How often the record is synced.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

/// The thread that syncs.
pub(crate) struct Syncer {
    handles: Sender<SyncHandle>,
    failures: Receiver<String>,
}

impl Syncer {
    /// Starts the thread; it ends when this is dropped.
    pub(crate) fn start() -> Self {
        let (handles, taken) = channel::<SyncHandle>();
        let (failed, failures) = channel();
        thread::spawn(move || work(&taken, &failed));
        Self { handles, failures }
    }

    /// What was written up to now is to be synced soon.
    pub(crate) fn request(&self, handle: SyncHandle) {
        // A thread that is gone has said why over the other channel.
        drop(self.handles.send(handle));
    }

    /// Why syncing failed, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failures.try_recv().ok()
    }
}

fn work(taken: &Receiver<SyncHandle>, failed: &Sender<String>) {
    let mut pending: Option<SyncHandle> = None;
    loop {
        match taken.recv_timeout(EVERY) {
            Ok(handle) => pending = Some(handle),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Ok(handle) = taken.try_recv() {
            pending = Some(handle);
        }
        if let Some(Err(error)) = pending.take().map(|h| h.sync_data()) {
            drop(failed.send(error.to_string()));
            return;
        }
    }
}

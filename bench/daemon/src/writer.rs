//! The record's own thread: events go there in batches, and the run never waits for the disk but before a command that
//! delivers drug.
//!
//! It owns the recorder. In real time a disk that hangs does not hold up the run until the queue is full, and then the
//! record is broken; under virtual time the run waits instead.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use domain::Event;
use record::{Recorder, WriteError};

/// How often what was written is synced, by the wall clock: the next look after that begins it, a beat of the loop later at most, and
/// the disk takes its time; all of it is to be less than a second.
const EVERY: Duration = Duration::from_millis(300);
/// How many events go to the thread at once, at most; in real time all that there are go at each sync.
const BATCH: usize = 256;
/// How many batches wait for the disk, at most.
const QUEUE: usize = 32;
/// The bound on waiting for the disk before a command that delivers.
const INTENT_WITHIN: Duration = Duration::from_secs(5);

/// A sync that takes longer is on record, once it is done: what came meanwhile would have been lost with the host.
const SLOW: Duration = Duration::from_secs(1);
/// A disk that takes nothing for so long does not come back: a run that goes on would be lost with this process.
const HANGS: Duration = Duration::from_secs(30);

/// Why, if the thread panicked; an error of the disk is told before the thread ends.
const ENDED: &str = "the record's thread ended before the run";

enum Job {
    Append(Vec<Event>),
    /// Flush and sync, then say so.
    Sync(SyncSender<()>),
    /// End the record with the run's wall time in s.
    Finish(f64),
}

/// The record, as the run sees it.
pub(crate) struct Writer {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
    /// Why the record cannot be written; set before the thread ends.
    failure: Arc<OnceLock<String>>,
    batch: Vec<Event>,
    /// Whether something was put there that no sync was asked for yet.
    unsynced: bool,
    real: bool,
    synced: Instant,
    /// The sync that was asked for last and is not known to be done, and when.
    syncing: Option<(Receiver<()>, Instant)>,
    /// How long one took that took long, until somebody has heard of it.
    slow: Option<Duration>,
}

impl Writer {
    /// Takes the recorder to a thread, which ends when this is dropped.
    pub(crate) fn start(recorder: Recorder, real: bool) -> Self {
        let (jobs, taken) = sync_channel(QUEUE);
        let failure = Arc::new(OnceLock::new());
        let failed = Arc::clone(&failure);
        let thread = thread::spawn(move || {
            if let Err(error) = work(recorder, &taken) {
                failed.get_or_init(|| error.to_string());
            }
        });
        Self {
            jobs,
            thread,
            failure,
            batch: Vec::new(),
            unsynced: false,
            real,
            synced: Instant::now(),
            syncing: None,
            slow: None,
        }
    }

    /// Why the record cannot be written, if it cannot.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Puts an event behind the others.
    pub(crate) fn append(&mut self, event: Event) {
        self.batch.push(event);
        self.unsynced = true;
        if self.batch.len() >= BATCH {
            self.submit();
        }
    }

    /// From time to time by the wall clock, what there is is written and synced. Under virtual time a run that can be
    /// repeated from its seed loses nothing, and a chunk for each second would cost its speed.
    pub(crate) fn look(&mut self) {
        if !self.real {
            return;
        }
        self.settle();
        if self.unsynced && self.synced.elapsed() >= EVERY {
            self.flush();
        }
    }

    /// How long the disk took for what it has now, if that was long; once.
    pub(crate) const fn slow(&mut self) -> Option<Duration> {
        self.slow.take()
    }

    /// Looks whether the sync that was asked for last is done, and how long it took.
    fn settle(&mut self) {
        let Some((done, asked)) = &self.syncing else { return };
        let took = asked.elapsed();
        if done.try_recv() != Err(TryRecvError::Empty) {
            self.syncing = None;
            self.slow = self.slow.max(Some(took).filter(|took| *took > SLOW));
        } else if took > HANGS {
            self.fail(&format!("the disk has taken nothing for {}", domain::time::span(HANGS)));
        }
    }

    /// Asks for what there is to be written and synced soon, unless that was asked already and is not yet done.
    pub(crate) fn flush(&mut self) {
        self.settle();
        self.synced = Instant::now();
        if self.syncing.is_none() {
            self.syncing = Some((self.sync(), self.synced));
            self.unsynced = false;
        }
    }

    /// Returns when the disk has everything; a disk that hangs is a record that cannot be written.
    pub(crate) async fn sync_intent(&mut self) {
        let done = self.sync();
        if !self.real {
            // Waiting for a task lets virtual time pass if the runtime is idle, so a virtual run waits with its thread.
            if done.recv().is_err() {
                self.fail(ENDED);
            }
            return;
        }
        let waited = tokio::task::spawn_blocking(move || done.recv_timeout(INTENT_WITHIN)).await;
        if !matches!(waited, Ok(Ok(()))) {
            self.fail("the disk did not take a command's intent in 5 s");
        }
    }

    /// Closes the record with the run's wall time in s.
    pub(crate) fn finish(mut self, wall_seconds: f64) -> Result<(), String> {
        self.submit();
        self.send(Job::Finish(wall_seconds));
        drop(self.jobs);
        if self.thread.join().is_err() {
            self.failure.get_or_init(|| ENDED.to_owned());
        }
        self.failure.get().map_or(Ok(()), |why| Err(why.clone()))
    }

    fn sync(&mut self) -> Receiver<()> {
        self.submit();
        let (said, done) = sync_channel(1);
        self.send(Job::Sync(said));
        done
    }

    fn submit(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
            self.send(Job::Append(batch));
        }
    }

    fn send(&self, job: Job) {
        let sent = if self.real {
            self.jobs.try_send(job)
        } else {
            self.jobs.send(job).map_err(|gone| TrySendError::Disconnected(gone.0))
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.fail("the disk hangs, and the events that wait for it have become too many");
            }
            Err(TrySendError::Disconnected(_)) => self.fail(ENDED),
        }
    }

    /// The first reason stays.
    fn fail(&self, why: &str) {
        self.failure.get_or_init(|| why.to_owned());
    }
}

fn work(mut recorder: Recorder, jobs: &Receiver<Job>) -> Result<(), WriteError> {
    for job in jobs {
        match job {
            Job::Append(events) => events.iter().try_for_each(|event| recorder.append(event))?,
            Job::Sync(said) => {
                recorder.sync()?;
                // Who asked may have stopped waiting.
                said.send(()).unwrap_or_default();
            }
            Job::Finish(wall_seconds) => return recorder.finish(wall_seconds).map(drop),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer whose disk was asked for a sync so long ago; to be dropped together with what the sync is waited for on.
    fn asked(ago: Duration) -> (Writer, SyncSender<()>, Receiver<Job>) {
        let (jobs, taken) = sync_channel(QUEUE);
        let (said, done) = sync_channel(1);
        let asked = Instant::now().checked_sub(ago).expect("this host has run for longer");
        let (failure, thread) = (Arc::new(OnceLock::new()), thread::spawn(|| {}));
        let (batch, synced) = (Vec::new(), Instant::now());
        let syncing = Some((done, asked));
        (Writer { jobs, thread, failure, batch, unsynced: false, real: true, synced, syncing, slow: None }, said, taken)
    }

    #[test]
    fn a_disk_that_was_slow_is_told_of_once_it_has_taken_the_record() {
        let (mut writer, said, _taken) = asked(Duration::from_secs(3));
        writer.look();
        assert_eq!(writer.slow(), None, "it has not taken it yet");
        said.send(()).expect("waited for");
        writer.look();
        assert!(writer.slow().is_some_and(|took| took >= Duration::from_secs(3)));
        assert_eq!((writer.slow(), writer.failure()), (None, None));
        let (mut writer, said, _taken) = asked(Duration::ZERO);
        said.send(()).expect("waited for");
        writer.look();
        assert_eq!(writer.slow(), None);
    }

    #[test]
    fn a_disk_that_hangs_is_a_record_that_cannot_be_written() {
        let (mut writer, _said, _taken) = asked(HANGS + Duration::from_secs(1));
        writer.look();
        assert_eq!(writer.failure(), Some("the disk has taken nothing for 30 s"));
    }
}

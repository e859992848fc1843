//! Reads a record on three threads: one has the files, one the digest, and the caller's the events.
//!
//! What comes out is what one thread would give, event by event; only the time differs.

use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use domain::Event;
use record::{Events, ReadError, Reader, Stamp, Tail};

/// So many parts wait at most between two threads: enough that none stands still, little to hold.
const AHEAD: usize = 8;

/// Gives each event of a record in order, as [`Reader::for_each`] does.
pub(crate) fn follow(reader: &Reader, f: impl FnMut(Event)) -> Result<Tail, ReadError> {
    thread::scope(|scope| {
        let (raw, to_stamp) = sync_channel(AHEAD);
        let (stamped, parts) = sync_channel(AHEAD);
        let (used_up, again) = channel();
        // Whoever finds nobody at the other end stops.
        let read = scope.spawn(move || {
            reader.parts(|part| {
                raw.send(part).ok()?;
                Some(again.try_recv().unwrap_or_default())
            })
        });
        scope.spawn(move || {
            let mut stamp = Stamp::default();
            for mut part in to_stamp {
                stamp.stamp(&mut part);
                if stamped.send(part).is_err() {
                    break;
                }
            }
        });
        let mut events = Events::new(f);
        for part in &parts {
            match events.take(part)? {
                // Who reads may have come to the end.
                Some(part) => drop(used_up.send(part)),
                None => break,
            }
        }
        drop(parts);
        events.tail(read.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

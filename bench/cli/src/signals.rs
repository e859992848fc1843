//! SIGINT, SIGTERM and SIGHUP as messages.
//!
//! The handler does nothing but wake a thread; who listens decides what a signal means.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals as Caught;

/// Whether a signal has come, whoever took the message.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// The signals that ask this program to stop.
pub(crate) struct Signals {
    names: Receiver<&'static str>,
}

impl Signals {
    /// Catches them from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        let mut caught = Caught::new([SIGINT, SIGTERM, SIGHUP])?;
        let (send, names) = channel();
        thread::spawn(move || {
            for signal in &mut caught {
                STOPPED.store(true, Ordering::SeqCst);
                let name = match signal {
                    SIGINT => "SIGINT",
                    SIGTERM => "SIGTERM",
                    _ => "SIGHUP",
                };
                if send.send(name).is_err() {
                    return;
                }
            }
        });
        Ok(Self { names })
    }

    /// The next signal that has come, if one has.
    pub(crate) fn next(&self) -> Option<&'static str> {
        self.names.try_recv().ok()
    }

    /// Waits for a signal.
    pub(crate) fn wait(&self) -> &'static str {
        self.names.recv().unwrap_or("SIGTERM")
    }

    /// Whether any signal has come.
    pub(crate) fn stopped() -> bool {
        STOPPED.load(Ordering::SeqCst)
    }
}

//! SIGINT, SIGTERM and SIGHUP as messages, and SIGUSR1 where a run may be left as it is.
//!
//! The handler does nothing but wake a thread; who listens decides what a signal means.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals as Caught;

/// The host restarts: what can go on behind that is left as it is, anything else stops.
pub(crate) const LEAVE: &str = "SIGUSR1";

/// Whether a signal has come that asks to stop, whoever took the message.
static STOPPED: AtomicBool = AtomicBool::new(false);
/// How many have come.
static COUNT: AtomicU32 = AtomicU32::new(0);
/// Whether [`LEAVE`] has come, whoever took the message.
static LEAVES: AtomicBool = AtomicBool::new(false);

/// The signals that ask this program to stop, and the one that asks it to leave a run.
pub(crate) struct Signals {
    names: Receiver<&'static str>,
}

impl Signals {
    /// Catches those that ask to stop from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        Self::catch_all(&[SIGINT, SIGTERM, SIGHUP])
    }

    /// Catches [`LEAVE`] as well.
    pub(crate) fn catch_and_leave() -> io::Result<Self> {
        Self::catch_all(&[SIGINT, SIGTERM, SIGHUP, SIGUSR1])
    }

    fn catch_all(signals: &[i32]) -> io::Result<Self> {
        let mut caught = Caught::new(signals)?;
        let (send, names) = channel();
        thread::spawn(move || {
            for signal in &mut caught {
                let of = if signal == SIGUSR1 { &LEAVES } else { &STOPPED };
                of.store(true, Ordering::SeqCst);
                COUNT.fetch_add(1, Ordering::SeqCst);
                let name = match signal {
                    SIGINT => "SIGINT",
                    SIGTERM => "SIGTERM",
                    SIGUSR1 => LEAVE,
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

    /// How many signals have come.
    pub(crate) fn count() -> u32 {
        COUNT.load(Ordering::SeqCst)
    }

    /// Whether [`LEAVE`] has come.
    pub(crate) fn leaves() -> bool {
        LEAVES.load(Ordering::SeqCst)
    }

    /// Whether any signal has come that asks to stop.
    pub(crate) fn stopped() -> bool {
        STOPPED.load(Ordering::SeqCst)
    }
}

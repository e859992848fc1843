//! A rig that has to be served before it can be run against: another process of this program does it, and ends with us.
//!
//! It owns that process. Its standard input is held open and closed by the system however this process ends,
//! and it serves no longer than that.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rig::RigFile;

use crate::{Failure, child, load};

/// How long the rig may take until every port answers.
const SERVED_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A rig that is served until this is dropped.
pub(crate) struct ServedRig {
    /// Ends with this.
    _process: Process,
    /// The rig to run against.
    pub(crate) file: RigFile,
}

impl ServedRig {
    /// Serves a rig, by the argument that names it.
    pub(crate) fn start(argument: &str, seed: u64) -> Result<Self, Failure> {
        let seed = seed.to_string();
        let arguments = ["rig", "serve", argument, "--seed", &seed, "--while-stdin-is-open"];
        let told = child::start(&arguments, b"", SERVED_WITHIN)
            .map_err(|e| Failure::bench(format!("the rig cannot be served: {e}")))?;
        let process = Process { child: told.child };
        let path = told.line.ok_or_else(|| {
            let within = SERVED_WITHIN.as_secs();
            Failure::bench(format!(
                "expected the rig {argument} to be served within {within} s, but it was not; see above"
            ))
        })?;
        let file = load::rig_source(&path).and_then(|source| load::whole_rig(&source))?;
        Ok(Self { _process: process, file })
    }
}

/// The process, which ends with this, and its folder with it.
struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let give_up = Instant::now() + ENDED_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < give_up {
            thread::sleep(LOOK_EVERY);
        }
        child::end(&mut self.child);
    }
}

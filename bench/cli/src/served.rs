//! A rig that has to be served before it can be run against: another process of this program does it, and ends with us.
//!
//! It owns that process. Its standard input is held open and closed by the system however this process ends, and it serves
//! no longer than that.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rig::RigFile;

use crate::{Failure, load};

/// How long the rig may take until every port answers.
const SERVED_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A rig that is served until this is dropped.
pub(crate) struct ServedRig {
    child: Child,
    /// Closed to end it.
    stdin: Option<ChildStdin>,
    folder: PathBuf,
    /// The rig to run against.
    pub(crate) file: RigFile,
}

impl ServedRig {
    /// Serves a rig, by the argument that names it.
    pub(crate) fn start(argument: &str, seed: u64) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("dosebench-run-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| Failure::bench(format!("{}: {e}", folder.display())))?;
        let program = std::env::current_exe()
            .map_err(|e| Failure::bench(format!("this program cannot find itself, which serves the rig: {e}")))?;
        let mut command = Command::new(program);
        command.args(["rig", "serve", argument, "--seed", &seed.to_string(), "--while-stdin-is-open", "--out"]);
        command.arg(folder.join("rig.yaml")).stdin(Stdio::piped()).stdout(Stdio::piped());
        // A Ctrl-C on the terminal is for the run to act upon; the rig is needed until that has made it safe.
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| Failure::bench(format!("the rig cannot be served: {e}")))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let served = stdout.map(|stdout| {
            let (told, path) = channel();
            thread::spawn(move || {
                let mut line = String::new();
                let read = BufReader::new(stdout).read_line(&mut line);
                drop(told.send(read.map(|_| line)));
            });
            path.recv_timeout(SERVED_WITHIN)
        });
        let end = |child: &mut Child| {
            drop(child.kill());
            drop(child.wait());
            drop(std::fs::remove_dir_all(&folder));
        };
        let path = match served {
            Some(Ok(Ok(line))) if !line.trim().is_empty() => line.trim().to_owned(),
            _ => {
                end(&mut child);
                return Err(Failure::bench(format!(
                    "expected the rig {argument} to be served within {} s, but it was not; see above",
                    SERVED_WITHIN.as_secs()
                )));
            }
        };
        match load::rig_source(&path).and_then(|source| load::whole_rig(&source)) {
            Ok(file) => Ok(Self { child, stdin, folder, file }),
            Err(failure) => {
                end(&mut child);
                Err(failure)
            }
        }
    }
}

impl Drop for ServedRig {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let give_up = Instant::now() + ENDED_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < give_up {
            thread::sleep(LOOK_EVERY);
        }
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

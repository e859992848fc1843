//! This program again, as a process of its own that tells one line.
//!
//! It owns the wait for that line, bounded. It must not know what is told.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A process that was started, and the line that it told, if it did in time. Its standard input is open.
pub(crate) struct Told {
    pub(crate) child: Child,
    pub(crate) line: Option<String>,
}

/// Starts this program with these arguments, says something to it, and waits for a line.
///
/// It gets a process group of its own: a Ctrl-C on the terminal is for whoever started it to act upon.
pub(crate) fn start(arguments: &[&str], say: &[u8], within: Duration) -> io::Result<Told> {
    let mut command = Command::new(rig::ourselves()?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    if let Some(stdin) = &mut child.stdin {
        stdin.write_all(say)?;
    }
    let (told, line) = channel();
    let stdout = child.stdout.take();
    thread::spawn(move || {
        let mut line = String::new();
        let read = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
        drop(told.send(matches!(read, Some(Ok(1..))).then_some(line)));
    });
    let line = line.recv_timeout(within).ok().flatten().map(|line| line.trim().to_owned());
    Ok(Told { child, line })
}

/// Ends a process, whatever it is doing.
pub(crate) fn end(child: &mut Child) {
    // It may be gone already.
    drop(child.kill());
    drop(child.wait());
}

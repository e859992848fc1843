//! A run's derived files, made by `dosebench report` in a process of its own: what it reads may be wrong, and what it writes to may
//! hang.
//!
//! It is waited for while it may still be of use; a record can be reported later as well.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::job;
use crate::signals::Signals;

/// How long a report may take: that of a long run, on a busy machine.
const WITHIN: Duration = Duration::from_secs(600);
/// How long it may still take once somebody has asked to stop: whoever ends a daemon waits for its jobs a minute, safe stops included.
const ASKED_WITHIN: Duration = Duration::from_secs(30);
/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// Has the run's files made, and reads the summary.
pub(crate) fn summary(folder: &Path) -> Result<Value, String> {
    let program = rig::ourselves().map_err(|e| format!("this program cannot find itself: {e}"))?;
    let mut command = Command::new(program);
    // A Ctrl-C on the terminal goes to every process of the group: the report has a group of its own and is finished.
    command.arg("report").arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    let child = command.spawn().map_err(|e| format!("the report could not be started: {e}"))?;
    let began = Instant::now();
    match ended(child, WITHIN).map_err(|e| format!("the report cannot be waited for: {e}"))? {
        Some(status) if status.success() => {}
        Some(status) => {
            return Err(format!(
                "the report of {} ended with {status}; try `dosebench report` again",
                folder.display()
            ));
        }
        None => {
            let lasted = domain::time::span(began.elapsed());
            return Err(format!(
                "the report of {} was given up after {lasted}; look at the disk, then try `dosebench report`",
                folder.display()
            ));
        }
    }
    let path = folder.join("summary.json");
    let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("{}: {e}", path.display()))
}

/// How a process ended; it is killed if it takes longer than it may, which is less once somebody asks to stop meanwhile.
fn ended(mut child: Child, within: Duration) -> std::io::Result<Option<ExitStatus>> {
    // Whoever has stopped a run by hand may still want its report; the daemon would wait for it.
    let asked_before = if job::works() { 0 } else { Signals::count() };
    let mut until = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Signals::count() > asked_before {
            until = until.min(Instant::now() + ASKED_WITHIN);
        }
        if Instant::now() > until {
            crate::child::end(&mut child);
            return Ok(None);
        }
        job::beat();
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_given_up() {
        let sleeps = |seconds: &str| Command::new("sleep").arg(seconds).spawn().expect("started");
        assert!(ended(sleeps("0"), WITHIN).expect("waited").is_some_and(|status| status.success()));
        let began = Instant::now();
        assert!(ended(sleeps("60"), Duration::from_millis(200)).expect("waited").is_none());
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

//! What takes a run over whose loop stands still: `dosebench recover` in this process's place, as if the process had been killed.
//!
//! Whatever holds the loop, its ports and its threads are gone then; a job's lock, on standard input, stays.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The one of a run.
pub(crate) struct Successor {
    arguments: Vec<OsString>,
    /// Whether it may go on with the run: it is closed where that has been tried, or where it was to stop.
    may_go_on: bool,
}

impl Successor {
    pub(crate) fn of(folder: &Path, rig: &str, station: &rig::Station, job: Option<i64>, json: bool) -> Self {
        let words =
            ["recover", "--rig", rig, "--station", &station.profile.station, "--because", "its loop stood still"];
        let mut arguments: Vec<OsString> = words.map(OsString::from).into();
        arguments.extend(job.map(|job| format!("--job={job}").into()));
        arguments.extend(json.then(|| "--json".into()));
        arguments.extend(["--".into(), folder.into()]);
        Self { arguments, may_go_on: true }
    }

    /// The same that closes the run whatever it is.
    pub(crate) fn that_closes(self) -> Self {
        Self { may_go_on: false, ..self }
    }

    /// Takes this process's place; why it could not, if this returns.
    pub(crate) fn take_over(mut self, left: Option<Duration>) -> io::Error {
        let program = match rig::ourselves() {
            Ok(program) => program,
            Err(why) => return why,
        };
        let limit = match left {
            _ if !self.may_go_on => Some("--close".into()),
            left => left.map(|left| format!("--budget={} s", left.as_secs_f64()).into()),
        };
        self.arguments.splice(1..1, limit);
        Command::new(program).args(self.arguments).exec()
    }
}

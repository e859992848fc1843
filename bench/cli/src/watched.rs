//! A run that is watched over the daemon: the lines that people see of a local run, from the events of its record.
//!
//! A stream that breaks off is asked for again, from the first event that was not seen.

use std::time::Duration;

use domain::event::Phase;
use domain::time::clock;
use domain::{Event, EventKind};

use crate::Failure;
use crate::client::{Client, Sent};
use crate::output::tell;

/// The pause before a stream is asked for again.
const AGAIN: Duration = Duration::from_millis(500);
/// So often in a row without an event: a daemon that starts anew takes seconds.
const TRIES: u32 = 60;

/// What a stream ends with.
const ENDS: [&str; 3] = ["end", "interrupted", PROBLEM];
const PROBLEM: &str = "problem";

/// A run under watch.
pub(crate) struct Watched {
    run: String,
    next: u64,
}

impl Watched {
    pub(crate) fn new(run: &str) -> Self {
        Self { run: run.to_owned(), next: 0 }
    }

    /// Tells of a run until it is over, or until `enough`.
    pub(crate) fn follow(&mut self, client: &Client, enough: &dyn Fn() -> bool) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let (before, mut over) = (self.next, false);
            let run = self.run.clone();
            let asked = client.events(&run, before, |sent| {
                over = ENDS.contains(&sent.kind.as_str());
                if sent.kind == PROBLEM {
                    tell!("error: {}", sent.data);
                }
                self.take(&sent);
                !over && !enough()
            });
            if over || enough() {
                return Ok(());
            }
            tries = if self.next > before { 0 } else { tries + 1 };
            match asked {
                Err(failure) if !failure.is_bench() || tries > TRIES => return Err(failure),
                Ok(()) if tries > TRIES => {
                    return Err(Failure::bench(format!("expected the events of run {run}, but they do not go on")));
                }
                _ => std::thread::sleep(AGAIN),
            }
        }
    }

    fn take(&mut self, sent: &Sent) {
        let Some(id) = sent.id else { return };
        if id < self.next {
            return;
        }
        self.next = id + 1;
        let Ok(event) = serde_json::from_str::<Event>(&sent.data) else { return };
        if let Some(line) = self.line(&event.kind) {
            tell!("{}  {line}", clock(Duration::from_nanos(event.t_ns.ns())));
        }
    }

    /// What people are told of an event, if anything.
    fn line(&self, kind: &EventKind) -> Option<String> {
        Some(match kind {
            EventKind::Opened(opened) => format!("run {}: {}", self.run, opened.title),
            EventKind::PhaseEntered(Phase::Steps) => return None,
            EventKind::PhaseEntered(phase) => phase.name().to_owned(),
            EventKind::StepEntered { index, name, .. } => format!("step {} {name}", index + 1),
            EventKind::Prompted(prompt) => {
                format!(
                    "OPERATOR '{}': {}\n  dosebench answer {} '{}'",
                    prompt.name, prompt.instruction, self.run, prompt.name
                )
            }
            EventKind::Lost { instrument, fault, .. } => format!("{instrument}: {fault}"),
            EventKind::SafeStopBegan { cause } => format!("making the station safe: {cause}"),
            EventKind::SafeStopped(report) if !report.confirmed => {
                format!("THE STATION COULD NOT BE CONFIRMED SAFE: {}; go and look at it", report.unconfirmed.join("; "))
            }
            EventKind::Ended { verdict, .. } => format!("{verdict}"),
            _ => return None,
        })
    }
}

//! Progress on stderr: a bar with run time and step on a terminal, plain lines elsewhere.
//!
//! Nothing here decides anything, and nobody waits for it: a terminal that is held, or a pipe that nobody empties, must not keep whoever
//! follows a run from stopping it. So it has a thread of its own, and what that cannot take is let go.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use daemon::{Notice, Progress};
use domain::event::Prompt;
use domain::time::clock;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::tell;

/// How many words wait to be shown, at most.
const WAITING: usize = 256;
/// How long the last of them are waited for when the run is over.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// What is to be shown.
enum Shown {
    Progress(Progress),
    Notice(Notice),
}

/// Shows how a run goes on, and never waits for it.
pub(crate) struct Display {
    give: SyncSender<Shown>,
    done: Receiver<()>,
    last: Option<Progress>,
}

impl Display {
    /// A display for a run that takes at least `total`.
    pub(crate) fn new(run: &str, title: &str, total: Duration) -> Self {
        let (give, shown) = sync_channel(WAITING);
        let (say_done, done) = sync_channel(1);
        let (run, title) = (run.to_owned(), title.to_owned());
        thread::spawn(move || {
            let mut screen = Screen::new(&run, &title, total);
            for one in shown {
                match one {
                    Shown::Progress(progress) => screen.show(&progress),
                    Shown::Notice(notice) => screen.notice(&notice),
                }
            }
            screen.finish();
            // Nobody may wait any more.
            say_done.send(()).unwrap_or_default();
        });
        Self { give, done, last: None }
    }

    /// Shows where the run stands, if that has changed.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if self.last.as_ref() != Some(progress) && self.give.try_send(Shown::Progress(progress.clone())).is_ok() {
            self.last = Some(progress.clone());
        }
    }

    /// Shows what people should hear of at once.
    pub(crate) fn notice(&self, notice: Notice) {
        // It is in the record as well.
        drop(self.give.try_send(Shown::Notice(notice)));
    }

    /// The run is over: what waits is shown, if somebody takes it.
    pub(crate) fn finish(self) {
        drop(self.give);
        self.done.recv_timeout(SHOWN_WITHIN).unwrap_or_default();
    }
}

/// What is on the terminal.
struct Screen {
    bar: Option<ProgressBar>,
    last: String,
    run: String,
    total: Duration,
}

impl Screen {
    fn new(run: &str, title: &str, total: Duration) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total.as_secs().max(1));
            let style = ProgressStyle::with_template("{prefix} {wide_bar:.cyan/dim} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
            bar.set_prefix(title.to_owned());
            bar
        });
        if bar.is_none() {
            tell!("run {run}: {title}, at least {}", domain::time::span(total));
        }
        Self { bar, last: String::new(), run: run.to_owned(), total }
    }

    fn show(&mut self, progress: &Progress) {
        let position = &progress.position;
        let step = position.step.map_or(String::new(), |n| format!("step {n}/{} ", position.steps));
        let now = clock(Duration::from_nanos(progress.now.ns()));
        if let Some(bar) = &self.bar {
            bar.set_position(Duration::from_nanos(progress.now.ns()).min(self.total).as_secs());
            bar.set_message(format!("{now} {step}{}", position.now));
        } else {
            let line = format!("{step}{}", position.now);
            if line != self.last {
                tell!("{now}  {line}");
                self.last = line;
            }
        }
    }

    fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Line(line) => self.line(line),
            Notice::Prompted(prompt) => self.line(&self.prompt(prompt)),
        }
    }

    fn prompt(&self, prompt: &Prompt) -> String {
        let entries: Vec<String> = prompt.entries.iter().map(|e| format!("{} ({})", e.name, e.range())).collect();
        let value = match prompt.entries.as_slice() {
            [] => String::new(),
            [_] => " VALUE".to_owned(),
            _ => " 'NAME=VALUE, …'".to_owned(),
        };
        let ask = if entries.is_empty() { String::new() } else { format!("; enter {}", entries.join(", ")) };
        let until = clock(Duration::from_nanos(prompt.until_ns.ns()));
        format!(
            "OPERATOR '{}' until {until}: {}{ask}\n  dosebench answer {} '{}'{value}",
            prompt.name, prompt.instruction, self.run, prompt.name
        )
    }

    /// A line above the bar.
    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => tell!("{line}"),
        }
    }

    /// The run is over; the bar goes away.
    fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

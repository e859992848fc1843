//! Progress on stderr: a bar with run time and step on a terminal, plain lines elsewhere.
//!
//! Nothing here decides anything.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use daemon::{Notice, Progress};
use domain::event::Prompt;
use domain::time::clock;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::tell;

/// Shows how a run goes on.
pub(crate) struct Display {
    bar: Option<ProgressBar>,
    last: String,
    run: String,
    total: Duration,
}

impl Display {
    /// A display for a run that takes at least `total`.
    pub(crate) fn new(run: &str, title: &str, total: Duration) -> Self {
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

    /// Shows where the run stands.
    pub(crate) fn show(&mut self, progress: &Progress) {
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

    /// Shows what people should hear of at once.
    pub(crate) fn notice(&self, notice: &Notice) {
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
    pub(crate) fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => tell!("{line}"),
        }
    }

    /// The run is over; the bar goes away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

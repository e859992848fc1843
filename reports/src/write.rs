//! Derives the files of a run's folder from its record, the manifest last.
//!
//! The record itself, the truth of simulators and the resolved scenario and rig are read for their hashes at most.

use std::path::Path;

use domain::event::Opened;
use record::{Reader, Tail};

use crate::again::Recomputation;
use crate::curves::plots;
use crate::error::ReportError;
use crate::files::{close_folder, open_folder, remove, replace};
use crate::junit::junit_xml;
use crate::outcome::{Outcome, outcome};
use crate::page::{Drawing, Material, report_html};
use crate::plot::draw;
use crate::samples::samples_parquet;
use crate::story::Story;
use crate::summary::{Origin, Summary};

/// Which files are to be written. The manifest always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// `report.html` and `plots/*.svg`.
    pub html: bool,
    /// `junit.xml`.
    pub junit: bool,
    /// `summary.json` and `samples.parquet`.
    pub json: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { html: true, junit: true, json: true }
    }
}

/// Derives the wanted files of the run in `folder` from its record, and gives its summary.
///
/// Each file is replaced as a whole; `manifest.json` goes first and comes back last, so that a folder without it is
/// unfinished. A record that is torn, or whose run was interrupted, is no error: the summary says so.
///
/// # Errors
/// [`ReportError::Unreadable`] and [`ReportError::NoOpening`] if nothing can be said of the run (nothing was written
/// then), another one if a file could not be written.
pub fn write(folder: &Path, wanted: &Wanted) -> Result<Summary, ReportError> {
    let folder = &std::path::absolute(folder).map_err(|why| ReportError::file("find", folder, why))?;
    let read = Run::read(folder)?;
    open_folder(folder)?;
    if wanted.json {
        replace(&folder.join("samples.parquet"), &samples_parquet(&read.story, &read.opened.profile)?)?;
        let mut text = serde_json::to_string(&read.summary).map_err(|why| ReportError::made("summary.json", &why))?;
        text.push('\n');
        replace(&folder.join("summary.json"), text.as_bytes())?;
    }
    if wanted.junit {
        replace(&folder.join("junit.xml"), junit_xml(&read.summary, &read.story)?.as_bytes())?;
    }
    if wanted.html {
        let drawings = read.draw(&folder.join("plots"))?;
        replace(&folder.join("report.html"), report_html(&read.material(), &drawings)?.as_bytes())?;
    }
    close_folder(folder, read.summary.device.image_sha256.clone())?;
    Ok(read.summary)
}

/// A run as read from its record.
struct Run {
    opened: Opened,
    story: Story,
    again: Recomputation,
    outcome: Outcome,
    summary: Summary,
    tail: Tail,
    tool: String,
}

impl Run {
    fn read(folder: &Path) -> Result<Self, ReportError> {
        let unreadable = |source| ReportError::Unreadable { folder: folder.to_owned(), source };
        let mut reader = Reader::open(folder).map_err(unreadable)?;
        let mut story = Story::default();
        let mut again = Recomputation::default();
        let tail = reader
            .for_each(|event| {
                story.apply(&event);
                again.apply(&event);
            })
            .map_err(unreadable)?;
        story.series.sort();
        let Some(opened) = story.opened.clone() else {
            return Err(ReportError::NoOpening { folder: folder.to_owned(), events: tail.events });
        };
        let metadata = reader.metadata();
        let outcome = outcome(&story, &again.different());
        let origin = Origin { folder, metadata, stream_sha256: &tail.stream_sha256, wall_seconds: tail.wall_seconds };
        let summary = Summary::new(&opened, &story, &outcome, &origin);
        let tool = metadata.tool.clone();
        Ok(Self { opened, story, again, outcome, summary, tail, tool })
    }

    fn material(&self) -> Material<'_> {
        Material {
            story: &self.story,
            summary: &self.summary,
            outcome: &self.outcome,
            again: &self.again,
            torn: self.tail.torn.as_deref(),
            events: self.tail.events,
            tool: &self.tool,
        }
    }

    /// Writes the plots into their folder, which then holds no other plot, and gives them for the page.
    fn draw(&self, folder: &Path) -> Result<Vec<Drawing>, ReportError> {
        std::fs::create_dir_all(folder).map_err(|why| ReportError::file("make", folder, why))?;
        let plots = plots(&self.story, &self.opened.profile, &self.again.ledger);
        let mut drawings = Vec::new();
        let mut names = Vec::new();
        for panel in &plots.panels {
            let name = format!("{}.svg", panel.file);
            let svg = draw(panel, &plots.frame)?;
            replace(&folder.join(&name), svg.as_bytes())?;
            names.push(name);
            drawings.push(Drawing { svg, caption: panel.caption.clone() });
        }
        forget_others(folder, &names)?;
        Ok(drawings)
    }
}

/// Removes plots of an earlier version that this one no longer makes.
fn forget_others(folder: &Path, names: &[String]) -> Result<(), ReportError> {
    let listing = |why| ReportError::file("list", folder, why);
    for entry in std::fs::read_dir(folder).map_err(listing)? {
        let name = entry.map_err(listing)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".svg") && !names.contains(&name) {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

//! Derives the files of a run's folder from its record, the manifest last.
//!
//! The record itself, the truth of simulators and the resolved scenario and rig are read for their hashes at most.

use std::path::Path;

use domain::event::Opened;
use record::{Reader, Tail};

use crate::again::Recomputation;
use crate::curves::{Plots, plots};
use crate::error::ReportError;
use crate::files::{Manifest, close_folder, manifest, open_folder, remove, replace};
use crate::junit::junit_xml;
use crate::outcome::{Outcome, outcome};
use crate::page::{Drawing, Material, content, report_html};
use crate::paper::{Sheet, report_pdf};
use crate::plot::{Panel, draw};
use crate::samples::samples_parquet;
use crate::story::Story;
use crate::summary::{Origin, Summary};

/// Which files are to be written: the PDF on demand, the others unless told otherwise. The manifest always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// `report.html` and `plots/*.svg`.
    pub html: bool,
    /// `report.pdf`.
    pub pdf: bool,
    /// `junit.xml`.
    pub junit: bool,
    /// `summary.json` and `samples.parquet`.
    pub json: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { html: true, pdf: false, junit: true, json: true }
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
    if wanted.html || wanted.pdf {
        let material = read.material();
        let plots = plots(&read.story, &read.opened.profile, &read.again.ledger);
        let drawings = drawings(&plots)?;
        let content = content(&material, &drawings);
        if wanted.html {
            save(&folder.join("plots"), &drawings)?;
            replace(&folder.join("report.html"), report_html(&content)?.as_bytes())?;
        }
        if wanted.pdf {
            let path = folder.join("report.pdf");
            remove(&path)?;
            let manifest = manifest(folder, None)?;
            replace(&path, &report_pdf(&content, &drawings, &sheet(&read.summary, manifest))?)?;
        }
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
}

fn drawings(plots: &Plots) -> Result<Vec<Drawing>, ReportError> {
    let drawing = |panel: &Panel| {
        let svg = draw(panel, panel.frame.as_ref().unwrap_or(&plots.frame))?;
        Ok(Drawing { file: format!("{}.svg", panel.file), svg, caption: panel.caption.clone() })
    };
    plots.panels.iter().map(drawing).collect()
}

/// Writes the plots into their folder, which then holds no other plot.
fn save(folder: &Path, drawings: &[Drawing]) -> Result<(), ReportError> {
    std::fs::create_dir_all(folder).map_err(|why| ReportError::file("make", folder, why))?;
    for drawing in drawings {
        replace(&folder.join(&drawing.file), drawing.svg.as_bytes())?;
    }
    forget_others(folder, drawings)
}

/// What a sheet of paper says of its run.
fn sheet(summary: &Summary, manifest: Manifest) -> Sheet<'_> {
    let device = &summary.device;
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "not given".to_owned());
    Sheet {
        run: &summary.run,
        device: format!("{}, serial {}", known(&device.model), known(&device.serial)),
        started: &summary.started,
        stream_sha256: &summary.stream_sha256,
        manifest: manifest.files.into_iter().collect(),
    }
}

/// Removes plots of an earlier version that this one no longer makes.
fn forget_others(folder: &Path, drawings: &[Drawing]) -> Result<(), ReportError> {
    let listing = |why| ReportError::file("list", folder, why);
    for entry in std::fs::read_dir(folder).map_err(listing)? {
        let name = entry.map_err(listing)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".svg") && drawings.iter().all(|drawing| drawing.file != name) {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

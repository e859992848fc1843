//! Derives the files of a run's folder from its record, the manifest last.
//!
//! The record itself, the truth of simulators and the resolved scenario and rig are read for their hashes at most.

use std::path::Path;
use std::thread;

use domain::event::Opened;
use measure::Budget;
use record::{Reader, Tail};

use crate::again::{Again, Recomputation};
use crate::curves::{Course, POINTS};
use crate::error::ReportError;
use crate::files::{Hashes, Manifest, close_folder, manifest, open_folder, raw, remove, replace, replace_by};
use crate::follow::follow;
use crate::junit::junit_xml;
use crate::markdown::summary_md;
use crate::outcome::{Outcome, outcome};
use crate::page::{Drawing, Drawings, Live, Material, POINTS_LIVE, content, report_html, sections, simulated};
use crate::paper::{Sheet, report_pdf};
use crate::plot::{Histogram, Panel, histogram};
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
    /// `summary.json`, `summary.md` and `samples.parquet`.
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
    thread::scope(|scope| {
        // What takes longest goes beside the rest.
        let samples = scope.spawn(|| if wanted.json { read.save_samples(folder) } else { Ok(()) });
        read.save(folder, wanted, || joined(samples))
    })?;
    close_folder(folder, read.summary.device.image_sha256.clone(), &read.raw)?;
    Ok(read.summary)
}

/// What a record says of its run, and how it was set up.
///
/// # Errors
/// If nothing can be said of the run.
pub(crate) fn summary_of(folder: &Path) -> Result<(Summary, Opened), ReportError> {
    let folder = &std::path::absolute(folder).map_err(|why| ReportError::file("find", folder, why))?;
    let read = Run::read(folder)?;
    Ok((read.summary, read.opened))
}

/// What a thread made; its panic is ours.
pub(crate) fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
    /// The hashes of the files that the run itself left.
    raw: Hashes,
}

impl Run {
    fn read(folder: &Path) -> Result<Self, ReportError> {
        let unreadable = |source| ReportError::Unreadable { folder: folder.to_owned(), source };
        let reader = Reader::open(folder).map_err(unreadable)?;
        let mut story = Story::default();
        let mut again = Recomputation::default();
        let (tail, raw) = thread::scope(|scope| {
            let raw = scope.spawn(|| raw(folder));
            let tail = follow(&reader, |event| {
                story.apply(&event);
                again.apply(&event);
            });
            (tail, joined(raw))
        });
        let (tail, raw) = (tail.map_err(unreadable)?, raw?);
        story.series.sort();
        let Some(opened) = story.opened.clone() else {
            return Err(ReportError::NoOpening { folder: folder.to_owned(), events: tail.events });
        };
        let metadata = reader.metadata();
        let outcome = outcome(&story, &again.different());
        let (stream_sha256, wall_seconds) = (tail.stream_sha256.as_str(), tail.wall_seconds);
        let origin = Origin { folder, metadata, stream_sha256, wall_seconds, ledger: &again.ledger };
        let summary = Summary::new(&opened, &story, &outcome, &origin);
        let tool = metadata.tool.clone();
        Ok(Self { opened, story, again, outcome, summary, tail, tool, raw })
    }

    fn save_samples(&self, folder: &Path) -> Result<(), ReportError> {
        replace_by(&folder.join("samples.parquet"), |file| samples_parquet(file, &self.story, &self.opened.profile))
    }

    /// Writes the wanted files but the samples. `rest` waits for these.
    fn save(
        &self,
        folder: &Path,
        wanted: &Wanted,
        rest: impl FnOnce() -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        if wanted.json {
            let mut text =
                serde_json::to_string(&self.summary).map_err(|why| ReportError::made("summary.json", &why))?;
            text.push('\n');
            replace(&folder.join("summary.json"), text.as_bytes())?;
            let material = self.material();
            let text = summary_md(&self.summary, simulated(&material).as_deref(), &sections(&material));
            replace(&folder.join("summary.md"), text.as_bytes())?;
        }
        if wanted.junit {
            replace(&folder.join("junit.xml"), junit_xml(&self.summary, &self.story)?.as_bytes())?;
        }
        if !wanted.html && !wanted.pdf {
            return rest();
        }
        let course = Course::of(&self.story, &self.opened.profile, &self.again.ledger);
        let drawings = drawings(self, &course)?;
        let material = self.material();
        let content = content(&material, &drawings);
        if wanted.html {
            save(&folder.join("plots"), &drawings)?;
            let live = Live::of(&course.plots(POINTS_LIVE))?;
            replace(&folder.join("report.html"), report_html(&content, &live)?.as_bytes())?;
        }
        rest()?;
        if wanted.pdf {
            let path = folder.join("report.pdf");
            remove(&path)?;
            let manifest = manifest(folder, None, &self.raw)?;
            replace(&path, &report_pdf(&content, drawings.all(), &sheet(&self.summary, manifest))?)?;
        }
        Ok(())
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
            raw: &self.raw,
        }
    }
}

fn drawings(read: &Run, course: &Course<'_>) -> Result<Drawings, ReportError> {
    let shown = course.plots(POINTS);
    let drawing = |panel: &Panel| Drawing::of(panel, &shown.frame);
    let (channels, plots): (Vec<&Panel>, Vec<&Panel>) = shown.panels.iter().partition(|panel| panel.small);
    let mut plots: Vec<Drawing> = plots.into_iter().map(drawing).collect::<Result<_, ReportError>>()?;
    let channels = channels.into_iter().map(drawing).collect::<Result<_, ReportError>>()?;
    plots.extend(boluses(read)?);
    Ok(Drawings { plots, channels, budgets: budgets(read)? })
}

/// The errors of a train's boluses, once for each unit that a check states them in.
fn boluses(read: &Run) -> Result<Vec<Drawing>, ReportError> {
    const LEAST: usize = 5;
    let mut drawings: Vec<Drawing> = Vec::new();
    for again in read.again.checks.iter().filter(|again| again.each.len() >= LEAST) {
        let Some(check) = read.summary.checks.iter().find(|check| check.name == again.name) else { continue };
        let unit = check.unit.as_deref().map(crate::number::unit).unwrap_or_default();
        let file = format!("boluses-{}.svg", drawings.len() + 1);
        let caption = format!(
            "The errors of {} boluses, each in excess of the continuous rate, against the limits of check {}.",
            again.each.len(),
            check.name
        );
        let of = Histogram {
            title: "Errors of the boluses",
            caption: &caption,
            label: &format!("Error / {unit}"),
            values: &again.each,
            limits: [check.limit_low, check.limit_high],
        };
        let svg = histogram(&of)?;
        drawings.push(Drawing { file, svg, caption });
    }
    Ok(drawings)
}

/// Where each check's uncertainty comes from, the greatest share first.
fn budgets(read: &Run) -> Result<Vec<Drawing>, ReportError> {
    let with_budget = read.again.checks.iter().filter_map(|again| Some((again, again.budget.as_ref()?)));
    let drawing = |(i, (again, budget)): (usize, (&Again, &Budget))| {
        let caption = format!("Share of each term in the variance of {}.", again.name);
        Drawing::of_budget(format!("budget-{}.svg", i + 1), caption, budget)
    };
    with_budget.enumerate().map(drawing).collect()
}

/// Writes the plots into their folder, which then holds no other plot.
fn save(folder: &Path, drawings: &Drawings) -> Result<(), ReportError> {
    std::fs::create_dir_all(folder).map_err(|why| ReportError::file("make", folder, why))?;
    for drawing in drawings.all() {
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
fn forget_others(folder: &Path, drawings: &Drawings) -> Result<(), ReportError> {
    let listing = |why| ReportError::file("list", folder, why);
    for entry in std::fs::read_dir(folder).map_err(listing)? {
        let name = entry.map_err(listing)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".svg") && drawings.all().all(|drawing| drawing.file != name) {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

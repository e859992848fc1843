//! `analyze`: the accuracy figures of anybody's gravimetric log, and the page and the plots that show them.
//!
//! It owns the way from a file to curves of mass and dose. The figures are `measure`'s, the same that runs are judged by;
//! nothing here judges anything.

mod columns;
mod csv;
mod figures;
mod folder;
mod made;
mod page;
mod panels;
mod parquet;
mod plain;
mod seen;
mod series;
mod table;
mod told;
mod write;

use std::path::{Path, PathBuf};

use measure::Cumulative;
use measure::budget::{Budget, Distribution};
use measure::log::{Correction, Figures, Input};

pub use csv::Dialect;
pub use table::ColumnSpec;
pub use write::write_log;

use crate::error::ReportError;
use seen::Seen;
use series::Curves;

/// What is asked of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// How a CSV file is written.
    pub dialect: Dialect,
    /// The column of time.
    pub time: ColumnSpec,
    /// The column of mass.
    pub mass: ColumnSpec,
    /// What was commanded.
    pub commanded: Commanded,
    /// Liquid and air.
    pub liquid: Liquid,
    /// What evaporates, in µg/s.
    pub evaporation_ug_per_s: Option<f64>,
    /// The needle that dips into the vessel, and the vessel's bore, in mm.
    pub needle_mm: Option<(f64, f64)>,
    /// The terms of the uncertainty, if anybody knows them: name, what it is about, distribution, degrees of freedom.
    pub budget: Option<Vec<(String, Input, Distribution, f64)>>,
    /// The sample interval, in s.
    pub interval_s: Option<f64>,
    /// The windows of the trumpet curve, in s.
    pub windows_s: Option<Vec<f64>>,
    /// When the analysis begins, in s since the log's first reading.
    pub from_s: Option<f64>,
    /// When it ends.
    pub to_s: Option<f64>,
    /// The longest time between two readings, in s.
    pub max_gap_s: Option<f64>,
}

/// What was commanded.
#[derive(Debug, Clone, PartialEq)]
pub enum Commanded {
    /// One rate throughout, in µL/h; above 0.
    Rate(f64),
    /// A column: of rates, each until the next, or of the cumulative volume.
    Column(ColumnSpec),
}

/// The liquid, and the air that it is weighed in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Liquid {
    /// The liquid's density, in kg/m³; without one it is water.
    pub density_kg_per_m3: Option<f64>,
    /// The temperature of vessel and air, in °C.
    pub temperature_c: Option<f64>,
    /// The temperature at which the volume is stated, in °C; the vessel's unless given.
    pub stated_c: Option<f64>,
    /// The air's pressure, in hPa.
    pub pressure_hpa: Option<f64>,
    /// Its relative humidity, in %.
    pub humidity_percent: Option<f64>,
}

/// What a log shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The file.
    pub path: PathBuf,
    /// The names of the columns that were read.
    pub columns: Vec<String>,
    /// How many readings it has, and the median of the times between two, in s.
    pub readings: (usize, f64),
    /// When the analysis begins and ends, in s since the first reading.
    pub period_s: (f64, f64),
    /// The sample interval, in s.
    pub interval_s: f64,
    /// The mean rate that was commanded over the period, in µL/h.
    pub rate_ul_per_h: f64,
    /// The figures.
    pub figures: Figures,
    /// Where their uncertainty comes from, if anybody knows.
    pub budget: Option<Budget>,
    /// What was corrected, a phrase each.
    pub corrections: Vec<String>,
    /// What was not.
    pub not_corrected: Vec<String>,
    /// What else is to be said, a sentence each.
    pub notes: Vec<String>,
    /// What was asked.
    asked: Request,
    /// Delivered volume, in µL, over the log's own time, in s.
    delivered: Cumulative,
    /// The commanded volume in the same way.
    commanded: Cumulative,
    /// When the analysis begins and ends, in s of the log's own time.
    span_s: (f64, f64),
    /// The file as it was read, if it is a plain one.
    seen: Option<Seen>,
}

/// Why a log has no figures.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Something in the file, or in what is asked of it: problems with their places, a line feed behind each.
    #[error("{0}")]
    Input(String),
    /// A file could not be written.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl LogError {
    fn asked(sentence: impl core::fmt::Display) -> Self {
        Self::Input(format!("error: {sentence}\n"))
    }
}

/// The figures of a log.
///
/// # Errors
/// [`LogError::Input`] for a file that is no such log or changes while it is read, and for a request that it, or physics, cannot
/// meet.
pub fn analyze(path: &Path, request: &Request) -> Result<Analysis, LogError> {
    let made = made::correction(request)?;
    let seen = Seen::of(path);
    let (log, Curves { mass, commanded }) = series::read(path, request)?;
    seen.as_ref().map_or(Ok(()), |seen| seen.still(path))?;
    let (first_s, last_s) = mass.span_s();
    let (from_s, to_s) = series::period(request, last_s - first_s).map_err(|why| log.beyond(&why))?;
    // A sum that rounding has carried past the last reading is that reading.
    let at = |t: f64| (first_s + t).min(last_s);
    let due = |t: f64| commanded.at(at(t)).unwrap_or(f64::NAN);
    let rate_ul_per_h = match request.commanded {
        Commanded::Rate(rate) => rate,
        Commanded::Column(_) => (due(to_s) - due(from_s)) / (to_s - from_s) * 3600.0,
    };
    let (interval_s, windows, mut notes) = series::windows(request, rate_ul_per_h, to_s - from_s, &log)?;
    let correction: Correction = made.correction;
    let period = measure::log::Period { from_s: at(from_s), to_s: at(to_s), interval_s, windows };
    let times = mass.shared_times_s();
    // Times and volumes are looked at side by side: a long log takes either as long.
    let (spacing_s, delivered) = std::thread::scope(|scope| {
        let volumes = scope.spawn(|| {
            let delivered = correction.volume_ul(mass)?;
            let pulses = measure::log::pulses(&delivered, (period.from_s, period.to_s));
            Some((delivered, pulses))
        });
        let spacing_s = log.spacing_s(&times, request.max_gap_s, interval_s);
        (spacing_s, volumes.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let readings = (times.len(), spacing_s?);
    let (delivered, pulses) = delivered.ok_or_else(|| LogError::asked("the volume is no number"))?;
    let figures = measure::log::figures(&delivered, &commanded, &period, pulses)
        .ok_or_else(|| log.beyond("expected a dose to be commanded within the period, but found none"))?;
    if figures.delivered_ul < 0.0 {
        notes.push(
            "the mass falls: where the reservoir stands on the balance, its loss is the delivered volume".to_owned(),
        );
    }
    let budget =
        match &request.budget {
            Some(terms) => {
                let budget = measure::log::budget(&figures, &correction, to_s - from_s, terms, "the budget's file");
                Some(budget.ok_or_else(|| {
                    LogError::asked("expected each term of the budget to have a standard uncertainty")
                })?)
            }
            None => None,
        };
    Ok(Analysis {
        path: path.to_owned(),
        columns: log.names.clone(),
        readings,
        period_s: (from_s, to_s),
        interval_s,
        rate_ul_per_h,
        asked: request.clone(),
        delivered,
        commanded,
        span_s: (period.from_s, period.to_s),
        seen,
        figures,
        budget,
        corrections: made.corrections,
        not_corrected: made.not_corrected,
        notes,
    })
}

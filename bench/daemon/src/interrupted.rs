//! A run whose process ended before it did: it goes on where that is allowed, else its station is made safe and its record is
//! brought to an end.
//!
//! The record is fed through the engine again, which then decides what the interruption means, as it decides everything. The
//! station of a run that does not go on comes first: it is made safe whether or not the record can be read or written.

mod past;
mod reading;

use std::io;
use std::path::Path;
use std::sync::Arc;

use domain::event::SafeStopReport;
use domain::profile::{Clock, Role};
use drivers::RunClock;
use rig::Station;
use scenario::Plan;

use crate::run::{Finished, Handle};
use crate::runtime;
use crate::safe_stop::{self, SafeStop};
use reading::Reading;

/// Why nothing could be done about an interrupted run.
#[derive(Debug, thiserror::Error)]
pub enum InterruptedError {
    /// There is no runtime to work in.
    #[error(
        "expected this host to give what a connection takes, but {0}; the station was NOT made safe: go and look at the pump"
    )]
    Runtime(#[from] io::Error),
    /// The station has no pump.
    #[error("expected a station with a pump, but found none; give the rig file of the run with --rig")]
    NoPump,
}

/// What became of an interrupted run.
pub enum Recovered {
    /// It has its end, and its station was made safe.
    Closed(Finished),
    /// It goes on; its plan beside it.
    GoesOn(Handle, Arc<Plan>),
}

/// Takes an interrupted run up again where its scenario and what has happened allow that, if `resume` is wished; else makes its
/// station safe and ends its record. Nobody else may use the station meanwhile. A run whose record has its end is left as it is:
/// what comes back is what that says.
///
/// # Errors
/// If not even the safe stop could be tried.
pub fn recover(folder: &Path, station: &Station, cause: &str, resume: bool) -> Result<Recovered, InterruptedError> {
    let runtime = runtime::build(&Clock::Real)?;
    let mut reading = Reading::start(folder, resume);
    let glance = reading.glance();
    if let (true, Some((verdict, reason))) = (glance.is_whole, glance.ended.clone()) {
        let (safe, at_station) = (glance.safe, glance.at_station());
        let as_told = Finished { verdict, reason, safe, at_station, ..Finished::error(folder.to_owned(), "") };
        return Ok(Recovered::Closed(as_told));
    }
    let mut cause = cause.to_owned();
    let mut past = None;
    if reading.may_resume() && glance.ended.is_none() && !glance.holds {
        // Known at once: its station does not wait until the whole is read.
        cause.push_str("; it could not go on: expected it to be interrupted in a hold or in the closing weighing");
    }
    if reading.may_resume() && glance.ended.is_none() && glance.holds {
        past = reading.past_in_time();
        let known = match &past {
            Some(Ok(past)) => past.may_go_on(station, &cause),
            Some(Err(why)) => Err(why.clone()),
            None => Err("expected its record to be read in time, but it was not".to_owned()),
        };
        match (known, past.take()) {
            (Ok(known), Some(Ok(read))) => match read.go_on(folder, station, known) {
                Ok(goes_on) => return Ok(goes_on),
                // Its record is as good as lost with it, the station is not.
                Err(why) => {
                    cause = format!("{cause}; it could not go on: {why}");
                    past = Some(Err(why.to_string()));
                }
            },
            (known, read) => {
                cause = format!("{cause}; it could not go on: {}", known.err().unwrap_or_default());
                past = read;
            }
        }
    }
    let ended = runtime.block_on(async {
        let bound = station.bind(0);
        let order =
            SafeStop::of(station, &bound.connectors, glance.log_from, folder).ok_or(InterruptedError::NoPump)?;
        let stop_clock = RunClock::new();
        let made = safe_stop::execute(&order.pump_may_be_there(), stop_clock).await;
        Ok::<_, InterruptedError>((made, stop_clock))
    });
    let ((report, evidence), stop_clock) = ended?;
    let reason = format!("the run was interrupted: {cause}; {}", told_of(&report));
    let (safe, at_station) = (report.confirmed, glance.at_station());
    let mut finished = Finished { safe, at_station, ..Finished::error(folder.to_owned(), reason) };
    match past.unwrap_or_else(|| reading.past()) {
        Err(why) => finished.record_trouble = Some(why),
        Ok(past) => past.end(&cause, station, (report, evidence), stop_clock, &mut finished),
    }
    Ok(Recovered::Closed(finished))
}

/// What was done, for people.
fn told_of(report: &SafeStopReport) -> String {
    if report.confirmed {
        "the station was made safe".to_owned()
    } else {
        format!("THE STATION COULD NOT BE CONFIRMED SAFE: {}; go and look at it", report.unconfirmed.join("; "))
    }
}

/// Whether a station's pump is there when the process that ran it is not: a simulated one has ended with it.
#[must_use]
pub fn outlives_its_run(station: &Station) -> bool {
    let simulated = |b: &rig::Binding| b.role == Role::Pump && b.port == rig::Port::Simulated;
    station.emulated.is_none() && !station.bindings.iter().any(simulated)
}

//! What must be so before anything moves: otherwise the run is not run, and nothing is said about the device.
//!
//! Held against what the instruments have said of themselves when the rig is ready.

use domain::RigProfile;
use domain::profile::Role;

use crate::instruments::Instruments;

/// What the run asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The serial number that the device must have.
    pub(crate) device: Option<&'a str>,
    /// The day on which the run is planned to end.
    pub(crate) ends_on: &'a str,
}

/// The first precondition that is not met, as a sentence.
pub(crate) fn unmet(
    profile: &RigProfile,
    instruments: &Instruments,
    active_alarms: &[String],
    wanted: Wanted<'_>,
) -> Option<String> {
    if let Some(alarm) = active_alarms.first() {
        return Some(format!(
            "expected a pump without active alarms, but found '{alarm}'; clear it and look at the pump"
        ));
    }
    let pump = profile.by_role(Role::Pump)?;
    if let Some(expected) = wanted.device {
        let found = instruments.identity(&pump.name).and_then(|i| i.serial.as_deref()).unwrap_or("none");
        if found != expected {
            return Some(format!(
                "expected the device with serial number {expected}, but found {found}; connect the right one"
            ));
        }
    }
    profile.instruments.iter().find_map(|i| {
        let calibration = i.calibration.as_ref()?;
        (calibration.due.as_str() < wanted.ends_on).then(|| {
            format!(
                "expected the calibration of {} to hold until {}, but certificate {} falls due on {}; have it calibrated",
                i.name, wanted.ends_on, calibration.certificate, calibration.due
            )
        })
    })
}

//! What must be so before anything moves: otherwise the run is not run, and nothing is said about the device.
//!
//! Held against what the instruments have said of themselves when the rig is ready.

use domain::event::Opened;
use domain::profile::Role;
use domain::{Images, RigProfile};

use crate::instruments::Instruments;
use crate::settings;

/// What the run asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The serial number that the device must have.
    pub(crate) device: Option<&'a str>,
    /// A certificate that falls due before the planned end, as a sentence, unless somebody has accepted that.
    pub(crate) overdue: Option<&'a str>,
    /// The image on the board held against the rig file's, if a probe has read it and the run does not flash it.
    pub(crate) images: Option<&'a Images>,
}

/// That the board holds another image than the rig file's, as a sentence.
pub(crate) fn other_image(images: &Images) -> String {
    format!(
        "expected the rig file's image (sha256 {}) on the board, but found another one ({}); flash it, or name the right one",
        images.file_sha256, images.board_sha256
    )
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
    if let Some((_, why)) = settings::unfit(profile, instruments) {
        return Some(why);
    }
    if let Some(images) = wanted.images.filter(|images| !images.agree()) {
        return Some(other_image(images));
    }
    wanted.overdue.map(str::to_owned)
}

/// The first certificate that falls due before the planned end, unless somebody has accepted that.
pub(crate) fn overdue(opened: &Opened) -> Option<String> {
    if opened.overdue_accepted.is_some() {
        return None;
    }
    let (instrument, certificate, due) = opened.overdue().next()?;
    Some(format!(
        "expected the calibration of {instrument} to hold until {}, but certificate {certificate} falls due on {due}; have it \
         calibrated",
        opened.ends_on
    ))
}

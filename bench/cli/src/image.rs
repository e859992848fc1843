//! The board's image: held against what a plan wants of it before anything moves, and told from another one.
//!
//! It must not know a probe: an ELF is a file.

use domain::Order;
use rig::Station;
use scenario::{Expected, Plan, StepKind};

/// Whether the image that a station's probe knows has every symbol and the log that a plan wants.
///
/// # Errors
/// A sentence that names the step.
pub(crate) fn has_what_is_wanted(plan: &Plan, station: &Station) -> Result<(), String> {
    let Some(chip) = station.bindings.iter().find_map(|b| b.setup.chip.as_ref()) else { return Ok(()) };
    let image = probe::Image::read(&chip.image)?;
    for step in &plan.steps {
        let place = match &step.kind {
            StepKind::Peek(peek) => &peek.place,
            StepKind::Probe(scenario::Probe { order: Order::Poke { place, .. }, .. }) => place,
            StepKind::Expect(expect) if matches!(expect.what, Expected::Log(_)) && image.rtt().is_none() => {
                let shown = chip.image.display();
                let name = &step.name;
                return Err(format!("step '{name}': expected a log over RTT in {shown}, but found no such block"));
            }
            _ => continue,
        };
        let found = image.symbol(&place.symbol, place.at, place.of.bytes());
        found.map_err(|why| format!("step '{}': {why}", step.name))?;
    }
    Ok(())
}

/// SHA-256, in hexadecimal, of what is loaded of the image that a station's file names, if it names one: of the one that the emulator
/// boots, where there is one.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn sha256(station: &Station) -> Result<Option<String>, String> {
    let booted = station.emulated.as_ref().and_then(|emulated| emulated.image.as_ref());
    let flashed = || station.bindings.iter().find_map(|b| b.setup.chip.as_ref()).map(|chip| &chip.image);
    booted.or_else(flashed).map(|image| Ok(probe::Image::read(image)?.sha256())).transpose()
}

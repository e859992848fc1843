//! The board's image, held against what a plan wants of it before anything moves.
//!
//! It must not know a probe: an ELF is a file.

use std::path::Path;

use data_encoding::HEXLOWER;
use domain::Order;
use rig::Station;
use scenario::{Expected, Plan, StepKind};
use sha2::{Digest, Sha256};

use crate::Failure;

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

/// The board's image, as a station's file names it.
pub(crate) fn of(station: &Station) -> Option<&Path> {
    let on_a_chip = station.bindings.iter().find_map(|b| b.setup.chip.as_ref()).map(|chip| chip.image.as_path());
    on_a_chip.or_else(|| station.emulated.as_ref()?.image.as_deref())
}

/// The SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path);
    let bytes =
        bytes.map_err(|why| Failure::bench(format!("expected the board's image at {}, but {why}", path.display())))?;
    Ok(HEXLOWER.encode(&Sha256::digest(bytes)))
}

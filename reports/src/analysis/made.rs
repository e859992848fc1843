//! What is made of an indicated mass: the factors that the request's conditions give, and the phrases that say so.
//! It must not know files; whatever a request leaves out is told as not corrected.

use measure::log::Correction;
use measure::{air, buoyancy, water};

use super::{LogError, Request};
use crate::number::plain;

/// A correction with what it holds and what it does not.
pub(super) struct Made {
    pub(super) correction: Correction,
    pub(super) corrections: Vec<String>,
    pub(super) not_corrected: Vec<String>,
}

/// The correction that a request asks for.
///
/// # Errors
/// If it lacks the liquid's density, or a condition is beyond its formula.
pub(super) fn correction(request: &Request) -> Result<Made, LogError> {
    let (mut corrections, mut not_corrected) = (Vec::new(), Vec::new());
    let evaporation_ug_per_s = request.evaporation_ug_per_s.unwrap_or(0.0);
    if request.evaporation_ug_per_s.is_some() {
        corrections.push(format!("evaporation of {} ug/s", plain(evaporation_ug_per_s)));
    } else {
        not_corrected.push("evaporation".to_owned());
    }
    let ml_per_g = ml_per_g(request, &mut corrections, &mut not_corrected)?;
    let needle = match request.needle_mm {
        Some((needle, vessel)) => {
            corrections.push(format!("needle of {} mm in a vessel of {} mm", plain(needle), plain(vessel)));
            buoyancy::needle_factor(needle, vessel).ok_or_else(|| {
                LogError::asked("expected a needle thinner than its vessel; look at --needle and --vessel")
            })?
        }
        None => {
            not_corrected.push("immersed needle".to_owned());
            1.0
        }
    };
    let correction = Correction { evaporation_ug_per_s, ul_per_g: ml_per_g * needle * 1e3 };
    Ok(Made { correction, corrections, not_corrected })
}

fn ml_per_g(
    request: &Request,
    corrections: &mut Vec<String>,
    not_corrected: &mut Vec<String>,
) -> Result<f64, LogError> {
    let liquid = request.liquid;
    let (at_vessel, at_stated) = densities(request, corrections)?;
    let (Some(t), Some(p), Some(h)) = (liquid.temperature_c, liquid.pressure_hpa, liquid.humidity_percent) else {
        not_corrected.push("air buoyancy (needs --temperature, --pressure and --humidity)".to_owned());
        return Ok(1e3 / at_stated);
    };
    let air = air::cipm_2007_kg_per_m3(t, p, h).ok_or_else(|| {
        let found = format!("{} °C, {} hPa and {} %", plain(t), plain(p), plain(h));
        LogError::asked(format!(
            "expected air within the range of CIPM-2007 (0 to 40 °C, 600 to 1100 hPa, 0 to 100 %), but found {found}"
        ))
    })?;
    corrections.push(format!("air buoyancy, air of {} kg/m3 by CIPM-2007", plain(air)));
    buoyancy::volume_per_indicated_mass_ml_per_g(air, at_vessel, at_stated).ok_or_else(|| {
        LogError::asked(format!("expected a liquid heavier than air, but found {} kg/m3", plain(at_vessel)))
    })
}

/// The liquid's density in the vessel and at the stated temperature, in kg/m³.
fn densities(request: &Request, corrections: &mut Vec<String>) -> Result<(f64, f64), LogError> {
    let liquid = request.liquid;
    if let Some(density) = liquid.density_kg_per_m3 {
        let at = liquid.stated_c.map_or(String::new(), |stated| format!(", taken as that at {} °C", plain(stated)));
        corrections.push(format!("density of {} kg/m3 as given{at}", plain(density)));
        return Ok((density, density));
    }
    let Some(vessel) = liquid.temperature_c else {
        return Err(LogError::asked(
            "expected the liquid's --density, or the --temperature of water, but found neither",
        ));
    };
    let stated = liquid.stated_c.unwrap_or(vessel);
    let density = |t: f64| {
        let beyond = || LogError::asked(format!("expected water between 0 and 40 °C, but found {} °C", plain(t)));
        water::density_kg_per_m3(t).ok_or_else(beyond)
    };
    let (at_vessel, at_stated) = (density(vessel)?, density(stated)?);
    corrections.push(format!("density of water at {} °C, {} kg/m3 (Tanaka)", plain(stated), plain(at_stated)));
    Ok((at_vessel, at_stated))
}

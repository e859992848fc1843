//! What tests ask of a log: 0.5 mL/day of a liquid whose density is given, and nothing corrected.

use reports::analysis::{ColumnSpec, Commanded, Dialect, Liquid, Request};

/// 0.5 mL/day.
pub(crate) const RATE_UL_PER_H: f64 = 500.0 / 24.0;

pub(crate) fn request() -> Request {
    Request {
        dialect: Dialect { separator: b',', decimal: '.' },
        time: ColumnSpec::USUAL,
        mass: ColumnSpec::USUAL,
        commanded: Commanded::Rate(RATE_UL_PER_H),
        liquid: Liquid {
            density_kg_per_m3: Some(1000.0),
            temperature_c: None,
            stated_c: None,
            pressure_hpa: None,
            humidity_percent: None,
        },
        evaporation_ug_per_s: None,
        needle_mm: None,
        budget: None,
        interval_s: None,
        windows_s: None,
        from_s: None,
        to_s: None,
        max_gap_s: None,
    }
}

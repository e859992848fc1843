//! Is an uncertainty too good to be true? What the best laboratories reach, as data, held against a budget.
//!
//! A rig that claims less than a national laboratory either gathers its volume for much longer, or has forgotten a term. It
//! judges nothing: it names what a reader should doubt.

use core::time::Duration;

use crate::budget::Budget;
use crate::evaporation::EVAPORATION;

/// What a laboratory states for a steady flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Laboratory {
    /// The least flow for which it states that, in µL/h.
    pub from_ul_per_h: f64,
    /// The part of its expanded uncertainty that does not depend on the flow, in µg/s.
    pub floor_ug_per_s: f64,
    /// The part that does, in %.
    pub share_percent: f64,
    /// Who, and when.
    pub source: &'static str,
}

/// The laboratories, the best known ones of small flows. U95 each.
pub const LABORATORIES: [Laboratory; 3] = [
    Laboratory {
        from_ul_per_h: 0.58,
        floor_ug_per_s: 0.1,
        share_percent: 0.2,
        source: "NIST's dynamic gravimetric standard for liquid micro-flow",
    },
    Laboratory { from_ul_per_h: 6.0, floor_ug_per_s: 0.0, share_percent: 0.7, source: "METAS, 2020" },
    Laboratory { from_ul_per_h: 1.0, floor_ug_per_s: 0.0, share_percent: 3.0, source: "IPQ's interferometer, 2020" },
];

/// Microlitres per hour of water in 1 µg/s, nearly.
const UL_PER_H_PER_UG_PER_S: f64 = 3.6;

impl Laboratory {
    /// Its expanded uncertainty at a flow, in %; `None` below its least.
    #[must_use]
    pub fn expanded_percent(&self, ul_per_h: f64) -> Option<f64> {
        let floor = self.floor_ug_per_s * UL_PER_H_PER_UG_PER_S / ul_per_h * 100.0;
        (ul_per_h >= self.from_ul_per_h).then_some(self.share_percent + floor)
    }
}

/// The laboratory with the least uncertainty at a flow, and that uncertainty in %.
#[must_use]
pub fn best(ul_per_h: f64) -> Option<(f64, &'static str)> {
    let stated = LABORATORIES.iter().filter_map(|lab| Some((lab.expanded_percent(ul_per_h)?, lab.source)));
    stated.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// What is to be said of a budget in % of a volume that gathered at a mean flow for so long, a sentence each.
#[must_use]
pub fn doubts(budget: &Budget, ul_per_h: f64, lasts_s: f64) -> Vec<String> {
    let mut doubts = Vec::new();
    let shown = domain::quantity::significant;
    let rounded = |value: f64| domain::quantity::with_uncertainty(0.0, value).1;
    if let (Ok(combined), Some((percent, source))) = (budget.combined(), best(ul_per_h))
        && combined.expanded < percent
    {
        let lasts = Duration::try_from_secs_f64(lasts_s).unwrap_or_default();
        doubts.push(format!(
            "the expanded uncertainty of {} % at {} uL/h is less than the {} % of {source} for a steady flow; here the volume \
             gathered over {}",
            rounded(combined.expanded),
            shown(ul_per_h),
            rounded(percent),
            domain::time::span(lasts)
        ));
    }
    let evaporation: Vec<f64> = budget.terms.iter().filter(|t| t.name.starts_with(EVAPORATION)).map(|t| t.u).collect();
    let u_percent = evaporation.iter().map(|u| u * u).sum::<f64>().sqrt();
    let ug_per_s = 2.0 * u_percent / 100.0 * ul_per_h / UL_PER_H_PER_UG_PER_S;
    let nist = LABORATORIES[0];
    if !evaporation.is_empty() && ug_per_s < nist.floor_ug_per_s {
        doubts.push(format!(
            "evaporation is taken as known to {} ug/s (k = 2), better than the {} ug/s of {}: look at the lid, and at the \
             swing that the rig file declares",
            rounded(ug_per_s),
            shown(nist.floor_ug_per_s),
            nist.source
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Distribution, Term};

    #[test]
    fn laboratories_are_as_they_state() {
        let nist = LABORATORIES[0];
        for (rate, percent) in [(2.0, 18.2), (6.0, 6.2), (20.83, 1.93), (41.67, 1.06), (100.0, 0.56), (1000.0, 0.236)] {
            let found = nist.expanded_percent(rate).expect("within its range");
            assert!((found - percent).abs() < 0.01, "{rate}: {found}");
        }
        assert_eq!(best(0.1), None);
        assert_eq!(best(3.0).map(|(percent, _)| percent), Some(3.0));
        assert!(best(1000.0).is_some_and(|(percent, source)| percent < 0.24 && source.starts_with("NIST")));
    }

    fn budget(evaporation: f64, rest: f64) -> Budget {
        let term = |name: &str, u| Term::type_b(name, Distribution::Normal { u }, 1.0, f64::INFINITY, "test");
        let terms = [term("evaporation, swing", evaporation), term("balance", rest)];
        Budget { terms: terms.into_iter().flatten().collect(), unit: "%".to_owned() }
    }

    #[test]
    fn what_is_too_good_is_named() {
        let both = doubts(&budget(0.2, 0.01), 20.83, 86_400.0);
        assert!(both.len() == 2 && both[0].contains("0.70 % of METAS") && both[0].contains("24 h"), "{both:?}");
        assert!(both[1].starts_with("evaporation is taken as known to 0.023 ug/s"), "{both:?}");
        assert_eq!(doubts(&budget(1.0, 0.01), 20.83, 86_400.0), Vec::<String>::new());
    }
}

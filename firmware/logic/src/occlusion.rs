//! What the line's pressure means: whether the outlet is occluded.
//!
//! It owns how many samples in a row were too high. It must not know when samples are taken (`sampling` does) nor
//! what the pump does about an occlusion.

use crate::Config;

/// The line's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occlusion {
    above: u8,
}

impl Occlusion {
    pub(crate) const fn new() -> Self {
        Self { above: 0 }
    }

    /// Takes a sample, Pa gauge. A pump without occlusion sensing counts none.
    pub(crate) fn sample(&mut self, line_pa: i32, config: &Config) {
        let above = config.occlusion_pa.is_some_and(|limit_pa| line_pa > limit_pa);
        self.above = if above { self.above.saturating_add(1) } else { 0 };
    }

    /// Whether enough samples in a row were above the limit.
    pub(crate) const fn occluded(&self, config: &Config) -> bool {
        self.above >= config.occlusion_samples
    }

    /// The line is judged afresh.
    pub(crate) const fn forgive(&mut self) {
        self.above = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_still_an_open_line() {
        let config = Config::reference();
        let mut line = Occlusion::new();
        for line_pa in [60_001, 60_001, 60_000, 60_001, 60_001] {
            line.sample(line_pa, &config);
            assert!(!line.occluded(&config));
        }
        line.sample(60_001, &config);
        assert!(line.occluded(&config));
        line.forgive();
        assert!(!line.occluded(&config));
    }

    #[test]
    fn a_pump_without_sensing_sees_no_occlusion() {
        let config = Config { occlusion_pa: None, ..Config::reference() };
        let mut line = Occlusion::new();
        for _ in 0..300 {
            line.sample(i32::MAX, &config);
        }
        assert!(!line.occluded(&config));
    }
}

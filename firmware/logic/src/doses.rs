//! The memory of executed dose ids, so that a repeated request delivers nothing twice.
//!
//! It owns the ring of the last ids with their times. It must not know what a dose was.

use serde::{Deserialize, Serialize};
use wire::DoseId;

/// How many executed ids are remembered.
pub const DOSES_REMEMBERED: usize = 32;

/// The executed ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Doses {
    ring: [Option<(DoseId, u64)>; DOSES_REMEMBERED],
    next: usize,
}

impl Doses {
    pub(crate) const fn new() -> Self {
        Self { ring: [None; DOSES_REMEMBERED], next: 0 }
    }

    /// Damages the next place, for tests.
    #[cfg(test)]
    pub(crate) const fn put_next(&mut self, next: usize) {
        self.next = next;
    }

    /// Whether the next place exists.
    pub(crate) const fn is_possible(&self) -> bool {
        self.next < DOSES_REMEMBERED
    }

    /// When the id was executed, µs.
    pub(crate) fn executed_at_us(&self, dose: DoseId) -> Option<u64> {
        self.ring.iter().flatten().find(|(id, _)| *id == dose).map(|&(_, at_us)| at_us)
    }

    /// Remembers an id that was executed, in the place of the oldest.
    pub(crate) fn executed(&mut self, dose: DoseId, at_us: u64) {
        self.ring[self.next] = Some((dose, at_us));
        self.next = (self.next + 1) % DOSES_REMEMBERED;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut doses = Doses::new();
        for id in 0..33 {
            doses.executed(DoseId(id), id * 10);
        }
        assert_eq!(doses.executed_at_us(DoseId(0)), None);
        assert_eq!(doses.executed_at_us(DoseId(1)), Some(10));
        assert_eq!(doses.executed_at_us(DoseId(32)), Some(320));
    }
}

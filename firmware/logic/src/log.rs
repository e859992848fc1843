//! The event log: a ring of the last entries, read by index.
//!
//! It owns the entries and their numbering, which never restarts between resets; a reader that asks for an index too
//! old sees by the page's oldest index what it missed. It must not know why an event happened.

use serde::{Deserialize, Serialize};
use serde_big_array::BigArray;
use wire::{LOG_PAGE_MAX, LogEntry, LogEvent, LogPage};

/// Entries that the log holds.
pub const LOG_CAPACITY: u32 = 128;

const PLACES: usize = LOG_CAPACITY as usize;

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Log {
    #[serde(with = "BigArray")]
    ring: [Option<LogEntry>; PLACES],
    next: u32,
}

impl Log {
    pub(crate) const fn new() -> Self {
        Self { ring: [None; PLACES], next: 0 }
    }

    /// Index of the oldest entry held.
    pub(crate) const fn oldest(&self) -> u32 {
        self.next.saturating_sub(LOG_CAPACITY)
    }

    /// Index that the next entry will have.
    pub(crate) const fn next(&self) -> u32 {
        self.next
    }

    pub(crate) fn write(&mut self, at_us: u64, event: LogEvent) {
        self.ring[place(self.next)] = Some(LogEntry { index: self.next, at_us, event });
        self.next += 1;
    }

    /// The entries from an index on, as many as a page takes.
    pub(crate) fn page(&self, from: u32) -> LogPage {
        let mut entries = [None; LOG_PAGE_MAX];
        let indices = from.max(self.oldest())..self.next;
        for (entry, index) in entries.iter_mut().zip(indices) {
            *entry = self.ring[place(index)];
        }
        LogPage { oldest: self.oldest(), next: self.next, entries }
    }
}

const fn place(index: u32) -> usize {
    (index % LOG_CAPACITY) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(entries: u32) -> Log {
        let mut log = Log::new();
        for index in 0..entries {
            log.write(u64::from(index) * 10, LogEvent::MinimumRateStarted { rate_nl_per_h: index });
        }
        log
    }

    fn check(log: &Log, from: u32, oldest: u32, expect: &[u32]) {
        let page = log.page(from);
        assert_eq!((page.oldest, page.next), (oldest, log.next()));
        let mut found = page.entries.iter().map_while(|entry| *entry);
        for &index in expect {
            let event = LogEvent::MinimumRateStarted { rate_nl_per_h: index };
            let at_us = u64::from(index) * 10;
            assert_eq!(found.next(), Some(LogEntry { index, at_us, event }));
        }
        assert_eq!(found.next(), None);
    }

    #[test]
    fn pages_by_index() {
        check(&filled(0), 0, 0, &[]);
        check(&filled(3), 1, 0, &[1, 2]);
        check(&filled(3), 3, 0, &[]);
        check(&filled(3), u32::MAX, 0, &[]);
        check(&filled(128), 0, 0, &[0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn pages_over_the_wrap() {
        check(&filled(300), 0, 172, &[172, 173, 174, 175, 176, 177]);
        check(&filled(300), 253, 172, &[253, 254, 255, 256, 257, 258]);
        check(&filled(300), 298, 172, &[298, 299]);
    }
}

//! The pump's own clock held against the bench's: when did happen what its log, or its firmware's, tells of?
//!
//! The clock begins anew with each boot, and the two logs tell of a boot each in its own time. A stamp of that clock may
//! keep a verdict from being wrong; it never makes one, since it is the device's word.

use core::time::Duration;

use domain::pump::{PumpLogEntry, PumpLogged, PumpOutcome};
use domain::{EventKind, RunTime};

/// A pump's clock may be off by one part in this many.
const DRIFT: i128 = 10_000;
/// The same over an interruption, where what is looked for is a clock that was set, and a crystal that is off ends no run.
const BRIDGED_DRIFT: i128 = 1_000;
/// The firmware's log shows a boot at the latest so long after the pump has told of it: a probe's poll and its deadlines.
const HEARD_WITHIN: Duration = Duration::from_secs(20);
/// A line's stamp may be ahead of what the pump's clock should show by this much.
const SLACK_US: u128 = 1_000_000;

/// What is known of that clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct PumpClock {
    told: Option<Told>,
    /// The same of the boot before: what was logged then may be read later.
    before: Option<Told>,
    /// When the last step began that was no `expect`: what those wait for comes of it.
    caused: RunTime,
    /// Whether the pump has told of a reset since, or its firmware's log has begun anew.
    booted_since: bool,
    /// When the pump told of a boot that its firmware's log does not show yet.
    boot_unheard: Option<RunTime>,
    /// Whether the firmware's log shows a boot that the pump has not told of yet.
    boot_untold: bool,
    /// The stamp of the last line of the firmware's log, in us since boot.
    line_us: u64,
}

/// A moment of this boot at which the clock was told.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: RunTime,
    u_ns: u64,
    clock_us: u64,
}

/// When something happened, by that clock.
#[derive(Debug, Clone, Copy)]
struct Happened {
    earliest_ns: i128,
    latest_ns: i128,
}

/// What the clock tells of a stamp.
#[derive(Debug, Clone, Copy)]
enum When {
    /// It was then.
    At(Happened),
    /// It was before the last boot, nobody knows when.
    BeforeBoot,
    /// Nobody knows the clock.
    Untold,
}

impl PumpClock {
    /// The clock is told, or begins anew. While the core is `halted` it stands still.
    pub(crate) fn hear(&mut self, kind: &EventKind, now: RunTime, halted: bool) {
        match kind {
            EventKind::PumpAnswered { at_ns, u_ns, outcome: PumpOutcome::Accepted { pump_us, .. }, .. } => {
                self.told = Some(Told { at: *at_ns, u_ns: *u_ns, clock_us: *pump_us });
            }
            EventKind::PumpClockRead { at_ns, u_ns, pump_us } if !halted => {
                self.told = Some(Told { at: *at_ns, u_ns: *u_ns, clock_us: *pump_us });
            }
            EventKind::PumpLogged(PumpLogEntry { what: PumpLogged::Booted { .. }, .. }) => {
                self.forget();
                self.booted_since = true;
                if !core::mem::take(&mut self.boot_untold) {
                    self.boot_unheard = Some(now);
                }
            }
            EventKind::FirmwareLogGap { restarted: true, .. } => self.firmware_began_anew(now),
            // A stamp that is earlier than the one before tells of a reset before the pump's own log does.
            EventKind::FirmwareLogged { line, .. } => {
                let stamp_us = line.stamp_us().unwrap_or(self.line_us);
                // Unless that clock is the new boot's already: it was told before the line was read.
                let told_since = self.told.is_some_and(|told| {
                    let shows_us = u128::from(told.clock_us) + now.since(told.at).as_micros() + SLACK_US;
                    shows_us < u128::from(self.line_us)
                });
                if stamp_us < self.line_us && !told_since {
                    self.firmware_began_anew(now);
                }
                self.line_us = stamp_us;
                // It is of this boot.
                if self.told.is_some_and(|told| told.happened(stamp_us, now).is_some()) {
                    self.boot_unheard = None;
                }
            }
            _ => {}
        }
    }

    /// Whether the clock has gone on over an interruption of the run as the host's has, as far as both are known; in words, if it
    /// has not. `kind` is the first look at it behind the interruption.
    pub(crate) fn contradicts(&self, kind: &EventKind, interruption_u_ns: u64) -> Option<String> {
        let EventKind::PumpClockRead { at_ns, u_ns, pump_us } = kind else { return None };
        let told = self.told?;
        let pump_ns = i128::from(*pump_us) * 1000 - i128::from(told.clock_us) * 1000;
        let host_ns = i128::from(at_ns.ns()) - i128::from(told.at.ns());
        let known_ns =
            i128::from(interruption_u_ns) + i128::from(*u_ns) + i128::from(told.u_ns) + host_ns / BRIDGED_DRIFT;
        let seconds = |ns: i128| domain::quantity::significant((ns / 1_000_000) as f64 * 1e-3);
        ((pump_ns - host_ns).abs() > known_ns).then(|| {
            format!(
                "expected the pump's clock to go on as the host's over the interruption, {} ± {} s, but it went on by {} s; see \
                 which of them was set or reset",
                seconds(host_ns),
                seconds(known_ns),
                seconds(pump_ns)
            )
        })
    }

    /// The clock may stand still, or has: what it showed says nothing any more.
    pub(crate) fn forget(&mut self) {
        self.before = self.told.take().or(self.before);
    }

    /// The bench has reset the board.
    pub(crate) fn board_began_anew(&mut self, now: RunTime) {
        self.boot_unheard = None;
        self.firmware_began_anew(now);
    }

    /// The firmware's log has begun anew. Of a boot that the pump has told of just now its clock may have been told since.
    fn firmware_began_anew(&mut self, now: RunTime) {
        self.line_us = 0;
        if self.boot_unheard.take().is_some_and(|told| now.since(told) <= HEARD_WITHIN) {
            return;
        }
        self.forget();
        self.booted_since = true;
        self.boot_untold = true;
    }

    /// Something begins that may be the cause of what is waited for from now on.
    pub(crate) fn caused(&mut self, now: RunTime) {
        (self.caused, self.booted_since) = (now, false);
    }

    /// Whether an entry of the pump's log, or a line of its firmware's, can have happened since the last cause; none if
    /// nothing dates it. What the clock does not tell may have: a reset itself, and what comes after one.
    pub(crate) fn dates(&self, kind: &EventKind, now: RunTime) -> Option<bool> {
        if !matches!(kind, EventKind::PumpLogged(_) | EventKind::FirmwareLogged { .. }) {
            return Some(false);
        }
        match stamp_us(kind).map_or(When::Untold, |stamp_us| self.happened(stamp_us, now)) {
            When::At(happened) => Some(happened.latest_ns >= i128::from(self.caused.ns())),
            When::BeforeBoot => None,
            When::Untold => {
                let may_be = matches!(kind, EventKind::PumpLogged(_)) || self.booted_since;
                may_be.then_some(true)
            }
        }
    }

    /// Whether something may have happened by then; none if this clock tells nothing.
    pub(crate) fn may_have_happened_by(&self, kind: &EventKind, until: RunTime, now: RunTime) -> Option<bool> {
        match self.happened(stamp_us(kind)?, now) {
            When::At(happened) => Some(happened.earliest_ns <= i128::from(until.ns())),
            When::BeforeBoot | When::Untold => None,
        }
    }

    /// When the clock showed that stamp. One that is still to come is of the boot before.
    fn happened(&self, stamp_us: u64, now: RunTime) -> When {
        let Some(told) = self.told else { return When::Untold };
        let by = |told: Told| told.happened(stamp_us, now).map(When::At);
        by(told).or_else(|| self.before.and_then(by)).unwrap_or(When::BeforeBoot)
    }
}

impl Told {
    /// When this clock showed that stamp, unless that is still to come.
    fn happened(self, stamp_us: u64, now: RunTime) -> Option<Happened> {
        let ns = |us: u64| i128::from(us) * 1000;
        let since_ns = ns(stamp_us) - ns(self.clock_us);
        let happened_ns = i128::from(self.at.ns()) + since_ns;
        let u_ns = i128::from(self.u_ns) + since_ns.abs() / DRIFT;
        let (earliest_ns, latest_ns) = (happened_ns - u_ns, happened_ns + u_ns);
        (earliest_ns <= i128::from(now.ns())).then_some(Happened { earliest_ns, latest_ns })
    }
}

/// What the clock showed when something happened; of a reset itself it tells nothing.
fn stamp_us(kind: &EventKind) -> Option<u64> {
    match kind {
        EventKind::PumpLogged(PumpLogEntry { what: PumpLogged::Booted { .. }, .. }) => None,
        EventKind::PumpLogged(entry) => Some(entry.pump_us),
        EventKind::FirmwareLogged { line, .. } => line.stamp_us(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::FirmwareLine;

    use super::*;

    fn s(seconds: u64) -> RunTime {
        RunTime::from_ns(seconds * 1_000_000_000)
    }

    fn line(time: &str) -> EventKind {
        let line = FirmwareLine { time: time.to_owned(), level: String::new(), text: "up".to_owned() };
        EventKind::FirmwareLogged { instrument: "probe".to_owned(), line }
    }

    fn told(at: u64, pump_us: u64) -> EventKind {
        EventKind::PumpClockRead { at_ns: s(at), u_ns: 0, pump_us }
    }

    fn booted() -> EventKind {
        let what = PumpLogged::Booted { cause: "watchdog reset".to_owned() };
        EventKind::PumpLogged(PumpLogEntry { index: 7, pump_us: 0, what })
    }

    const RESTARTED: EventKind = EventKind::FirmwareLogGap { instrument: String::new(), restarted: true };

    #[test]
    fn a_line_is_dated_by_the_pumps_clock_and_one_from_before_its_cause_is_none_of_it() {
        let mut clock = PumpClock::default();
        clock.caused(s(100));
        assert_eq!(clock.dates(&line("50.5"), s(101)), None, "nobody knows the pump's clock");
        let outcome = PumpOutcome::Accepted { pump_us: 50_000_000, repeated: false };
        clock.hear(&EventKind::PumpAnswered { command: 0, at_ns: s(100), u_ns: 0, outcome }, s(100), false);
        assert_eq!(clock.dates(&line("50.500000"), s(101)), Some(true));
        assert_eq!(clock.dates(&line("49.500000"), s(101)), Some(false), "it was logged before, and read now");
        assert_eq!(clock.dates(&line("52.5"), s(101)), None, "a moment to come is one of another boot");
        clock.caused(s(110));
        assert_eq!(clock.dates(&line("50.500000"), s(110)), Some(false));
        clock.hear(&line("61.000000"), s(112), false);
        clock.hear(&line("0.010000"), s(112), false);
        assert_eq!(clock.dates(&line("0.010000"), s(112)), Some(true), "the firmware has begun anew since");
        clock.caused(s(113));
        assert_eq!(clock.dates(&line("0.010000"), s(113)), None, "but not since the next cause");
    }

    #[test]
    fn a_log_that_begins_anew_tells_of_a_boot_even_where_its_stamps_do_not() {
        let mut clock = PumpClock::default();
        clock.hear(&told(10, 10_000_000), s(10), false);
        clock.hear(&line("0.010"), s(10), false);
        clock.caused(s(20));
        clock.hear(&RESTARTED, s(25), false);
        clock.hear(&line("0.020"), s(25), false);
        assert_eq!(clock.dates(&line("0.020"), s(25)), Some(true));
    }

    #[test]
    fn a_boot_that_the_pump_has_told_of_first_keeps_the_clock_that_was_told_since() {
        let mut clock = PumpClock::default();
        clock.hear(&told(10, 10_000_000), s(10), false);
        clock.hear(&booted(), s(30), false);
        clock.hear(&told(30, 5_000_000), s(30), false);
        clock.hear(&RESTARTED, s(30), false);
        clock.caused(s(29));
        assert_eq!(clock.dates(&line("0.010"), s(30)), Some(false), "it booted at 25 s");
        assert_eq!(clock.dates(&line("4.500"), s(30)), Some(true));
        clock.hear(&RESTARTED, s(31), false);
        assert_eq!(clock.dates(&line("0.010"), s(31)), Some(true), "that is the next boot, and nobody knows its clock");
    }

    /// The bench resets the board, and its line is read before the pump tells of the boot; then the watchdog bites, and the
    /// probe is first again.
    #[test]
    fn a_boot_that_the_firmware_has_shown_is_not_waited_for() {
        let mut clock = PumpClock::default();
        clock.hear(&told(1, 1_000_000), s(1), false);
        clock.board_began_anew(s(2));
        clock.hear(&line("0.020"), s(2), false);
        clock.hear(&booted(), s(3), false);
        clock.hear(&told(3, 1_000_000), s(3), false);
        clock.caused(s(8));
        clock.hear(&RESTARTED, s(10), false);
        clock.hear(&line("0.020"), s(10), false);
        assert_eq!(clock.dates(&line("0.020"), s(10)), Some(true));
        clock.hear(&booted(), s(11), false);
        clock.hear(&told(11, 1_500_000), s(11), false);
        clock.hear(&booted(), s(20), false);
        clock.hear(&told(20, 1_000_000), s(20), false);
        clock.hear(&RESTARTED, s(60), false);
        assert_eq!(clock.dates(&line("0.020"), s(60)), Some(true), "long after it was told, a boot is another one");
    }

    #[test]
    fn what_the_boot_before_has_logged_is_dated_by_its_clock() {
        let mut clock = PumpClock::default();
        clock.hear(&told(10, 110_000_000), s(10), false);
        clock.caused(s(14));
        clock.hear(&booted(), s(17), false);
        clock.hear(&told(17, 1_000_000), s(17), false);
        assert_eq!(clock.dates(&line("113.0"), s(18)), Some(false), "a second before the cause");
        assert_eq!(clock.dates(&line("115.0"), s(18)), Some(true));
        assert_eq!(clock.dates(&line("200.0"), s(18)), None);
        clock.hear(&line("115.0"), s(18), false);
        clock.hear(&RESTARTED, s(18), false);
        assert_eq!(clock.dates(&line("0.5"), s(18)), Some(true), "the clock that was told with the boot still holds");
        assert_eq!(clock.dates(&line("1.9"), s(18)), Some(true));
        clock.caused(s(18));
        assert_eq!(clock.dates(&line("0.5"), s(18)), Some(false));
    }

    #[test]
    fn a_clock_of_the_host_that_was_set_over_an_interruption_is_found_out() {
        let mut clock = PumpClock::default();
        assert_eq!(clock.contradicts(&told(100, 0), 0), None, "nobody knows the pump's clock");
        clock.hear(&told(10, 510_000_000), s(10), false);
        assert_eq!(clock.contradicts(&told(3610, 4_110_300_000), 0), None, "it drifts a little");
        let why = clock.contradicts(&told(3620, 4_110_000_000), 2_000_000_000).expect("ten seconds are not two");
        assert!(why.contains("3610 ± 5.61 s, but it went on by 3600 s"), "{why}");
        assert!(clock.contradicts(&told(3610, 20_000_000), 2_000_000_000).is_some(), "it began anew");
    }

    #[test]
    fn a_halted_core_tells_no_time() {
        let mut clock = PumpClock::default();
        clock.hear(&told(10, 10_000_000), s(10), true);
        assert_eq!(clock.may_have_happened_by(&line("9.0"), s(9), s(10)), None);
        clock.hear(&told(10, 10_000_000), s(10), false);
        assert_eq!(clock.may_have_happened_by(&line("9.0"), s(9), s(10)), Some(true));
        assert_eq!(clock.may_have_happened_by(&line("9.1"), s(9), s(10)), Some(false));
        assert_eq!(clock.may_have_happened_by(&line(""), s(9), s(10)), None);
    }
}

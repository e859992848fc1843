//! A schedule of rates over the day: which rate holds at a time, and when the next step begins.
//!
//! It owns the schedule's rules and its arithmetic on powered time (see `memory`). It must not know the account that
//! the rate goes to, nor how a schedule is stored.

use wire::{FLEX_STEPS_MAX, FlexStep};

/// One minute, µs.
const MINUTE_US: u64 = 60_000_000;
/// Minutes of a day.
const DAY_MIN: u16 = 1_440;
/// One day, µs.
pub(crate) const DAY_US: u64 = 86_400_000_000;

/// A schedule and the moment that ties its minutes to the pump's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flex {
    /// Powered time at which the schedule was started, µs.
    pub(crate) start_us: u64,
    /// Minute of the day that began then, 0 to 1439.
    pub(crate) start_min: u16,
    /// How many of the steps exist, 0 to 8.
    pub(crate) count: u8,
    /// The steps in order of the day; those behind `count` mean nothing.
    pub(crate) steps: [FlexStep; FLEX_STEPS_MAX],
}

impl Flex {
    /// No schedule.
    pub(crate) const NONE: Self = Self {
        start_us: 0,
        start_min: 0,
        count: 0,
        steps: [FlexStep { from_min: 0, rate_nl_per_h: 0 }; FLEX_STEPS_MAX],
    };

    /// A schedule that begins now; `None` if it has no step, a gap before its last one, or minutes that do not rise
    /// or are not below 1440. Rates are the caller's to judge.
    pub(crate) fn new(start_us: u64, start_min: u16, steps: &[Option<FlexStep>; FLEX_STEPS_MAX]) -> Option<Self> {
        let mut flex = Self { start_us, start_min, ..Self::NONE };
        let mut least_min = 0;
        for (place, step) in flex.steps.iter_mut().zip(steps.iter().map_while(|step| *step)) {
            if step.from_min < least_min || step.from_min >= DAY_MIN {
                return None;
            }
            least_min = step.from_min + 1;
            *place = step;
            flex.count += 1;
        }
        let all = steps.iter().flatten().count();
        (flex.count > 0 && usize::from(flex.count) == all && start_min < DAY_MIN).then_some(flex)
    }

    /// The steps that exist.
    pub(crate) fn steps(&self) -> &[FlexStep] {
        &self.steps[..usize::from(self.count).min(FLEX_STEPS_MAX)]
    }

    /// The rate that holds at a powered time, nL/h: the last step at or before it, over midnight if need be.
    pub(crate) fn rate_at(&self, at_us: u64) -> u32 {
        let day_us = self.day_us(at_us);
        let begun = self.steps().iter().rfind(|step| begin_us(step) <= day_us);
        begun.or(self.steps().last()).map_or(0, |step| step.rate_nl_per_h)
    }

    /// The powered time after `at_us` at which the next step begins. A single step holds for ever.
    pub(crate) fn next_step_us(&self, at_us: u64) -> Option<u64> {
        if self.steps().len() < 2 {
            return None;
        }
        let day_us = self.day_us(at_us);
        let wait_us = self.steps().iter().map(|step| DAY_US - (day_us + DAY_US - begin_us(step)) % DAY_US).min()?;
        at_us.checked_add(wait_us)
    }

    /// Time of the schedule's day at a powered time, µs.
    fn day_us(&self, at_us: u64) -> u64 {
        // The start may lie behind `at_us` only in a block whose damage goes unnoticed; it must not panic even then.
        let since_us = (i128::from(at_us) - i128::from(self.start_us)).rem_euclid(i128::from(DAY_US));
        let since_us = u64::try_from(since_us).unwrap_or(0);
        (since_us + u64::from(self.start_min) * MINUTE_US) % DAY_US
    }
}

fn begin_us(step: &FlexStep) -> u64 {
    u64::from(step.from_min) * MINUTE_US % DAY_US
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(given: &[(u16, u32)]) -> [Option<FlexStep>; FLEX_STEPS_MAX] {
        let mut steps = [None; FLEX_STEPS_MAX];
        for (place, &(from_min, rate_nl_per_h)) in steps.iter_mut().zip(given) {
            *place = Some(FlexStep { from_min, rate_nl_per_h });
        }
        steps
    }

    fn flex(start_us: u64, start_min: u16) -> Flex {
        Flex::new(start_us, start_min, &steps(&[(60, 1), (120, 2), (1_439, 3)])).expect("is a schedule")
    }

    #[test]
    fn the_step_before_midnight_holds_until_the_first_of_the_day() {
        assert_eq!(flex(7, 0).rate_at(7), 3);
        assert_eq!(flex(7, 59).rate_at(7), 3);
        assert_eq!(flex(7, 60).rate_at(7), 1);
        assert_eq!(flex(7, 1_438).rate_at(7), 2);
        assert_eq!(flex(7, 1_439).rate_at(7), 3);
    }

    #[test]
    fn a_step_begins_at_its_very_microsecond() {
        let flex = flex(7, 59);
        assert_eq!(flex.next_step_us(7), Some(7 + MINUTE_US));
        assert_eq!((flex.rate_at(6 + MINUTE_US), flex.rate_at(7 + MINUTE_US)), (3, 1));
        assert_eq!(flex.next_step_us(7 + MINUTE_US), Some(7 + 61 * MINUTE_US));
        assert_eq!(flex.next_step_us(7 + 61 * MINUTE_US), Some(7 + 1_380 * MINUTE_US));
        assert_eq!(flex.next_step_us(7 + 1_380 * MINUTE_US), Some(7 + MINUTE_US + DAY_US));
    }

    #[test]
    fn a_single_step_never_changes() {
        let flex = Flex::new(0, 5, &steps(&[(0, 9)])).expect("is a schedule");
        assert_eq!((flex.rate_at(3 * DAY_US), flex.next_step_us(0)), (9, None));
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let refused = |start_min, given: &[Option<FlexStep>; FLEX_STEPS_MAX]| {
            assert_eq!(Flex::new(0, start_min, given), None);
        };
        refused(0, &[None; FLEX_STEPS_MAX]);
        refused(1_440, &steps(&[(0, 1)]));
        refused(0, &steps(&[(1_440, 1)]));
        refused(0, &steps(&[(5, 1), (5, 2)]));
        refused(0, &steps(&[(6, 1), (5, 2)]));
        let mut gap = steps(&[(5, 1), (6, 2), (7, 3)]);
        gap[1] = None;
        refused(0, &gap);
    }

    #[test]
    fn damaged_figures_do_no_harm() {
        let step = FlexStep { from_min: u16::MAX, rate_nl_per_h: 1 };
        let flex = Flex { start_us: u64::MAX, start_min: u16::MAX, count: 255, steps: [step; FLEX_STEPS_MAX] };
        assert_eq!(flex.rate_at(0), 1);
        assert!(flex.next_step_us(0).is_some_and(|at| at > 0));
        assert_eq!(flex.next_step_us(u64::MAX), None);
    }
}

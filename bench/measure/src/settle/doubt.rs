//! Steps of the mass that a device cannot be blamed for: it takes no liquid back, and what came while the balance was not read
//! nobody saw come. A fail that hangs on them is none.
//!
//! A step upwards that was read as it came stays in: an overdose looks just so.

use domain::{CheckVerdict, Limits};

use crate::conversion::Conversion;
use crate::decision::decide_guarded;
use crate::flags::{Flag, FlagKind};
use crate::ledger::Ledger;
use crate::settle::terms::Weighed;

/// A value without such steps, in the figure's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Without {
    pub(crate) value: f64,
    /// What that may be off by beside its uncertainty.
    pub(crate) within: f64,
}

impl Without {
    /// Whether it is a failure as well.
    pub(super) fn fails(&self, band: f64, limits: Limits) -> bool {
        CheckVerdict::from(decide_guarded(self.value, band + self.within, limits)) == CheckVerdict::Fail
    }
}

/// By how much such steps have changed a volume, beyond what was commanded meanwhile, in µL, and by how much that may be off; `None`
/// if there were none.
pub(super) fn stepped_ul(ledger: &Ledger, weighed: &Weighed, conversion: &Conversion) -> Option<(f64, f64)> {
    let pulse_ul = ledger.setup.as_ref()?.pulse_ul;
    let flags = ledger.flags();
    let doubtful = |flag: &&Flag| {
        let is_within =
            weighed.pieces.iter().any(|(from, to)| from.t_s < flag.stepped_s() && flag.stepped_s() <= to.t_s);
        is_within && !flag.shown_no_flow && is_doubtful(ledger, flag)
    };
    let steps: Vec<f64> = flags
        .iter()
        .filter(doubtful)
        .map(|flag| flag.by_g * conversion.ul_per_g() - ledger.dose.commanded_ul(flag.from_s, flag.stepped_s()))
        .collect();
    (!steps.is_empty()).then(|| (steps.iter().sum(), steps.len() as f64 * pulse_ul))
}

fn is_doubtful(ledger: &Ledger, flag: &Flag) -> bool {
    match flag.kind {
        FlagKind::Tare | FlagKind::Adjustment | FlagKind::Shake => true,
        FlagKind::Step => flag.by_g < 0.0 || ledger.interruptions(flag.from_s, flag.stepped_s()).next().is_some(),
        FlagKind::Gap => false,
    }
}

#[cfg(test)]
mod tests {
    use domain::CheckVerdict;
    use domain::check::{ErrorUnit, Figure, Window};
    use domain::pump::PumpRequest;

    use crate::settle::Settled;
    use crate::testing::{Run, WEIGHED_S, check, profile, settled, ul_per_g};

    /// 100 µL/h over two hours, of which the pump delivers a share. The balance is not read from 3600 s on for so long, and shows so many
    /// µL more from then on.
    fn stepped(share: f64, unread_s: u32, step_ul: f64) -> Settled {
        let ul = |t_s: f64| {
            let step_ul = if t_s > 3600.0 { step_ul } else { 0.0 };
            share * (t_s - f64::from(WEIGHED_S)).clamp(0.0, 7200.0) / 36.0 + step_ul
        };
        let mut run = Run::on(profile(0.05), 0.0);
        run.mark(WEIGHED_S, "hold.begin");
        run.command(WEIGHED_S, PumpRequest::Start { dose: 1, rate_nl_per_h: 100_000 });
        run.weigh_until(3600, ul);
        run.skip_until(3600 + unread_s);
        run.weigh_until(WEIGHED_S + 7200, ul);
        run.mark(WEIGHED_S + 7200, "hold.end");
        run.command(WEIGHED_S + 7200, PumpRequest::Stop);
        let figure = Figure::VolumeError { window: Window::of("hold"), unit: ErrorUnit::PercentOfCommanded };
        settled(&run.close(ul(f64::from(WEIGHED_S) + 7200.0)), &figure, Some(-10.0), Some(10.0))
    }

    /// Of 200 µL, 100 are 50 %.
    #[test]
    fn a_step_that_no_device_can_be_blamed_for_fails_none() {
        let hangs = "the decision hangs on them; beside that, the mass jumped by";
        check(&stepped(1.0, 0, -100.0), -50.0, 0.1, CheckVerdict::Inconclusive, hangs);
        check(&stepped(1.0, 200, -5.0 * ul_per_g()), -2_505.0, 5.0, CheckVerdict::Inconclusive, hangs);
        check(&stepped(1.0, 200, 100.0), 50.0, 0.1, CheckVerdict::Inconclusive, hangs);
    }

    #[test]
    fn a_step_excuses_no_device_that_fails_without_it() {
        check(&stepped(0.5, 0, -100.0), -100.0, 0.1, CheckVerdict::Fail, "the mass jumped by");
        check(&stepped(0.5, 200, 100.0), 0.0, 0.1, CheckVerdict::Inconclusive, "the mass jumped by");
    }

    /// An overdose comes upwards, while the balance is read.
    #[test]
    fn a_step_upwards_that_was_seen_to_come_stays_in() {
        check(&stepped(1.0, 0, 100.0), 50.0, 0.1, CheckVerdict::Fail, "the mass jumped by");
    }
}

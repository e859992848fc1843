//! What can be asked of a ledger: weighings, corrections, the dose, what happened, figures.
//!
//! Nothing here changes it.

use domain::check::{DecisionRule, ErrorUnit, Figure, Window};
use domain::event::Phase;
use domain::profile::EvaporationModel;
use domain::{Limits, RunTime};

use super::{Interrupted, Ledger};
use crate::budget::Budget;
use crate::conversion::Conversion;
use crate::course::{self, Course};
use crate::evaporation::Evaporation;
use crate::flags::{self, Flag};
use crate::jumps::Jump;
use crate::meter::Metered;
use crate::model::{Factors, declared_air};
use crate::occlusion::Occlusion;
use crate::room::Room;
use crate::settle::{self, Settled};
use crate::weighing::Weighing;

/// In fewer cells of readings than this a reference vessel has lost too little to follow it.
const REFERENCE_CELLS_MIN: usize = 60;

impl Ledger {
    /// The weighing at a mark: `None` if the mark was never set, inner `None` if too little was read before it.
    #[must_use]
    pub fn weighing(&self, mark: &str) -> Option<Option<Weighing>> {
        self.weighings.get(mark).copied()
    }

    /// The first jump of the mass within a span that no flow explains, if there was one.
    #[must_use]
    pub fn jump(&self, from_s: f64, to_s: f64) -> Option<Jump> {
        self.jumps.within(from_s, to_s)
    }

    /// The first jump of the mass downwards within a span, if there was one.
    #[must_use]
    pub fn loss(&self, from_s: f64, to_s: f64) -> Option<Jump> {
        self.jumps.loss_within(from_s, to_s)
    }

    /// What happened to the weighing that is no flow, in order of time.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        flags::flags(self.jumps.kept(), &self.gaps)
    }

    /// The interruptions of the run that a span holds, in order of time.
    pub(crate) fn interruptions(&self, from_s: f64, to_s: f64) -> impl Iterator<Item = &Interrupted> {
        self.interruptions.iter().filter(move |i| from_s < i.to_s && i.from_s < to_s)
    }

    /// The course of the mass.
    pub(crate) const fn course(&self) -> &Course {
        &self.course
    }

    /// What speaks against the bath that the scenario needs, from the first weighing on, as a sentence; none if it was where it had to
    /// be, or none is needed.
    #[must_use]
    pub fn bath_objection(&self) -> Option<String> {
        self.conditions.bath_objection()
    }

    /// From when to when, in s of run time, each window is that an error of the flow is looked for in, whether its ends were
    /// read or not.
    ///
    /// # Errors
    /// Why there are none, as the figure's reason has it.
    pub fn flow_windows(
        &self,
        window: &Window,
        over: core::time::Duration,
        whole_cycles: bool,
    ) -> Result<Vec<(f64, f64)>, String> {
        settle::flow_windows(self, window, over, whole_cycles)
    }

    /// The error of the flow between two moments of one continuous rate, in s of run time: in %, with its budget. `None`
    /// where that cannot be told.
    #[must_use]
    pub fn flow_error(&self, from_s: f64, to_s: f64) -> Option<(f64, Budget)> {
        settle::flow_error(self, from_s, to_s)
    }

    /// The longest time within a span in which less than half a pulse was delivered, at its longest: from the sample before it to
    /// the one behind it, in s of run time. Nothing is said of times in which the balance was not read, the vessel was handled or
    /// something happened to the weighing; `None` if there are no others.
    #[must_use]
    pub fn longest_without_flow(&self, from_s: f64, to_s: f64) -> Option<(f64, f64)> {
        let conversion = self.conversion()?;
        let least_ul = self.setup.as_ref()?.pulse_ul / 2.0;
        let cell_s = self.course.cell_s();
        let disturbed = self.disturbed();
        let undisturbed = |from_s: f64, to_s: f64| !disturbed.iter().any(|(from, to)| *from < to_s && from_s < *to);
        let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
        for (t_s, mass_g) in self.course.means(from_s, to_s) {
            let moment = RunTime::from_ns((t_s * 1e9) as u64);
            let point = (t_s, conversion.delivered_ul(moment, mass_g));
            let goes_on = |last_s: f64| t_s - last_s <= 1.5 * cell_s && undisturbed(last_s - cell_s, t_s + cell_s);
            match parts.last_mut().filter(|part| part.last().is_some_and(|(last_s, _)| goes_on(*last_s))) {
                Some(part) => part.push(point),
                None => parts.push(vec![point]),
            }
        }
        let whole = parts.iter().filter(|part| part.len() > 1);
        let longest = whole.filter_map(|part| course::longest_below(part, least_ul));
        let (from_s, to_s) = longest.max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))?;
        Some((from_s - cell_s, to_s + cell_s))
    }

    /// When something happened to the weighing, or somebody handled the vessel: from and to, in s of run time.
    fn disturbed(&self) -> Vec<(f64, f64)> {
        let handled = self.handled.iter().map(|(before, after)| {
            let begun_s = before.or(*after).map_or(f64::INFINITY, |weighing| weighing.mark_s);
            (begun_s, after.map_or(f64::INFINITY, |after| after.mark_s))
        });
        self.flags().iter().map(|flag| (flag.from_s, flag.to_s)).chain(handled).collect()
    }

    /// The width of a sample of the mass, of which a flow's error takes one at either end, in s.
    #[must_use]
    pub const fn sample_s(&self) -> f64 {
        self.course.cell_s()
    }

    /// When the line was occluded, and what the pump made of it, in order of time.
    #[must_use]
    pub fn occlusions(&self) -> &[Occlusion] {
        self.occlusions.kept()
    }

    /// By how much the line's pressure fell over a window, in kPa; `None` if it was not read.
    pub(crate) fn fell_kpa(&self, window: &Window) -> Option<f64> {
        self.occlusions.fell_kpa(window)
    }

    /// By how much the mass stepped within a span, in g, where the flow meter shows that no liquid moved; `None` if it did not.
    pub(crate) fn no_flow_g(&self, from_s: f64, to_s: f64) -> Option<f64> {
        let steps = self.jumps.kept().iter().filter(|jump| jump.within(from_s, to_s) && jump.no_flow == Some(true));
        let (count, sum) = steps.fold((0, 0.0), |(count, sum), jump| (count + 1, sum + jump.by_g));
        (count > 0).then_some(sum)
    }

    /// What the flow meter saw over a window, if it can say anything of so much commanded, in µL.
    pub(crate) fn metered(&self, window: &Window, commanded_ul: f64) -> Option<Metered> {
        let pulse_ul = self.setup.as_ref()?.pulse_ul;
        self.meter.between(&window.from, &window.to, commanded_ul, pulse_ul)
    }

    /// The pieces of a span between two weighings: one, or more where somebody handled the vessel.
    pub(crate) fn pieces(&self, from: Weighing, to: Weighing) -> Result<Vec<(Weighing, Weighing)>, String> {
        let mut pieces = Vec::new();
        let mut begun = from;
        for (before, after) in &self.handled {
            let within = before.or(*after).is_some_and(|w| from.mark_s <= w.mark_s && w.mark_s <= to.mark_s);
            if !within {
                continue;
            }
            let (Some(before), Some(after)) = (before, after) else {
                return Err(
                    "expected a settled weighing before and after the vessel was handled, but found none".to_owned()
                );
            };
            if before.t_s > begun.t_s {
                pieces.push((begun, *before));
            }
            begun = *after;
        }
        if to.t_s > begun.t_s {
            pieces.push((begun, to));
        }
        if pieces.is_empty() {
            return Err("expected some time in which the vessel was not handled, but found none".to_owned());
        }
        Ok(pieces)
    }

    /// When evaporation is measured, in s of run time: before the steps, and in the closing weighing.
    pub(crate) fn evaporation_spans(&self) -> Vec<(f64, f64)> {
        let before = self.steps_from.map(|steps| (0.0, steps.seconds()));
        let closing = self.phase.filter(|(phase, _)| *phase == Phase::ClosingWeighing);
        before.into_iter().chain(closing.map(|(_, since)| (since.seconds(), f64::INFINITY))).collect()
    }

    /// Evaporation, as soon as the opening weighing has shown it.
    #[must_use]
    pub fn evaporation(&self) -> Option<Evaporation> {
        let (before, after) = (self.before.drift()?, self.after.drift());
        let method = &self.setup.as_ref()?.method;
        match method.evaporation {
            EvaporationModel::Constant | EvaporationModel::Linear => {
                Some(Evaporation::plain(before, after, method.evaporation))
            }
            driven => {
                let drive = self.room.drive(method);
                // A reference vessel shows nothing within minutes, in which nothing swings either.
                if driven == EvaporationModel::Reference && drive.0.len() < REFERENCE_CELLS_MIN {
                    return Some(Evaporation::plain(before, after, EvaporationModel::Linear));
                }
                Evaporation::driven(before, after, driven, &drive)
            }
        }
    }

    /// By which rule values are decided.
    pub(crate) fn rule(&self) -> DecisionRule {
        self.setup.as_ref().map_or(DecisionRule::default(), |setup| setup.rule)
    }

    /// What turns an indicated mass into a delivered volume, as soon as the opening weighing is done.
    #[must_use]
    pub fn conversion(&self) -> Option<Conversion> {
        self.converted().ok()
    }

    /// The conversion, or why there is none.
    pub(crate) fn converted(&self) -> Result<Conversion, String> {
        let unmeasured = || match &self.setup {
            Some(setup) if self.before.drift().is_some() => format!(
                "what drives evaporation by the model '{}' was not read, or did not rise, while the pump stood",
                setup.method.evaporation.name()
            ),
            _ => "evaporation before the first step was not measured".to_owned(),
        };
        let method = &self.setup.as_ref().ok_or("the run has no balance")?.method;
        let evaporation = self.evaporation().ok_or_else(unmeasured)?;
        let air = self.room.mean_air_kg_per_m3().or_else(|| declared_air(method));
        let factors = air.map(|air| Factors::of(method, air));
        let (factors, (z_ml_per_g, needle)) = factors
            .and_then(|factors| Some((factors, factors.estimates()?)))
            .ok_or("the rig file's method declares conditions beyond the formulae for density and buoyancy")?;
        let measured = &method.characterised;
        Ok(Conversion {
            z_ml_per_g,
            needle,
            factors,
            evaporation,
            zero: self.zero.ok_or("the vessel was not weighed before the first step")?,
            air_kg_per_m3: self.room.air_kg_per_m3(),
            displaced_ul: measured.displaced_ul.map_or(0.0, |displaced| displaced.value.ul()),
            leak_ul_per_h: measured.line_leak_ul_per_h.map_or(0.0, |leak| leak.value.ul_per_h()),
        })
    }

    /// The room as it was read.
    pub(crate) const fn room(&self) -> &Room {
        &self.room
    }

    /// The volume commanded within a span, in uL.
    #[must_use]
    pub fn commanded_ul(&self, from: RunTime, to: RunTime) -> f64 {
        self.dose.commanded_ul(from.seconds(), to.seconds())
    }

    /// The continuous rate commanded at a moment, in uL/h.
    #[must_use]
    pub fn rate_ul_per_h(&self, at: RunTime) -> f64 {
        self.dose.rate_ul_per_h(at.seconds())
    }

    /// The longest time within a span in which one constant rate was commanded and no bolus, from and to in s of run time.
    #[must_use]
    pub fn steady(&self, from: RunTime, to: RunTime) -> Option<(f64, f64)> {
        self.dose.steady(from.seconds(), to.seconds())
    }

    /// Whether it is not known what was commanded within a span, in s of run time.
    #[must_use]
    pub fn in_doubt(&self, from_s: f64, to_s: f64) -> bool {
        self.dose.doubt(from_s, to_s).is_some()
    }

    /// The scatter of a reading with the pump stopped, about the drift of the opening weighing, in g.
    #[must_use]
    pub fn still_scatter_g(&self) -> Option<f64> {
        self.before.fit.residual_s()
    }

    /// The values of which a figure is the worst or the mean, each bolus', in the figure's unit; nothing for other figures.
    #[must_use]
    pub fn each(&self, figure: &Figure) -> Vec<f64> {
        settle::each(self, figure)
    }

    /// What is to be doubted of a figure's uncertainty, a sentence each: of volumes in % of the commanded alone.
    #[must_use]
    pub fn doubts(&self, figure: &Figure, budget: &Budget) -> Vec<String> {
        let Figure::VolumeError { window, unit: ErrorUnit::PercentOfCommanded } = figure else { return Vec::new() };
        let (Some(Some(from)), Some(Some(to))) = (self.weighing(&window.from), self.weighing(&window.to)) else {
            return Vec::new();
        };
        let lasts_s = to.t_s - from.t_s;
        let ul_per_h = self.dose.commanded_ul(from.t_s, to.t_s) / lasts_s * 3600.0;
        crate::plausibility::doubts(budget, ul_per_h, lasts_s)
    }

    /// Settles a figure against its limits.
    #[must_use]
    pub fn settle(&self, figure: &Figure, limits: &Limits) -> Settled {
        settle::settle(self, figure, *limits)
    }
}

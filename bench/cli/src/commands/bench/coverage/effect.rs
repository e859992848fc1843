//! The effects that the budget does not know, each as something that is done to the plant in a slot of the study's scenario.
//!
//! It owns the scenario's text and the effects' names. It must not know what a gate makes of them.

use text::Source;

use crate::Failure;

/// The scenario of each run.
const STUDY: &str = include_str!("study.yaml");

/// An effect: its name in the table, and which stimuli come in which slots.
pub(super) struct Effect {
    pub(super) name: &'static str,
    stimuli: &'static [(&'static str, &'static str)],
}

/// What each run of the first set does: nothing.
pub(super) const NONE: Effect = Effect { name: "none", stimuli: &[] };

/// Every effect; the first is none, to compare with.
pub(super) const EFFECTS: &[Effect] = &[
    NONE,
    Effect { name: "humidity + 50 points, to the end", stimuli: &[("before basal", "humidity step: 50 %")] },
    Effect {
        name: "humidity + 15 points during basal",
        stimuli: &[("before basal", "humidity step: 15 %"), ("after basal", "humidity step: 0 %")],
    },
    Effect { name: "room + 3 K, to the end", stimuli: &[("before basal", "temperature step: 3 °C")] },
    Effect {
        name: "room + 1 K during basal",
        stimuli: &[("before basal", "temperature step: 1 °C"), ("after basal", "temperature step: 0 °C")],
    },
    Effect { name: "balance hysteresis of 0.2 mg", stimuli: &[("at first", "hysteresis: 0.2 mg")] },
    Effect { name: "balance tracks its zero", stimuli: &[("at first", "zero tracking: on")] },
    Effect { name: "balance adjusts itself in basal", stimuli: &[("within basal", "self-adjustment: once")] },
    Effect { name: "load falls by 0.1 mg in basal", stimuli: &[("within basal", "balance jump: -0.1 mg")] },
    Effect { name: "load falls by 0.5 mg in basal", stimuli: &[("within basal", "balance jump: -0.5 mg")] },
    Effect { name: "load rises by 2 mg in basal", stimuli: &[("within basal", "balance jump: 2 mg")] },
    Effect { name: "load rises by 5 mg in basal", stimuli: &[("within basal", "balance jump: 5 mg")] },
    Effect { name: "line breathes 2 uL/K", stimuli: &[("at first", "breathing: 2 uL")] },
    Effect { name: "bubble of 10 uL at the occlusion", stimuli: &[("before occlusion", "air bubble: 10 uL")] },
];

impl Effect {
    /// The study's scenario with the effect in it.
    pub(super) fn scenario(&self) -> Result<Source, Failure> {
        let mut text = STUDY.to_owned();
        for (slot, stimulus) in self.stimuli {
            let line = format!("  # slot: {slot}\n");
            assert!(text.contains(&line), "the study's scenario has the slot '{slot}'");
            text = text.replace(&line, &format!("  - stimulate: {{{stimulus}}}\n"));
        }
        Source::new("coverage.yaml", text.into_bytes()).map_err(Failure::bench)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::coverage::plant::Declarations;
    use crate::load;

    #[test]
    fn each_effect_is_a_scenario_that_resolves_and_has_what_it_says() {
        let Ok(declarations) = Declarations::read() else { panic!("the library's rig declares what is needed") };
        let Ok(plant) = declarations.draw(1) else { panic!("drawn") };
        let Ok(rig) = load::rig(&plant.rig) else { panic!("a rig") };
        let profile = &rig.station(None).expect("a station").profile;
        for effect in EFFECTS {
            let Ok(source) = effect.scenario() else { panic!("{}", effect.name) };
            let Ok(document) = load::document(&source) else { panic!("{}", effect.name) };
            assert!(scenario::resolve(&document, &[], profile).is_ok(), "{}", effect.name);
            assert_eq!(source.text().matches("- stimulate:").count(), effect.stimuli.len(), "{}", effect.name);
        }
    }
}

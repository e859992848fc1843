//! How a balance is set, as far as that changes what it shows without its load: as it tells, and as a rig file declares it.
//!
//! What the balance tells counts. A declaration stands where the balance does not tell, and says of an adjustment or a
//! standby that it is known of; nothing makes a balance that tracks its zero fit to weigh a flow.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A setting by which a balance changes what it shows, or whether it shows anything, without its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceSetting {
    /// Slow changes are taken for drift of the zero: 0.5 mL/day is 5.8 µg/s, half a digit of 10 µg a second.
    ZeroTracking,
    /// The balance adjusts itself by its own weight when temperature or time say so: it is silent, then reads anew.
    AutomaticAdjustment,
    /// The balance switches itself off when nobody touches it.
    Standby,
}

impl BalanceSetting {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::ZeroTracking, Self::AutomaticAdjustment, Self::Standby];

    /// The setting as rig files and reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroTracking => "zero tracking",
            Self::AutomaticAdjustment => "automatic adjustment",
            Self::Standby => "standby",
        }
    }

    /// Whether a run may be made with it on, if the rig file declares that. An adjustment and a standby show in the
    /// readings, and are flagged there; what zero tracking swallows does not.
    #[must_use]
    pub const fn may_be_on(self) -> bool {
        !matches!(self, Self::ZeroTracking)
    }
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Off.
    Off,
    /// On.
    On,
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
        })
    }
}

/// Each setting, where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Switches {
    /// Zero tracking.
    pub zero_tracking: Option<Switch>,
    /// Automatic adjustment.
    pub automatic_adjustment: Option<Switch>,
    /// Standby.
    pub standby: Option<Switch>,
}

impl Switches {
    /// How a setting is, if it is known.
    #[must_use]
    pub const fn of(&self, setting: BalanceSetting) -> Option<Switch> {
        match setting {
            BalanceSetting::ZeroTracking => self.zero_tracking,
            BalanceSetting::AutomaticAdjustment => self.automatic_adjustment,
            BalanceSetting::Standby => self.standby,
        }
    }

    /// Where a setting is kept.
    pub const fn place(&mut self, setting: BalanceSetting) -> &mut Option<Switch> {
        match setting {
            BalanceSetting::ZeroTracking => &mut self.zero_tracking,
            BalanceSetting::AutomaticAdjustment => &mut self.automatic_adjustment,
            BalanceSetting::Standby => &mut self.standby,
        }
    }
}

/// A question about a setting, and the balance's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingAnswer {
    /// What it is about.
    pub about: String,
    /// The command.
    pub asked: String,
    /// The line that came, without its end; as it can be shown, if it was no answer, and empty if none came.
    pub answered: String,
    /// Whether it was refused for now, as by a balance that adjusts itself: what it told before still holds.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub for_now: bool,
}

impl fmt::Display for SettingAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answered.as_str() {
            "" => write!(f, "no answer to {}", self.asked),
            answered => write!(f, "'{answered}' to {}", self.asked),
        }
    }
}

/// What a balance told of its settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BalanceSettings {
    /// What was understood of those that matter; one that the balance does not tell is not known.
    pub switches: Switches,
    /// Every answer as it came, those about filter, stability and power too.
    pub answers: Vec<SettingAnswer>,
}

impl BalanceSettings {
    /// The answer about a setting.
    #[must_use]
    pub fn answer(&self, setting: BalanceSetting) -> Option<&SettingAnswer> {
        self.answers.iter().find(|answer| answer.about == setting.name())
    }

    /// Takes a newer answer about a setting.
    pub fn hear(&mut self, setting: BalanceSetting, switch: Option<Switch>, answered: &str) {
        *self.switches.place(setting) = switch;
        for answer in self.answers.iter_mut().filter(|answer| answer.about == setting.name()) {
            answered.clone_into(&mut answer.answered);
            answer.for_now = false;
        }
    }

    /// What is told now, and what was told before of a setting that the balance refuses for now.
    #[must_use]
    pub fn over(mut self, before: &Self) -> Self {
        for setting in BalanceSetting::ALL {
            let refused = self.answers.iter_mut().find(|answer| answer.about == setting.name() && answer.for_now);
            if let (Some(refused), Some(earlier)) = (refused, before.answer(setting)) {
                refused.clone_from(earlier);
                *self.switches.place(setting) = before.switches.of(setting);
            }
        }
        self
    }
}

impl fmt::Display for BalanceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, setting) in BalanceSetting::ALL.into_iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let told = self.switches.of(setting).map_or_else(|| "not told".to_owned(), |switch| switch.to_string());
            write!(f, "{comma}{} {told}", setting.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_shown_as_such() {
        let switches = Switches { zero_tracking: Some(Switch::Off), ..Switches::default() };
        assert_eq!(
            BalanceSettings { switches, answers: Vec::new() }.to_string(),
            "zero tracking off, automatic adjustment not told, standby not told"
        );
        let answer = |answered: &str| {
            let (about, asked) = ("zero tracking".to_owned(), "M03".to_owned());
            SettingAnswer { about, asked, answered: answered.to_owned(), for_now: false }.to_string()
        };
        assert_eq!((answer("M03 A 0"), answer("")), ("'M03 A 0' to M03".to_owned(), "no answer to M03".to_owned()));
    }
}

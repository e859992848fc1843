//! Whether balances are set so that a run can be made: what each told, held against what the rig file declares.
//!
//! Zero tracking takes slow flow for drift of the zero, and nothing in the readings shows it. What a balance does not tell
//! is neither passed nor refused in silence: the rig file has to say how it is.

use domain::profile::InstrumentProfile;
use domain::{BalanceSetting, RigProfile, Switch};

use crate::instruments::Instruments;

/// The first balance that is not set as a run needs it, its name and why not, as a sentence. Balances of records of the
/// formats before 5 were not asked.
pub(crate) fn unfit<'a>(profile: &'a RigProfile, instruments: &Instruments) -> Option<(&'a str, String)> {
    profile.instruments.iter().find_map(|balance| {
        let why = BalanceSetting::ALL.into_iter().find_map(|setting| wrong(balance, instruments, setting))?;
        Some((balance.name.as_str(), why))
    })
}

/// Why a run cannot be made with a balance's setting as it is, if it cannot.
fn wrong(balance: &InstrumentProfile, instruments: &Instruments, setting: BalanceSetting) -> Option<String> {
    let declared = balance.settings.as_ref()?.of(setting);
    let settings = instruments.settings(&balance.name);
    let told = settings.and_then(|settings| settings.switches.of(setting));
    let (name, setting_name) = (&balance.name, setting.name());
    let words = settings.and_then(|settings| settings.answer(setting));
    let words = words.map_or_else(|| "it was not asked".to_owned(), |answer| format!("it gave {answer}"));
    match (told, declared) {
        (Some(Switch::Off), _) | (None, Some(Switch::Off)) => None,
        (_, Some(Switch::On)) if setting.may_be_on() => None,
        (Some(Switch::On), _) => {
            let remedy = if setting.may_be_on() {
                format!(
                    "switch it off at the balance, or if that cannot be, write 'settings: {{{setting_name}: on}}' into its entry of \
                     the rig file"
                )
            } else {
                "switch it off at the balance, or slow flow is taken for drift of its zero".to_owned()
            };
            Some(format!("expected {setting_name} of {name} to be off, but found it on ({words}); {remedy}"))
        }
        (None, _) => Some(format!(
            "expected {name} to tell that {setting_name} is off, but found that it does not tell ({words}); look at the balance, \
             and write what it shows into its entry of the rig file, as in 'settings: {{{setting_name}: off}}'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use domain::{BalanceSettings, SettingAnswer, Switches};

    use super::*;

    const OFF: Option<Switch> = Some(Switch::Off);
    const ON: Option<Switch> = Some(Switch::On);

    /// Whether a run may be made with a setting that is told and declared so, all others being told to be off.
    fn check(setting: BalanceSetting, told: Option<Switch>, declared: Option<Switch>) -> bool {
        let mut profile = crate::testing::profile();
        let mut switches = Switches { zero_tracking: OFF, automatic_adjustment: OFF, standby: OFF };
        *switches.place(setting) = told;
        let mut rig_file = Switches::default();
        *rig_file.place(setting) = declared;
        profile.instruments[1].settings = Some(rig_file);
        let answer = |about: BalanceSetting| SettingAnswer {
            about: about.name().to_owned(),
            asked: "M99".to_owned(),
            answered: "M99 I".to_owned(),
            for_now: false,
        };
        let answers = BalanceSetting::ALL.map(answer).to_vec();
        let mut instruments = Instruments::default();
        instruments.told("balance", &BalanceSettings { switches, answers });
        let found = unfit(&profile, &instruments);
        if let Some((name, why)) = &found {
            assert_eq!(*name, "balance");
            assert!(why.contains(setting.name()) && why.contains("'M99 I' to M99"), "{why}");
        }
        found.is_none()
    }

    #[test]
    fn what_a_balance_tells_counts_and_what_it_does_not_tell_has_to_be_declared() {
        for setting in BalanceSetting::ALL {
            for declared in [None, OFF, ON] {
                assert!(check(setting, OFF, declared), "{setting:?} is off, whatever is declared");
            }
            for told in [ON, None] {
                assert!(!check(setting, told, None), "{setting:?}: {told:?}, and nothing is declared");
            }
            assert!(!check(setting, ON, OFF), "{setting:?}: a declaration switches nothing off");
            assert!(check(setting, None, OFF), "{setting:?}: the rig file's word stands");
            for told in [ON, None] {
                let let_be = setting != BalanceSetting::ZeroTracking;
                assert_eq!(check(setting, told, ON), let_be, "{setting:?} is known to be on");
            }
        }
    }

    #[test]
    fn a_balance_that_was_never_asked_is_not_fit_unless_its_record_is_older_than_the_question() {
        let mut profile = crate::testing::profile();
        assert_eq!(unfit(&profile, &Instruments::default()), None);
        profile.instruments[1].settings = Some(Switches::default());
        assert!(unfit(&profile, &Instruments::default()).is_some_and(|(_, why)| why.contains("it was not asked")));
    }

    #[test]
    fn what_was_told_before_it_was_attached_again_does_not_stand_for_what_it_does_not_tell_now() {
        let mut profile = crate::testing::profile();
        profile.instruments[1].settings = Some(Switches::default());
        let mut instruments = Instruments::default();
        let off = Switches { zero_tracking: OFF, automatic_adjustment: OFF, standby: OFF };
        let answer = |answered: &str, for_now| {
            let (about, asked) = (BalanceSetting::ZeroTracking.name().to_owned(), "M03".to_owned());
            vec![SettingAnswer { about, asked, answered: answered.to_owned(), for_now }]
        };
        let mut tell = |zero_tracking, answers| {
            instruments.told("balance", &BalanceSettings { switches: Switches { zero_tracking, ..off }, answers });
            unfit(&profile, &instruments).map(|(_, why)| why)
        };
        let silent = |why: Option<String>| why.is_some_and(|why| why.contains("(it gave no answer to M03)"));
        assert!(tell(None, answer("M03 I", true)).is_some(), "nothing was told before");
        assert_eq!(tell(OFF, answer("M03 A 0", false)), None);
        assert_eq!(tell(None, answer("M03 I", true)), None, "it adjusts itself");
        assert!(silent(tell(None, answer("", false))));
        assert!(silent(tell(None, answer("M03 I", true))), "what it told before that has gone");
    }
}

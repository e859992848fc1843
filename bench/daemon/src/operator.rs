//! The script that answers operator's steps on a rig with simulators.
//!
//! What a person types goes through here as well; whether it fits what was asked is `domain`'s to say.

use std::collections::BTreeMap;

use domain::RigProfile;
use domain::event::{Answer, Prompt, PromptEntry};

/// The script's answer to a prompt; `None` where a person has to answer.
pub(crate) fn scripted(prompt: &Prompt, profile: &RigProfile) -> Option<Answer> {
    if !profile.scripted_operator {
        return None;
    }
    let entries = prompt.entries.iter().map(|entry| (entry.name.clone(), value(entry, profile))).collect();
    Some(Answer { prompt: prompt.name.clone(), entries, by: "script of the rig file".to_owned(), simulated: true })
}

fn value(entry: &PromptEntry, profile: &RigProfile) -> String {
    if let Some(scripted) = profile.script.iter().find(|s| s.entry == entry.name) {
        return scripted.value.clone();
    }
    match (&entry.unit, entry.low, entry.high) {
        (Some(unit), Some(low), Some(high)) => format!("{} {unit}", f64::midpoint(low, high)),
        _ => "simulated".to_owned(),
    }
}

/// The entries of a typed answer: one value for a prompt with one entry, else `name=value, name=value`.
///
/// # Errors
/// If the text does not have that form, or an entry does not fit what was asked.
pub(crate) fn typed(prompt: &Prompt, value: &str) -> Result<Vec<(String, String)>, String> {
    let entries: Vec<(String, String)> = match prompt.entries.as_slice() {
        [] => Vec::new(),
        [only] if !value.contains('=') => vec![(only.name.clone(), value.trim().to_owned())],
        _ => value
            .split(',')
            .map(|part| {
                let (name, value) = part.split_once('=').ok_or_else(|| {
                    format!("prompt {}: expected 'name=value, name=value', but found '{value}'", prompt.name)
                })?;
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            })
            .collect::<Result<_, String>>()?,
    };
    prompt.accepts(&entries)?;
    Ok(entries)
}

/// The entries of an answer that names each, in the order in which they were asked for.
///
/// # Errors
/// If there is a value without a name beside them, or an entry does not fit what was asked.
pub(crate) fn named(
    prompt: &Prompt,
    value: &str,
    mut named: BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, String> {
    if !value.is_empty() {
        return Err(format!("prompt {}: expected entries or a value, but found both", prompt.name));
    }
    let asked = prompt.entries.iter().filter_map(|entry| named.remove_entry(&entry.name)).collect::<Vec<_>>();
    // What was not asked for is refused with its name.
    let entries: Vec<(String, String)> =
        asked.into_iter().chain(named).map(|(name, value)| (name, value.trim().to_owned())).collect();
    prompt.accepts(&entries)?;
    Ok(entries)
}

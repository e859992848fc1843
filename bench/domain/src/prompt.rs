//! What people are asked during a run, and what they answer.
//!
//! It owns whether an answer fits its question; who may answer, and how, is the daemon's.

use serde::{Deserialize, Serialize};

use crate::time::RunTime;

/// What is asked of an operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// The name by which it is answered.
    pub name: String,
    /// The instruction.
    pub instruction: String,
    /// What is to be entered.
    pub entries: Vec<PromptEntry>,
    /// When it is too late.
    pub until_ns: RunTime,
}

impl Prompt {
    /// Holds entries against what was asked: every entry once, each a number within its plausible range.
    ///
    /// # Errors
    /// The first entry that does not fit, what was expected and what was found.
    pub fn accepts(&self, entries: &[(String, String)]) -> Result<(), String> {
        if let Some((name, _)) = entries.iter().find(|(n, _)| !self.entries.iter().any(|e| e.name == *n)) {
            let known: Vec<&str> = self.entries.iter().map(|e| e.name.as_str()).collect();
            return Err(format!("prompt {}: expected entries [{}], but found '{name}'", self.name, known.join(", ")));
        }
        for entry in &self.entries {
            let found: Vec<&str> = entries.iter().filter(|(n, _)| *n == entry.name).map(|(_, v)| v.trim()).collect();
            let [value] = found.as_slice() else {
                return Err(format!(
                    "prompt {}: expected '{}' once, but found it {} times",
                    self.name,
                    entry.name,
                    found.len()
                ));
            };
            entry.accepts(value).map_err(|why| format!("prompt {}: {why}", self.name))?;
        }
        Ok(())
    }
}

impl PromptEntry {
    /// The plausible range as people read it.
    #[must_use]
    pub fn range(&self) -> String {
        match (&self.unit, self.low, self.high) {
            (Some(unit), Some(low), Some(high)) => format!("{low} {unit} to {high} {unit}"),
            _ => "text".to_owned(),
        }
    }

    fn accepts(&self, value: &str) -> Result<(), String> {
        let wrong = || format!("{}: expected {}, but found '{value}'", self.name, self.range());
        let (Some(unit), Some(low), Some(high)) = (&self.unit, self.low, self.high) else {
            return if value.is_empty() { Err(wrong()) } else { Ok(()) };
        };
        let number = value.strip_suffix(unit.as_str()).ok_or_else(wrong)?;
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        if (low..=high).contains(&number) { Ok(()) } else { Err(wrong()) }
    }
}

/// A typed entry of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptEntry {
    /// Its name.
    pub name: String,
    /// The symbol of its unit; without one it is text.
    pub unit: Option<String>,
    /// The least plausible value, in the unit.
    pub low: Option<f64>,
    /// The greatest plausible value, in the unit.
    pub high: Option<f64>,
}

/// An operator's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The prompt's name.
    pub prompt: String,
    /// Each entry's name and what was entered.
    pub entries: Vec<(String, String)>,
    /// Who answered.
    pub by: String,
    /// A script answered, no person.
    pub simulated: bool,
}

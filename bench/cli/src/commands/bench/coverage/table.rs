//! The study's tables, as Markdown for people and as JSON for programs.
//!
//! It owns how figures are shown and the block of the document that is generated.

use std::path::Path;

use serde_json::{Value, json};

use super::tally::{Coverage, Tally};
use super::trial::{Kind, Trial};
use crate::Failure;

/// The lines between which the document is generated.
const BEGIN: &str = "<!-- begin: made by cargo xtask coverage; do not edit -->\n";
const END: &str = "<!-- end -->";

/// The trials of one effect.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) trials: Vec<Trial>,
}

impl Set {
    pub(super) fn tallies(&self) -> Vec<Tally> {
        Kind::ALL.into_iter().map(|kind| Tally::of(kind, &self.trials)).collect()
    }

    fn broken(&self) -> Vec<&str> {
        self.trials.iter().filter_map(|trial| trial.broken.as_deref()).collect()
    }
}

/// Both tables, and how they were made.
pub(super) fn markdown(how: &str, main: &Set, effects: &[Set]) -> String {
    let mut text = format!("{how}\n\n");
    text.push_str(&coverage(main));
    text.push('\n');
    text.push_str(&acceptance(main));
    if !effects.is_empty() {
        text.push('\n');
        text.push_str(&effects_table(effects));
    }
    text
}

fn coverage(main: &Set) -> String {
    let mut text = "\
| figure | runs | values | covered at 95 % | covered as printed | mean U | mean U / RMS error | mean error | \
at least 94 % | greatest terms, in the variance |\n\
|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for tally in main.tallies() {
        let unit = tally.kind.unit();
        let (mean, deviation) = tally.mean_error();
        let terms = tally.greatest_terms();
        let terms: Vec<String> = terms.iter().map(|(term, percent)| format!("{term} {percent:.0} %")).collect();
        text.push_str(&format!(
            "| {} | {} | {} | {:.1} % | {:.1} % | {:.3} {unit} | {:.2} | {mean:+.4} ± {deviation:.4} {unit} | {} | {} |\n",
            tally.kind.name(),
            tally.runs,
            tally.values,
            tally.covered_percent(),
            tally.covered_printed_percent(),
            tally.mean_expanded(),
            tally.mean_expanded() / tally.rms_error(),
            match tally.coverage() {
                Coverage::Defect => "**no: a defect**",
                Coverage::Doubtful => "no, within three sigma",
                Coverage::Good => "yes",
                Coverage::Wide => "yes, and above 97 %",
            },
            terms.join(", ")
        ));
    }
    let broken = main.broken();
    if let Some(first) = broken.first() {
        text.push_str(&format!("\n{} runs came to no figure; the first: {first}\n", broken.len()));
    }
    text
}

fn acceptance(main: &Set) -> String {
    let mut text = "\
| figure | pumps just outside a limit | passed by the guard band (risk 2.5 %) | kept | \
passed by the stated risk of 5 % | kept | held back by a gate |\n\
|---|---|---|---|---|---|---|\n"
        .to_owned();
    let kept = |kept| if kept { "yes" } else { "**no**" };
    for tally in main.tallies() {
        let [guard, stated] = tally.accepted();
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            tally.kind.name(),
            tally.values,
            guard.0,
            kept(guard.2),
            stated.0,
            kept(stated.2),
            gates(&tally, "")
        ));
    }
    text
}

fn effects_table(effects: &[Set]) -> String {
    let mut text = "\
| effect | figure | runs | covered at 95 % | mean error | mean U | gate | wrong passes |\n\
|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for set in effects {
        for tally in set.tallies().into_iter().filter(|tally| tally.kind.is_of_effects()) {
            let unit = tally.kind.unit();
            text.push_str(&format!(
                "| {} | {} | {} | {:.0} % | {:+.3} {unit} | {:.3} {unit} | {} | {} of {} |\n",
                set.name,
                tally.kind.name(),
                tally.runs,
                tally.covered_percent(),
                tally.mean_error().0,
                tally.mean_expanded(),
                gates(&tally, "none"),
                tally.accepted()[0].0,
                tally.values
            ));
        }
        let broken = set.broken();
        if let Some(first) = broken.first() {
            text.push_str(&format!("| {} | all | {} | no figure: {first} | | | | |\n", set.name, broken.len()));
        }
    }
    text
}

/// What held passes back and how often, and how many nothing would have.
fn gates(tally: &Tally, none: &str) -> String {
    let mut shown: Vec<String> = tally.gates.iter().map(|(gate, count)| format!("{gate} {count}")).collect();
    if tally.ungated() > 0 && !none.is_empty() {
        shown.push(format!("{none} {}", tally.ungated()));
    }
    if shown.is_empty() { "0".to_owned() } else { shown.join(", ") }
}

/// All sets for programs, one object a figure.
pub(super) fn json(main: &Set, effects: &[Set]) -> Value {
    let figures = |set: &Set| -> Vec<Value> { set.tallies().iter().map(figure).collect() };
    let effects: Vec<Value> = effects
        .iter()
        .map(|set| json!({"effect": set.name, "broken": set.broken(), "figures": figures(set)}))
        .collect();
    json!({"broken": main.broken(), "figures": figures(main), "effects": effects})
}

fn figure(tally: &Tally) -> Value {
    let gates: Vec<Value> =
        tally.gates.iter().map(|(gate, count)| json!({"gate": gate.to_string(), "count": count})).collect();
    json!({
        "figure": tally.kind.name(),
        "unit": tally.kind.unit(),
        "runs": tally.runs,
        "values": tally.values,
        "covered_percent": tally.covered_percent(),
        "covered_printed_percent": tally.covered_printed_percent(),
        "mean_expanded": tally.mean_expanded(),
        "rms_error": tally.rms_error(),
        "mean_error": tally.mean_error().0,
        "accepted": tally.accepted().map(|(count, ..)| count),
        "gates": gates,
    })
}

/// Puts the tables into the document.
pub(super) fn write(path: &Path, tables: &str) -> Result<(), Failure> {
    let unwritten = |why: String| Failure::input(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| unwritten(e.to_string()))?;
    let text = replaced(&text, tables)
        .ok_or_else(|| unwritten(format!("expected the lines `{}` and `{END}`", BEGIN.trim_end())))?;
    std::fs::write(path, text).map_err(|e| unwritten(e.to_string()))
}

fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_keeps_what_is_around_its_tables() {
        let before = format!("head\n\n{BEGIN}old\n{END}\ntail\n");
        let after = replaced(&before, "new\n").expect("both lines are there");
        assert_eq!(after, format!("head\n\n{BEGIN}\nnew\n\n{END}\ntail\n"));
        assert_eq!(replaced(&after, "new\n").as_deref(), Some(after.as_str()), "again is the same");
        assert_eq!(replaced("no lines", "new\n"), None);
    }
}

//! `operator`: a person does something and enters what was seen.
//!
//! Numbers have a unit and a plausible range, so that a slip of the finger is caught where it happens.

use domain::event::PromptEntry;
use domain::{Dimension, time};
use text::{Diagnostics, Field, Kind, Node, Pos, Variant, View, parse_quantity};

use crate::lower::{Context, NAME, Named};
use crate::plan::{Else, Operator, Step, StepKind};
use crate::steps::StepSpec;

pub(super) const SPEC: StepSpec = StepSpec {
    variant: Variant {
        key: "operator",
        kind: Kind::Map(&[
            Field::required("do", Kind::Text, "the instruction"),
            Field::optional(
                "enter",
                Kind::Table(&Kind::Text),
                "what is entered: a name, and either 'text' or the plausible range such as '5 g to 60 g'; the report takes its \
                 fields from the entries `device lot`, `device hardware`, `device conditioning`, `fluid lot`, `fluid degassing`",
            ),
            Field::required("within", Kind::Quantity(Dimension::Time), "how long the person has"),
            Field::required(
                "else",
                Kind::Word(&["not run", "stop safely", "go on"]),
                "what happens when nobody answers",
            ),
            Field::optional(
                "handles",
                Kind::Word(&["vessel"]),
                "the vessel, or the pump at it, is touched: weighed before and after, and what is commanded meanwhile is left out",
            ),
            NAME,
        ]),
        doc: "ask a person and wait for the answer",
    },
    example: concat!(
        "- operator: {do: prime until no bubble is seen, enter: {syringe before: 5 g to 60 g, fluid lot: text},\n",
        "    within: 30 min, else: not run}"
    ),
    lower,
};

fn lower(view: View<'_>, context: &mut Context<'_>) -> Option<Step> {
    let name = context.step_name(view, "operator");
    let entries = view.node("enter").and_then(Node::map).unwrap_or(&[]);
    let entries = entries
        .iter()
        .filter_map(|(key, node)| entry(&key.text, node.scalar().unwrap_or(""), node.pos, context.problems))
        .collect();
    let otherwise = match view.text("else")? {
        "not run" => Else::NotRun,
        "go on" => Else::GoOn,
        _ => Else::StopSafely,
    };
    let within = view.duration("within")?;
    let instruction = view.text("do")?.to_owned();
    context.named.push(Named::instant(&name));
    let what = format!("operator, within {}: {instruction}", time::span(within));
    let handles_vessel = view.node("handles").is_some();
    let operator = Operator { instruction, entries, within, otherwise, handles_vessel };
    Some(Step { name, what, kind: StepKind::Operator(operator) })
}

fn entry(name: &str, range: &str, pos: Pos, problems: &mut Diagnostics) -> Option<PromptEntry> {
    if range.trim() == "text" {
        return Some(PromptEntry { name: name.to_owned(), unit: None, low: None, high: None });
    }
    let bounds = range.split_once(" to ").and_then(|(low, high)| {
        let symbol = high.trim().trim_start_matches(|c: char| c.is_ascii_digit() || "+-. ".contains(c));
        let unit = domain::unit::find(symbol)?;
        let low = parse_quantity(low, unit.dimension).ok()? / unit.to_base;
        let high = parse_quantity(high, unit.dimension).ok()? / unit.to_base;
        (low <= high).then(|| (unit.symbol.to_owned(), low, high))
    });
    let Some((unit, low, high)) = bounds else {
        problems.push(
            pos,
            format!("{name}: expected 'text' or a plausible range such as '5 g to 60 g', but found '{range}'"),
        );
        return None;
    };
    Some(PromptEntry { name: name.to_owned(), unit: Some(unit), low: Some(low), high: Some(high) })
}

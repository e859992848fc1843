//! `report`: what only people know of a test and a verification report must say, from a scenario to the record.
//!
//! Texts go through as they are written; nothing is judged by them.

use domain::stated::{Approval, TestStated};
use text::{Field, Kind, Node, View};

const SAMPLE: &[Field] = &[
    Field::optional("units", Kind::Text, "how many units are tested"),
    Field::optional("runs", Kind::Text, "how many runs a unit"),
    Field::optional("confidence", Kind::Text, "the confidence that is wanted"),
    Field::optional("reliability", Kind::Text, "the reliability that is wanted"),
    Field::optional("rationale", Kind::Text, "why that sample is large enough"),
];

const APPROVAL: &[Field] = &[
    Field::required("name", Kind::Text, "who approved it, as printed"),
    Field::required("date", Kind::Text, "when, YYYY-MM-DD"),
    Field::required("meaning", Kind::Text, "what the signature means: author, reviewer, approver"),
];

/// The keys of `report`.
pub(crate) const FIELDS: &[Field] = &[
    Field::optional("objective", Kind::Text, "what the test is to show"),
    Field::optional("conditioning", Kind::Text, "what is done to the device before the test"),
    Field::optional("finished device", Kind::Text, "whether it is the finished device; if not, why it stands for it"),
    Field::optional("sample", Kind::Map(SAMPLE), "the size of the sample and its rationale"),
    Field::optional("data analysis", Kind::Text, "how the data are to be analysed"),
    Field::optional("standard", Kind::Text, "the standard, with its edition, that the method is adapted from"),
    Field::optional("deviations", Kind::List(&Kind::Text, 1), "where the method departs from that by plan"),
    Field::optional("approvals", Kind::List(&Kind::Map(APPROVAL), 1), "who approved the protocol before it was run"),
];

/// What the mapping `report` states.
pub(crate) fn lower(view: View<'_>) -> TestStated {
    let text = |view: View<'_>, key: &str| view.text(key).map(str::to_owned);
    let sample = |key: &str| view.view("sample").and_then(|sample| text(sample, key));
    let approvals = view.node("approvals").and_then(Node::list).unwrap_or(&[]);
    TestStated {
        objective: text(view, "objective"),
        conditioning: text(view, "conditioning"),
        finished_device: text(view, "finished device"),
        units: sample("units"),
        runs: sample("runs"),
        confidence: sample("confidence"),
        reliability: sample("reliability"),
        sample_rationale: sample("rationale"),
        data_analysis: text(view, "data analysis"),
        standard: text(view, "standard"),
        deviations: view.texts("deviations").into_iter().map(str::to_owned).collect(),
        approvals: approvals.iter().filter_map(|node| approval(View::new(node))).collect(),
    }
}

fn approval(view: View<'_>) -> Option<Approval> {
    let text = |key: &str| view.text(key).map(str::to_owned);
    Some(Approval { name: text("name")?, date: text("date")?, meaning: text("meaning")? })
}

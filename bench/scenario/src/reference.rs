//! The JSON Schema and the step reference, both made from the registry.
//!
//! What stands under `scenarios/` is compared with what this makes, so neither can drift from the code.

use text::{Field, Kind, json_schema};

use crate::document::{PARAMETER, SCENARIO, VARIANTS_MAX};
use crate::steps::REGISTRY;

/// The JSON Schema of a scenario file.
#[must_use]
pub fn schema() -> serde_json::Value {
    json_schema("dosebench scenario", &SCENARIO, true)
}

/// The step reference, in Markdown.
#[must_use]
pub fn step_reference() -> String {
    let mut out = String::from(
        "# Steps of a scenario\n\nMade from the step registry by `dosebench schema steps`; do not edit.\n\
         Every quantity carries its unit. `$name` stands for a parameter wherever a value may stand.\n",
    );
    parameters(&mut out);
    for spec in REGISTRY {
        out.push_str(&format!(
            "\n## `{}`\n\n{}.\n\n```yaml\n{}\n```\n\n",
            spec.variant.key,
            capital(spec.variant.doc),
            spec.example
        ));
        if let Some(fields) = fields(&spec.variant.kind) {
            table(fields, &mut out);
        }
    }
    out
}

/// What a scenario says of its parameters, and who sets them.
fn parameters(out: &mut String) {
    out.push_str(
        "\n## Parameters\n\nValues that a run may set, under `parameters`; each is used as `$name`.\n\n\
         ```yaml\nparameters:\n  rate: {default: 0.5 mL/day, from: 0.25 mL/day, to: 1 mL/day}\n  \
         reservoir: {one of: [18 mL, 4 mL]}\n```\n\n",
    );
    table(PARAMETER, out);
    out.push_str(&format!(
        "\nOne of `default` and `one of` must be there; a range, `from` and `to`, stands beside a `default`. Several values make a \
         run for each of their combinations, at most {VARIANTS_MAX}. `--set \"rate=1 mL/day\"` of `dosebench run` and `dosebench check` \
         fixes one, within its range. `check` looks at every end of the ranges that are not set: a check whose limits the rig \
         cannot tell there is refused. `run` looks at its own values alone.\n"
    ));
}

fn table(fields: &[Field], out: &mut String) {
    out.push_str("| key | takes | meaning |\n|---|---|---|\n");
    for field in fields {
        out.push_str(&row(field));
    }
}

/// The keys of a step, those of its full form where it has a short one.
fn fields(kind: &Kind) -> Option<&'static [Field]> {
    match kind {
        Kind::Map(fields) | Kind::Short(_, Kind::Map(fields)) => Some(fields),
        _ => None,
    }
}

fn row(field: &Field) -> String {
    let key = if field.required { format!("**{}**", field.key) } else { field.key.to_owned() };
    format!("| {key} | {} | {} |\n", takes(&field.kind), field.doc)
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Word(words) => words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" or "),
        Kind::Quantity(d) | Kind::Declared(d) => format!("{}, `{}`", d.name(), d.example()),
        Kind::Tolerance => "a tolerance, `±14.5 % of commanded`".to_owned(),
        Kind::Count(low, high) => format!("a whole number from {low} to {high}"),
        Kind::List(item, _) => format!("a list of {}", takes(item)),
        Kind::Table(item) => format!("names with {}", takes(item)),
        Kind::Short(short, full) => format!("{} or {}", takes(short), takes(full)),
        Kind::Map(fields) => {
            let keys: Vec<String> = fields.iter().map(|f| format!("`{}` ({})", f.key, takes(&f.kind))).collect();
            keys.join(", ")
        }
        Kind::OneOf(_) => "keys and values".to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

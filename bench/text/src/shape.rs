//! The shape of a file as data: which keys, which of them must be there, what kind of value each takes.
//!
//! One walk checks a tree against its shape and reports every problem. The schema is made from the same tables.

use domain::unit::Dimension;

use crate::quantity::{parse_declared, parse_quantity, parse_tolerance};
use crate::source::Diagnostics;
use crate::tree::{Key, Node, Value};

/// A kind of value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A quantity of this dimension.
    Quantity(Dimension),
    /// A quantity that may have a half width, `37 ± 0.5 °C`.
    Declared(Dimension),
    /// A tolerance, `±14.5 % of commanded`.
    Tolerance,
    /// A whole number between these two.
    Count(u32, u32),
    /// A list of this kind with at least so many items.
    List(&'static Kind, usize),
    /// A mapping with these keys.
    Map(&'static [Field]),
    /// A mapping of free keys to this kind.
    Table(&'static Kind),
    /// A mapping with exactly one key, which says what the rest is.
    OneOf(&'static [Variant]),
    /// The shorthand, or the full form.
    Short(&'static Kind, &'static Kind),
}

/// A key of a mapping.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What it means, one sentence.
    pub doc: &'static str,
}

/// One of several forms, named by its key.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// The key.
    pub key: &'static str,
    /// What stands behind it.
    pub kind: Kind,
    /// What it means, one sentence.
    pub doc: &'static str,
}

impl Field {
    /// A key that must be there.
    #[must_use]
    pub const fn required(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { key, kind, required: true, doc }
    }

    /// A key that may be left out.
    #[must_use]
    pub const fn optional(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { key, kind, required: false, doc }
    }
}

/// Checks a node against a kind; every problem goes to `problems`. True if there was none.
pub fn validate(node: &Node, kind: &Kind, what: &str, problems: &mut Diagnostics) -> bool {
    let before = problems.len();
    check(node, kind, what, problems);
    problems.len() == before
}

fn check(node: &Node, kind: &Kind, what: &str, problems: &mut Diagnostics) {
    match kind {
        Kind::Text => match &node.value {
            Value::Scalar(text) if !text.trim().is_empty() => {}
            _ => problems.push(node.pos, format!("{what}: expected a text, but found {}", node.describe())),
        },
        Kind::Word(words) => match node.scalar() {
            Some(text) if words.contains(&text) => {}
            _ => {
                let message = format!("{what}: expected one of {}, but found {}", words.join(", "), node.describe());
                with_suggestion(node, message, words.iter().copied(), problems);
            }
        },
        Kind::Quantity(dimension) => scalar(node, what, problems, |t| match parse_quantity(t, *dimension)? {
            // No span of time in any file is negative; a default must not stand in for a slip.
            below if *dimension == Dimension::Time && below < 0.0 => {
                Err(format!("expected a time of zero or more, but found '{}'", t.trim()))
            }
            _ => Ok(()),
        }),
        Kind::Declared(dimension) => scalar(node, what, problems, |t| parse_declared(t, *dimension).map(drop)),
        Kind::Tolerance => scalar(node, what, problems, |t| parse_tolerance(t).map(drop)),
        Kind::Count(low, high) => scalar(node, what, problems, |t| match t.trim().parse::<u32>() {
            Ok(n) if (*low..=*high).contains(&n) => Ok(()),
            _ => Err(format!("expected a whole number from {low} to {high}, but found '{t}'")),
        }),
        Kind::List(item, at_least) => list(node, item, *at_least, what, problems),
        Kind::Map(fields) => map(node, fields, what, problems),
        Kind::Table(value) => match node.map() {
            Some(entries) => {
                entries.iter().for_each(|(k, v)| check(v, value, &format!("{} {}", singular(what), k.text), problems));
            }
            None => problems.push(node.pos, format!("{what}: expected keys and values, but found {}", node.describe())),
        },
        Kind::OneOf(variants) => one_of(node, variants, what, problems),
        Kind::Short(short, full) => {
            let listed = matches!((&node.value, full), (Value::List(_), Kind::List(..)));
            let kind = if listed || matches!(node.value, Value::Map(_)) { full } else { short };
            check(node, kind, what, problems);
        }
    }
}

fn scalar(node: &Node, what: &str, problems: &mut Diagnostics, parse: impl Fn(&str) -> Result<(), String>) {
    let result = match node.scalar() {
        Some(text) => parse(text),
        None => Err(format!("expected a value, but found {}", node.describe())),
    };
    if let Err(message) = result {
        problems.push(node.pos, format!("{what}: {message}"));
    }
}

/// `scenario: steps` holds steps: an item is named in the singular, without the path that led to it.
fn singular(what: &str) -> &str {
    let last = what.rsplit(": ").next().unwrap_or(what);
    last.strip_suffix('s').unwrap_or(last)
}

fn list(node: &Node, item: &Kind, at_least: usize, what: &str, problems: &mut Diagnostics) {
    match node.list() {
        Some(items) if items.len() >= at_least => {
            items.iter().for_each(|n| check(n, item, singular(what), problems));
        }
        Some(items) => {
            let found = items.len();
            problems.push(node.pos, format!("{what}: expected a list of at least {at_least}, but found {found} items"));
        }
        None => problems.push(node.pos, format!("{what}: expected a list, but found {}", node.describe())),
    }
}

fn map(node: &Node, fields: &[Field], what: &str, problems: &mut Diagnostics) {
    let empty = Vec::new();
    let entries = match &node.value {
        Value::Map(entries) => entries,
        Value::Null => &empty,
        _ => {
            problems.push(node.pos, format!("{what}: expected keys and values, but found {}", node.describe()));
            return;
        }
    };
    for (key, value) in entries {
        match fields.iter().find(|f| f.key == key.text) {
            Some(field) => check(value, &field.kind, &format!("{what}: {}", key.text), problems),
            None => unknown_key(key, fields.iter().map(|f| f.key), what, problems),
        }
    }
    for field in fields.iter().filter(|f| f.required) {
        if !entries.iter().any(|(k, _)| k.text == field.key) {
            let message = format!("{what}: expected the key '{}', but it is missing", field.key);
            problems.push_hint(node.pos, message, format!("{}: {}", field.key, field.doc));
        }
    }
}

fn one_of(node: &Node, variants: &[Variant], what: &str, problems: &mut Diagnostics) {
    let names = || variants.iter().map(|v| v.key).collect::<Vec<_>>().join(", ");
    match node.map() {
        Some([(key, value)]) => match variants.iter().find(|v| v.key == key.text) {
            Some(variant) => check(value, &variant.kind, variant.key, problems),
            None => unknown_key(key, variants.iter().map(|v| v.key), what, problems),
        },
        Some([]) | None => {
            problems.push(node.pos, format!("{what}: expected one of {}, but found {}", names(), node.describe()));
        }
        Some([_, (second, _), ..]) => {
            let hint = format!("each {what} has one key, one of {}; indent what belongs to it", names());
            problems.push_hint(
                second.pos,
                format!("{what}: expected one key, but found '{}' as well", second.text),
                hint,
            );
        }
    }
}

fn unknown_key(key: &Key, known: impl Iterator<Item = &'static str> + Clone, what: &str, problems: &mut Diagnostics) {
    let names: Vec<&str> = known.clone().collect();
    let message = format!(
        "{what}: expected one of {}, but found the key '{}'",
        names.join(", "),
        crate::tree::shorten(&key.text)
    );
    match nearest(&key.text, known) {
        Some(near) => problems.push_hint(key.pos, message, format!("did you mean '{near}'?")),
        None => problems.push(key.pos, message),
    }
}

fn with_suggestion(
    node: &Node,
    message: String,
    known: impl Iterator<Item = &'static str>,
    problems: &mut Diagnostics,
) {
    match node.scalar().and_then(|text| nearest(text, known)) {
        Some(near) => problems.push_hint(node.pos, message, format!("did you mean '{near}'?")),
        None => problems.push(node.pos, message),
    }
}

/// The known word that is nearest to `found`, if it is near enough to have been meant.
fn nearest(found: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    known
        .map(|k| (strsim::damerau_levenshtein(&found.to_lowercase(), &k.to_lowercase()), k))
        .min()
        .filter(|(distance, k)| *distance <= 1 + k.chars().count() / 4)
        .map(|(_, k)| k)
}

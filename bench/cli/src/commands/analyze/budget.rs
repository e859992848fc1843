//! The terms of an uncertainty as somebody writes them down for a log.
//!
//! A term's unit says what it is about: a mass, an evaporation, a volume, a flow, or a share of the volume.

use domain::Dimension;
use measure::budget::Distribution;
use measure::log::Input;
use text::{Diagnostics, Field, Kind, Node, View, parse, parse_quantity, validate};

use crate::Failure;
use crate::load;

const WORDS: [&str; 3] = ["rectangular", "triangular", "arcsine"];

const TERM: Kind = Kind::Map(&[
    Field::required("term", Kind::Text, "its name"),
    Field::optional("expanded uncertainty", Kind::Text, "as a certificate states it"),
    Field::optional("coverage factor", Kind::Text, "of the expanded uncertainty; 2 unless given"),
    Field::optional("standard uncertainty", Kind::Text, "as such"),
    Field::optional("half width", Kind::Text, "half of the interval that the value lies in"),
    Field::optional("distribution", Kind::Word(&WORDS), "within that interval; rectangular unless given"),
    Field::optional("step", Kind::Text, "one digit, of two readings"),
    Field::optional("degrees of freedom", Kind::Count(1, 1_000_000), "infinite unless given"),
]);

const FILE: Kind = Kind::Map(&[Field::required("budget", Kind::List(&TERM, 1), "the terms")]);

/// The ways to state a term; exactly one stands in each.
const STATED: [&str; 4] = ["expanded uncertainty", "standard uncertainty", "half width", "step"];

/// What a unit says that a term is about.
const ABOUT: [(Dimension, Input); 5] = [
    (Dimension::Mass, Input::Mass),
    (Dimension::MassRate, Input::Evaporation),
    (Dimension::Volume, Input::Volume),
    (Dimension::FlowRate, Input::Flow),
    (Dimension::Ratio, Input::Share),
];

type Term = (String, Input, Distribution, f64);

/// The terms of a file.
///
/// # Errors
/// Bad input, each problem with its place.
pub(super) fn read(path: &str) -> Result<Vec<Term>, Failure> {
    let source = load::file(path)?;
    let mut problems = Diagnostics::new();
    let node = parse(&source, &mut problems);
    let terms = node.filter(|node| validate(node, &FILE, "budget file", &mut problems)).map(|node| {
        let nodes = node.get("budget").and_then(Node::list).unwrap_or_default();
        nodes.iter().filter_map(|node| term(node, &mut problems)).collect()
    });
    match terms {
        Some(terms) if problems.is_empty() => Ok(terms),
        _ => Err(Failure::problems(problems.render(&source))),
    }
}

fn term(node: &Node, problems: &mut Diagnostics) -> Option<Term> {
    let view = View::new(node);
    let name = view.text("term")?.to_owned();
    let stated: Vec<&str> = STATED.into_iter().filter(|key| view.node(key).is_some()).collect();
    let [key] = stated.as_slice() else {
        let found = if stated.is_empty() { "none".to_owned() } else { stated.join(", ") };
        problems.push(node.pos, format!("{name}: expected one of {}, but found {found}", STATED.join(", ")));
        return None;
    };
    let (about, value) = quantity(view, key, problems)?;
    let distribution = match *key {
        "expanded uncertainty" => {
            Distribution::Expanded { expanded_u: value, coverage_factor: factor(view, problems)? }
        }
        "standard uncertainty" => Distribution::Normal { u: value },
        // A difference of two readings holds the digit of each.
        "step" => Distribution::Resolution { step: value * core::f64::consts::SQRT_2 },
        _ => match view.text("distribution") {
            Some("triangular") => Distribution::Triangular { half_width: value },
            Some("arcsine") => Distribution::Arcsine { half_width: value },
            _ => Distribution::Rectangular { half_width: value },
        },
    };
    let dof = view.count("degrees of freedom").map_or(f64::INFINITY, f64::from);
    Some((name, about, distribution, dof))
}

fn quantity(view: View<'_>, key: &str, problems: &mut Diagnostics) -> Option<(Input, f64)> {
    let text = view.text(key)?;
    let parsed = ABOUT.into_iter().find_map(|(dimension, about)| Some((about, parse_quantity(text, dimension).ok()?)));
    if parsed.is_none_or(|(_, value)| value < 0.0) {
        let message = format!(
            "{key}: expected a mass, a mass rate, a volume, a flow rate or per cent of the volume, zero or more, \
             such as '60 ug' or '0.1 %', but found '{text}'"
        );
        problems.push(view.pos_of(key), message);
        return None;
    }
    parsed
}

fn factor(view: View<'_>, problems: &mut Diagnostics) -> Option<f64> {
    let Some(text) = view.text("coverage factor") else { return Some(2.0) };
    let factor = text.trim().parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor > 0.0);
    if factor.is_none() {
        problems.push(
            view.pos_of("coverage factor"),
            format!("coverage factor: expected more than zero, but found '{text}'"),
        );
    }
    factor
}

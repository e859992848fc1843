//! A scenario file as a document: its shape, and its parameters.
//!
//! Parameters stand as `$name` wherever a value may stand. Each combination of their values is a variant, and each
//! variant becomes a plan of its own.

use text::{Diagnostics, Field, Kind, Node, Source, Value, parse, validate};

use crate::guard;
use crate::needs::NEEDS;
use crate::range::{self, Range};
use crate::stated;
use crate::steps::VARIANTS;

/// How many variants the parameters of one scenario may make.
pub const VARIANTS_MAX: usize = 64;

const PROTOCOL: &[Field] = &[
    Field::required("id", Kind::Text, "the protocol's number"),
    Field::optional("revision", Kind::Text, "the protocol's revision"),
];

/// What is said of a parameter.
pub(crate) const PARAMETER: &[Field] = &[
    Field::optional("default", Kind::Text, "the value unless it is set"),
    Field::optional("one of", Kind::List(&Kind::Text, 1), "the values; each makes a run of its own unless one is set"),
    Field::optional("from", Kind::Text, "the least value that may be set; every check must be decidable there too"),
    Field::optional("to", Kind::Text, "the greatest value that may be set; every check must be decidable there too"),
];

const WEIGHING: &[Field] = &[
    Field::required(
        "before",
        Kind::Quantity(domain::Dimension::Time),
        "how long the vessel is weighed before the first step",
    ),
    Field::required(
        "after",
        Kind::Quantity(domain::Dimension::Time),
        "how long the vessel is weighed after the last step",
    ),
    Field::required(
        "evaporation changes at most",
        Kind::Quantity(domain::Dimension::MassRate),
        "a greater difference between before and after turns a pass into inconclusive",
    ),
    Field::optional(
        "flagged at most",
        Kind::Quantity(domain::Dimension::Ratio),
        "how much of a check's time may be vibration, steps of the mass, adjustments before a pass is inconclusive; 2 % unless given",
    ),
];

const RESUME: &[Field] = &[Field::required(
    "within",
    Kind::Quantity(domain::Dimension::Time),
    "how long the run may have been interrupted; after that, and in the midst of anything but a hold or the closing weighing, it is closed",
)];

const FINALLY: &[Field] = &[
    Field::required(
        "pump",
        Kind::Word(&["the rig's safe state", "stopped"]),
        "what the rig's safe state must make of the pump",
    ),
    Field::optional(
        "valve",
        Kind::Word(&["the rig's safe state", "open"]),
        "what the rig's safe state must make of the occlusion valve",
    ),
];

/// The rules by which a value is decided, as they are written.
pub(crate) const RULES: [&str; 3] = ["guard band", "simple acceptance", "stated risk"];

const DECISION: &[Field] = &[
    Field::required(
        "rule",
        Kind::Word(&RULES),
        "a guard band as wide as the expanded uncertainty, none at all, or one for a stated risk",
    ),
    Field::optional(
        "false acceptance at most",
        Kind::Quantity(domain::Dimension::Ratio),
        "the stated risk, that a pass at a limit is wrong",
    ),
];

/// The shape of a scenario file.
pub const SCENARIO: Kind = Kind::Map(&[
    Field::required("scenario", Kind::Text, "the title"),
    Field::optional("protocol", Kind::Map(PROTOCOL), "the test protocol that this carries out"),
    Field::optional("method", Kind::Text, "where the method and the limits come from"),
    Field::optional("requirements", Kind::Table(&Kind::Text), "the requirements that checks name, with their texts"),
    Field::optional("parameters", Kind::Table(&Kind::Map(PARAMETER)), "values that a run may set; used as $name"),
    Field::required(
        "weighing",
        Kind::Map(WEIGHING),
        "the weighings with the pump stopped that tell what evaporation was",
    ),
    Field::optional(
        "decision",
        Kind::Map(DECISION),
        "by which rule volumes and errors are held against their limits; the guard band unless given",
    ),
    Field::optional(
        "needs",
        Kind::Map(NEEDS),
        "what the rig must be brought to before anything is weighed; stations whose runs need the same share it",
    ),
    Field::optional(
        "resume",
        Kind::Map(RESUME),
        "that a run goes on whose host failed meanwhile, for as long as the pump delivers by itself; it is closed unless given",
    ),
    Field::optional(
        "report",
        Kind::Map(stated::FIELDS),
        "what only people know and a verification report must say; what is left out stands there as not given",
    ),
    Field::required("steps", Kind::List(&Kind::OneOf(VARIANTS), 1), "what is done, in order"),
    Field::optional("throughout", Kind::List(&Kind::Map(guard::FIELDS), 0), "what must hold all the time"),
    Field::optional(
        "finally",
        Kind::Map(FINALLY),
        "how the station must be left: a rig whose safe state is another is refused",
    ),
]);

/// Values of parameters, in the order of the file.
pub type Assignment = Vec<(String, String)>;

/// A scenario file, read but not resolved.
#[derive(Debug, Clone)]
pub struct Document {
    source: Source,
    root: Node,
}

impl Document {
    /// The document of a source.
    ///
    /// # Errors
    /// Every problem of its syntax and of its parameters.
    pub fn parse(source: Source) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let Some(root) = parse(&source, &mut problems) else { return Err(problems) };
        let document = Self { source, root };
        document.check_parameters(&mut problems);
        // Problems of syntax must not hide those of shape: say all of them at once.
        if !problems.is_empty() {
            let assignment: Assignment =
                document.parameters().into_iter().filter_map(|(n, v, _)| Some((n, v.first()?.clone()))).collect();
            validate(&document.substituted(&assignment, &mut Diagnostics::new()), &SCENARIO, "scenario", &mut problems);
            return Err(problems);
        }
        Ok(document)
    }

    /// The text it was read from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Each parameter's name, its values with the default first, and where it stands.
    fn parameters(&self) -> Vec<(String, Vec<String>, &Node)> {
        let entries = self.root.get("parameters").and_then(Node::map).unwrap_or(&[]);
        entries
            .iter()
            .map(|(key, node)| {
                let view = text::View::new(node);
                let default = view.text("default").map(str::to_owned);
                let many = view.texts("one of").into_iter().map(str::to_owned).collect();
                (key.text.clone(), default.map_or(many, |d| vec![d]), node)
            })
            .collect()
    }

    fn check_parameters(&self, problems: &mut Diagnostics) {
        for (name, values, node) in self.parameters() {
            let both = node.get("default").is_some() && node.get("one of").is_some();
            if values.is_empty() || both {
                problems.push(
                    node.pos,
                    format!("parameter {name}: expected either 'default' or 'one of', but found {}", node.describe()),
                );
            }
            range::check(&name, text::View::new(node), problems);
        }
    }

    /// Every combination of the parameters' values, after `set` has fixed some of them.
    ///
    /// # Errors
    /// If `set` names a parameter that the scenario lacks, or there are more than [`VARIANTS_MAX`] combinations.
    pub fn variants(&self, set: &[(String, String)]) -> Result<Vec<Assignment>, String> {
        let parameters = self.parameters();
        for (name, _) in set {
            if !parameters.iter().any(|(n, _, _)| n == name) {
                let known: Vec<&str> = parameters.iter().map(|(n, _, _)| n.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(format!(
                    "{}: expected one of the scenario's parameters ({known}) to be set, but found '{name}'",
                    self.source.name()
                ));
            }
        }
        self.combined(parameters.into_iter().map(|(name, values, node)| {
            let fixed = set.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| vec![v.clone()]);
            if let (Some(fixed), Ok(Some(range))) = (&fixed, Range::of(text::View::new(node))) {
                let holds = fixed.iter().try_for_each(|value| range.holds(&name, value));
                holds.map_err(|why| format!("{}: {why}", self.source.name()))?;
            }
            Ok((name, fixed.unwrap_or(values)))
        }))
    }

    /// Every combination of the ends of the parameters' ranges, and of the other parameters' values, after `set` has fixed some;
    /// none if no parameter that is left has a range.
    ///
    /// # Errors
    /// If there are more than [`VARIANTS_MAX`] combinations.
    pub fn extremes(&self, set: &[(String, String)]) -> Result<Vec<Assignment>, String> {
        let mut ranges = 0;
        let values: Vec<Result<(String, Vec<String>), String>> = self
            .parameters()
            .into_iter()
            .map(|(name, values, node)| {
                let fixed = set.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| vec![v.clone()]);
                let range = Range::of(text::View::new(node)).ok().flatten().filter(|_| fixed.is_none());
                ranges += usize::from(range.is_some());
                Ok((name, fixed.or(range.map(|range| vec![range.from, range.to])).unwrap_or(values)))
            })
            .collect();
        if ranges == 0 { Ok(Vec::new()) } else { self.combined(values.into_iter()) }
    }

    /// Every combination of parameters' values.
    fn combined(
        &self,
        parameters: impl Iterator<Item = Result<(String, Vec<String>), String>>,
    ) -> Result<Vec<Assignment>, String> {
        let mut variants: Vec<Assignment> = vec![Vec::new()];
        for parameter in parameters {
            let (name, values) = parameter?;
            if variants.len() * values.len() > VARIANTS_MAX {
                return Err(format!(
                    "{}: expected at most {VARIANTS_MAX} variants, but found more; set a parameter",
                    self.source.name()
                ));
            }
            let extend = |v: &Assignment, x: &String| [v.as_slice(), &[(name.clone(), x.clone())]].concat();
            variants = variants.iter().flat_map(|v| values.iter().map(|x| extend(v, x)).collect::<Vec<_>>()).collect();
        }
        Ok(variants)
    }

    /// The tree with every `$name` as it stands, and of the parameters their names alone: whatever they are set to, it is the same.
    pub(crate) fn pattern(&self) -> Node {
        let mut root = self.root.clone();
        if let Value::Map(entries) = &mut root.value {
            for (_, parameters) in entries.iter_mut().filter(|(key, _)| key.text == "parameters") {
                if let Value::Map(parameters) = &mut parameters.value {
                    parameters.iter_mut().for_each(|(_, values)| values.value = Value::Null);
                }
            }
        }
        root
    }

    /// The tree with every `$name` replaced, and the parameters fixed to their values.
    pub(crate) fn substituted(&self, assignment: &[(String, String)], problems: &mut Diagnostics) -> Node {
        let mut root = self.root.clone();
        if let Value::Map(entries) = &mut root.value {
            for (key, node) in entries.iter_mut() {
                if key.text == "parameters" {
                    fix_parameters(node, assignment);
                } else {
                    substitute(node, assignment, problems);
                }
            }
        }
        root
    }
}

fn fix_parameters(node: &mut Node, assignment: &[(String, String)]) {
    let Value::Map(entries) = &mut node.value else { return };
    for (key, node) in entries {
        if let Some((_, value)) = assignment.iter().find(|(n, _)| *n == key.text) {
            let default = text::Key { pos: node.pos, text: "default".to_owned() };
            node.value = Value::Map(vec![(default, Node { pos: node.pos, value: Value::Scalar(value.clone()) })]);
        }
    }
}

fn substitute(node: &mut Node, assignment: &[(String, String)], problems: &mut Diagnostics) {
    match &mut node.value {
        Value::Null => {}
        Value::List(items) => items.iter_mut().for_each(|n| substitute(n, assignment, problems)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, n)| substitute(n, assignment, problems)),
        Value::Scalar(text) => {
            let Some(name) = text.trim().strip_prefix('$') else { return };
            match assignment.iter().find(|(n, _)| n == name) {
                Some((_, value)) => *text = value.clone(),
                None => {
                    let known: Vec<&str> = assignment.iter().map(|(n, _)| n.as_str()).collect();
                    let known = if known.is_empty() { "none is declared".to_owned() } else { known.join(", ") };
                    problems.push(node.pos, format!("expected a declared parameter ({known}), but found '${name}'"));
                }
            }
        }
    }
}

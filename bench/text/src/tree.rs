//! One tree of nodes with positions, built from the parser's events without recursion.
//!
//! The language is a small part of YAML: one document, string keys that stand once, no anchors, aliases or tags.
//! What cannot be written cannot explode, so depth and size are bounded here and nowhere else.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::source::{Diagnostics, Pos, Source};

/// How deep a file may nest.
const DEPTH_MAX: usize = 24;
/// How many nodes a file may have.
const NODES_MAX: usize = 100_000;

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub pos: Pos,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing was written.
    Null,
    /// Text, whatever its style.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order of the file; no key stands twice.
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where it begins.
    pub pos: Pos,
    /// The key.
    pub text: String,
}

impl Node {
    /// What this is, in a message.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(text) => format!("'{}'", shorten(text)),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Map(entries) => match entries.first() {
                Some((key, _)) => format!("a mapping with the key '{}'", shorten(&key.text)),
                None => "an empty mapping".to_owned(),
            },
        }
    }

    /// The text, if it is a scalar.
    #[must_use]
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if it is a mapping.
    #[must_use]
    pub fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, if it is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(k, _)| k.text == key).map(|(_, v)| v)
    }
}

pub(crate) fn shorten(text: &str) -> String {
    const MAX: usize = 60;
    let plain: String = text.chars().take(MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > MAX { format!("{plain}…") } else { plain }
}

enum Open {
    List(Pos, Vec<Node>),
    Map(Pos, Vec<(Key, Node)>, Option<Key>),
}

/// The tree of a source, and every problem of its syntax in `problems`.
///
/// `None` if there is no tree to go on with.
pub fn parse(source: &Source, problems: &mut Diagnostics) -> Option<Node> {
    let mut builder = Builder { open: Vec::new(), root: None, nodes: 0, documents: 0 };
    for event in Parser::new_from_str(source.text()) {
        match event {
            Ok((event, span)) => {
                let pos = Pos { line: span.start.line(), column: span.start.col() + 1 };
                builder.event(event, pos, problems)?;
            }
            Err(error) => {
                let pos = Pos { line: error.marker().line(), column: error.marker().col() + 1 };
                syntax_error(source, pos, error.info(), problems);
                return None;
            }
        }
    }
    if builder.root.is_none() {
        problems.push(Pos::START, "expected a mapping of keys and values, but found an empty file");
    }
    builder.root
}

fn syntax_error(source: &Source, pos: Pos, info: &str, problems: &mut Diagnostics) {
    let line = source.text().lines().nth(pos.line - 1).unwrap_or("");
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    if let Some(tab) = indent.chars().position(|c| c == '\t') {
        let pos = Pos { line: pos.line, column: tab + 1 };
        problems.push_hint(pos, "expected blanks for indentation, but found a tab", "replace each tab by two blanks");
    } else {
        problems.push(pos, format!("expected YAML, but found something that is none: {info}"));
    }
}

struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, pos: Pos, problems: &mut Diagnostics) -> Option<()> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Some(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    problems.push(pos, "expected one document, but found a second one");
                    return None;
                }
                Some(())
            }
            Event::Alias(_) => {
                problems.push_hint(
                    pos,
                    "expected a value, but found an alias",
                    "write the value out, or make it a parameter",
                );
                self.add(Node { pos, value: Value::Null }, problems)
            }
            Event::Scalar(text, style, anchor, tag) => {
                plain_yaml(pos, anchor, tag.is_some(), problems);
                let null = style == ScalarStyle::Plain && matches!(text.as_ref(), "" | "~" | "null");
                let value = if null { Value::Null } else { Value::Scalar(text.into_owned()) };
                self.add(Node { pos, value }, problems)
            }
            Event::SequenceStart(anchor, tag) => {
                plain_yaml(pos, anchor, tag.is_some(), problems);
                self.push(Open::List(pos, Vec::new()), pos, problems)
            }
            Event::MappingStart(anchor, tag) => {
                plain_yaml(pos, anchor, tag.is_some(), problems);
                self.push(Open::Map(pos, Vec::new(), None), pos, problems)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(problems),
        }
    }

    fn push(&mut self, open: Open, pos: Pos, problems: &mut Diagnostics) -> Option<()> {
        if self.open.len() >= DEPTH_MAX {
            problems.push(pos, format!("expected at most {DEPTH_MAX} levels, but found more"));
            return None;
        }
        if let Some(Open::Map(_, _, key @ None)) = self.open.last_mut() {
            problems.push(pos, "expected a text as key, but found a list or a mapping");
            *key = Some(Key { pos, text: String::new() });
            return None;
        }
        self.open.push(open);
        Some(())
    }

    fn close(&mut self, problems: &mut Diagnostics) -> Option<()> {
        let node = match self.open.pop()? {
            Open::List(pos, items) => Node { pos, value: Value::List(items) },
            Open::Map(pos, entries, _) => Node { pos, value: Value::Map(entries) },
        };
        self.add(node, problems)
    }

    fn add(&mut self, node: Node, problems: &mut Diagnostics) -> Option<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            problems.push(node.pos, format!("expected at most {NODES_MAX} values, but found more"));
            return None;
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(new_key(&node, entries, problems)),
            },
        }
        Some(())
    }
}

fn new_key(node: &Node, entries: &[(Key, Node)], problems: &mut Diagnostics) -> Key {
    let text = node.scalar().unwrap_or("").to_owned();
    if node.scalar().is_none() {
        problems.push(node.pos, format!("expected a text as key, but found {}", node.describe()));
    } else if let Some((first, _)) = entries.iter().find(|(k, _)| k.text == text) {
        let line = first.pos.line;
        problems.push(
            node.pos,
            format!("expected each key once, but found '{}' again (first in line {line})", shorten(&text)),
        );
    }
    Key { pos: node.pos, text }
}

fn plain_yaml(pos: Pos, anchor: usize, tagged: bool, problems: &mut Diagnostics) {
    if anchor != 0 {
        problems.push_hint(pos, "expected a value, but found an anchor", "write the value out, or make it a parameter");
    }
    if tagged {
        problems.push(pos, "expected a value, but found a tag");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: &str) {
        let source = Source::new("t.yaml", text.as_bytes().to_vec()).expect("small and UTF-8");
        let mut problems = Diagnostics::new();
        let tree = parse(&source, &mut problems);
        assert!(tree.is_none() || !problems.is_empty() || expect.is_empty(), "no problem found");
        assert_eq!(problems.render(&source), expect);
    }

    #[test]
    fn duplicate_keys_are_refused_with_both_places() {
        check(
            "a: 1\nb: 2\na: 3\n",
            "t.yaml:3:1: expected each key once, but found 'a' again (first in line 1)\n  3 | a: 3\n    | ^\n",
        );
    }

    #[test]
    fn tabs_are_named() {
        check(
            "a:\n\tb: 1\n",
            "t.yaml:2:1: expected blanks for indentation, but found a tab\n  2 |  b: 1\n    | ^\n  hint: replace each tab by two blanks\n",
        );
    }

    #[test]
    fn a_bomb_of_aliases_does_not_go_off() {
        let mut text = String::from("a: &a [x, x]\n");
        for (prev, next) in ["a", "b", "c", "d"].iter().zip(["b", "c", "d", "e"]) {
            text.push_str(&format!("{next}: &{next} [*{prev}, *{prev}, *{prev}]\n"));
        }
        let source = Source::new("bomb.yaml", text.into_bytes()).expect("small");
        let mut problems = Diagnostics::new();
        let _ = parse(&source, &mut problems);
        assert!(problems.render(&source).contains("bomb.yaml:1:4: expected a value, but found an anchor"));
    }

    #[test]
    fn deep_nesting_is_bounded() {
        let text = "[".repeat(5000);
        let source = Source::new("deep.yaml", text.into_bytes()).expect("small");
        let mut problems = Diagnostics::new();
        assert!(parse(&source, &mut problems).is_none());
        assert!(!problems.is_empty());
        let text = "a:\n".to_owned() + &(1..40).map(|i| format!("{}- \n", "- ".repeat(i))).collect::<String>();
        let source = Source::new("deep.yaml", text.into_bytes()).expect("small");
        let mut problems = Diagnostics::new();
        assert!(parse(&source, &mut problems).is_none());
        assert!(!problems.is_empty());
        let text = (0..30).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>();
        let source = Source::new("deep.yaml", text.into_bytes()).expect("small");
        let mut problems = Diagnostics::new();
        assert!(parse(&source, &mut problems).is_none());
        assert!(problems.render(&source).contains("at most 24 levels"), "{}", problems.render(&source));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ -~\n\t:\\-\\[\\]{}&*!|>'\"#%@`µ]{0,200}") {
            let source = Source::new("p.yaml", text.into_bytes()).expect("small");
            let mut problems = Diagnostics::new();
            let tree = parse(&source, &mut problems);
            prop_assert!(tree.is_some() || !problems.is_empty());
            let _ = problems.render(&source);
        }
    }
}

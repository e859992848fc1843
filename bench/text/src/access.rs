//! Typed access to a mapping that has been checked against its shape.
//!
//! Each getter gives `None` where the key is absent or its value was found wrong before; whoever lowers a tree
//! need not report that again.

use core::time::Duration;

use domain::unit::Dimension;

use crate::quantity::{Span, Tolerance, parse_declared, parse_quantity, parse_tolerance};
use crate::source::Pos;
use crate::tree::{Node, Value};

/// A view of a mapping (or of nothing, which is a mapping without keys).
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    node: &'a Node,
}

impl<'a> View<'a> {
    /// A view of that node.
    #[must_use]
    pub const fn new(node: &'a Node) -> Self {
        Self { node }
    }

    /// Where the mapping begins.
    #[must_use]
    pub const fn pos(self) -> Pos {
        self.node.pos
    }

    /// The node behind a key.
    #[must_use]
    pub fn node(self, key: &str) -> Option<&'a Node> {
        self.node.get(key).filter(|n| n.value != Value::Null)
    }

    /// A mapping behind a key.
    #[must_use]
    pub fn view(self, key: &str) -> Option<View<'a>> {
        self.node(key).map(View::new)
    }

    /// Where the value of a key stands, or the mapping where it should.
    #[must_use]
    pub fn pos_of(self, key: &str) -> Pos {
        self.node(key).map_or(self.node.pos, |n| n.pos)
    }

    /// A text.
    #[must_use]
    pub fn text(self, key: &str) -> Option<&'a str> {
        self.node(key)?.scalar().map(str::trim)
    }

    /// A list of texts; a single text counts as a list of one.
    #[must_use]
    pub fn texts(self, key: &str) -> Vec<&'a str> {
        match self.node(key).map(|n| &n.value) {
            Some(Value::Scalar(text)) => vec![text.trim()],
            Some(Value::List(items)) => items.iter().filter_map(Node::scalar).map(str::trim).collect(),
            _ => Vec::new(),
        }
    }

    /// A quantity, in its dimension's base unit.
    #[must_use]
    pub fn quantity(self, key: &str, dimension: Dimension) -> Option<f64> {
        parse_quantity(self.text(key)?, dimension).ok()
    }

    /// A quantity with a half width, in its dimension's base unit.
    #[must_use]
    pub fn declared(self, key: &str, dimension: Dimension) -> Option<Span> {
        parse_declared(self.text(key)?, dimension).ok()
    }

    /// A span of time that is not negative.
    #[must_use]
    pub fn duration(self, key: &str) -> Option<Duration> {
        Duration::try_from_secs_f64(self.quantity(key, Dimension::Time)?).ok()
    }

    /// A tolerance.
    #[must_use]
    pub fn tolerance(self, key: &str) -> Option<Tolerance> {
        parse_tolerance(self.text(key)?).ok()
    }

    /// A whole number.
    #[must_use]
    pub fn count(self, key: &str) -> Option<u32> {
        self.text(key)?.parse().ok()
    }
}

//! YAML text to a tree of nodes with positions, quantities in text, and diagnostics that show the line and a caret.
//!
//! Everything that people write, scenarios and rigs, comes through here. A file's shape is data ([`Kind`],
//! [`Field`]): the same table checks the file, reports every problem at once, and makes the JSON Schema for editors.
//! Nothing here reads a file or knows what a scenario or a rig means.

pub mod access;
mod emit;
mod quantity;
mod schema;
mod shape;
mod source;
mod tree;

pub use access::View;
pub use emit::to_yaml;
pub use quantity::{Span, Tolerance, parse_declared, parse_quantity, parse_tolerance};
pub use schema::json_schema;
pub use shape::{Field, Kind, Variant, validate};
pub use source::{Diagnostic, Diagnostics, Pos, SOURCE_BYTES_MAX, Source, SourceError};
pub use tree::{Key, Node, Value, parse};

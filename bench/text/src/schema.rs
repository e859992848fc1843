//! JSON Schema (draft 2020-12) for editors, made from a file's shape.
//!
//! Quantities are texts with a pattern that demands a unit of their dimension.

use domain::unit::{Dimension, UNITS};
use serde_json::{Value, json};

use crate::shape::{Field, Kind, Variant};

/// The schema of a file of that kind. `parameters` allows `$name` wherever a value stands.
#[must_use]
pub fn json_schema(title: &str, kind: &Kind, parameters: bool) -> Value {
    let mut schema = of_kind(kind, parameters);
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!(title));
    }
    schema
}

fn of_kind(kind: &Kind, parameters: bool) -> Value {
    match kind {
        Kind::Text => json!({"type": ["string", "number", "boolean"]}),
        Kind::Word(words) => value(json!({"enum": words}), parameters),
        Kind::Quantity(d) => {
            value(json!({"type": "string", "pattern": pattern(*d, false), "examples": [d.example()]}), parameters)
        }
        Kind::Declared(d) => {
            value(json!({"type": "string", "pattern": pattern(*d, true), "examples": [d.example()]}), parameters)
        }
        Kind::Tolerance => value(
            json!({"type": "string", "pattern": "(±| to ).*(% of commanded|[uµμ]L)$", "examples": ["±14.5 % of commanded", "±0.5 uL"]}),
            parameters,
        ),
        Kind::Count(low, high) => value(json!({"type": "integer", "minimum": low, "maximum": high}), parameters),
        Kind::List(item, at_least) => {
            json!({"type": "array", "items": of_kind(item, parameters), "minItems": at_least})
        }
        Kind::Map(fields) => of_map(fields, parameters),
        Kind::Table(value) => json!({"type": "object", "additionalProperties": of_kind(value, parameters)}),
        Kind::OneOf(variants) => {
            json!({"oneOf": variants.iter().map(|v| of_variant(v, parameters)).collect::<Vec<_>>()})
        }
        Kind::Short(short, full) => json!({"anyOf": [of_kind(short, parameters), of_kind(full, parameters)]}),
    }
}

fn value(schema: Value, parameters: bool) -> Value {
    if parameters {
        json!({"anyOf": [schema, {"type": "string", "pattern": "^\\$[a-z][a-z0-9 _-]*$"}]})
    } else {
        schema
    }
}

fn of_map(fields: &[Field], parameters: bool) -> Value {
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|f| (f.key.to_owned(), described(of_kind(&f.kind, parameters), f.doc))).collect();
    let required: Vec<&str> = fields.iter().filter(|f| f.required).map(|f| f.key).collect();
    let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    json!({"type": kind, "properties": properties, "required": required, "additionalProperties": false})
}

fn of_variant(variant: &Variant, parameters: bool) -> Value {
    let key = variant.key;
    json!({
        "type": "object", "description": variant.doc, "additionalProperties": false, "required": [key],
        "properties": {key: described(of_kind(&variant.kind, parameters), variant.doc)},
    })
}

fn described(mut schema: Value, doc: &str) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(doc));
    }
    schema
}

fn pattern(dimension: Dimension, half_width: bool) -> String {
    let symbols: Vec<String> = UNITS
        .iter()
        .filter(|u| u.dimension == dimension)
        .map(|u| u.symbol.replace('u', "[uµμ]").replace('/', "\\/"))
        .collect();
    let half = if half_width { "(\\s*±\\s*[0-9.]+)?" } else { "" };
    format!("^\\s*[-+]?[0-9.]+{half}\\s*({})\\s*$", symbols.join("|"))
}

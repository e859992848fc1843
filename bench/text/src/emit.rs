//! A tree back to YAML text, for resolved files that the program writes beside a record.
//!
//! Comments and styles are gone; keys keep their order, so the file still reads as its author wrote it.

use crate::tree::{Node, Value};

/// The tree as YAML text.
#[must_use]
pub fn to_yaml(node: &Node) -> String {
    serde_yaml::to_string(&value(node)).unwrap_or_else(|e| format!("# cannot be written as YAML: {e}\n"))
}

fn value(node: &Node) -> serde_yaml::Value {
    match &node.value {
        Value::Null => serde_yaml::Value::Null,
        Value::Scalar(text) => serde_yaml::Value::String(text.clone()),
        Value::List(items) => serde_yaml::Value::Sequence(items.iter().map(value).collect()),
        Value::Map(entries) => serde_yaml::Value::Mapping(
            entries.iter().map(|(k, v)| (serde_yaml::Value::String(k.text.clone()), value(v))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Diagnostics, Source, parse};

    fn tree(text: &str) -> Node {
        let source = Source::new("t.yaml", text.as_bytes().to_vec()).expect("small");
        parse(&source, &mut Diagnostics::new()).expect("a tree")
    }

    #[test]
    fn what_is_written_reads_back_the_same_by_both_readers() {
        let text = "a: ±14.5 % of commanded\nb: [1, two, ~]\nc: {d: '$x', 'e: f': \"y\\nz\"}\ntrue: no\n";
        let written = to_yaml(&tree(text));
        let again = to_yaml(&tree(&written));
        assert_eq!(written, again);
        let by_serde: serde_yaml::Value = serde_yaml::from_str(&written).expect("YAML");
        assert_eq!(by_serde["a"], serde_yaml::Value::from("±14.5 % of commanded"));
        assert_eq!(by_serde["c"]["e: f"], serde_yaml::Value::from("y\nz"));
    }
}

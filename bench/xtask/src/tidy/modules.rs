//! Dead files: every Rust file below a `src` is reached by `mod` declarations from a crate's root.
//! On the way it learns which files exist in test builds only, which other rules ask for.

use std::collections::{BTreeMap, VecDeque};

use super::tree::Tree;
use super::{Violation, source};

/// The files that declarations reach, each with whether it exists in test builds only.
pub(super) type Modules = BTreeMap<String, bool>;

/// Follows the declarations of every crate in the tree.
pub(super) fn walk(tree: &Tree) -> Modules {
    let mut modules = Modules::new();
    let mut queue: VecDeque<(String, bool)> =
        tree.rust().filter(|(path, _)| is_root(path)).map(|(path, _)| (path.to_string(), false)).collect();
    while let Some((path, test_only)) = queue.pop_front() {
        // A file is looked at once more only if production code turns out to reach it as well.
        let known = modules.get(&path).copied();
        if known == Some(test_only) || known == Some(false) {
            continue;
        }
        queue.extend(declared(tree, &path, test_only));
        modules.insert(path, test_only);
    }
    modules
}

/// One violation a file that nothing declares.
pub(super) fn check(tree: &Tree, modules: &Modules) -> Vec<Violation> {
    tree.rust()
        .filter(|(path, _)| below_src(path).is_some() && !modules.contains_key(*path))
        .map(|(path, _)| Violation::new(path, 1, "a `mod` declaration that reaches this file", "none, so it is dead"))
        .collect()
}

/// The part of a path behind its first `src` folder.
pub(super) fn below_src(path: &str) -> Option<&str> {
    path.strip_prefix("src/").or_else(|| path.split_once("/src/").map(|(_, rest)| rest))
}

fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = below_src(path).unwrap_or_default().split('/').collect();
    matches!(parts.as_slice(), ["lib.rs" | "main.rs"] | ["bin", _] | ["bin", _, "main.rs"])
}

fn declared(tree: &Tree, path: &str, test_only: bool) -> Vec<(String, bool)> {
    let Some(file) = tree.files.get(path) else {
        return Vec::new();
    };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.trim_end_matches(".rs");
    let children = if is_root(path) || name == "mod.rs" { folder.to_string() } else { format!("{folder}/{stem}") };
    let test_modules = source::test_modules(&file.code);
    let mut found = Vec::new();
    for at in source::find_words(&file.code, "mod") {
        let rest = &file.code[at + "mod".len()..];
        let name = source::first_word(rest);
        if name.is_empty() || !rest.trim_start()[name.len()..].trim_start().starts_with(';') {
            continue;
        }
        let start = file.code[..at].rfind([';', '{', '}']).map_or(0, |end| end + 1);
        let attributes = source::attributes(&file.code[start..at]);
        let inside_tests = test_modules.iter().any(|range| range.contains(&at));
        let only = attributes.iter().any(|(_, inside)| source::is_test_only(inside));
        let only = test_only || inside_tests || only;
        let named = attributes
            .iter()
            .find(|(_, inside)| source::first_word(inside) == "path")
            .and_then(|(offset, _)| file.text[start + offset..at].split('"').nth(1));
        let candidates = match named {
            Some(named) => vec![format!("{folder}/{named}")],
            None => vec![format!("{children}/{name}.rs"), format!("{children}/{name}/mod.rs")],
        };
        let existing = candidates.into_iter().filter(|file| tree.files.contains_key(file));
        found.extend(existing.map(|file| (file, only)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::expect_violations;
    use super::*;

    fn check_dead(files: &[(&str, &str)], expect: &[&str]) {
        let tree = Tree::of(files);
        let dead = check(&tree, &walk(&tree));
        expect_violations(dead, expect);
    }

    #[test]
    fn declared_files_live() {
        check_dead(
            &[
                ("bench/x/src/lib.rs", "mod a;\npub mod b;\n#[path = \"odd.rs\"]\nmod d;"),
                ("bench/x/src/a.rs", "mod c;"),
                ("bench/x/src/a/c.rs", ""),
                ("bench/x/src/b/mod.rs", "pub(crate) mod e;"),
                ("bench/x/src/b/e.rs", ""),
                ("bench/x/src/odd.rs", ""),
                ("bench/x/src/bin/tool.rs", ""),
                ("bench/x/tests/run.rs", ""),
            ],
            &[],
        );
    }

    #[test]
    fn undeclared_files_are_dead() {
        check_dead(
            &[
                ("bench/x/src/main.rs", "// mod a;\nmod b { }"),
                ("bench/x/src/a.rs", "mod c;"),
                ("bench/x/src/a/c.rs", ""),
            ],
            &[
                "bench/x/src/a.rs:1: expected a `mod` declaration that reaches this file, but found none, so it is dead",
                "bench/x/src/a/c.rs:1: expected a `mod` declaration that reaches this file, but found none, so it is dead",
            ],
        );
    }

    #[test]
    fn test_only_files_are_known() {
        let tree = Tree::of(&[
            ("src/lib.rs", "mod a;\n#[cfg(test)]\nmod testing;\n#[cfg(test)]\nmod a;"),
            ("src/a.rs", ""),
            ("src/testing.rs", "mod deep;"),
            ("src/testing/deep.rs", ""),
        ]);
        let found = walk(&tree);
        let only: Vec<&String> = found.iter().filter(|(_, only)| **only).map(|(path, _)| path).collect();
        assert_eq!(only, ["src/testing.rs", "src/testing/deep.rs"]);
    }
}

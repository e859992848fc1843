//! The map: every path in `bench/ARCHITECTURE.md` exists, every crate of the workspace is on it, and every test that
//! `bench/PEERS.md` names is one. And the README stays short enough to be read to its end.

use std::collections::BTreeSet;

use super::arrows::Member;
use super::tree::Tree;
use super::{Violation, source};

const MAP: &str = "bench/ARCHITECTURE.md";
const PEERS: &str = "bench/PEERS.md";
const README: &str = "README.md";
const README_LINES_MAX: usize = 150;

/// Endings that make a quoted word with a slash in it a path, whatever it begins with.
const ENDINGS: [&str; 3] = [".md", ".rs", ".toml"];

/// One violation a path that leads nowhere, a crate that is not on the map, a test that is none, and a document that is missing or long.
pub(super) fn check(tree: &Tree, members: &[Member]) -> Vec<Violation> {
    let mut violations = Vec::new();
    match tree.files.get(MAP) {
        None => violations.push(Violation::new(MAP, 1, "the map of the workspace", "no file")),
        Some(file) => {
            violations.extend(lost_paths(tree, &file.text));
            violations.extend(unmapped(&file.text, members));
        }
    }
    match tree.files.get(PEERS) {
        None => violations.push(Violation::new(PEERS, 1, "the list of what peers' users complain of", "no file")),
        Some(file) => violations.extend(lost_tests(tree, &file.text)),
    }
    match tree.files.get(README).map(|file| file.text.lines().count()) {
        None => violations.push(Violation::new(README, 1, "a README", "no file")),
        Some(lines) if lines > README_LINES_MAX => violations.push(Violation::new(
            README,
            README_LINES_MAX + 1,
            format!("at most {README_LINES_MAX} lines"),
            lines.to_string(),
        )),
        Some(_) => {}
    }
    violations
}

fn lost_paths(tree: &Tree, text: &str) -> Vec<Violation> {
    let lost = quotes(text)
        .into_iter()
        .filter(|quote| !quote.fenced && is_path(tree, quote.code) && !exists(tree, quote.code));
    lost.map(|quote| {
        let expected = format!("`{}` to exist", quote.code);
        Violation::new(MAP, quote.line, expected, "nothing there")
    })
    .collect()
}

/// A quote that is a name and nothing else names a test.
fn lost_tests(tree: &Tree, text: &str) -> Vec<Violation> {
    let is_name = |code: &str| code.contains('_') && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let tests: BTreeSet<&str> = tree.rust().flat_map(|(_, file)| tests(&file.code)).collect();
    let lost = quotes(text).into_iter().filter(|quote| is_name(quote.code) && !tests.contains(quote.code));
    lost.map(|quote| Violation::new(PEERS, quote.line, format!("a test `{}`", quote.code), "none of that name"))
        .collect()
}

/// The names of a file's tests.
fn tests(code: &str) -> impl Iterator<Item = &str> {
    let behind = code.split("test]").skip(1);
    behind.filter_map(|rest| {
        // Other attributes may stand between.
        let declared = rest.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("#["))?;
        declared.trim_start_matches("async ").strip_prefix("fn ")?.split('(').next()
    })
}

fn unmapped(text: &str, members: &[Member]) -> Vec<Violation> {
    let quotes = quotes(text);
    let named = |name: &str| {
        let mut quotes = quotes.iter();
        quotes.any(|quote| source::find_words(quote.code, name).next().is_some())
    };
    members
        .iter()
        .filter(|member| !named(&member.name) && !named(&member.folder))
        .map(|member| {
            let expected = format!("the crate `{}` ({}) on the map", member.name, member.folder);
            Violation::new(MAP, 1, expected, "no code quote with its name")
        })
        .collect()
}

/// Something quoted as code: between back-ticks, or a line between fences.
struct Quote<'a> {
    line: usize,
    code: &'a str,
    fenced: bool,
}

fn quotes(text: &str) -> Vec<Quote<'_>> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, text) in text.lines().enumerate() {
        let line = index + 1;
        if text.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(Quote { line, code: text, fenced });
        } else {
            let inside = text.split('`').skip(1).step_by(2);
            found.extend(inside.map(|code| Quote { line, code, fenced }));
        }
    }
    found
}

/// Whether a quote means a path of this repository: it has a slash, and begins as one of ours or ends as a file.
fn is_path(tree: &Tree, code: &str) -> bool {
    let Some((first, _)) = code.split_once('/') else {
        return false;
    };
    let plain = !code.contains(char::is_whitespace) && !code.contains("://");
    let ours = !first.is_empty() && tree.has(first);
    plain && !first.is_empty() && (ours || ENDINGS.iter().any(|end| code.ends_with(end)))
}

/// Whether the path, as far as it is spelled out (`bench/decisions/0001-….md`, `fixtures/rigs/*.yaml`), leads anywhere
/// from the root, or to the end of some file's path.
fn exists(tree: &Tree, code: &str) -> bool {
    let open = |part: &&str| !part.contains(['*', '<', '>', '{', '}', '…']);
    let all = code.trim_end_matches('/').split('/');
    let path = all.take_while(open).collect::<Vec<_>>().join("/");
    let tail = format!("/{path}");
    path.is_empty() || tree.has(&path) || tree.files.keys().any(|file| file.ends_with(&tail))
}

#[cfg(test)]
mod tests {
    use super::super::expect_violations;
    use super::*;

    fn check_map(map: &str, expect: &[&str]) {
        let tree = Tree::of(&[
            (MAP, map),
            (PEERS, ""),
            (README, "one line\n"),
            ("bench/engine/src/lib.rs", ""),
            ("bench/engine/src/step/hold.rs", ""),
        ]);
        let engine =
            Member { name: "engine".to_string(), folder: "bench/engine".to_string(), dependencies: Vec::new() };
        expect_violations(check(&tree, &[engine]), expect);
    }

    #[test]
    fn a_true_map_passes() {
        check_map(
            "`bench/engine/src/lib.rs`, `bench/engine/`, `step/hold.rs`, `bench/engine/src/step/*.rs`, `mL/h`,\n\
             `/api/runs`, `bench/engine/src/<kind>.rs`\n",
            &[],
        );
        check_map("```text\nbench/\n  engine/  sans-I/O\n```\n", &[]);
    }

    #[test]
    fn lost_paths_are_named() {
        check_map(
            "`engine`\n`bench/engine/src/fold.rs` and `step/gone.rs`\n`bench/motor/*.rs`",
            &[
                "bench/ARCHITECTURE.md:2: expected `bench/engine/src/fold.rs` to exist, but found nothing there",
                "bench/ARCHITECTURE.md:2: expected `step/gone.rs` to exist, but found nothing there",
                "bench/ARCHITECTURE.md:3: expected `bench/motor/*.rs` to exist, but found nothing there",
            ],
        );
    }

    #[test]
    fn lost_tests_are_named() {
        let tree = Tree::of(&[
            (MAP, ""),
            (README, ""),
            (PEERS, "`it_is_there` `it_panics` `cargo xtask host`\n`it_is_gone` `no_test`\n"),
            (
                "bench/engine/src/lib.rs",
                "mod tests {\n    #[test]\n    fn it_is_there() {}\n    #[test]\n    #[should_panic]\n    fn it_panics() {}\n\
                 \x20   fn no_test() {}\n}\n",
            ),
        ]);
        expect_violations(
            check(&tree, &[]),
            &[
                "bench/PEERS.md:2: expected a test `it_is_gone`, but found none of that name",
                "bench/PEERS.md:2: expected a test `no_test`, but found none of that name",
            ],
        );
    }

    #[test]
    fn crates_off_the_map_are_named() {
        check_map(
            "The engine is mentioned, not quoted.",
            &[
                "bench/ARCHITECTURE.md:1: expected the crate `engine` (bench/engine) on the map, but found no code quote with its name",
            ],
        );
    }

    #[test]
    fn missing_and_long_documents_are_named() {
        expect_violations(
            check(&Tree::default(), &[]),
            &[
                "README.md:1: expected a README, but found no file",
                "bench/ARCHITECTURE.md:1: expected the map of the workspace, but found no file",
                "bench/PEERS.md:1: expected the list of what peers' users complain of, but found no file",
            ],
        );
        let tree = Tree::of(&[(MAP, ""), (PEERS, ""), (README, &"line\n".repeat(151))]);
        expect_violations(check(&tree, &[]), &["README.md:151: expected at most 150 lines, but found 151"]);
    }
}

//! Banned text: unfinished code, silenced lints, white space that diffs stumble over, and what ties the repository
//! to one machine or one network.

use super::tree::{self, Tree};
use super::{Violation, source};

/// Macros that say "not done", each with what to write instead.
const MACROS: [(&str, &str); 3] =
    [("todo!", "finished code"), ("unimplemented!", "finished code"), ("dbg!", "no debugging output")];

/// Columns of a Rust line; rustfmt keeps code far below, strings and comments it leaves alone.
const COLUMNS_MAX: usize = 140;

/// A word of this many characters (bytes in hexadecimal, an address) cannot be broken; its line may be longer.
const WORD_UNBROKEN_MIN: usize = 40;

/// Folders of a developer's machine. Written in halves, for this file is scanned as well.
const MACHINES: [&str; 3] = [concat!("/", "work/"), concat!("/", "home/"), concat!("/", "root/")];

/// Hosts of package registries, in halves for the same reason. A repository names packages, not where they come from.
const REGISTRIES: [&str; 4] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("deb.debian", ".org"),
];

/// Kinds of files without white space at the end of a line.
const TRIMMED: [&str; 6] = [".rs", ".toml", ".md", ".yaml", ".yml", ".ci/run"];

/// One violation an occurrence.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, file) in &tree.files {
        if path.ends_with(".rs") {
            violations.extend(banned_code(path, &file.code));
        }
        for (index, line) in file.text.lines().enumerate() {
            for (expected, found) in banned_text(path, line) {
                violations.push(Violation::new(path, index + 1, expected, found));
            }
        }
    }
    violations
}

fn banned_code(path: &str, code: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (name, expected) in MACROS {
        for at in source::find_words(code, name) {
            let line = source::line_of(code, at);
            violations.push(Violation::new(path, line, expected, format!("`{name}`")));
        }
    }
    for (at, inside) in source::attributes(code) {
        let names = |word: &str| {
            let conditional = source::first_word(inside) == "cfg_attr";
            let nested = conditional && source::find_words(inside, word).next().is_some();
            source::first_word(inside) == word || nested
        };
        let line = source::line_of(code, at);
        if names("allow") {
            let expected = "`#[expect(…, reason = …)]`";
            violations.push(Violation::new(path, line, expected, "`allow`"));
        }
        if names("ignore") {
            let expected = "a test that runs";
            violations.push(Violation::new(path, line, expected, "`#[ignore]`"));
        }
    }
    violations
}

fn banned_text(path: &str, line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let rust = path.ends_with(".rs");
    if rust && line.contains('\t') {
        found.push(("spaces".to_string(), "a tab".to_string()));
    }
    let columns = line.chars().count();
    if rust && columns > COLUMNS_MAX && !is_unbreakable(line, columns) {
        found.push((format!("at most {COLUMNS_MAX} columns"), columns.to_string()));
    }
    // Data of tests may be what a program printed, white space and all.
    let kind = TRIMMED.iter().any(|end| path.ends_with(end));
    let trimmed = kind && (rust || !tree::is_below_tests(path));
    if trimmed && line.ends_with(char::is_whitespace) {
        found.push(("no white space at the end of a line".to_string(), "some".to_string()));
    }
    for folder in MACHINES {
        if line.match_indices(folder).any(|(at, _)| is_absolute(line, at)) {
            found.push(("no path of a developer's machine".to_string(), format!("`{folder}`")));
        }
    }
    if !is_lock(path) {
        for host in REGISTRIES {
            if source::find_words(line, host).next().is_some() {
                found.push(("no host of a package registry".to_string(), format!("`{host}`")));
            }
        }
    }
    found
}

/// Whether the line would fit without its longest word, and that word is one of those that cannot be broken.
fn is_unbreakable(line: &str, columns: usize) -> bool {
    let words = line.split_whitespace().map(|word| word.chars().count());
    let longest = words.max().unwrap_or(0);
    longest >= WORD_UNBROKEN_MIN && columns - longest <= COLUMNS_MAX
}

/// Whether the slash begins a path, rather than going on with one.
fn is_absolute(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    before.is_none_or(|before| !before.is_alphanumeric() && !"_-.~})*".contains(before))
}

fn is_lock(path: &str) -> bool {
    path == "Cargo.lock" || path.ends_with("/Cargo.lock")
}

#[cfg(test)]
mod tests {
    use super::super::expect_violations;
    use super::*;

    fn check_file(path: &str, text: &str, expect: &[&str]) {
        expect_violations(check(&Tree::of(&[(path, text)])), expect);
    }

    #[test]
    fn finished_code_passes() {
        check_file(
            "a/src/lib.rs",
            "// todo!() and #[allow(x)]\n#[expect(dead_code, reason = \"why\")]\nfn a() { f(\"dbg!\"); allow(1); }\n",
            &[],
        );
        check_file("a/tests/cmd/run.toml", "printed  \n", &[]);
        check_file("a/notes.md", &format!("see my{}x and ${{ROOT}}{}x\n", MACHINES[0], MACHINES[1]), &[]);
        let bytes = "0f".repeat(90);
        check_file("a.rs", &format!("    check(\"{bytes}\");\n"), &[]);
        check_file("Cargo.lock", &format!("source = \"{}\"\n", REGISTRIES[0]), &[]);
    }

    #[test]
    fn unfinished_code_is_named() {
        check_file(
            "a.rs",
            "fn a() { todo!() }\nfn b() { dbg!(1); unimplemented!() }\n",
            &[
                "a.rs:1: expected finished code, but found `todo!`",
                "a.rs:2: expected finished code, but found `unimplemented!`",
                "a.rs:2: expected no debugging output, but found `dbg!`",
            ],
        );
    }

    #[test]
    fn silenced_lints_and_tests_are_named() {
        check_file(
            "a.rs",
            "#![allow(unused)]\n#[ignore = \"slow\"]\n#[cfg_attr(windows, ignore)]\n#[cfg_attr(x, allow(y))]\n",
            &[
                "a.rs:1: expected `#[expect(…, reason = …)]`, but found `allow`",
                "a.rs:2: expected a test that runs, but found `#[ignore]`",
                "a.rs:3: expected a test that runs, but found `#[ignore]`",
                "a.rs:4: expected `#[expect(…, reason = …)]`, but found `allow`",
            ],
        );
    }

    #[test]
    fn untidy_lines_are_named() {
        check_file(
            "a.rs",
            &format!("\tlet a;\nlet b; \n//{}\n", " dosé".repeat(28)),
            &[
                "a.rs:1: expected spaces, but found a tab",
                "a.rs:2: expected no white space at the end of a line, but found some",
                "a.rs:3: expected at most 140 columns, but found 142",
            ],
        );
    }

    #[test]
    fn machines_and_registries_are_named() {
        let (machine, host) = (MACHINES[1], REGISTRIES[0]);
        check_file(
            "a.yaml",
            &format!("at: {machine}me\nfrom: https://index.{host}/\n"),
            &[
                &format!("a.yaml:1: expected no path of a developer's machine, but found `{machine}`"),
                &format!("a.yaml:2: expected no host of a package registry, but found `{host}`"),
            ],
        );
    }
}

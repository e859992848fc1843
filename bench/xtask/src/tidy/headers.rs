//! Headers: a source file begins with `//!` lines that say what it owns and what it must not know.
//! Two lines with text are asked for, one where there is little to say: `main.rs`, tests.

use super::Violation;
use super::modules::{self, Modules};
use super::tree::{self, Tree};

/// One violation a file whose header is missing or too short.
pub(super) fn check(tree: &Tree, modules: &Modules) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, file) in tree.rust() {
        let below_tests = tree::is_below_tests(path);
        if modules::below_src(path).is_none() && !below_tests {
            continue;
        }
        let test_only = modules.get(path).copied().unwrap_or(false);
        let short = below_tests || test_only || path.ends_with("/main.rs");
        let least = if short { 1 } else { 2 };
        let found = header_lines(&file.text);
        if found < least {
            violations.push(Violation::new(
                path,
                1,
                format!("a `//!` header of at least {}", lines(least)),
                lines(found),
            ));
        }
    }
    violations
}

fn header_lines(text: &str) -> usize {
    text.lines().map_while(|line| line.strip_prefix("//!")).filter(|line| !line.trim().is_empty()).count()
}

fn lines(count: usize) -> String {
    match count {
        0 => "none".to_string(),
        1 => "1 line".to_string(),
        _ => format!("{count} lines"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::expect_violations;
    use super::*;

    fn check_headers(files: &[(&str, &str)], expect: &[&str]) {
        let tree = Tree::of(files);
        expect_violations(check(&tree, &modules::walk(&tree)), expect);
    }

    #[test]
    fn good_headers_pass() {
        check_headers(
            &[
                ("bench/x/src/lib.rs", "//! What.\n//!\n//! Why.\n#[cfg(test)]\nmod tests;"),
                ("bench/x/src/main.rs", "//! What.\n"),
                ("bench/x/src/tests.rs", "//! What.\n"),
                ("bench/x/tests/run.rs", "//! What.\n"),
                ("bench/x/build.rs", "fn main() {}\n"),
            ],
            &[],
        );
    }

    #[test]
    fn short_headers_are_named() {
        check_headers(
            &[
                ("bench/x/src/lib.rs", "//! What.\n//!\n\nmod a;"),
                ("bench/x/src/a.rs", "\n//! What.\n//! Why.\n"),
                ("bench/x/tests/run.rs", "use x;"),
            ],
            &[
                "bench/x/src/a.rs:1: expected a `//!` header of at least 2 lines, but found none",
                "bench/x/src/lib.rs:1: expected a `//!` header of at least 2 lines, but found 1 line",
                "bench/x/tests/run.rs:1: expected a `//!` header of at least 1 line, but found none",
            ],
        );
    }
}

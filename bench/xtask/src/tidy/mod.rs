//! `cargo xtask tidy`: the house rules that no compiler holds, one file a rule, each a pure function from the
//! tree of files to violations. Only this file prints, and only `tree` and `cargo metadata` touch the outside.

mod arrows;
mod banned;
mod headers;
mod lengths;
mod map;
mod modules;
mod purity;
mod source;
mod tree;

use std::fmt;
use std::path::Path;

use crate::failure::Failure;
use tree::Tree;

/// One broken rule, at a place that an editor can jump to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    path: String,
    line: usize,
    expected: String,
    found: String,
}

impl Violation {
    fn new(path: impl Into<String>, line: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { path: path.into(), line, expected: expected.into(), found: found.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, expected, found } = self;
        write!(f, "{path}:{line}: expected {expected}, but found {found}")
    }
}

/// Prints every violation; fails if there is one.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let tree = Tree::read(root)?;
    let members = arrows::members(root)?;
    let violations = check(&tree, &members);
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("tidy: {} files hold the house rules", tree.files.len());
            Ok(())
        }
        1 => Err(Failure::new("tidy found 1 violation")),
        count => Err(Failure::new(format!("tidy found {count} violations"))),
    }
}

fn check(tree: &Tree, members: &[arrows::Member]) -> Vec<Violation> {
    let modules = modules::walk(tree);
    let mut violations = arrows::check(tree, members);
    violations.extend(purity::check(tree, &modules));
    violations.extend(lengths::check(tree, &modules));
    violations.extend(headers::check(tree, &modules));
    violations.extend(banned::check(tree));
    violations.extend(map::check(tree, members));
    violations.extend(modules::check(tree, &modules));
    violations.sort();
    violations.dedup();
    violations
}

/// For the rules' tests: holds what a rule found, one rendered line each, against what it should find.
#[cfg(test)]
#[track_caller]
fn expect_violations(mut found: Vec<Violation>, expect: &[&str]) {
    found.sort();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expect);
}

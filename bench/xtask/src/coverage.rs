//! `cargo xtask coverage`: the study of stated intervals against the simulators' truth, in release.
//!
//! It builds and starts the product, which knows what is studied and how; only where the document lies is known here.

use std::path::Path;

use crate::failure::Failure;
use crate::process::{cargo, run as run_program, target_folder};

/// The document that has the tables.
const DOCUMENT: &str = "bench/COVERAGE.md";
/// Asks for the tables to be written into it.
const WRITE: &str = "--write";

/// Runs the study; all words but `--write` are the product's.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), Failure> {
    run_program(root, &cargo(), &["build", "--release", "--bin", "dosebench"])?;
    let program = target_folder(root).join("release/dosebench");
    run_program(root, program.as_os_str(), &arguments(words))
}

/// What the product is started with.
fn arguments<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["bench", "coverage"];
    for word in words {
        arguments.push(word);
        if *word == WRITE {
            arguments.push(DOCUMENT);
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_handed_on_and_the_document_is_named() {
        let expect = ["bench", "coverage", "--runs", "10", "--write", DOCUMENT, "--json"];
        assert_eq!(arguments(&["--runs", "10", "--write", "--json"]), expect);
        assert_eq!(arguments(&[]), ["bench", "coverage"]);
    }
}

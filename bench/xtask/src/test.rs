//! `cargo xtask test`: the board's image, every test of the workspace, its doc tests, then tidy; stops at the first
//! failure. What tests need and this machine lacks is installed, or named.
//!
//! It builds in the dev profile, the one of the README's commands, so that nothing is compiled twice.

use std::path::Path;

use crate::failure::Failure;
use crate::{firmware, process, tidy};

/// What tests start: the program, the Debian package that has it, and what it is for.
const PROGRAMS: [(&str, &str, &str); 2] =
    [("qemu-system-arm", "qemu-system-arm", "the board's image"), ("chromium", "chromium", "the daemon's live page")];

/// Runs all of it.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let cargo = process::cargo();
    process::output(root, "git".as_ref(), &["--version"])?; // tidy needs it; better said now than after the tests
    PROGRAMS.iter().try_for_each(|program| there(root, program))?;
    firmware::run(root)?;
    let nextest = process::output(root, &cargo, &["nextest", "--version"]).is_ok();
    if !nextest {
        println!("test: `cargo nextest` is not installed, `cargo test` runs in its place");
    }
    process::run(root, &cargo, runner(nextest))?;
    process::run(root, &cargo, &["test", "--workspace", "--doc", "--quiet"])?;
    tidy::run(root)?;
    println!("test: passed: {}, doc tests, tidy", runner_name(nextest));
    Ok(())
}

/// A program that tests start is there, installed if it can be.
fn there(root: &Path, (program, package, tested): &(&str, &str, &str)) -> Result<(), Failure> {
    if process::is_on_path(program) || (process::install(root, &[package]) && process::is_on_path(program)) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "expected {program}, on which {tested} is tested, but found none; install it (Debian: apt-get install {package})"
    )))
}

fn runner(nextest: bool) -> &'static [&'static str] {
    if nextest { &["nextest", "run", "--workspace"] } else { &["test", "--workspace"] }
}

fn runner_name(nextest: bool) -> &'static str {
    if nextest { "all tests of the workspace (cargo nextest)" } else { "all tests of the workspace (cargo test)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(nextest: bool, expect: &str) {
        assert_eq!(runner(nextest).join(" "), expect);
    }

    #[test]
    fn the_runner_covers_every_target_of_every_crate() {
        check(true, "nextest run --workspace");
        check(false, "test --workspace");
    }
}

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

/// How many threads the tests have for each core of this machine: what a test takes of them is in `.config/nextest.toml`.
const THREADS_PER_CORE: usize = 2;

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
    let threads = THREADS_PER_CORE * std::thread::available_parallelism().map_or(1, usize::from);
    process::run(root, &cargo, &runner(nextest, &threads.to_string()))?;
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

/// What runs the tests, on so many threads.
fn runner(nextest: bool, threads: &str) -> Vec<&str> {
    if nextest {
        vec!["nextest", "run", "--workspace", "--profile", "side-by-side", "--test-threads", threads]
    } else {
        vec!["test", "--workspace"]
    }
}

fn runner_name(nextest: bool) -> &'static str {
    if nextest { "all tests of the workspace (cargo nextest)" } else { "all tests of the workspace (cargo test)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(nextest: bool, expect: &str) {
        assert_eq!(runner(nextest, "4").join(" "), expect);
    }

    #[test]
    fn the_runner_covers_every_target_of_every_crate() {
        check(true, "nextest run --workspace --profile side-by-side --test-threads 4");
        check(false, "test --workspace");
    }

    /// A filter that finds nothing is no error of nextest.
    #[test]
    fn the_runners_profile_names_modules_that_there_are() {
        let profile = include_str!("../../../.config/nextest.toml");
        let modules = include_str!("../../cli/tests/whole/main.rs");
        // As many go at once as there are cores.
        assert!(profile.contains(&format!("\n[profile.side-by-side]\nthreads-required = {THREADS_PER_CORE}\n")));
        let lists =
            profile.split("test(/^(").skip(1).map(|rest| rest.split(")::/)").next().expect("a list of modules"));
        let names: Vec<&str> = lists.flat_map(|list| list.split('|')).collect();
        assert!(names.len() > 2, "{names:?}");
        for name in names {
            assert!(modules.contains(&format!("\nmod {name};\n")), "{name}");
        }
    }
}

//! `cargo xtask readme`: runs what README.md tells a reader to type, in order, so that it cannot rot.
//! A line of an `sh` block is one command; its trailing comment may say `# not in CI` or `# exits N`, and more
//! words after it. In a block with `$ ` prompts the other lines are output and are not run.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::process;

/// Set for the commands we start, so that a README which names this command does not run itself for ever.
const INSIDE: &str = "XTASK_README";

/// One command of the README.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    command: String,
    expect: Expect,
}

/// What the trailing comment says of it.
#[derive(Debug, PartialEq, Eq)]
enum Expect {
    Exits(u8),
    NotInCi,
}

/// Runs every command line of the README.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    if std::env::var_os(INSIDE).is_some() {
        return Err(Failure::new(
            "expected README.md to mark `cargo xtask readme` and what calls it with `# not in CI`, but it started itself",
        ));
    }
    let text = std::fs::read_to_string(root.join("README.md"))
        .map_err(|error| Failure::new(format!("expected a readable README.md, but found: {error}")))?;
    let lines = lines(&text)?;
    // Who uses this host's rigs is none of these commands' business.
    let state = std::env::temp_dir().join(format!("dosebench-readme-{}", std::process::id()));
    let result = all(root, &lines, &state);
    drop(std::fs::remove_dir_all(state));
    result
}

fn all(root: &Path, lines: &[Line], state: &Path) -> Result<(), Failure> {
    let start = Instant::now();
    let mut passed = 0_usize;
    for line in lines {
        match line.expect {
            Expect::NotInCi => println!("readme: skipped  {}", line.command),
            Expect::Exits(code) => {
                println!("readme: running  {}", line.command);
                let took = execute(root, line, state, code)?;
                println!("readme: {:6.1} s  {}", took.as_secs_f64(), line.command);
                passed += 1;
            }
        }
    }
    if passed == 0 {
        return Err(Failure::new("expected a command in an `sh` block of README.md, but found none that runs here"));
    }
    let took = start.elapsed().as_secs_f64();
    println!("readme: passed: {passed} commands of README.md in {took:.1} s");
    Ok(())
}

fn execute(root: &Path, line: &Line, state: &Path, expected: u8) -> Result<Duration, Failure> {
    let start = Instant::now();
    let bash = OsStr::new("bash");
    let status = process::command(root, bash, &["-c", &line.command])
        .env(INSIDE, "1")
        .env("DOSEBENCH_STATE", state)
        .status()
        .map_err(|error| process::not_started(bash, &error))?;
    let found = process::code(status);
    if found == expected {
        return Ok(start.elapsed());
    }
    Err(Failure::with_code(
        format!(
            "README.md:{}: expected `{}` to exit with {expected}, but found {found} after {:.1} s",
            line.number,
            line.command,
            start.elapsed().as_secs_f64()
        ),
        found.max(1),
    ))
}

/// The commands of all `sh` blocks.
fn lines(text: &str) -> Result<Vec<Line>, Failure> {
    let mut found = Vec::new();
    let mut fence: Option<(usize, Vec<(usize, &str)>)> = None;
    let mut other = false; // inside a block of another language
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        match (&mut fence, trimmed.strip_prefix("```")) {
            (Some((_, block)), None) => block.push((index + 1, trimmed)),
            (Some((_, block)), Some(_)) => {
                found.extend(block_lines(block)?);
                fence = None;
            }
            (None, Some(_)) if other => other = false,
            (None, Some(language)) if language.trim() == "sh" => {
                fence = Some((index + 1, Vec::new()));
            }
            (None, Some(_)) => other = true,
            (None, None) => {}
        }
    }
    match fence {
        None => Ok(found),
        Some((number, _)) => Err(Failure::new(format!(
            "README.md:{number}: expected the end of this `sh` block, but found the end of the file"
        ))),
    }
}

/// The commands of one block: comments and output left out, continued lines joined.
fn block_lines(block: &[(usize, &str)]) -> Result<Vec<Line>, Failure> {
    let prompts = block.iter().any(|(_, line)| line.starts_with("$ "));
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in block {
        let (number, text) = match open.take() {
            Some((first, before)) => (first, format!("{before} {line}")),
            None if line.is_empty() || line.starts_with('#') => continue,
            None => match line.strip_prefix("$ ") {
                Some(command) => (*number, command.trim().to_string()),
                None if prompts => continue,
                None => (*number, (*line).to_string()),
            },
        };
        match text.strip_suffix('\\') {
            Some(before) => open = Some((number, before.trim_end().to_string())),
            None => found.push(parse(number, &text)?),
        }
    }
    match open {
        None => Ok(found),
        Some((number, _)) => Err(Failure::new(format!(
            "README.md:{number}: expected a line after the trailing backslash, but found the end of the block"
        ))),
    }
}

fn parse(number: usize, text: &str) -> Result<Line, Failure> {
    let (command, comment) = text.rsplit_once(" # ").unwrap_or((text, ""));
    let comment = comment.trim();
    let expect = if comment.starts_with("not in CI") {
        Expect::NotInCi
    } else if let Some(rest) = comment.strip_prefix("exits ") {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Expect::Exits(digits.parse().map_err(|_| {
            Failure::new(format!(
                "README.md:{number}: expected an exit code from 0 to 255 after `# exits`, but found `{rest}`"
            ))
        })?)
    } else {
        Expect::Exits(0)
    };
    Ok(Line { number, command: command.trim().to_string(), expect })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<String> = match lines(text) {
            Ok(lines) => {
                lines.iter().map(|line| format!("{} {:?} {}", line.number, line.expect, line.command)).collect()
            }
            Err(failure) => vec![failure.message],
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn only_sh_blocks_are_commands() {
        check(
            "text\n```sh\ncargo build\n```\n```text\nrm -rf x\n```\n```sh\nls\n```\n",
            &["3 Exits(0) cargo build", "9 Exits(0) ls"],
        );
    }

    #[test]
    fn comments_say_what_to_expect() {
        check(
            "```sh\n# a remark\n\ngit clone x  # not in CI: needs a network\nrun x # exits 3\nrun y # the second\n```\n",
            &["4 NotInCi git clone x", "5 Exits(3) run x", "6 Exits(0) run y"],
        );
        check(
            "```sh\nrun x # exits many\n```\n",
            &["README.md:2: expected an exit code from 0 to 255 after `# exits`, but found `many`"],
        );
    }

    #[test]
    fn prompts_mark_commands_and_the_rest_is_output() {
        check("```sh\n$ run x\nall is well\n$ run \\\n  y\n```\n", &["2 Exits(0) run x", "4 Exits(0) run y"]);
    }

    #[test]
    fn open_ends_are_errors() {
        check("```sh\nrun x\n", &["README.md:1: expected the end of this `sh` block, but found the end of the file"]);
        check(
            "```sh\nrun x \\\n```\n",
            &["README.md:2: expected a line after the trailing backslash, but found the end of the block"],
        );
    }

    #[test]
    fn an_unexpected_exit_code_fails() {
        let line = |command: &str| Line { number: 4, command: command.to_string(), expect: Expect::Exits(0) };
        let root = Path::new(".");
        execute(root, &line("exit 3"), root, 3).expect("three was expected");
        let failure = execute(root, &line("exit 3"), root, 0).expect_err("zero was expected");
        assert_eq!(failure.code, 3);
        let failure = execute(root, &line("true"), root, 3).expect_err("three was expected");
        assert_eq!(failure.code, 1);
    }
}

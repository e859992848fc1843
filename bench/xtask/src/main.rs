//! The workshop: commands for people who work on dosebench, started as `cargo xtask <command>`.
//! It links none of the product's crates, so that it builds and runs while they do not.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to its terminal")]

mod coverage;
mod deb;
mod failure;
mod firmware;
mod host;
mod hostile;
mod metrics;
mod process;
mod readme;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use failure::Failure;

/// One subcommand: its name, what it does, and the function that does it in the repository's root.
struct Command {
    name: &'static str,
    about: &'static str,
    run: Run,
}

/// A subcommand's function: most take no words of their own.
enum Run {
    Plain(fn(&Path) -> Result<(), Failure>),
    Worded(fn(&Path, &[&str]) -> Result<(), Failure>),
}

use Run::{Plain, Worded};

/// Every subcommand. A new one is a file of its own and an entry here.
const COMMANDS: [Command; 10] = [
    Command {
        name: "coverage",
        about: "hold stated intervals against the simulators' truth, in release; --runs, --jobs, --write",
        run: Worded(coverage::run),
    },
    Command {
        name: "deb",
        about: "make a Debian package of the program and its unit, in release; dev",
        run: Worded(deb::run),
    },
    Command { name: "firmware", about: "build the pump board's image", run: Plain(firmware::run) },
    Command {
        name: "host",
        about: "install the package on an emulated machine, restart it, cut its power, pull a plug, switch it off",
        run: Plain(host::run),
    },
    Command {
        name: "hostile",
        about: "send hostile requests to the daemon, by schemathesis from PyPI; so many an operation, if-possible",
        run: Worded(hostile::run),
    },
    Command { name: "metrics", about: "measure the product's figures in release", run: Plain(metrics::run) },
    Command {
        name: "metrics analysis",
        about: "of these, what reads logs and records",
        run: Plain(metrics::run_analysis),
    },
    Command { name: "readme", about: "run every command of README.md's sh blocks, in order", run: Plain(readme::run) },
    Command { name: "test", about: "run all tests of the workspace, its doc tests and tidy", run: Plain(test::run) },
    Command { name: "tidy", about: "hold the house rules against every file of the repository", run: Plain(tidy::run) },
];

const EXIT_CODES: [(&str, &str); 4] = [
    ("0", "all is well"),
    ("1", "a rule is broken, or a tool is missing"),
    ("2", "the command line is wrong"),
    ("other", "the code of the program that failed"),
];

fn main() -> ExitCode {
    let outcome = if std::env::var_os(firmware::COMPILES).is_some() {
        firmware::compile(&std::env::args_os().skip(1).collect::<Vec<_>>())
    } else {
        dispatch(&std::env::args().skip(1).collect::<Vec<_>>())
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{}", help());
            Ok(())
        }
        [name, rest @ ..] => {
            let whole = COMMANDS.iter().find(|command| command.name.split(' ').eq(words.iter().copied()));
            if let Some(Command { run: Plain(run), .. }) = whole {
                return run(&root()?);
            }
            let command = COMMANDS
                .iter()
                .find(|command| command.name == *name)
                .ok_or_else(|| Failure::usage(format!("expected {}, but found `{name}`", names())))?;
            match command.run {
                Worded(run) => run(&root()?, rest),
                Plain(run) if rest.is_empty() => run(&root()?),
                Plain(_) => {
                    let rest = rest.join(" ");
                    Err(Failure::usage(format!("expected no argument after `{name}`, but found `{rest}`")))
                }
            }
        }
    }
}

fn names() -> String {
    let names: Vec<String> = COMMANDS.iter().map(|command| format!("`{}`", command.name)).collect();
    format!("one of the commands {}", names.join(", "))
}

fn help() -> String {
    let mut text = String::from("usage: cargo xtask <command>\n\ncommands:\n");
    for command in &COMMANDS {
        text.push_str(&format!("  {:<16} {}\n", command.name, command.about));
    }
    text.push_str("\nexit codes:\n");
    for (code, about) in EXIT_CODES {
        text.push_str(&format!("  {code:<16} {about}\n"));
    }
    text
}

/// The repository's root: the nearest folder upwards that holds this crate.
fn root() -> Result<PathBuf, Failure> {
    let here =
        std::env::current_dir().map_err(|error| Failure::new(format!("cannot read the current folder: {error}")))?;
    here.ancestors().find(|folder| folder.join("bench/xtask/Cargo.toml").is_file()).map(Path::to_path_buf).ok_or_else(
        || {
            Failure::new(format!(
                "expected to be started inside the repository, but found no bench/xtask above {}",
                here.display()
            ))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], code: u8, message: &str) {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let failure = dispatch(&arguments).expect_err("these arguments are wrong");
        assert_eq!((failure.code, failure.message.as_str()), (code, message));
    }

    #[test]
    fn wrong_arguments_are_named() {
        check(&["polish"], 2, &format!("expected {}, but found `polish`", names()));
        check(&["tidy", "--fix"], 2, "expected no argument after `tidy`, but found `--fix`");
    }

    #[test]
    fn help_names_every_command() {
        let help = help();
        for command in &COMMANDS {
            assert!(help.contains(command.name), "{} is missing", command.name);
        }
    }
}

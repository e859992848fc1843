//! Starts other programs in the repository's root and turns what went wrong into a `Failure`.
//! It knows nothing of what the programs are for.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::failure::Failure;

/// The cargo that started us, or the one on the path.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Where cargo builds.
pub(crate) fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Whether there is a program of that name.
pub(crate) fn is_on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Installs Debian's packages, where that is possible without asking anybody; whether it was.
pub(crate) fn install(root: &Path, packages: &[&str]) -> bool {
    let is_root = output(root, "id".as_ref(), &["-u"]).is_ok_and(|id| id.trim() == "0");
    if !is_root || !is_on_path("apt-get") {
        return false;
    }
    println!("installing {}", packages.join(", "));
    // The lists may be old, or none; a mirror that cannot be reached shows with the packages.
    drop(output(root, "apt-get".as_ref(), &["update", "--quiet"]));
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(packages);
    output(root, "apt-get".as_ref(), &arguments).is_ok()
}

/// A command in the root. What `cargo run` tells us about our own package is taken out of its environment, since
/// build scripts that watch those variables would otherwise run again each time.
pub(crate) fn command(root: &Path, program: &OsStr, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    for (name, _) in std::env::vars_os() {
        let ours =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if ours {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program with our own input and output, and fails with its exit code.
pub(crate) fn run(root: &Path, program: &OsStr, arguments: &[&str]) -> Result<(), Failure> {
    let status = command(root, program, arguments).status().map_err(|error| not_started(program, &error))?;
    match code(status) {
        0 => Ok(()),
        code => Err(Failure::with_code(
            format!("expected `{}` to pass, but it ended with {code}", line(program, arguments)),
            code,
        )),
    }
}

/// Runs a program for what it prints.
pub(crate) fn output(root: &Path, program: &OsStr, arguments: &[&str]) -> Result<String, Failure> {
    let output = command(root, program, arguments).output().map_err(|error| not_started(program, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!(
            "expected `{}` to pass, but it said: {}",
            line(program, arguments),
            said.trim()
        )));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("expected UTF-8 from `{}`, but found other bytes", line(program, arguments))))
}

/// The exit code as a shell would show it: 128 and the signal's number for a program that was killed.
pub(crate) fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)
}

/// The failure for a program that could not even start.
pub(crate) fn not_started(program: &OsStr, error: &std::io::Error) -> Failure {
    let program = program.display();
    if error.kind() == ErrorKind::NotFound {
        return Failure::new(format!("expected the program `{program}` on the path, but it is not installed"));
    }
    Failure::new(format!("expected to start `{program}`, but found: {error}"))
}

fn line(program: &OsStr, arguments: &[&str]) -> String {
    let program = Path::new(program).file_stem().unwrap_or(program);
    format!("{} {}", program.display(), arguments.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(program: &str, arguments: &[&str], code: u8, message: &str) {
        let failure = run(Path::new("."), OsStr::new(program), arguments).expect_err("this program does not pass");
        assert_eq!((failure.code, failure.message.as_str()), (code, message));
    }

    #[test]
    fn failures_name_the_program_and_hand_on_its_code() {
        check("bash", &["-c", "exit 7"], 7, "expected `bash -c exit 7` to pass, but it ended with 7");
        check("bash", &["-c", "kill -9 $$"], 137, "expected `bash -c kill -9 $$` to pass, but it ended with 137");
        check("no-such-program", &[], 1, "expected the program `no-such-program` on the path, but it is not installed");
    }

    #[test]
    fn output_is_what_was_printed() {
        let printed = output(Path::new("."), OsStr::new("bash"), &["-c", "echo dose"]);
        assert_eq!(printed.expect("echo passes"), "dose\n");
    }
}

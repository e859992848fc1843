//! `cargo xtask hostile`: the daemon's API held against its own description by a generator of hostile requests, schemathesis.
//!
//! It comes from PyPI into a folder of its own, and meets a daemon of a virtual rig that wants a token: no request may end in an
//! error of the daemon's, hang, or be answered otherwise than described.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::failure::Failure;
use crate::process;

/// The generator, at a version whose checks are known.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// A text that the schema allows may still be no scenario: whether that is told is not the schema's to say.
const LEFT_OUT: &str = "positive_data_acceptance";
/// The state folder's variable.
const STATE: &str = "DOSEBENCH_STATE";

/// A daemon, until it is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// So many requests an operation, unless it is said.
const EXAMPLES: &str = "100";
/// The same where it runs beside everything else.
const FEW: &str = "20";

/// Runs it; so many requests an operation may be given, or that it is left out where it cannot be had.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), Failure> {
    let (examples, if_possible) = match words {
        [] => (EXAMPLES, false),
        ["if-possible"] => (FEW, true),
        [examples] if examples.parse::<u32>().is_ok() => (*examples, false),
        _ => {
            return Err(Failure::new(format!(
                "expected a number of requests, or 'if-possible', but found '{}'",
                words.join(" ")
            )));
        }
    };
    let folder = process::target_folder(root).join("hostile");
    match installed(root, &folder) {
        // The tests send hostile requests of their own.
        Err(why) if if_possible => {
            let why = why.message.lines().last().unwrap_or_default().to_owned();
            println!("{SCHEMATHESIS} cannot be installed here, and is left out: {why}");
            Ok(())
        }
        Err(why) => Err(why),
        // The same requests each time, where nobody looks for new ones.
        Ok(()) if if_possible => against(root, &folder, &["--max-examples", examples, "--seed", "1"]),
        Ok(()) => against(root, &folder, &["--max-examples", examples]),
    }
}

/// Has the generator in a folder of its own.
fn installed(root: &Path, folder: &Path) -> Result<(), Failure> {
    let python = folder.join("venv/bin/python");
    if !python.exists() {
        let venv = folder.join("venv").display().to_string();
        process::output(root, "python3".as_ref(), &["-m", "venv", &venv])?;
    }
    process::output(root, python.as_os_str(), &["-m", "pip", "install", "--quiet", "--retries", "1", SCHEMATHESIS])
        .map(drop)
}

fn against(root: &Path, folder: &Path, which: &[&str]) -> Result<(), Failure> {
    let target = process::target_folder(root);
    process::run(root, &process::cargo(), &["build", "--locked", "--bin", "dosebench"])?;
    let program = target.join("debug/dosebench");
    let failed = |what: &str, why: &dyn std::fmt::Display| Failure::new(format!("expected {what}, but {why}"));
    let work = folder.join("work");
    drop(fs::remove_dir_all(&work));
    fs::create_dir_all(&work).map_err(|why| failed("a folder for the daemon", &why))?;
    let ours = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(&work).env(STATE, work.join("state")).stdin(Stdio::null());
        command
    };
    let granted = ours(&["token", "new", "hostile", "--scope", "administer"]).output();
    let token = granted.map_err(|why| failed("a token", &why))?.stdout;
    let token = String::from_utf8_lossy(&token).trim().to_owned();
    let log = fs::File::create(work.join("log")).map_err(|why| failed("a log", &why))?;
    let mut daemon = ours(&["serve", "--listen", "127.0.0.1:0", "--tokens"]);
    let daemon = daemon.stdout(Stdio::piped()).stderr(log).spawn().map_err(|why| failed("a daemon", &why))?;
    let mut daemon = Daemon(daemon);
    let mut url = String::new();
    let stdout = daemon
        .0
        .stdout
        .take()
        .ok_or_else(|| Failure::new("expected the daemon's stdout, but found none".to_owned()))?;
    BufReader::new(stdout).read_line(&mut url).map_err(|why| failed("the daemon's address", &why))?;
    let description = format!("{}/api/v1/openapi.json", url.trim());
    let bearer = format!("Authorization: Bearer {token}");
    let program = folder.join("venv/bin/schemathesis");
    let arguments = ["run", &description, "--header", &bearer, "--request-timeout", "20", "--exclude-checks", LEFT_OUT];
    // What it keeps of its own stays there.
    process::run(&work, program.as_os_str(), &[&arguments, which].concat())?;
    match daemon.0.try_wait() {
        Ok(None) => Ok(()),
        ended => Err(Failure::new(format!("expected the daemon to go on, but it has ended: {ended:?}"))),
    }
}

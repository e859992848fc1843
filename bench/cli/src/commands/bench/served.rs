//! Processes of this program that a measurement needs, each ready when it has told a line; they end with it.
//!
//! What the line says is their caller's to know.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Failure;

/// A process, until it is dropped.
pub(super) struct Process {
    child: Child,
    /// What it told when it was ready.
    pub(super) line: String,
}

impl Process {
    /// Starts it and waits for its line.
    pub(super) fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(Failure::bench)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(Failure::bench)?;
        }
        Ok(Self { child, line: line.trim_end().to_owned() })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has in memory, in MiB.
    pub(super) fn resident_mib(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).map_err(Failure::bench)?;
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next()?.parse::<f64>().ok());
        Ok(kib.unwrap_or(f64::NAN) / 1024.0)
    }
}

/// A daemon of that rig, with its store and its runs in a folder; its line is its address.
pub(super) fn daemon(folder: &Path, rig: &str) -> Result<Process, Failure> {
    let mut command = Command::new(rig::ourselves().map_err(Failure::bench)?);
    command.args(["serve", "--rig", rig, "--runs", "runs", "--listen", "127.0.0.1:0"]);
    command.current_dir(folder).env("DOSEBENCH_STATE", folder.join("state")).stdin(Stdio::null()).stderr(Stdio::null());
    Process::start(&mut command)
}

impl Drop for Process {
    fn drop(&mut self) {
        // It is ours alone and holds nothing but the folder, which goes too.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The virtual rig, served.
pub(super) struct Server {
    _process: Process,
    /// The rig file to run against.
    pub(super) rig: String,
}

impl Server {
    pub(super) fn start(folder: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(rig::ourselves().map_err(Failure::bench)?);
        command.args(["rig", "serve", "virtual", "--out"]).arg(folder.join("served.yaml"));
        let process = Process::start(&mut command)?;
        Ok(Self { rig: process.line.clone(), _process: process })
    }
}

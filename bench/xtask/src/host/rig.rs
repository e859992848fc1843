//! The rig that the machine is wired to: served here, so that its pump outlives the machine.
//!
//! Its serial ports become the machine's on USB; what has an address is reached over its network.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::failure::Failure;
use crate::process;

/// This host, as the machine sees it.
const HERE: &str = "10.0.2.2";
/// How its system calls a serial port on USB, by the port's serial number.
const BY_ID: &str = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_";
/// What only the simulation has, and nobody can reach from there.
const LEFT_OUT: [&str; 3] = ["plant", "operator", "simulation"];

/// A rig that is served, until it is dropped.
pub(super) struct Rig {
    child: Child,
    folder: PathBuf,
    /// Each serial port: the serial number of its plug, and the terminal here.
    pub(super) ports: Vec<(String, String)>,
}

impl Rig {
    /// Serves the library's rig, and writes into the folder its file as the machine needs it.
    pub(super) fn serve(program: &Path, folder: &Path) -> Result<Self, Failure> {
        let out = folder.join("served.yaml");
        let mut command = Command::new(program);
        command.args(["rig", "serve", "virtual", "--out"]).arg(&out);
        command.env("DOSEBENCH_STATE", folder.join("state")).stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().map_err(|error| process::not_started(program.as_os_str(), &error))?;
        let mut rig = Self { child, folder: folder.to_owned(), ports: Vec::new() };
        let mut line = String::new();
        let failed = |why: std::io::Error| Failure::new(format!("expected {} to be served, but {why}", out.display()));
        let stdout = rig.child.stdout.take().ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
        let (text, ports) = wired(&fs::read_to_string(line.trim()).map_err(failed)?);
        fs::write(folder.join("rig.yaml"), text).map_err(failed)?;
        rig.ports = ports;
        Ok(rig)
    }

    /// What the first station's pump really delivers, in nL/h.
    pub(super) fn rate(&self) -> Result<u64, Failure> {
        let path = self.folder.join("state.json");
        let failed =
            |why: &dyn std::fmt::Display| Failure::new(format!("expected a state in {}, but {why}", path.display()));
        let state = fs::read(&path).map_err(|why| failed(&why))?;
        let state: Value = serde_json::from_slice(&state).map_err(|why| failed(&why))?;
        state["stations"]["1"]["rate_nl_per_h"].as_u64().ok_or_else(|| failed(&format!("found {state}")))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A served rig's file as the machine needs it, and the serial ports that it names, each with the serial number of its plug.
fn wired(served: &str) -> (String, Vec<(String, String)>) {
    let (mut text, mut ports) = (String::new(), Vec::new());
    // Of a key: how far it is indented, and its name.
    let (mut of, mut station, mut left_out) = (String::new(), String::new(), None);
    for line in served.lines() {
        let indent = line.len() - line.trim_start().len();
        let key = line.trim().split(':').next().unwrap_or_default().trim_matches('\'');
        if left_out.is_some_and(|from| indent > from) {
            continue;
        }
        left_out = (indent == 4 && LEFT_OUT.contains(&key)).then_some(indent);
        if left_out.is_some() {
            continue;
        }
        match indent {
            2 => key.clone_into(&mut station),
            4 => key.clone_into(&mut of),
            _ => {}
        }
        let said = match line.trim().split_once(": ") {
            Some(("serial", terminal)) => {
                // The first station's need no number.
                let number = if station == "1" { String::new() } else { station.clone() };
                let serial = format!("{}{number}", of.to_uppercase());
                ports.push((serial.clone(), terminal.to_owned()));
                format!("{}serial: {BY_ID}{serial}-if00-port0", " ".repeat(indent))
            }
            Some(("tcp", address)) => {
                format!("{}tcp: {}", " ".repeat(indent), address.replace("127.0.0.1", HERE))
            }
            _ => line.to_owned(),
        };
        text.push_str(&said);
        text.push('\n');
    }
    (text, ports)
}

#[cfg(test)]
mod tests {
    use super::wired;

    #[test]
    fn terminals_become_plugs_and_the_simulation_stays_here() {
        let served = "stations:
  '1':
    pump:
      port:
        serial: /dev/pts/4
    plant:
      port:
        unix: p.sock
    line:
      port:
        tcp: 127.0.0.1:99
  '2':
    pump:
      port:
        serial: /dev/pts/5
";
        let (text, ports) = wired(served);
        let own = |serial: &str, terminal: &str| (serial.to_owned(), terminal.to_owned());
        assert_eq!(ports, [own("PUMP", "/dev/pts/4"), own("PUMP2", "/dev/pts/5")]);
        assert!(
            text.contains("        serial: /dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_PUMP2-if00-port0\n"),
            "{text}"
        );
        assert!(
            text.contains("        tcp: 10.0.2.2:99\n") && !text.contains("plant") && !text.contains("p.sock"),
            "{text}"
        );
    }
}

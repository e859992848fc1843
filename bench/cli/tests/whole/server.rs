//! A rig that is served by the program itself, and what tests do to it.
//!
//! It is reached as anybody would: by its rig file, its state file and its control socket.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::Bench;
use serde_json::Value;

/// Longer than anything takes that goes on, on a machine however busy: what takes longer hangs. Where it is said how soon something
/// must happen, that is another time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// A rig that is served, until it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) rig: PathBuf,
    /// Names of terminals that have vanished.
    kept: RefCell<Vec<(String, File)>>,
}

impl Server {
    pub(crate) fn start(bench: &Bench, rig: &str) -> Self {
        let out = bench.path("served.yaml").display().to_string();
        let mut child =
            bench.command(&["rig", "serve", rig, "--out", &out]).stdout(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let rig = PathBuf::from(line.trim());
        assert!(rig.is_absolute() && rig.is_file(), "{line}");
        Self { child, rig, kept: RefCell::default() }
    }

    pub(crate) fn rig(&self) -> String {
        self.rig.display().to_string()
    }

    pub(crate) fn state(&self) -> Value {
        let bytes = std::fs::read(self.rig.with_file_name("state.json")).expect("a state");
        serde_json::from_slice(&bytes).expect("JSON, never half of it")
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The port of an instrument, as the rig file names it now.
    pub(crate) fn port(&self, place: &[&str]) -> String {
        let text = std::fs::read_to_string(&self.rig).expect("a rig file, never half of it");
        let file: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        let port = place.iter().fold(&file, |node, key| &node[*key])["port"].clone();
        let (_, name) = port.as_mapping().expect("a port").iter().next().expect("one key");
        name.as_str().expect("a name").to_owned()
    }

    /// Says something to a station's plant, as an engineer would; what it answered.
    pub(crate) fn plant(&self, station: &str, line: &str) -> Value {
        let path = self.port(&["stations", station, "plant"]);
        let mut stream = UnixStream::connect(path).expect("a control socket");
        stream.write_all(line.as_bytes()).and_then(|()| stream.write_all(b"\n")).expect("written");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// Switches a device's fault on or off.
    pub(crate) fn fault(&self, device: &str, fault: &str, on: bool) {
        if fault == "vanish" && on {
            // A server of another test would have its name next, and the run that looks for it find that one.
            self.kept.borrow_mut().extend(self.names());
        }
        let line = format!("{{\"fault\":{{\"device\":\"{device}\",\"fault\":\"{fault}\",\"on\":{on}}}}}");
        let answer = self.plant("1", &line);
        assert_eq!(answer["done"], true, "{line}: {answer}");
        if fault == "vanish" && !on {
            // What is still there has its name anyway.
            self.kept.borrow_mut().retain(|(path, _)| !Path::new(path).exists());
        }
    }

    /// Its terminals' names, kept for as long as these are: a server of another test would have them next, and a run that looks for
    /// its own find that one.
    pub(crate) fn kept_names(&self) -> Vec<File> {
        self.names().into_iter().map(|(_, file)| file).collect()
    }

    /// Its terminals' names, each with its terminal.
    fn names(&self) -> Vec<(String, File)> {
        let rig = std::fs::read_to_string(&self.rig).expect("a rig file");
        let paths = rig.lines().filter_map(|line| line.trim().strip_prefix("serial: "));
        let flags = rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK;
        let open = |path: &str| {
            let mut options = File::options();
            options.read(true).custom_flags(i32::try_from(flags.bits()).expect("flags"));
            // One that has vanished already has none.
            Some((path.to_owned(), options.open(path).ok()?))
        };
        let kept: Vec<(String, File)> = paths.filter_map(open).collect();
        assert!(!kept.is_empty(), "it has terminals: {rig}");
        kept
    }

    /// Ends the server as an operator would; it must say that all is well.
    pub(crate) fn stop(mut self) {
        signal(self.child.id(), "TERM");
        assert_eq!(self.child.wait().expect("ended").code(), Some(0));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that fails must not leave a server behind; one that is stopped already is not there any more.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn signal(child: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.to_string()]).status().expect("kill");
    assert!(status.success());
}

/// By when a server's state file, which is written ten times a second, shows what is so; on a machine that others use as well.
pub(crate) const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// Waits for something to become true, at most so long.
pub(crate) fn eventually(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < within, "{what} within {within:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

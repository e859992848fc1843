//! The run's own socket, `control.sock` in its folder: answers to prompts, and remarks.
//!
//! One JSON object a line each way. The socket is reached through the folder's file descriptor, because a socket's
//! path may have no more than 108 bytes and a folder's may.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

/// The socket's name in the run's folder.
pub const SOCKET: &str = "control.sock";
/// How long a client waits for the run to take what it said.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may take for its line.
const LINE_WITHIN: Duration = Duration::from_secs(1);
/// The pause after a client could not be taken.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
/// The longest line.
const LINE_MAX: u64 = 64 * 1024;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Answers an operator's step.
    Answer {
        /// The prompt's name.
        prompt: String,
        /// One value, or `name=value, name=value`.
        value: String,
        /// Or each entry's value by its name, as it stands.
        #[serde(default)]
        entries: BTreeMap<String, String>,
        /// Who answers.
        by: String,
    },
    /// Adds a remark to the stream.
    Note {
        /// The remark.
        text: String,
        /// Who remarks.
        by: String,
    },
}

/// What reaches a run from outside of its runtime.
#[derive(Debug)]
pub enum Outside {
    /// Somebody wants it to stop.
    Stop {
        /// Who or what.
        cause: String,
    },
    /// The host restarts: the run is to be left as it is where it may go on behind that, and to stop elsewhere.
    Leave,
    /// Somebody said something over the run's socket.
    Said {
        /// What.
        message: Message,
        /// Whether it was taken.
        reply: mpsc::Sender<Result<(), String>>,
    },
}

/// What the run says to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reply {
    error: Option<String>,
}

/// Says something to the run in that folder.
///
/// # Errors
/// If no run is under way there, or it does not take what was said; a sentence.
pub fn say(folder: &Path, message: &Message) -> Result<(), String> {
    let nobody = |e: io::Error| format!("expected a run under way in {}, but found none ({e})", folder.display());
    let directory = File::open(folder).map_err(nobody)?;
    let mut stream = UnixStream::connect(short(&directory)).map_err(nobody)?;
    let lost = |e: io::Error| format!("expected an answer of the run in {}, but {e}", folder.display());
    stream.set_read_timeout(Some(PATIENCE * 2)).map_err(lost)?;
    let mut line = serde_json::to_vec(message).map_err(|e| lost(e.into()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(lost)?;
    let mut text = String::new();
    BufReader::new(stream.take(LINE_MAX)).read_line(&mut text).map_err(lost)?;
    let reply: Reply = serde_json::from_str(&text).map_err(|e| lost(e.into()))?;
    reply.error.map_or(Ok(()), Err)
}

fn short(directory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()))
}

/// The listening side; it ends when this is dropped, and takes the socket with it.
pub(crate) struct Listener {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
    directory: File,
    path: PathBuf,
}

impl Listener {
    /// Listens in a run's folder and hands on what is said.
    pub(crate) fn start(folder: &Path, outside: UnboundedSender<Outside>) -> io::Result<Self> {
        let directory = File::open(folder)?;
        // One who ran here before and was killed has left it behind.
        drop(std::fs::remove_file(short(&directory)));
        let listener = UnixListener::bind(short(&directory))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || listen(&listener, &outside, &stopped));
        Ok(Self { stop, thread: Some(thread), directory, path: folder.join(SOCKET) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The thread waits for a client: one that says nothing lets it look at `stop`.
        let woken = UnixStream::connect(short(&self.directory)).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            drop(thread.join());
        }
        drop(std::fs::remove_file(&self.path));
    }
}

fn listen(listener: &UnixListener, outside: &UnboundedSender<Outside>, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        match stream {
            Ok(stream) => drop(serve(&stream, outside)),
            // Out of descriptors, say: the run goes on, and so does this, but not in a busy loop.
            Err(_) => thread::sleep(AFTER_FAILURE),
        }
    }
}

fn serve(mut stream: &UnixStream, outside: &UnboundedSender<Outside>) -> io::Result<()> {
    stream.set_read_timeout(Some(LINE_WITHIN))?;
    let mut text = String::new();
    BufReader::new(stream.try_clone()?.take(LINE_MAX)).read_line(&mut text)?;
    let error = match serde_json::from_str::<Message>(&text) {
        Err(error) => Some(format!("expected an answer or a note, but {error}")),
        Ok(message) => {
            let (reply, taken) = mpsc::channel();
            drop(outside.send(Outside::Said { message, reply }));
            taken.recv_timeout(PATIENCE).unwrap_or_else(|_| Err("the run is not listening any more".to_owned())).err()
        }
    };
    let mut line = serde_json::to_vec(&Reply { error })?;
    line.push(b'\n');
    stream.write_all(&line)
}

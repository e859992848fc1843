//! A body that comes steadily or not at all: a connection that has died without a word is not waited for.
//!
//! It is read on a thread of its own, which nothing can interrupt; whoever waits here goes on without it.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// How much is read at once.
const PIECE: usize = 64 * 1024;
/// How many such wait to be taken.
const WAITING: usize = 4;

/// A reader that fails where nothing comes for so long.
pub(super) struct Steady {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
    silent_for: Duration,
}

impl Steady {
    pub(super) fn new(mut body: impl Read + Send + 'static, silent_for: Duration) -> Self {
        let (give, pieces) = sync_channel(WAITING);
        thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = body.read(&mut piece).map(|length| {
                    piece.truncate(length);
                    piece
                });
                let goes_on = read.as_ref().is_ok_and(|piece| !piece.is_empty());
                if give.send(read).is_err() || !goes_on {
                    return;
                }
            }
        });
        Self { pieces, piece: io::Cursor::default(), silent_for }
    }
}

impl Read for Steady {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let taken = self.piece.read(into)?;
        if taken > 0 || into.is_empty() {
            return Ok(taken);
        }
        match self.pieces.recv_timeout(self.silent_for) {
            Ok(piece) => {
                self.piece = io::Cursor::new(piece?);
                self.piece.read(into)
            }
            Err(RecvTimeoutError::Timeout) => {
                let why = format!("nothing came for {} s", self.silent_for.as_secs_f64());
                Err(io::Error::new(io::ErrorKind::TimedOut, why))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_comes_is_handed_on_to_its_end() {
        let all: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        let mut read = Vec::new();
        Steady::new(io::Cursor::new(all.clone()), Duration::from_secs(60)).read_to_end(&mut read).expect("read");
        assert_eq!(read, all);
    }

    /// The other side says something and then nothing any more, and does not go away.
    #[test]
    fn a_silence_is_an_error_behind_what_came() {
        let (here, mut there) = std::os::unix::net::UnixStream::pair().expect("a pair");
        there.write_all(b"half a li").expect("said");
        let mut steady = Steady::new(here, Duration::from_millis(200));
        let mut read = Vec::new();
        let why = steady.read_to_end(&mut read).expect_err("silence");
        assert_eq!((read.as_slice(), why.kind()), (b"half a li".as_slice(), io::ErrorKind::TimedOut));
        assert_eq!(why.to_string(), "nothing came for 0.2 s");
        drop(there);
    }
}

//! Writing to stdout and stderr without ever failing: a reader that went away must not end a run.
//!
//! `println!` panics when nobody reads; a pump that goes on dosing because a log pipe broke is not acceptable.

use std::io::Write;

/// A line for stdout: results.
macro_rules! say {
    ($($argument:tt)*) => { $crate::output::line(&mut std::io::stdout(), &format!($($argument)*)) };
}

/// A line for stderr: everything else.
macro_rules! tell {
    ($($argument:tt)*) => { $crate::output::line(&mut std::io::stderr(), &format!($($argument)*)) };
}

pub(crate) use {say, tell};

/// Writes a line, and lets it go if that cannot be.
pub(crate) fn line(to: &mut impl Write, text: &str) {
    drop(writeln!(to, "{text}").and_then(|()| to.flush()));
}

/// Writes lines that end as they should already to stderr.
pub(crate) fn tell_raw(text: &str) {
    let mut stderr = std::io::stderr();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}

//! The run's stream on disk: one versioned format, its writer, its reader, and what can be saved of a torn file.
//!
//! A record is one or more MCAP files in the run's folder, `record.mcap`, `record-0002.mcap` and so on, which are
//! read as one stream. It holds events and nothing else; it does not know the engine, a clock or a report, and no
//! function here opens a simulator's truth.

mod encoding;
mod error;
mod events;
mod follow;
mod metadata;
mod parts;
mod read;
mod salvage;
mod schema;
mod segment;
mod sink;
#[cfg(test)]
mod tests;
mod write;

pub use error::{ReadError, ResumeError, WriteError};
pub use events::Events;
pub use follow::Follow;
pub use metadata::Metadata;
pub use parts::{Part, Stamp};
pub use read::{Reader, Tail};
pub use write::{Finished, Pace, Recorder};

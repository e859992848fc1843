//! What a host knows of its rigs, in one durable file beside which every process of the host works: who holds a port, who has
//! leased it, what is to be done at its stations, and an audit log of all that changed any of it.
//!
//! A *hold* is a process that uses a port now: it ends with the process, however that ends, because the kernel lets go of its
//! lock. A *lease* is a person's or a job's word that a port is theirs until a moment; it outlives processes and restarts. What
//! a port is, and what is done with it, is not known here.

mod access;
mod alive;
mod audit;
mod error;
mod hold;
mod job;
mod lease;
mod notice;
mod quarantine;
mod queue;
mod schema;
mod station;
mod store;

pub use access::{Access, Scope};
pub use alive::beat;
pub use audit::{Entry, Verified};
pub use error::{Set, StoreError};
pub use hold::{Hold, Holder, Use, Wanted, needs_of_all};
pub use job::{Cancelled, Job, JobRun, JobState, Requeued, Submission};
pub use lease::{Lease, Token};
pub use notice::Notice;
pub use quarantine::Place;
pub use store::{Actor, Store};

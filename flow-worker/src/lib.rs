//! The flow worker: load, advance, commit, hand over, cache, acknowledge.
//!
//! One SQL transaction holds the whole effect of an event; the acknowledgement follows it. Whatever stops in between is
//! delivered again and finds what was done.

mod hand_over;
mod kept;
mod load;
mod messages;
mod person;
mod recipient;
mod session_cache;
mod sink;
mod start;
mod statuses;
mod worker;

pub use recipient::RecipientIds;
pub use start::start;
pub use worker::{Ports, Worker, WorkerSettings};

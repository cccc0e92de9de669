//! Everything on one machine in one data directory: SQLite, with its queues as tables.
//!
//! One process owns the directory. It writes through one connection that groups whatever waits into one transaction, so
//! one `fsync` (WAL, `synchronous=FULL`) pays for many publishes, acknowledgements and commits. What it handed out it
//! knows itself; a restart hands it out again, in order.

mod directory;
mod members;
mod open;
mod queue;
mod sessions;
mod writer;

pub use directory::{DataDirectory, DirectoryError};
pub use members::LocalMembers;
pub use open::{OpenError, open};
pub use queue::EmbeddedQueue;
pub use sessions::LocalSessions;
pub use writer::{GroupWriter, QueueWrite};

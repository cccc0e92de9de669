//! The ports: what the services need of queues, caches and databases. `backends` has the adapters.

pub mod accounts;
pub mod audit;
pub mod conversations;
pub mod dead_letters;
pub mod flows;
pub mod installation;
pub mod ledger;
pub mod listing;
pub mod members;
pub mod messages;
pub mod queue;
pub mod recipients;
pub mod replays;
pub mod sessions;
pub mod status_clock;
pub mod suspects;
pub mod traces;

/// Why a database, cache or broker did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It is away, or did not answer in time: hold and try again, it is nobody's message's fault.
    #[error("{doing}: not available: {reason}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        reason: String,
    },
    /// Two transactions met: repeat at once.
    #[error("{doing}: met another transaction: {reason}")]
    Busy {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        reason: String,
    },
    /// It refuses this very data: repeating never helps.
    #[error("{doing}: refused: {reason}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        reason: String,
    },
}

/// The result of asking a store.
pub type Stored<T> = Result<T, StoreError>;

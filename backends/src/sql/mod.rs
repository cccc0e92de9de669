//! The record: SQLite (embedded) and, through the same statements, PostgreSQL.

mod accounts;
mod audit;
mod cipher;
mod clean;
mod conditions;
mod conversations;
mod cursor;
mod db;
mod dead_letters;
mod error;
mod feed;
mod flows;
mod installation;
mod ledger;
mod messages;
#[cfg(test)]
mod plans;
#[cfg(feature = "postgresql")]
pub mod postgresql;
mod recipients;
mod remembered;
mod replays;
pub(crate) mod rows;
mod status_clock;
mod suspects;
mod traces;

pub use accounts::SqlAccounts;
pub use audit::SqlAudit;
pub use cipher::Cipher;
pub use conversations::SqlConversations;
pub use db::{Db, Erased, Transaction, Writer};
pub(crate) use db::{execute, one, panic_message};
pub use dead_letters::SqlDeadLetters;
pub use error::store_error;
pub use feed::Feed;
pub use flows::SqlFlows;
pub use installation::SqlInstallation;
pub use ledger::SqlLedger;
pub use messages::SqlMessages;
pub use recipients::SqlRecipients;
pub use replays::SqlReplays;
pub use status_clock::SqlStatusClock;
pub use suspects::SqlSuspects;
pub use traces::SqlTraces;

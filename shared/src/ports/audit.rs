//! Who did what when.

use super::{
    Stored,
    listing::{Listed, Page},
};
use async_trait::async_trait;
use flow_engine::Timestamp;
use serde_json::Value;

/// One act of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id; grows with time.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who: a user of a machine, or a caller of the ops API.
    pub who: String,
    /// What, in a word or two such as `numbers.pause`.
    pub act: String,
    /// With what: the id of a number, recipient, job, replay.
    pub subject: String,
    /// How.
    pub details: Value,
}

/// The record of acts.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes down an act that is about to be done.
    async fn note(&self, who: &str, act: &str, subject: &str, details: &Value, now: Timestamp) -> Stored<()>;
    /// What was done, newest first.
    async fn list(&self, page: &Page) -> Stored<Listed<Entry>>;
}

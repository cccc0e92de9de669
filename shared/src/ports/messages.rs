//! The log of what came in: messages, and events that were merely kept.

use super::{
    Stored,
    listing::{Listed, Page},
};
use crate::ids::{AccountId, EventId, PhoneNumberId, RecipientId, Wamid};
use async_trait::async_trait;
use flow_engine::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which entries are meant: those to which all that is given applies.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageFilter {
    /// Meta's `type` of a message, or the word of a [`KeptKind`](crate::event::KeptKind).
    pub kind: Option<String>,
    /// Who wrote it.
    pub recipient: Option<RecipientId>,
    /// Not received before.
    pub since: Option<Timestamp>,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Ours.
    pub event_id: EventId,
    /// Meta's `type` of a message, or why an event was kept.
    pub kind: String,
    /// `handled`, `dead` or `pending` (being replayed); `None` of what is merely kept.
    pub state: Option<String>,
    /// The number it was written to.
    pub phone_number_id: Option<PhoneNumberId>,
    /// Meta's id of it.
    pub wamid: Option<Wamid>,
    /// Whose the number was.
    pub account_id: Option<AccountId>,
    /// Who wrote it.
    pub recipient_id: Option<RecipientId>,
    /// Meta's `field` of a kept event.
    pub field: Option<String>,
    /// When it came in.
    pub received_at: Timestamp,
}

/// An entry with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeEntry {
    /// The line.
    pub entry: Entry,
    /// As Meta sent it; not always JSON.
    pub raw: String,
    /// What happened with it, as the worker noted it.
    pub notes: Option<Value>,
}

/// The log.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// The entries, newest first.
    async fn list(&self, filter: &MessageFilter, page: &Page) -> Stored<Listed<Entry>>;
    /// The entry with this event id or Meta's id.
    async fn get(&self, id: &str) -> Stored<Option<WholeEntry>>;
}

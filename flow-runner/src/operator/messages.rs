//! What came in.

use super::sessions;
use crate::document::iso;
use anyhow::Context;
use backends::Backends;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    Timestamp,
    ports::{
        listing::Page,
        messages::{Entry, MessageFilter},
    },
};

/// Which messages are meant.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Wanted {
    /// Meta's type, or why an event was kept.
    pub kind: Option<String>,
    /// Who wrote it.
    pub recipient: Option<String>,
    /// Whose recipient.
    pub account: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
}

pub async fn list(backends: &Backends, wanted: Wanted, page: &Page) -> anyhow::Result<Value> {
    let recipient = match &wanted.recipient {
        Some(who) => Some(sessions::recipient(backends, wanted.account.as_deref(), who).await?.id),
        None => None,
    };
    let filter = MessageFilter { kind: wanted.kind, recipient, since: wanted.since };
    let listed = backends.messages.list(&filter, page).await?;
    Ok(json!({ "items": listed.items.iter().map(shown).collect::<Vec<_>>(), "nextCursor": listed.next }))
}

pub async fn show(backends: &Backends, id: &str) -> anyhow::Result<Value> {
    let found = backends.messages.get(id).await?;
    let found =
        found.with_context(|| format!("no message has the id {id}; those that we sent are no messages here"))?;
    let mut message = shown(&found.entry);
    message["notes"] = found.notes.unwrap_or(Value::Null);
    message["raw"] = serde_json::from_str(&found.raw).unwrap_or(Value::String(found.raw));
    Ok(message)
}

fn shown(entry: &Entry) -> Value {
    json!({
        "eventId": entry.event_id,
        "receivedAt": iso(entry.received_at),
        "kind": entry.kind,
        "state": entry.state,
        "accountId": entry.account_id,
        "phoneNumberId": entry.phone_number_id,
        "recipientId": entry.recipient_id,
        "wamid": entry.wamid,
        "field": entry.field,
    })
}

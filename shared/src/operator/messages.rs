//! What came in.

use super::{Answer, Operator, OperatorError, iso};
use crate::{
    Timestamp,
    ports::{
        listing::Page,
        messages::{Entry, MessageFilter},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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

impl Operator {
    /// What came in, newest first.
    pub async fn messages(&self, wanted: Wanted, page: &Page) -> Answer {
        let recipient = match &wanted.recipient {
            Some(who) => Some(self.recipient(wanted.account.as_deref(), who).await?.id),
            None => None,
        };
        let filter = MessageFilter { kind: wanted.kind, recipient, since: wanted.since };
        let listed = self.messages.list(&filter, page).await?;
        Ok(json!({ "items": listed.items.iter().map(shown).collect::<Vec<_>>(), "nextCursor": listed.next }))
    }

    /// One of them, with its content and what was made of it.
    pub async fn message(&self, id: &str) -> Answer {
        let Some(found) = self.messages.get(id).await? else {
            let why = format!("no message has the id {id}; `flow-runner trace {id}` finds what we sent");
            return Err(OperatorError::NotFound(why));
        };
        let mut message = shown(&found.entry);
        message["notes"] = found.notes.unwrap_or(Value::Null);
        message["raw"] = serde_json::from_str(&found.raw).unwrap_or(Value::String(found.raw));
        Ok(message)
    }
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

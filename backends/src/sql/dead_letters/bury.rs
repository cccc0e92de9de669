//! Letters of what queues gave up on.

use super::write::{Letter, write_once};
use crate::sql::{
    db::{Transaction, one},
    rows::column,
};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sea_orm::{DatabaseTransaction, DbErr};
use serde::{Deserialize, Serialize};
use shared::{
    Timestamp,
    event::{Event, InboundMessage},
    ports::{dead_letters::Buried, queue::Message},
};

/// The body of a letter that holds a queue's message as it came.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sql) struct Enclosed {
    queue: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    schema: u16,
    /// What is no text of UTF-8 is in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    pub(super) body: String,
}

impl Enclosed {
    /// Nothing of its body is looked into: whoever parses it may die of it.
    pub fn new(queue: String, message: &Message) -> Self {
        let (encoding, body) = match std::str::from_utf8(&message.body) {
            Ok(text) => (None, text.to_owned()),
            Err(_) => (Some("base64".to_owned()), STANDARD.encode(&message.body)),
        };
        Self { queue, kind: message.kind.to_string(), schema: message.schema, encoding, body }
    }

    /// As the table keeps it.
    pub fn to_json(&self) -> String {
        // Text and a number: it always has a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

pub(super) struct Bury {
    pub buried: Vec<Buried>,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for Bury {
    type Output = Vec<bool>;
    const DOING: &'static str = "burying what queues gave up on";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<bool>, DbErr> {
        let mut written = Vec::with_capacity(self.buried.len());
        for buried in &self.buried {
            let letter = match &buried.event {
                Some(Event::Message(message)) if is_handled(tx, message).await? => {
                    written.push(false);
                    continue;
                }
                Some(Event::Message(message)) => Letter {
                    phone_number_id: Some(message.phone_number_id.to_string()),
                    account_id: account(tx, message.phone_number_id.as_str()).await?,
                    recipient: message.sender.lane_key().map(|key| key.to_string()),
                    ..letter(buried)
                },
                Some(Event::Status(status)) => Letter {
                    phone_number_id: Some(status.phone_number_id.to_string()),
                    account_id: account(tx, status.phone_number_id.as_str()).await?,
                    ..letter(buried)
                },
                Some(Event::Kept(_)) | None => letter(buried),
            };
            written.push(write_once(tx, &buried.letter, letter, self.now).await?);
        }
        Ok(written)
    }
}

fn letter(buried: &Buried) -> Letter {
    let Buried { reason, error, queue, died_at, message, .. } = buried;
    Letter {
        kind: "event",
        reason,
        event_id: Some(message.id.to_string()).filter(|id| !id.is_empty()),
        attempts: Some(serde_json::json!([{ "at": died_at, "error": error }]).to_string()),
        body: Enclosed::new(queue.clone(), message).to_json(),
        ..Letter::default()
    }
}

/// A delivery may be given up on whose effect was committed and only its acknowledgement lost.
async fn is_handled(tx: &DatabaseTransaction, message: &InboundMessage) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM messages WHERE phone_number_id = $1 AND wamid = $2 AND sent_at = $3 AND state = 'handled'";
    let key = vec![message.phone_number_id.as_str().into(), message.wamid.as_str().into(), message.sent_at.into()];
    Ok(one(tx, sql, key).await?.is_some())
}

async fn account(tx: &DatabaseTransaction, number: &str) -> Result<Option<String>, DbErr> {
    let row = one(tx, "SELECT account_id FROM phone_numbers WHERE id = $1", vec![number.into()]).await?;
    row.map(|row| column(&row, "account_id")).transpose()
}

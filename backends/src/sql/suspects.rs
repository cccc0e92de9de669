//! The table `suspects`: notes on deliveries that may kill whoever handles them.

use super::{
    db::{Db, Transaction, execute, one},
    dead_letters::{self, Letter},
    rows::column,
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, Value};
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    Timestamp,
    ports::{
        Stored,
        queue::{Message, QueueName},
        suspects::{Noted, Suspects},
    },
};
use std::time::Duration;

/// How long the record may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(2);

/// The notes of an installation.
#[derive(Debug)]
pub struct SqlSuspects(pub Db);

/// What names a delivery: its queue and its id, or what is in it where a foreign publisher gave none.
fn key(queue: QueueName, message: &Message) -> Vec<Value> {
    let id = match message.id.as_ref() {
        "" => hex::encode(Sha256::digest(&message.body)),
        id => id.to_owned(),
    };
    vec![queue.to_string().into(), id.into()]
}

struct Note {
    key: Vec<Value>,
    process: String,
    now: Timestamp,
}

#[async_trait]
impl Transaction for Note {
    type Output = Noted;
    const DOING: &'static str = "noting a suspect";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Noted, DbErr> {
        let sql = "INSERT INTO suspects (queue, message_id, notes, noted_by, noted_at) VALUES ($1, $2, 1, $3, $4)
            ON CONFLICT (queue, message_id) DO UPDATE SET noted_by = $3, noted_at = $4,
                notes = suspects.notes + CASE WHEN suspects.noted_by = $3 THEN 0 ELSE 1 END
            RETURNING notes, given_up_at";
        let mut values = self.key.clone();
        values.extend([Value::from(self.process.as_str()), self.now.0.into()]);
        let Some(row) = one(tx, sql, values).await? else { return Ok(Noted::Open(0)) };
        if column::<Option<i64>>(&row, "given_up_at")?.is_some() {
            return Ok(Noted::GivenUp);
        }
        let before = column::<i64>(&row, "notes")? - 1;
        Ok(Noted::Open(u32::try_from(before).unwrap_or(u32::MAX)))
    }
}

struct StrikeOut(Vec<Value>);

#[async_trait]
impl Transaction for StrikeOut {
    type Output = ();
    const DOING: &'static str = "striking a suspect out";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let sql = "DELETE FROM suspects WHERE queue = $1 AND message_id = $2 AND given_up_at IS NULL";
        execute(tx, sql, self.0.clone()).await.map(drop)
    }
}

struct GiveUp {
    key: Vec<Value>,
    letter: Letter,
    now: Timestamp,
}

#[async_trait]
impl Transaction for GiveUp {
    type Output = ();
    const DOING: &'static str = "giving a suspect up";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        // One that panics may be given up without having been a suspect.
        let sql = "INSERT INTO suspects (queue, message_id, notes, noted_by, noted_at, given_up_at)
            VALUES ($1, $2, 0, '', $3, $3)
            ON CONFLICT (queue, message_id) DO UPDATE SET given_up_at = $3 WHERE suspects.given_up_at IS NULL";
        let mut values = self.key.clone();
        values.push(self.now.0.into());
        if execute(tx, sql, values).await? == 0 {
            return Ok(());
        }
        dead_letters::write(tx, vec![self.letter.clone()], self.now).await
    }
}

/// Nothing of the body is looked into: whoever parses it may die of it.
fn letter(queue: QueueName, message: &Message, now: Timestamp) -> Letter {
    let error = format!("whoever handled it from {queue} died of it, each time alone");
    Letter {
        kind: if matches!(queue, QueueName::Outbound(_)) { "job" } else { "event" },
        reason: "kills_consumer",
        event_id: Some(message.id.to_string()).filter(|id| !id.is_empty()),
        attempts: Some(json!([{ "at": now, "error": error }]).to_string()),
        body: json!(String::from_utf8_lossy(&message.body)).to_string(),
        ..Letter::default()
    }
}

#[async_trait]
impl Suspects for SqlSuspects {
    async fn note(&self, queue: QueueName, message: &Message, process: &str, now: Timestamp) -> Stored<Noted> {
        self.0.write(Note { key: key(queue, message), process: process.to_owned(), now }).await
    }

    async fn strike_out(&self, queue: QueueName, message: &Message) -> Stored<()> {
        self.0.write(StrikeOut(key(queue, message))).await
    }

    async fn give_up(&self, queue: QueueName, message: &Message, now: Timestamp) -> Stored<()> {
        self.0.write(GiveUp { key: key(queue, message), letter: letter(queue, message, now), now }).await
    }

    async fn is_available(&self) -> bool {
        let asked = self.0.one("asking whether the record is there", "SELECT 1 AS one", vec![]);
        matches!(tokio::time::timeout(ANSWER, asked).await, Ok(Ok(_)))
    }
}

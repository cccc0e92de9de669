//! The table `suspects`: notes on deliveries that may kill whoever handles them.

use super::{
    db::{Db, Transaction, all, execute},
    dead_letters::{self, Enclosed, Letter},
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
        suspects::{Cause, Noted, Suspects},
    },
};
use std::time::Duration;

/// How long the record may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(2);

/// How long notes are kept that nobody came back to.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Who "notes" that a delivery was given up.
const GIVEN_UP: &str = "";

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
        let old = self.now.minus(KEPT);
        execute(tx, "DELETE FROM suspects WHERE noted_at < $1", vec![old.0.into()]).await?;
        write(tx, &self.key, &self.process, self.now).await?;
        let sql = "SELECT process FROM suspects WHERE queue = $1 AND message_id = $2";
        let mut others = 0;
        for row in all(tx, sql, self.key.clone()).await? {
            match column::<String>(&row, "process")? {
                process if process == GIVEN_UP => return Ok(Noted::GivenUp),
                process => others += u32::from(process != self.process),
            }
        }
        Ok(Noted::Open(others))
    }
}

/// Writes a note unless it is there; how many were written.
async fn write(tx: &DatabaseTransaction, key: &[Value], process: &str, now: Timestamp) -> Result<u64, DbErr> {
    let sql =
        "INSERT INTO suspects (queue, message_id, process, noted_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let mut values = key.to_vec();
    values.extend([Value::from(process), now.0.into()]);
    execute(tx, sql, values).await
}

struct StrikeOut(Vec<Value>);

#[async_trait]
impl Transaction for StrikeOut {
    type Output = ();
    const DOING: &'static str = "striking a suspect out";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let sql = "DELETE FROM suspects WHERE queue = $1 AND message_id = $2 AND process <> $3";
        let mut values = self.0.clone();
        values.push(GIVEN_UP.into());
        execute(tx, sql, values).await.map(drop)
    }
}

struct GiveUp {
    key: Vec<Value>,
    letter: Option<Letter>,
    now: Timestamp,
}

#[async_trait]
impl Transaction for GiveUp {
    type Output = ();
    const DOING: &'static str = "giving a suspect up";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let first = write(tx, &self.key, GIVEN_UP, self.now).await? > 0;
        let letters = self.letter.iter().filter(|_| first).cloned();
        dead_letters::write(tx, letters.collect(), self.now).await
    }
}

/// Nothing of the body is looked into: whoever parses it may die of it. What rings for a job leaves no letter: the ledger
/// has the job, and its number's owner finds it there.
fn letter(queue: QueueName, message: &Message, cause: Cause, now: Timestamp) -> Option<Letter> {
    if matches!(queue, QueueName::Outbound(_)) {
        return None;
    }
    let error = match cause {
        Cause::Kills => "each process that handled it, with nothing else in hand, died",
        Cause::Panics => "whoever handles it panics",
    };
    Some(Letter {
        kind: "event",
        reason: "kills_consumer",
        event_id: Some(message.id.to_string()).filter(|id| !id.is_empty()),
        attempts: Some(json!([{ "at": now, "error": error }]).to_string()),
        body: Enclosed::new(queue.to_string(), message).to_json(),
        ..Letter::default()
    })
}

#[async_trait]
impl Suspects for SqlSuspects {
    async fn is_noted(&self, queue: QueueName, message: &Message) -> Stored<bool> {
        let sql = "SELECT 1 AS one FROM suspects WHERE queue = $1 AND message_id = $2 AND process <> $3 LIMIT 1";
        let mut values = key(queue, message);
        values.push(GIVEN_UP.into());
        Ok(self.0.one("looking for notes on a suspect", sql, values).await?.is_some())
    }

    async fn note(&self, queue: QueueName, message: &Message, process: &str, now: Timestamp) -> Stored<Noted> {
        self.0.write(Note { key: key(queue, message), process: process.to_owned(), now }).await
    }

    async fn strike_out(&self, queue: QueueName, message: &Message) -> Stored<()> {
        self.0.write(StrikeOut(key(queue, message))).await
    }

    async fn give_up(&self, queue: QueueName, message: &Message, cause: Cause, now: Timestamp) -> Stored<()> {
        self.0.write(GiveUp { key: key(queue, message), letter: letter(queue, message, cause, now), now }).await
    }

    async fn is_available(&self) -> bool {
        let asked = self.0.one("asking whether the record is there", "SELECT 1 AS one", vec![]);
        matches!(tokio::time::timeout(ANSWER, asked).await, Ok(Ok(_)))
    }
}

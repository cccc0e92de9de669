//! The queues' two tables.

use crate::sql::{
    Db, Transaction, execute,
    rows::{insert, list},
};
use async_trait::async_trait;
use bytes::Bytes;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use shared::{
    Timestamp,
    ports::{
        Stored,
        queue::{Death, Message},
    },
};
use std::collections::BTreeSet;

/// Ids in one `IN (…)`.
const CHUNK: usize = 1000;
const READING: &str = "reading a queue";
/// The only way to the dead letters: there is no limit of deliveries.
const REJECTED: &str = "rejected";

/// A message on its way into `queue_messages`.
#[derive(Debug)]
pub struct NewRow {
    /// The queue's name.
    pub queue: String,
    /// The message.
    pub message: Message,
}

/// A message as it lies in its queue.
#[derive(Debug)]
pub(super) struct Row {
    pub id: i64,
    pub deliveries: u32,
    pub message: Message,
    pub death: Option<Death>,
}

pub(in crate::embedded) async fn publish(tx: &DatabaseTransaction, rows: Vec<NewRow>) -> Result<(), DbErr> {
    let columns = ["queue", "message_id", "kind", "version", "traceparent", "body"];
    let values = rows.into_iter().map(|NewRow { queue, message }| -> Vec<Value> {
        vec![
            queue.into(),
            message.id.as_ref().into(),
            message.kind.as_ref().into(),
            i32::from(message.schema).into(),
            message.traceparent.into(),
            message.body.to_vec().into(),
        ]
    });
    insert(tx, "queue_messages", &columns, values.collect(), "").await.map(drop)
}

pub(in crate::embedded) async fn ack(tx: &DatabaseTransaction, ids: &[i64]) -> Result<(), DbErr> {
    for chunk in ids.chunks(CHUNK) {
        let sql = format!("DELETE FROM queue_messages WHERE id IN ({})", list(chunk.len(), 1));
        execute(tx, &sql, chunk.iter().map(|id| (*id).into()).collect()).await?;
    }
    Ok(())
}

pub(in crate::embedded) async fn count(tx: &DatabaseTransaction, ids: &[i64]) -> Result<(), DbErr> {
    for chunk in ids.chunks(CHUNK) {
        let sql =
            format!("UPDATE queue_messages SET deliveries = deliveries + 1 WHERE id IN ({})", list(chunk.len(), 1));
        execute(tx, &sql, chunk.iter().map(|id| (*id).into()).collect()).await?;
    }
    Ok(())
}

const COLUMNS: &str = "id, deliveries, message_id, kind, version, traceparent, body, died_in, died_at";

/// The next messages after `cursor`, oldest first.
pub(super) async fn after(db: &Db, queue: &str, cursor: i64, limit: usize) -> Stored<Vec<Row>> {
    let sql = format!("SELECT {COLUMNS} FROM queue_messages WHERE queue = $1 AND id > $2 ORDER BY id LIMIT $3");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows(&db.all(READING, &sql, vec![queue.into(), cursor.into(), limit.into()]).await?)
}

/// These messages, oldest first, as far as they are still there.
pub(super) async fn these(db: &Db, ids: &[i64]) -> Stored<Vec<Row>> {
    let sql = format!("SELECT {COLUMNS} FROM queue_messages WHERE id IN ({}) ORDER BY id", list(ids.len(), 1));
    rows(&db.all(READING, &sql, ids.iter().map(|id| (*id).into()).collect()).await?)
}

pub(super) async fn depth(db: &Db, queue: &str) -> Stored<u64> {
    let sql = "SELECT count(*) AS depth FROM queue_messages WHERE queue = $1";
    let row = db.one(READING, sql, vec![queue.into()]).await?;
    let depth = row.map(|row| row.try_get::<i64>("", "depth")).transpose();
    let depth = depth.map_err(|error| crate::sql::store_error(READING, &error))?;
    Ok(u64::try_from(depth.unwrap_or(0)).unwrap_or(0))
}

fn rows(rows: &[QueryResult]) -> Stored<Vec<Row>> {
    rows.iter().map(row).collect::<Result<_, DbErr>>().map_err(|error| crate::sql::store_error(READING, &error))
}

fn row(row: &QueryResult) -> Result<Row, DbErr> {
    let version: i32 = row.try_get("", "version")?;
    let deliveries: i32 = row.try_get("", "deliveries")?;
    let death = row.try_get::<Option<String>>("", "died_in")?.map(|queue| -> Result<Death, DbErr> {
        Ok(Death { queue, reason: REJECTED.to_owned(), at: Timestamp(row.try_get("", "died_at")?) })
    });
    Ok(Row {
        death: death.transpose()?,
        id: row.try_get("", "id")?,
        deliveries: u32::try_from(deliveries).unwrap_or(0),
        message: Message {
            id: row.try_get::<String>("", "message_id")?.into(),
            kind: row.try_get::<String>("", "kind")?.into(),
            schema: u16::try_from(version).unwrap_or(u16::MAX),
            traceparent: row.try_get("", "traceparent")?,
            body: Bytes::from(row.try_get::<Vec<u8>>("", "body")?),
        },
    })
}

/// Every queue that was ever declared.
pub(super) async fn declared(db: &Db) -> Stored<BTreeSet<String>> {
    let rows = db.all(READING, "SELECT queue FROM queue_cursors", vec![]).await?;
    rows.iter()
        .map(|row| row.try_get("", "queue"))
        .collect::<Result<_, DbErr>>()
        .map_err(|error| crate::sql::store_error(READING, &error))
}

/// Declares queues.
pub(super) struct Declare {
    pub queues: BTreeSet<String>,
}

#[async_trait]
impl Transaction for Declare {
    type Output = ();
    const DOING: &'static str = "declaring queues";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let rows = self.queues.iter().map(|queue| vec![queue.as_str().into(), 0_i64.into()]).collect();
        let tail = "ON CONFLICT (queue) DO NOTHING";
        insert(tx, "queue_cursors", &["queue", "handed_out"], rows, tail).await.map(drop)
    }
}

/// Looks up how far messages may have been handed out before this process started, and counts one delivery more for
/// those that are still there.
pub(super) struct CountHandedOut {
    pub queue: String,
}

#[async_trait]
impl Transaction for CountHandedOut {
    type Output = i64;
    const DOING: &'static str = "looking up what was handed out";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<i64, DbErr> {
        let queue = || vec![self.queue.as_str().into()];
        let count = "UPDATE queue_messages SET deliveries = deliveries + 1
            WHERE queue = $1 AND id <= (SELECT handed_out FROM queue_cursors WHERE queue = $1)";
        execute(tx, count, queue()).await?;
        let row = crate::sql::one(tx, "SELECT handed_out FROM queue_cursors WHERE queue = $1", queue()).await?;
        Ok(row.map(|row| row.try_get("", "handed_out")).transpose()?.unwrap_or(0))
    }
}

/// Writes ahead how far messages will be handed out.
pub(super) struct Reserve {
    pub queue: String,
    pub up_to: i64,
}

#[async_trait]
impl Transaction for Reserve {
    type Output = ();
    const DOING: &'static str = "reserving what will be handed out";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let sql = "INSERT INTO queue_cursors (queue, handed_out) VALUES ($1, $2)
            ON CONFLICT (queue) DO UPDATE SET handed_out = max(handed_out, excluded.handed_out)";
        execute(tx, sql, vec![self.queue.as_str().into(), self.up_to.into()]).await.map(drop)
    }
}

/// Moves messages to the end of the dead letters, with where they came from.
pub(super) struct Reject {
    pub ids: Vec<i64>,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for Reject {
    type Output = ();
    const DOING: &'static str = "rejecting messages";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let ids = || self.ids.iter().map(|id| Value::from(*id));
        let sql = format!(
            "INSERT INTO queue_messages (queue, message_id, kind, version, traceparent, body, died_in, died_at)
                SELECT 'dead-letters', message_id, kind, version, traceparent, body, queue, $1 FROM queue_messages
                WHERE id IN ({}) ORDER BY id",
            list(self.ids.len(), 2)
        );
        execute(tx, &sql, std::iter::once(self.now.0.into()).chain(ids()).collect()).await?;
        execute(tx, &format!("DELETE FROM queue_messages WHERE id IN ({})", list(self.ids.len(), 1)), ids().collect())
            .await?;
        Ok(())
    }
}

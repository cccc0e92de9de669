//! The statuses' clock: one row.

use super::db::{Db, Transaction, execute};
use super::{rows::column, store_error};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, Value};
use shared::{
    Timestamp,
    ports::{
        Stored,
        status_clock::{StatusClock, StatusClockReading},
    },
};
use std::time::Duration;

/// The table `status_clock`.
#[derive(Debug)]
pub struct SqlStatusClock(pub Db);

/// Refusals this close to each other are one run: whatever stopped callbacks has not ended between them.
const ONE_RUN: Duration = Duration::from_secs(60);

struct Set {
    sql: &'static str,
    values: Vec<Value>,
}

#[async_trait]
impl Transaction for Set {
    type Output = ();
    const DOING: &'static str = "writing the status clock";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        execute(tx, self.sql, self.values.clone()).await.map(drop)
    }
}

#[async_trait]
impl StatusClock for SqlStatusClock {
    async fn read(&self) -> Stored<StatusClockReading> {
        const DOING: &str = "reading the status clock";
        let sql = "SELECT watermark, written_at, refused_since, refused_at FROM status_clock WHERE id = 1";
        let Some(row) = self.0.one(DOING, sql, vec![]).await? else { return Ok(StatusClockReading::default()) };
        let time = |name| {
            let value: Option<i64> = column(&row, name).map_err(|error| store_error(DOING, &error))?;
            Stored::Ok(value.map(Timestamp))
        };
        Ok(StatusClockReading {
            watermark: time("watermark")?,
            written_at: time("written_at")?,
            refused_since: time("refused_since")?,
            refused_at: time("refused_at")?,
        })
    }

    async fn advance(&self, watermark: Timestamp, now: Timestamp) -> Stored<()> {
        let sql = "UPDATE status_clock SET watermark = $1, written_at = $2 WHERE id = 1";
        self.0.write(Set { sql, values: vec![watermark.0.into(), now.0.into()] }).await
    }

    async fn refused(&self, at: Timestamp) -> Stored<()> {
        // Refusals with less than a minute between them are one run.
        let sql = "UPDATE status_clock SET
                refused_since = CASE WHEN refused_at IS NULL OR refused_at < $2 THEN $1 ELSE refused_since END,
                refused_at = $1
            WHERE id = 1 AND (refused_at IS NULL OR refused_at < $1)";
        let run = at.minus(ONE_RUN);
        self.0.write(Set { sql, values: vec![at.0.into(), run.0.into()] }).await
    }
}

//! The table `replays`: what is done with many dead letters, in steps that each happen whole or not at all.

mod begin;
mod row;
mod step;

use super::{
    db::{Db, Transaction, execute},
    store_error,
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr};
use shared::{
    Timestamp,
    ids::ReplayId,
    ports::{
        Stored,
        replays::{Order, Replays, Run, Step},
    },
};
use std::time::Duration;

/// The replays of an installation.
#[derive(Debug)]
pub struct SqlReplays(pub Db);

struct Fail {
    id: ReplayId,
    why: String,
    now: Timestamp,
}

#[async_trait]
impl Transaction for Fail {
    type Output = ();
    const DOING: &'static str = "giving a replay up";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let sql =
            "UPDATE replays SET state = 'failed', error = $2, finished_at = $3 WHERE id = $1 AND state = 'running'";
        let values = vec![self.id.as_str().into(), self.why.as_str().into(), self.now.0.into()];
        execute(tx, sql, values).await.map(drop)
    }
}

#[async_trait]
impl Replays for SqlReplays {
    async fn begin(&self, order: &Order, owner: &str, now: Timestamp, lease: Duration) -> Stored<Run> {
        self.0.write(begin::Begin::new(order, owner, now, lease)).await
    }

    async fn get(&self, id: &ReplayId) -> Stored<Option<Run>> {
        const DOING: &str = "reading a replay";
        let row = self.0.one(DOING, &row::select(""), vec![id.as_str().into()]).await?;
        row.map(|row| row::run(&row)).transpose().map_err(|error| store_error(DOING, &error))
    }

    async fn take(&self, owner: &str, now: Timestamp, lease: Duration) -> Stored<Option<Run>> {
        self.0.write(begin::Take { owner: owner.to_owned(), now, until: now.plus(lease) }).await
    }

    async fn step(
        &self,
        id: &ReplayId,
        owner: &str,
        limit: u32,
        now: Timestamp,
        lease: Duration,
    ) -> Stored<Option<Step>> {
        let step = step::NextStep { id: id.clone(), owner: owner.to_owned(), limit, now, until: now.plus(lease) };
        self.0.write(step).await
    }

    async fn fail(&self, id: &ReplayId, why: &str, now: Timestamp) -> Stored<()> {
        self.0.write(Fail { id: id.clone(), why: why.to_owned(), now }).await
    }
}

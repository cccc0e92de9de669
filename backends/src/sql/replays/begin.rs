//! Beginning a replay, and taking over one that nobody goes on with.

use super::row;
use crate::sql::{
    audit,
    db::{Transaction, all, execute, one},
    dead_letters::filter,
    rows::column,
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, Value};
use serde_json::json;
use shared::{
    Timestamp,
    ids::{self, ReplayId},
    ports::{
        dead_letters::{LetterFilter, LetterState},
        replays::{Act, Chosen, Order, Run},
    },
};
use std::time::Duration;

pub(super) struct Begin {
    id: ReplayId,
    order: Order,
    owner: String,
    now: Timestamp,
    until: Timestamp,
}

impl Begin {
    pub fn new(order: &Order, owner: &str, now: Timestamp, lease: Duration) -> Self {
        let mut order = order.clone();
        if let Chosen::Matching(filter) = &mut order.chosen {
            // What dies again meanwhile is not replayed again.
            *filter = LetterFilter {
                state: Some(LetterState::Open),
                until: Some(filter.until.map_or(now, |until| until.min(now))),
                ..filter.clone()
            };
        }
        Self { id: ids::fresh().into(), order, owner: owner.to_owned(), now, until: now.plus(lease) }
    }

    async fn total(&self, tx: &DatabaseTransaction) -> Result<i64, DbErr> {
        let filter = match &self.order.chosen {
            Chosen::Ids(ids) => return Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX)),
            Chosen::Matching(filter) => filter,
        };
        let (conditions, values) = filter::conditions(filter).into_parts();
        let row = one(tx, &format!("SELECT count(*) AS letters FROM dead_letters {conditions}"), values).await?;
        row.map_or(Ok(0), |row| column(&row, "letters"))
    }
}

#[async_trait]
impl Transaction for Begin {
    type Output = Run;
    const DOING: &'static str = "beginning a replay";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Run, DbErr> {
        let order = &self.order;
        // Our own types: they always have a JSON form.
        let chosen = serde_json::to_string(&order.chosen).unwrap_or_default();
        let total = self.total(tx).await?;
        let sql = "INSERT INTO replays (id, act, chosen, may_duplicate, force, rate, state, total, replayed, skipped,
                asked_by, owner, lease_until, started_at)
            VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, 0, '{}', $8, $9, $10, $11)";
        let values: Vec<Value> = vec![
            self.id.as_str().into(),
            order.act.as_str().into(),
            chosen.into(),
            i32::from(order.allowed.may_duplicate).into(),
            i32::from(order.allowed.force).into(),
            i32::try_from(order.rate).unwrap_or(i32::MAX).max(1).into(),
            total.into(),
            order.by.as_str().into(),
            self.owner.as_str().into(),
            self.until.0.into(),
            self.now.0.into(),
        ];
        execute(tx, sql, values).await?;
        let act = match order.act {
            Act::Replay => "dead_letters.replay",
            Act::Discard => "dead_letters.discard",
        };
        let details = json!({ "chosen": order.chosen, "allowed": order.allowed, "rate": order.rate, "total": total });
        audit::write(tx, &order.by, act, self.id.as_str(), &details, self.now).await?;
        let row = one(tx, &row::select(""), vec![self.id.as_str().into()]).await?;
        row.map_or_else(|| Err(DbErr::Custom("a replay that was written is not there".into())), |row| row::run(&row))
    }
}

/// Of those that run, the oldest that is nobody's, or this owner's own.
pub(super) struct Take {
    pub owner: String,
    pub now: Timestamp,
    pub until: Timestamp,
}

#[async_trait]
impl Transaction for Take {
    type Output = Option<Run>;
    const DOING: &'static str = "taking a replay over";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Option<Run>, DbErr> {
        let sql = format!(
            "UPDATE replays SET owner = $1, lease_until = $2
                WHERE state = 'running' AND lease_until <= $3
                    AND id = (SELECT id FROM replays WHERE state = 'running' AND lease_until <= $3
                        ORDER BY started_at, id LIMIT 1)
                RETURNING {}",
            row::COLUMNS
        );
        let values = vec![self.owner.as_str().into(), self.until.0.into(), self.now.0.into()];
        all(tx, &sql, values).await?.first().map(row::run).transpose()
    }
}

//! `sending → sent | retrying | unknown | dead`, by that owner and attempt only.

use super::letters;
use crate::sql::{
    db::{Transaction, all, execute, for_update},
    dead_letters,
    rows::{column, list, placeholders},
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, Value};
use shared::{
    Timestamp,
    ports::ledger::{Outcome, Settlement},
};
use std::collections::HashSet;

pub(super) struct Settle {
    pub batch: Vec<Settlement>,
    pub owner: String,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for Settle {
    type Output = Vec<bool>;
    const DOING: &'static str = "settling attempts";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<bool>, DbErr> {
        self.lock(tx).await?;
        let mut settled = self.sent(tx).await?;
        for settlement in &self.batch {
            if !matches!(settlement.outcome, Outcome::Sent { .. }) && self.other(tx, settlement).await? {
                settled.insert((settlement.job_id.as_str().to_owned(), settlement.attempt));
            }
        }
        let took_effect =
            |settlement: &Settlement| settled.contains(&(settlement.job_id.as_str().to_owned(), settlement.attempt));
        Ok(self.batch.iter().map(took_effect).collect())
    }
}

impl Settle {
    /// Takes the rows in id order, where rows are locked one by one.
    async fn lock(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let lock = for_update(tx);
        if lock.is_empty() {
            return Ok(());
        }
        let sql = format!("SELECT id FROM jobs WHERE id IN ({}) ORDER BY id{lock}", list(self.batch.len(), 1));
        all(tx, &sql, self.batch.iter().map(|settlement| settlement.job_id.as_str().into()).collect()).await.map(drop)
    }

    /// What was taken by Meta, all in one statement.
    async fn sent(&self, tx: &DatabaseTransaction) -> Result<HashSet<(String, i32)>, DbErr> {
        let mut values: Vec<Value> = vec![self.owner.as_str().into(), self.now.0.into()];
        let mut count = 0;
        for settlement in &self.batch {
            if let Outcome::Sent { wamid } = &settlement.outcome {
                let job = settlement.job_id.as_str();
                values.extend([Value::from(job), settlement.attempt.into(), wamid.as_str().into()]);
                count += 1;
            }
        }
        if count == 0 {
            return Ok(HashSet::new());
        }
        let sql = format!(
            "UPDATE jobs SET state = 'sent', wamid = v.column3, sent_at = $2, updated_at = $2
                FROM (VALUES {}) AS v
                WHERE jobs.id = v.column1 AND jobs.attempt = v.column2 AND jobs.owner = $1 AND jobs.state = 'sending'
                RETURNING jobs.id, jobs.attempt",
            placeholders(count, 3, 3)
        );
        let rows = all(tx, &sql, values).await?;
        rows.iter().map(|row| Ok((column(row, "id")?, column(row, "attempt")?))).collect()
    }

    async fn other(&self, tx: &DatabaseTransaction, settlement: &Settlement) -> Result<bool, DbErr> {
        let (state, due_at, spent, reason) = match &settlement.outcome {
            Outcome::Retry { due_at, spent } => ("retrying", due_at.0, i32::from(*spent), None),
            Outcome::Unknown { due_at } => ("unknown", due_at.0, 1, None),
            Outcome::Dead { reason } => ("dead", self.now.0, 1, Some(*reason)),
            Outcome::Sent { .. } => return Ok(false),
        };
        let sql = "UPDATE jobs SET state = $4, due_at = $5, spent = spent + $6, error_code = $7, error = $8,
                attempts = CASE WHEN $6 = 0 AND error = $8 THEN attempts ELSE COALESCE(attempts, '') || $9 END, updated_at = $10
            WHERE id = $1 AND owner = $2 AND attempt = $3 AND state = 'sending'";
        let error = settlement.error.as_deref().unwrap_or(state);
        let values: Vec<Value> = vec![
            settlement.job_id.as_str().into(),
            self.owner.as_str().into(),
            settlement.attempt.into(),
            state.into(),
            due_at.into(),
            spent.into(),
            settlement.code.into(),
            error.into(),
            letters::attempt_line(self.now, settlement.code, error).into(),
            self.now.0.into(),
        ];
        if execute(tx, sql, values).await? == 0 {
            return Ok(false);
        }
        if let Some(reason) = reason {
            let letter = letters::of_job(tx, &settlement.job_id, reason).await?;
            dead_letters::write(tx, letter.into_iter().collect(), self.now).await?;
        }
        Ok(true)
    }
}

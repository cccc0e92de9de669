//! `queued | retrying → sending`: only the first open job of its lane can be claimed, and only once.

use super::{OPEN, letters};
use crate::sql::{
    db::{Transaction, all, execute, for_update},
    dead_letters,
    rows::{column, list},
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use shared::{
    Timestamp,
    ids::JobId,
    job::{ClaimedJob, JobRef, LaneSeq},
    ports::ledger::ClaimOutcome,
};
use std::collections::HashMap;

pub(super) struct Claim {
    pub jobs: Vec<JobId>,
    pub owner: String,
    pub now: Timestamp,
    pub due_at: Timestamp,
}

/// Claims so many jobs: owner, now, due time, ids.
pub(super) fn update(count: usize) -> String {
    format!(
        "UPDATE jobs SET state = 'sending', owner = $1, attempt = attempt + 1, claimed_at = $2, due_at = $3,
            updated_at = $2
         WHERE id IN ({}) AND state IN ('queued', 'retrying')
            AND NOT EXISTS (SELECT 1 FROM jobs e WHERE e.phone_number_id = jobs.phone_number_id
                AND e.recipient_id = jobs.recipient_id AND e.lane_seq < jobs.lane_seq AND e.{OPEN})
         RETURNING id, account_id, phone_number_id, recipient_id, lane_seq, event_id, phone, bsuid, content, attempt,
            spent, resends, created_at",
        list(count, 4)
    )
}

#[async_trait]
impl Transaction for Claim {
    type Output = Vec<ClaimOutcome>;
    const DOING: &'static str = "claiming jobs";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<ClaimOutcome>, DbErr> {
        let ids: Vec<Value> = self.jobs.iter().map(|id| id.as_str().into()).collect();
        // Locked in id order; what can't be claimed is told apart by its state.
        let sql =
            format!("SELECT id, state FROM jobs WHERE id IN ({}) ORDER BY id{}", list(ids.len(), 1), for_update(tx));
        let mut states = HashMap::new();
        for row in all(tx, &sql, ids.clone()).await? {
            states.insert(column::<String>(&row, "id")?, column::<String>(&row, "state")?);
        }
        let sql = update(ids.len());
        let mut values = vec![self.owner.as_str().into(), self.now.0.into(), self.due_at.0.into()];
        values.extend(ids);
        let mut claimed = HashMap::new();
        for row in all(tx, &sql, values).await? {
            match claimed_job(&row)? {
                Ok(job) => drop(claimed.insert(job.job.job_id.clone(), job)),
                // It blocks neither its lane nor the claims beside it.
                Err(unreadable) => {
                    self.end_unreadable(tx, &unreadable).await?;
                    states.remove(unreadable.id.as_str());
                }
            }
        }
        let outcome = |id: &JobId| match claimed.remove(id) {
            Some(job) => ClaimOutcome::Claimed(Box::new(job)),
            None if matches!(states.get(id.as_str()).map(String::as_str), Some("queued" | "retrying")) => {
                ClaimOutcome::Behind
            }
            None => ClaimOutcome::Gone,
        };
        Ok(self.jobs.iter().map(outcome).collect())
    }
}

/// A job whose content this program can't read.
struct UnreadableJob {
    id: JobId,
    error: String,
}

impl Claim {
    /// Gives up what can't be read: it was claimed in this transaction, and no POST can come of it.
    async fn end_unreadable(&self, tx: &DatabaseTransaction, job: &UnreadableJob) -> Result<(), DbErr> {
        tracing::error!(job.id = %job.id, error = job.error, "a job's content can't be read; it is dead-lettered");
        let sql = "UPDATE jobs SET state = 'dead', error = $2, attempts = COALESCE(attempts, '') || $3 WHERE id = $1";
        let line = letters::attempt_line(self.now, None, &job.error);
        execute(tx, sql, vec![job.id.as_str().into(), job.error.as_str().into(), line.into()]).await?;
        let letter = letters::of_job(tx, &job.id, "undecodable").await?;
        dead_letters::write(tx, letter.into_iter().collect(), self.now).await
    }
}

fn claimed_job(row: &QueryResult) -> Result<Result<ClaimedJob, UnreadableJob>, DbErr> {
    let id: JobId = column::<String>(row, "id")?.into();
    let content: String = column(row, "content")?;
    let content = match serde_json::from_str(&content) {
        Ok(content) => content,
        Err(error) => return Ok(Err(UnreadableJob { id, error: format!("jobs.content can't be read: {error}") })),
    };
    Ok(Ok(ClaimedJob {
        job: JobRef {
            job_id: id,
            phone_number_id: column::<String>(row, "phone_number_id")?.into(),
            recipient_id: column::<String>(row, "recipient_id")?.into(),
            lane_seq: LaneSeq(column(row, "lane_seq")?),
        },
        account_id: column::<String>(row, "account_id")?.into(),
        attempt: column(row, "attempt")?,
        spent: column(row, "spent")?,
        resends: column(row, "resends")?,
        phone: column(row, "phone")?,
        bsuid: column(row, "bsuid")?,
        content,
        created_at: Timestamp(column(row, "created_at")?),
        event_id: column::<String>(row, "event_id")?.into(),
    }))
}

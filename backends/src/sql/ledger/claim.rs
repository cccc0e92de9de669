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
use std::{collections::HashMap, time::Duration};

pub(super) struct Claim {
    pub jobs: Vec<JobId>,
    pub owner: String,
    pub now: Timestamp,
    pub due_at: Timestamp,
}

/// How far back sends to a recipient are counted.
const LATELY: Duration = Duration::from_secs(60 * 60);

/// So many jobs with what their claims rest on: since when sends are counted, ids. Whatever was claimed and not given up
/// counts as sent.
pub(super) fn select(count: usize) -> String {
    format!(
        "SELECT j.id, j.state, (SELECT r.last_message_at FROM recipients r WHERE r.id = j.recipient_id) AS last_message_at,
            (SELECT count(*) FROM jobs s WHERE s.recipient_id = j.recipient_id AND s.claimed_at > $1
                AND s.id <> j.id AND s.state IN ('sent', 'sending', 'unknown')) AS sent_lately
            FROM jobs j WHERE j.id IN ({}) ORDER BY j.id",
        list(count, 2)
    )
}

/// Claims so many jobs: owner, now, due time, ids.
pub(super) fn update(count: usize) -> String {
    format!(
        "UPDATE jobs SET state = 'sending', owner = $1, attempt = attempt + 1, claimed_at = $2, due_at = $3,
            updated_at = $2
         WHERE id IN ({}) AND state IN ('queued', 'retrying')
            AND NOT EXISTS (SELECT 1 FROM jobs e WHERE e.phone_number_id = jobs.phone_number_id
                AND e.recipient_id = jobs.recipient_id AND e.lane_seq < jobs.lane_seq AND e.{OPEN})
         RETURNING id, account_id, phone_number_id, recipient_id, lane_seq, event_id, phone, bsuid, content,
            outside_window, attempt, spent, resends, created_at",
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
        let mut values = vec![self.now.minus(LATELY).0.into()];
        values.extend(ids.clone());
        let mut found = HashMap::new();
        for row in all(tx, &format!("{}{}", select(ids.len()), for_update(tx)), values).await? {
            found.insert(column::<String>(&row, "id")?, Found::read(&row)?);
        }
        let sql = update(ids.len());
        let mut values = vec![self.owner.as_str().into(), self.now.0.into(), self.due_at.0.into()];
        values.extend(ids);
        let mut claimed = HashMap::new();
        for row in all(tx, &sql, values).await? {
            match claimed_job(&row, &found)? {
                Ok(job) => drop(claimed.insert(job.job.job_id.clone(), job)),
                // It blocks neither its lane nor the claims beside it.
                Err(unreadable) => {
                    self.end_unreadable(tx, &unreadable).await?;
                    found.remove(unreadable.id.as_str());
                }
            }
        }
        let outcome = |id: &JobId| match claimed.remove(id) {
            Some(job) => ClaimOutcome::Claimed(Box::new(job)),
            None if found.get(id.as_str()).is_some_and(Found::waits) => ClaimOutcome::Behind,
            None => ClaimOutcome::Gone,
        };
        Ok(self.jobs.iter().map(outcome).collect())
    }
}

/// What is known of a job before it is claimed.
struct Found {
    state: String,
    last_message_at: Option<Timestamp>,
    sent_lately: u32,
}

impl Found {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            state: column(row, "state")?,
            last_message_at: column::<Option<i64>>(row, "last_message_at")?.map(Timestamp),
            sent_lately: u32::try_from(column::<i64>(row, "sent_lately")?).unwrap_or(u32::MAX),
        })
    }

    fn waits(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "retrying")
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

fn claimed_job(row: &QueryResult, found: &HashMap<String, Found>) -> Result<Result<ClaimedJob, UnreadableJob>, DbErr> {
    let id: JobId = column::<String>(row, "id")?.into();
    let content: String = column(row, "content")?;
    let content = match serde_json::from_str(&content) {
        Ok(content) => content,
        Err(error) => return Ok(Err(UnreadableJob { id, error: format!("jobs.content can't be read: {error}") })),
    };
    let outside_window: Option<String> = column(row, "outside_window")?;
    let found = found.get(id.as_str());
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
        // One that can't be read is none: what it would stand in for is dead-lettered then.
        outside_window: outside_window.and_then(|json| serde_json::from_str(&json).ok()),
        last_message_at: found.and_then(|found| found.last_message_at),
        sent_lately: found.map_or(0, |found| found.sent_lately),
        created_at: Timestamp(column(row, "created_at")?),
        event_id: column::<String>(row, "event_id")?.into(),
    }))
}

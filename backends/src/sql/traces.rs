//! The whole way of a message, from the rows that it left.

use super::{
    db::Db,
    ledger::letters::as_array,
    messages::SqlMessages,
    rows::{column, corrupt},
    store_error,
};
use async_trait::async_trait;
use sea_orm::{DbErr, QueryResult};
use shared::{
    Timestamp,
    ids::EventId,
    job::JobState,
    ports::{
        Stored,
        dead_letters::LetterState,
        messages::MessageLog,
        traces::{Traced, TracedJob, TracedLetter, Traces},
    },
};

const DOING: &str = "tracing a message";
const JOBS: &str = "SELECT id, flow_id, step_id, phone_number_id, recipient_id, state, wamid, attempt, spent, resends,
    attempts, created_at, claimed_at, due_at, sent_at, delivered_at, read_at, failed_at
    FROM jobs WHERE event_id = $1 ORDER BY lane_seq";
const LETTERS: &str = "SELECT id, reason, state, job_id, created_at, closed_at FROM dead_letters
    WHERE event_id = $1 ORDER BY created_at, id";
/// The event that an id leads to.
const EVENT_OF: [&str; 3] = [
    "SELECT event_id FROM jobs WHERE id = $1",
    "SELECT event_id FROM jobs WHERE wamid = $1",
    "SELECT event_id FROM dead_letters WHERE id = $1 OR event_id = $1",
];

/// All tables that hold a part of it.
#[derive(Debug)]
pub struct SqlTraces(pub Db);

impl SqlTraces {
    async fn event_of(&self, id: &str) -> Stored<Option<EventId>> {
        for sql in EVENT_OF {
            let row = self.0.one(DOING, sql, vec![id.into()]).await?;
            let event: Option<Option<String>> =
                row.map(|row| column(&row, "event_id")).transpose().map_err(|error| store_error(DOING, &error))?;
            if let Some(event) = event.flatten() {
                return Ok(Some(event.into()));
            }
        }
        Ok(None)
    }

    async fn rows<T>(
        &self,
        sql: &str,
        id: &EventId,
        read: impl Fn(&QueryResult) -> Result<T, DbErr>,
    ) -> Stored<Vec<T>> {
        let rows = self.0.all(DOING, sql, vec![id.as_str().into()]).await?;
        rows.iter().map(read).collect::<Result<_, DbErr>>().map_err(|error| store_error(DOING, &error))
    }
}

#[async_trait]
impl Traces for SqlTraces {
    async fn trace(&self, id: &str) -> Stored<Option<Traced>> {
        let log = SqlMessages(self.0.clone());
        let mut event = log.get(id).await?;
        let event_id = match &event {
            Some(event) => event.entry.event_id.clone(),
            None => match self.event_of(id).await? {
                Some(event) => event,
                None => return Ok(None),
            },
        };
        if event.is_none() {
            event = log.get(event_id.as_str()).await?;
        }
        let sql = "SELECT sent_at FROM messages WHERE event_id = $1";
        let written = self.rows(sql, &event_id, |row| column::<i64>(row, "sent_at")).await?;
        Ok(Some(Traced {
            event,
            written_at: written.first().map(|seconds| Timestamp(seconds.saturating_mul(1000))),
            jobs: self.rows(JOBS, &event_id, job).await?,
            letters: self.rows(LETTERS, &event_id, letter).await?,
        }))
    }
}

fn time(row: &QueryResult, name: &str) -> Result<Option<Timestamp>, DbErr> {
    Ok(column::<Option<i64>>(row, name)?.map(Timestamp))
}

fn job(row: &QueryResult) -> Result<TracedJob, DbErr> {
    let text = |name| column::<String>(row, name);
    let state = text("state")?;
    let attempts: Option<String> = column(row, "attempts")?;
    let attempts = as_array(attempts.as_deref().unwrap_or_default());
    Ok(TracedJob {
        id: text("id")?.into(),
        flow_id: text("flow_id")?.as_str().into(),
        step_id: text("step_id")?.as_str().into(),
        phone_number_id: text("phone_number_id")?.into(),
        recipient_id: text("recipient_id")?.into(),
        state: JobState::parse(&state).ok_or_else(|| corrupt("jobs.state", state))?,
        wamid: column::<Option<String>>(row, "wamid")?.map(Into::into),
        attempt: column(row, "attempt")?,
        spent: column(row, "spent")?,
        resends: column(row, "resends")?,
        attempts: serde_json::from_str(&attempts).map_err(|error| corrupt("jobs.attempts", error))?,
        created_at: Timestamp(column(row, "created_at")?),
        claimed_at: time(row, "claimed_at")?,
        due_at: Timestamp(column(row, "due_at")?),
        sent_at: time(row, "sent_at")?,
        delivered_at: time(row, "delivered_at")?,
        read_at: time(row, "read_at")?,
        failed_at: time(row, "failed_at")?,
    })
}

fn letter(row: &QueryResult) -> Result<TracedLetter, DbErr> {
    let state: String = column(row, "state")?;
    Ok(TracedLetter {
        id: column::<String>(row, "id")?.into(),
        reason: column(row, "reason")?,
        state: LetterState::parse(&state).ok_or_else(|| corrupt("dead_letters.state", state))?,
        job_id: column::<Option<String>>(row, "job_id")?.map(Into::into),
        created_at: Timestamp(column(row, "created_at")?),
        closed_at: time(row, "closed_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::plans::assert_uses;

    #[tokio::test]
    async fn a_way_is_found_by_indexes() {
        assert_uses(JOBS, &["jobs_event"]).await;
        assert_uses(LETTERS, &["dead_letters_event"]).await;
        assert_uses(EVENT_OF[1], &["jobs_wamid"]).await;
    }
}

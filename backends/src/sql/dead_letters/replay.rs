//! `dead → queued`, and messages that wait for their event to come again.

use super::{
    judge::{self, Judged, Subject},
    values,
};
use crate::sql::{
    db::{Transaction, all, execute, for_update},
    ledger::letters,
    rows::{column, list},
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use shared::{
    Timestamp,
    ids::{DeadLetterId, JobId, ReplayId},
    job::{JobRef, LaneSeq},
    ports::dead_letters::{Allowed, Prospect, Replay},
};
use std::collections::HashMap;

/// Judges letters under their locks, and replays those that may be.
pub(in crate::sql) struct ReplayLetters {
    pub ids: Vec<DeadLetterId>,
    pub allowed: Allowed,
    pub now: Timestamp,
    /// The replay that it is a step of.
    pub of: Option<ReplayId>,
}

#[async_trait]
impl Transaction for ReplayLetters {
    type Output = Vec<(DeadLetterId, Replay)>;
    const DOING: &'static str = "replaying dead letters";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Self::Output, DbErr> {
        self.lock(tx).await?;
        let rows = all(tx, &judge::select(self.ids.len()), values(&self.ids)).await?;
        let judged = judge::read(&rows, self.now)?;
        let (mut events, mut jobs, mut of_jobs) = (Vec::new(), Vec::new(), Vec::new());
        for judged in judged.iter().filter(|judged| self.prospect(judged) == Prospect::WouldSend) {
            match &judged.subject {
                Subject::Event(_) => events.push(judged.id.clone()),
                Subject::Job(job) => {
                    jobs.push(job.clone());
                    of_jobs.push(judged.id.clone());
                }
                Subject::Nothing => {}
            }
        }
        self.wait_for_events(tx, &events).await?;
        let mut queued = self.queue_jobs(tx, &jobs).await?;
        close(tx, &of_jobs, self.now).await?;
        Ok(judged.into_iter().map(|judged| (judged.id.clone(), self.done(judged, &mut queued))).collect())
    }
}

impl ReplayLetters {
    fn prospect(&self, judged: &Judged) -> Prospect {
        judged.facts.prospect(self.allowed)
    }

    fn done(&self, judged: Judged, queued: &mut HashMap<JobId, JobRef>) -> Replay {
        let prospect = self.prospect(&judged);
        match judged.subject {
            // It is handled as if it came in now: its session begins, and lives, from now on.
            Subject::Event(event) if prospect == Prospect::WouldSend => Replay::Event(event.received_at(self.now)),
            Subject::Job(job) => queued.remove(&job).map_or(Replay::Left(prospect), Replay::Job),
            Subject::Event(_) | Subject::Nothing => Replay::Left(prospect),
        }
    }

    /// Takes the jobs, then the letters, each in id order: the order of those who end jobs.
    async fn lock(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        let lock = for_update(tx);
        if lock.is_empty() {
            return Ok(());
        }
        let ids = list(self.ids.len(), 1);
        for sql in [
            format!(
                "SELECT id FROM jobs WHERE id IN (SELECT job_id FROM dead_letters WHERE id IN ({ids})) ORDER BY id{lock}"
            ),
            format!("SELECT id FROM dead_letters WHERE id IN ({ids}) ORDER BY id{lock}"),
        ] {
            all(tx, &sql, values(&self.ids)).await?;
        }
        Ok(())
    }

    /// From now on the next event of these messages is handled. Their letters stay open until it is published.
    async fn wait_for_events(&self, tx: &DatabaseTransaction, letters: &[DeadLetterId]) -> Result<(), DbErr> {
        if letters.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "UPDATE messages SET state = 'pending' WHERE state = 'dead'
                AND event_id IN (SELECT event_id FROM dead_letters WHERE id IN ({}))",
            list(letters.len(), 1)
        );
        execute(tx, &sql, values(letters)).await?;
        if let Some(replay) = &self.of {
            // Whoever goes on with it finds what was not published yet.
            let sql = format!("UPDATE dead_letters SET replay_id = $1 WHERE id IN ({})", list(letters.len(), 2));
            let mut bound: Vec<Value> = vec![replay.as_str().into()];
            bound.extend(values(letters));
            execute(tx, &sql, bound).await?;
        }
        // One that was given up as a killer may be tried again.
        let sql = format!(
            "DELETE FROM suspects WHERE message_id IN (SELECT event_id FROM dead_letters WHERE id IN ({}))",
            list(letters.len(), 1)
        );
        execute(tx, &sql, values(letters)).await.map(drop)
    }

    /// Queues jobs anew. They keep their place in their lane, and go on counting attempts so that a status of an old one
    /// is known as such; tries and age begin anew.
    async fn queue_jobs(&self, tx: &DatabaseTransaction, jobs: &[JobId]) -> Result<HashMap<JobId, JobRef>, DbErr> {
        if jobs.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "UPDATE jobs SET state = 'queued', spent = 0, resends = 0, owner = NULL, due_at = $1, created_at = $1,
                updated_at = $1, wamid = NULL, delivery = 0, error_code = NULL, error = NULL,
                attempts = COALESCE(attempts, '') || $2
                WHERE state = 'dead' AND id IN ({}) RETURNING id, phone_number_id, recipient_id, lane_seq",
            list(jobs.len(), 3)
        );
        let line = letters::attempt_line(self.now, None, "replayed by an operator");
        let mut bound: Vec<Value> = vec![self.now.0.into(), line.into()];
        bound.extend(jobs.iter().map(|id| Value::from(id.as_str())));
        all(tx, &sql, bound).await?.iter().map(queued).collect()
    }
}

fn queued(row: &QueryResult) -> Result<(JobId, JobRef), DbErr> {
    let job = JobRef {
        job_id: column::<String>(row, "id")?.into(),
        phone_number_id: column::<String>(row, "phone_number_id")?.into(),
        recipient_id: column::<String>(row, "recipient_id")?.into(),
        lane_seq: LaneSeq(column(row, "lane_seq")?),
    };
    Ok((job.job_id.clone(), job))
}

/// Closes letters as replayed.
pub(super) struct Close {
    pub ids: Vec<DeadLetterId>,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for Close {
    type Output = ();
    const DOING: &'static str = "closing dead letters";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        close(tx, &self.ids, self.now).await
    }
}

async fn close(tx: &DatabaseTransaction, ids: &[DeadLetterId], now: Timestamp) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE dead_letters SET state = 'replayed', closed_at = $1 WHERE state = 'open' AND id IN ({})",
        list(ids.len(), 2)
    );
    let mut bound: Vec<Value> = vec![now.0.into()];
    bound.extend(values(ids));
    execute(tx, &sql, bound).await.map(drop)
}

/// Closes letters as discarded: those that were open.
pub(in crate::sql) struct Discard {
    pub ids: Vec<DeadLetterId>,
    pub now: Timestamp,
}

#[async_trait]
impl Transaction for Discard {
    type Output = Vec<DeadLetterId>;
    const DOING: &'static str = "discarding dead letters";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<DeadLetterId>, DbErr> {
        // Taken in id order, as by everybody.
        let lock = for_update(tx);
        if !lock.is_empty() {
            let sql =
                format!("SELECT id FROM dead_letters WHERE id IN ({}) ORDER BY id{lock}", list(self.ids.len(), 1));
            all(tx, &sql, values(&self.ids)).await?;
        }
        let sql = format!(
            "UPDATE dead_letters SET state = 'discarded', closed_at = $1 WHERE state = 'open' AND id IN ({}) RETURNING id",
            list(self.ids.len(), 2)
        );
        let mut bound: Vec<Value> = vec![self.now.0.into()];
        bound.extend(values(&self.ids));
        all(tx, &sql, bound).await?.iter().map(|row| Ok(column::<String>(row, "id")?.into())).collect()
    }
}

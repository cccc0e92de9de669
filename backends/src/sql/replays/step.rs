//! The next letters of a replay, what is done with them, and how far it is then: one transaction.

use super::row::{self, Place};
use crate::sql::{
    db::{Transaction, all, execute, for_update, one},
    dead_letters::{
        filter,
        judge::{self, Subject},
        replay::{Discard, ReplayLetters},
    },
    rows::column,
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, Value};
use shared::{
    Timestamp,
    event::Event,
    ids::{DeadLetterId, ReplayId},
    job::JobRef,
    ports::{
        dead_letters::{Prospect, Replay},
        replays::{Act, Chosen, Run, RunState, Step},
    },
};

pub(super) struct NextStep {
    pub id: ReplayId,
    pub owner: String,
    pub limit: u32,
    pub now: Timestamp,
    pub until: Timestamp,
}

/// A letter in the order in which they are gone through.
struct Next {
    id: DeadLetterId,
    at: i64,
}

type Events = Vec<(DeadLetterId, Event)>;

#[async_trait]
impl Transaction for NextStep {
    type Output = Option<Step>;
    const DOING: &'static str = "replaying dead letters";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Option<Step>, DbErr> {
        let Some(found) = one(tx, &row::select(for_update(tx)), vec![self.id.as_str().into()]).await? else {
            return Ok(None);
        };
        let (mut run, place) = (row::run(&found)?, row::place(&found)?);
        if run.state != RunState::Running || place.owner != self.owner {
            return Ok(None);
        }
        let events = self.not_published(tx).await?;
        if !events.is_empty() {
            self.write(tx, &run, None).await?;
            return Ok(Some(Step { run, jobs: Vec::new(), events }));
        }
        let next = self.next(tx, &place).await?;
        let (jobs, events) = match run.act {
            Act::Discard => (self.discard(tx, &next, &mut run).await?, Vec::new()),
            Act::Replay => self.replay(tx, &next, &place, &mut run).await?,
        };
        // Events are not through before they are published.
        if next.len() < self.limit as usize && events.is_empty() {
            (run.state, run.finished_at) = (RunState::Done, Some(self.now));
        }
        self.write(tx, &run, next.last()).await?;
        Ok(Some(Step { run, jobs, events }))
    }
}

impl NextStep {
    /// What a step before this one gave to be published, and nobody did.
    async fn not_published(&self, tx: &DatabaseTransaction) -> Result<Events, DbErr> {
        let sql = "SELECT id FROM dead_letters WHERE replay_id = $1 AND state = 'open' ORDER BY created_at, id";
        let rows = all(tx, sql, vec![self.id.as_str().into()]).await?;
        let ids: Vec<Value> =
            rows.iter().map(|row| Ok(column::<String>(row, "id")?.into())).collect::<Result<_, DbErr>>()?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = all(tx, &judge::select(ids.len()), ids).await?;
        let judged = judge::read(&rows, self.now)?.into_iter();
        Ok(judged
            .filter_map(|judged| match judged.subject {
                // It is handled as if it came in now.
                Subject::Event(event) => Some((judged.id, event.received_at(self.now))),
                Subject::Job(_) | Subject::Nothing => None,
            })
            .collect())
    }

    async fn next(&self, tx: &DatabaseTransaction, place: &Place) -> Result<Vec<Next>, DbErr> {
        let mut conditions = match &place.chosen {
            Chosen::Matching(filter) => filter::conditions(filter),
            Chosen::Ids(_) => Default::default(),
        };
        if let Some((at, id)) = &place.after {
            conditions.and("created_at >= ?", *at);
            // Both at once: (created_at, id) > (…).
            conditions.and(&format!("(created_at > {at} OR id > ?)"), id.as_str());
        }
        let (mut sql, mut values) = conditions.into_parts();
        if let Chosen::Ids(ids) = &place.chosen {
            let ids: Vec<&DeadLetterId> = ids.iter().collect();
            sql.push_str(if sql.is_empty() { "WHERE " } else { " AND " });
            sql.push_str(&format!("id IN ({})", crate::sql::rows::list(ids.len(), values.len() + 1)));
            values.extend(ids.iter().map(|id| Value::from(id.as_str())));
        }
        values.push(i64::from(self.limit).into());
        let sql =
            format!("SELECT id, created_at FROM dead_letters {sql} ORDER BY created_at, id LIMIT ${}", values.len());
        let rows = all(tx, &sql, values).await?;
        rows.iter()
            .map(|row| Ok(Next { id: column::<String>(row, "id")?.into(), at: column(row, "created_at")? }))
            .collect()
    }

    async fn discard(&self, tx: &DatabaseTransaction, letters: &[Next], run: &mut Run) -> Result<Vec<JobRef>, DbErr> {
        if letters.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<DeadLetterId> = letters.iter().map(|letter| letter.id.clone()).collect();
        let discarded = Discard { ids, now: self.now }.run(tx).await?.len();
        run.replayed += discarded as u64;
        let left = letters.len() - discarded;
        if left > 0 {
            *run.skipped.entry(Prospect::AlreadySent).or_default() += left as u64;
        }
        Ok(Vec::new())
    }

    async fn replay(
        &self,
        tx: &DatabaseTransaction,
        letters: &[Next],
        place: &Place,
        run: &mut Run,
    ) -> Result<(Vec<JobRef>, Events), DbErr> {
        if letters.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let ids = letters.iter().map(|letter| letter.id.clone()).collect();
        let replay = ReplayLetters { ids, allowed: place.allowed, now: self.now, of: Some(self.id.clone()) };
        let (mut jobs, mut events) = (Vec::new(), Vec::new());
        for (id, done) in replay.run(tx).await? {
            match done {
                Replay::Job(job) => jobs.push(job),
                Replay::Event(event) => events.push((id, event)),
                Replay::Left(prospect) => *run.skipped.entry(prospect).or_default() += 1,
            }
        }
        run.replayed += (jobs.len() + events.len()) as u64;
        Ok((jobs, events))
    }

    async fn write(&self, tx: &DatabaseTransaction, run: &Run, last: Option<&Next>) -> Result<(), DbErr> {
        let sql = "UPDATE replays SET state = $2, replayed = $3, skipped = $4, finished_at = $5, lease_until = $6,
            after_at = COALESCE($7, after_at), after_id = COALESCE($8, after_id) WHERE id = $1";
        let values: Vec<Value> = vec![
            self.id.as_str().into(),
            run.state.as_str().into(),
            i64::try_from(run.replayed).unwrap_or(i64::MAX).into(),
            serde_json::to_string(&run.skipped).unwrap_or_default().into(),
            run.finished_at.map(|at| at.0).into(),
            self.until.0.into(),
            last.map(|letter| letter.at).into(),
            last.map(|letter| letter.id.as_str().to_owned()).into(),
        ];
        execute(tx, sql, values).await.map(drop)
    }
}

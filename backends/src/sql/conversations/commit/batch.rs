//! The one transaction of design: under the locks of the batch's recipients, drop what is stale or was handled before,
//! and write the rest by multi-row statements.

use super::{
    absorb,
    identities::{self, Identity},
    plan::{Locked, Plan, Touched, World, Written},
    rows,
};
use crate::sql::{
    clean::clean,
    db::{Transaction, all, for_update},
    dead_letters,
    error::expect_rows,
    rows::{column, list, placeholders},
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use shared::{
    Timestamp,
    ids::{Identities, RecipientId},
    job::{JobRef, LaneSeq},
    ports::conversations::{Advance, CommitOutcome, EventCommit},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

pub(super) struct CommitBatch {
    pub events: Arc<[EventCommit]>,
    pub now: Timestamp,
}

/// What makes a message itself, whoever repeats it.
type MessageKey = (String, String, i64);

fn key(event: &EventCommit) -> MessageKey {
    let message = &event.message;
    (clean(message.phone_number_id.as_str()), clean(message.wamid.as_str()), message.sent_at)
}

/// A message that is there already.
struct Known {
    event_id: String,
    pending: bool,
}

#[async_trait]
impl Transaction for CommitBatch {
    type Output = Vec<CommitOutcome>;
    const DOING: &'static str = "committing events";

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Vec<CommitOutcome>, DbErr> {
        rows::make_recipients(tx, &self.events, self.now).await?;
        let owners = identities::owners(tx, self.advances()).await?;
        let locked = self.lock_recipients(tx, &owners).await?;
        let known = self.known_messages(tx).await?;
        let plan = self.plan(&World { locked: &locked, owners: &owners }, &known);
        self.write(tx, &plan).await?;
        self.outcomes(tx, plan, &known).await
    }
}

impl CommitBatch {
    fn advances(&self) -> impl Iterator<Item = &Advance> {
        self.events.iter().filter_map(rows::advance)
    }

    /// The rows of the batch's recipients, of those they absorb, and of those who may lose a phone to them, locked in id
    /// order.
    async fn lock_recipients(
        &self,
        tx: &DatabaseTransaction,
        owners: &HashMap<Identity, RecipientId>,
    ) -> Result<HashMap<RecipientId, Locked>, DbErr> {
        let absorbed = self.advances().flat_map(|advance| advance.absorbs.iter().map(|(id, _)| id));
        let ids: HashSet<&RecipientId> =
            self.advances().map(|advance| &advance.recipient_id).chain(absorbed).chain(owners.values()).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let lock = for_update(tx);
        let sql = format!(
            "SELECT id, version, counter, phone, bsuid FROM recipients WHERE id IN ({}) ORDER BY id{lock}",
            list(ids.len(), 1)
        );
        let values = ids.into_iter().map(|id| id.as_str().into()).collect();
        let locked = |row: &QueryResult| {
            let identity = |name| Ok::<_, DbErr>(column::<Option<String>>(row, name)?.map(Into::into));
            let identities = Identities { bsuid: identity("bsuid")?, phone: identity("phone")? };
            let row_of = Locked { version: column(row, "version")?, counter: column(row, "counter")?, identities };
            Ok((column::<String>(row, "id")?.into(), row_of))
        };
        all(tx, &sql, values).await?.iter().map(locked).collect()
    }

    async fn known_messages(&self, tx: &DatabaseTransaction) -> Result<HashMap<MessageKey, Known>, DbErr> {
        let sql = format!(
            "SELECT phone_number_id, wamid, sent_at, event_id, state FROM messages
                WHERE (phone_number_id, wamid, sent_at) IN (VALUES {})",
            placeholders(self.events.len(), 3, 1)
        );
        let values: Vec<Value> = self
            .events
            .iter()
            .flat_map(|event| {
                let (number, wamid, sent_at) = key(event);
                [number.into(), wamid.into(), sent_at.into()]
            })
            .collect();
        let rows = all(tx, &sql, values).await?;
        rows.iter()
            .map(|row| {
                let key = (column(row, "phone_number_id")?, column(row, "wamid")?, column(row, "sent_at")?);
                let pending = column::<String>(row, "state")? == rows::PENDING;
                Ok((key, Known { event_id: column(row, "event_id")?, pending }))
            })
            .collect()
    }

    fn plan(&self, world: &World<'_>, known: &HashMap<MessageKey, Known>) -> Vec<Plan> {
        let mut messages = HashSet::new();
        let mut touched = Touched::default();
        self.events
            .iter()
            .map(|event| {
                let key = key(event);
                if known.get(&key).is_some_and(|known| !known.pending) {
                    return Plan::Handled;
                }
                // The second of two equal messages, or of two events of one recipient, comes again when the first stands.
                if messages.insert(key) { touched.plan(event, world) } else { Plan::Stale }
            })
            .collect()
    }

    async fn write(&self, tx: &DatabaseTransaction, plan: &[Plan]) -> Result<(), DbErr> {
        let written: Vec<Written<'_>> = self
            .events
            .iter()
            .zip(plan)
            .filter_map(|(event, plan)| match plan {
                Plan::Write(step) => Some(Written { event, step }),
                Plan::Handled | Plan::Stale => None,
            })
            .collect();
        if written.is_empty() {
            return Ok(());
        }
        let events = || written.iter().map(|written| written.event);
        expect_rows(rows::write_messages(tx, events()).await?, written.len())?;
        identities::lead(tx, written.iter().flat_map(|written| &written.step.links).collect()).await?;
        rows::write_recipients(tx, &written, self.now).await?;
        let jobs = rows::job_rows(&written, self.now);
        let count = jobs.len();
        expect_rows(rows::write_jobs(tx, jobs).await?, count)?;
        dead_letters::write(tx, events().filter_map(rows::letter).collect(), self.now).await?;
        absorb::move_on(tx, &written, self.now).await
    }

    async fn outcomes(
        &self,
        tx: &DatabaseTransaction,
        plan: Vec<Plan>,
        known: &HashMap<MessageKey, Known>,
    ) -> Result<Vec<CommitOutcome>, DbErr> {
        let handled: Vec<&str> = self
            .events
            .iter()
            .zip(&plan)
            .filter(|(_, plan)| matches!(plan, Plan::Handled))
            .filter_map(|(event, _)| known.get(&key(event)).map(|known| known.event_id.as_str()))
            .collect();
        let queued = rows::queued_jobs(tx, &handled).await?;
        let outcome = |(event, plan): (&EventCommit, Plan)| match plan {
            Plan::Write(step) => CommitOutcome::Committed(job_refs(event, step.counter)),
            Plan::Stale => CommitOutcome::Stale,
            Plan::Handled => {
                let event_id = known.get(&key(event)).map(|known| known.event_id.as_str()).unwrap_or_default();
                CommitOutcome::AlreadyHandled(queued.get(event_id).cloned().unwrap_or_default())
            }
        };
        Ok(self.events.iter().zip(plan).map(outcome).collect())
    }
}

fn job_refs(event: &EventCommit, counter: i64) -> Vec<JobRef> {
    let Some(advance) = rows::advance(event) else { return Vec::new() };
    let to_ref = |(ordinal, job): (usize, &shared::job::NewJob)| JobRef {
        job_id: job.id.clone(),
        phone_number_id: event.message.phone_number_id.clone(),
        recipient_id: advance.recipient_id.clone(),
        lane_seq: LaneSeq::new(counter, ordinal),
    };
    advance.jobs.iter().enumerate().map(to_ref).collect()
}

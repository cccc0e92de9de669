//! The one transaction of design: under the locks of the batch's recipients, drop what is stale or was handled before,
//! and write the rest by multi-row statements.

use super::rows::{self, Phone};
use crate::sql::{
    clean::clean,
    db::{Transaction, all, for_update},
    dead_letters,
    error::COUNTS_DIFFER,
    rows::{column, list, placeholders},
};
use async_trait::async_trait;
use sea_orm::{DatabaseTransaction, DbErr, Value};
use shared::{
    Timestamp,
    ids::RecipientId,
    job::{JobRef, LaneSeq},
    ports::conversations::{Advance, CommitOutcome, Effect, EventCommit},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
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
        let owners = rows::phone_owners(tx, &self.events).await?;
        let locked = self.lock_recipients(tx, &owners).await?;
        let known = self.known_messages(tx).await?;
        let mut plan = self.plan(&locked, &known);
        let moving = self.move_phones(&mut plan, &owners);
        self.write(tx, &plan).await?;
        for (recipient, phone) in &moving {
            rows::take_phone(tx, recipient, phone, self.now).await?;
        }
        self.outcomes(tx, plan, &known).await
    }
}

/// What is to be done with each event.
enum Plan {
    /// It is written; its recipient's commit counter becomes this.
    Write { counter: i64 },
    /// It was handled before.
    Handled,
    /// Load again.
    Stale,
}

impl CommitBatch {
    fn advances(&self) -> impl Iterator<Item = &Advance> {
        self.events.iter().filter_map(|event| match &event.effect {
            Effect::Advance(advance) => Some(&**advance),
            Effect::UnknownNumber => None,
        })
    }

    /// Version and counter of the batch's recipients, and of those who may lose a phone to them, locked in id order.
    async fn lock_recipients(
        &self,
        tx: &DatabaseTransaction,
        owners: &HashMap<Phone, RecipientId>,
    ) -> Result<HashMap<RecipientId, (i64, i64)>, DbErr> {
        let ids: HashSet<&RecipientId> =
            self.advances().map(|advance| &advance.recipient_id).chain(owners.values()).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let lock = for_update(tx);
        let sql = format!(
            "SELECT id, version, counter FROM recipients WHERE id IN ({}) ORDER BY id{lock}",
            list(ids.len(), 1)
        );
        let values = ids.into_iter().map(|id| id.as_str().into()).collect();
        let rows = all(tx, &sql, values).await?;
        rows.iter()
            .map(|row| Ok((column::<String>(row, "id")?.into(), (column(row, "version")?, column(row, "counter")?))))
            .collect()
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

    fn plan(&self, locked: &HashMap<RecipientId, (i64, i64)>, known: &HashMap<MessageKey, Known>) -> Vec<Plan> {
        let mut messages = HashSet::new();
        let mut recipients = HashSet::new();
        self.events
            .iter()
            .map(|event| {
                let key = key(event);
                if known.get(&key).is_some_and(|known| !known.pending) {
                    return Plan::Handled;
                }
                // The second of two equal messages, or of two events of one recipient, comes again when the first stands.
                if !messages.insert(key) {
                    return Plan::Stale;
                }
                let Effect::Advance(advance) = &event.effect else { return Plan::Write { counter: 0 } };
                let expected = advance.expected.map_or(rows::JUST_MADE, |version| version.0);
                match locked.get(&advance.recipient_id) {
                    Some((version, counter)) if *version == expected && recipients.insert(&advance.recipient_id) => {
                        Plan::Write { counter: counter + 1 }
                    }
                    _ => Plan::Stale,
                }
            })
            .collect()
    }

    /// A phone that another recipient takes is taken from whom it belonged to: from whom, in id order, and which. Events
    /// of those in this batch were advanced with a phone that isn't theirs any more; they come again, and so does the
    /// second of two events that take one phone.
    fn move_phones(&self, plan: &mut [Plan], owners: &HashMap<Phone, RecipientId>) -> BTreeSet<(RecipientId, String)> {
        let (mut taken, mut takers, mut losers) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut moving = BTreeSet::new();
        for (event, plan) in self.events.iter().zip(plan.iter_mut()) {
            let Some((phone, to)) = rows::linked_phone(event).filter(|_| matches!(plan, Plan::Write { .. })) else {
                continue;
            };
            let from = owners.get(&phone).filter(|from| *from != to);
            if losers.contains(to) || taken.contains(&phone) || from.is_some_and(|from| takers.contains(from)) {
                *plan = Plan::Stale;
                continue;
            }
            takers.insert(to);
            if let Some(from) = from {
                losers.insert(from);
                moving.insert((from.clone(), phone.1.clone()));
            }
            taken.insert(phone);
        }
        for (event, plan) in self.events.iter().zip(plan) {
            let Effect::Advance(advance) = &event.effect else { continue };
            if matches!(plan, Plan::Write { .. }) && losers.contains(&advance.recipient_id) {
                *plan = Plan::Stale;
            }
        }
        moving
    }

    async fn write(&self, tx: &DatabaseTransaction, plan: &[Plan]) -> Result<(), DbErr> {
        let written: Vec<(&EventCommit, i64)> = self
            .events
            .iter()
            .zip(plan)
            .filter_map(|(event, plan)| match plan {
                Plan::Write { counter } => Some((event, *counter)),
                Plan::Handled | Plan::Stale => None,
            })
            .collect();
        if written.is_empty() {
            return Ok(());
        }
        let events = || written.iter().map(|(event, _)| *event);
        expect_rows(rows::write_messages(tx, events()).await?, written.len())?;
        rows::write_identities(tx, events()).await?;
        rows::write_recipients(tx, &written, self.now).await?;
        let jobs = rows::job_rows(&written, self.now);
        let count = jobs.len();
        expect_rows(rows::write_jobs(tx, jobs).await?, count)?;
        dead_letters::write(tx, events().filter_map(rows::letter).collect(), self.now).await
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
            Plan::Write { counter } => CommitOutcome::Committed(job_refs(event, counter)),
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
    let Effect::Advance(advance) = &event.effect else { return Vec::new() };
    let to_ref = |(ordinal, job): (usize, &shared::job::NewJob)| JobRef {
        job_id: job.id.clone(),
        phone_number_id: event.message.phone_number_id.clone(),
        recipient_id: advance.recipient_id.clone(),
        lane_seq: LaneSeq::new(counter, ordinal),
    };
    advance.jobs.iter().enumerate().map(to_ref).collect()
}

/// Under the locks no row can be there already: if one is, the world changed, and the batch is rolled back.
fn expect_rows(written: u64, expected: usize) -> Result<(), DbErr> {
    if written == expected as u64 { Ok(()) } else { Err(DbErr::Custom(COUNTS_DIFFER.to_owned())) }
}

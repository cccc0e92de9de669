//! Group commit: many events in one transaction, each of which stands alone.

mod absorb;
mod batch;
mod identities;
mod plan;
mod refused;
mod rows;

use crate::sql::db::Db;
use batch::CommitBatch;
use refused::RejectEvent;
use shared::{
    Clock,
    ports::{
        StoreError, Stored,
        conversations::{CommitOutcome, EventCommit},
    },
};
use std::{sync::Arc, time::Duration};

/// How often a deadlock is met before the database counts as away.
const BUSY_TRIES: u32 = 8;
/// Between two such tries.
const BUSY_WAIT: Duration = Duration::from_millis(20);

/// Commits a batch. What the database refuses is halved until the culprit is alone; that one is dead-lettered.
pub(super) async fn commit(db: &Db, clock: &dyn Clock, batch: Vec<EventCommit>) -> Stored<Vec<CommitOutcome>> {
    let mut outcomes = Vec::with_capacity(batch.len());
    // Halves that are still to do, the first one last: outcomes come in the batch's order.
    let mut open = vec![Arc::<[EventCommit]>::from(batch)];
    while let Some(part) = open.pop() {
        if part.is_empty() {
            continue;
        }
        match commit_part(db, clock, part.clone()).await {
            Ok(done) => outcomes.extend(done),
            Err(StoreError::Refused { reason, .. }) if part.len() == 1 => {
                tracing::error!(reason, event.id = %part[0].message.event_id, "the database refuses an event; it is dead-lettered");
                reject(db, clock, &part[0], &reason).await?;
                outcomes.push(CommitOutcome::Refused(reason));
            }
            Err(StoreError::Refused { .. }) => {
                let (left, right) = part.split_at(part.len() / 2);
                open.push(right.into());
                open.push(left.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcomes)
}

/// Dead-letters one event as `rejected_by_database`; where its message row is refused too, without it.
pub(super) async fn reject(db: &Db, clock: &dyn Clock, event: &EventCommit, reason: &str) -> Stored<()> {
    let rejection =
        |with_message| RejectEvent { event: event.clone(), reason: reason.to_owned(), with_message, now: clock.now() };
    match db.write(rejection(true)).await {
        Err(StoreError::Refused { .. }) => db.write(rejection(false)).await,
        done => done,
    }
}

async fn commit_part(db: &Db, clock: &dyn Clock, events: Arc<[EventCommit]>) -> Stored<Vec<CommitOutcome>> {
    let mut tries = 0;
    loop {
        tries += 1;
        match db.write(CommitBatch { events: events.clone(), now: clock.now() }).await {
            Err(StoreError::Busy { reason, .. }) if tries < BUSY_TRIES => {
                tracing::debug!(reason, tries, "a commit met another transaction; repeating it");
                tokio::time::sleep(BUSY_WAIT * tries).await;
            }
            result => return result,
        }
    }
}

//! Recipients, messages and jobs: the worker's one transaction.

mod commit;
mod find;
mod keep;
mod statuses;

use super::db::Db;
use async_trait::async_trait;
use shared::{
    Clock, Timestamp,
    event::{InboundMessage, KeptEvent, StatusUpdate},
    ids::{AccountId, Identities},
    ports::{
        Stored,
        conversations::{CommitOutcome, Conversations, Effect, EventCommit, RecipientRow, StatusOutcome},
    },
};
use std::sync::Arc;

/// The record.
#[derive(Debug)]
pub struct SqlConversations {
    db: Db,
    clock: Arc<dyn Clock>,
    /// Tries of a job that meets transient failures.
    send_attempts: u32,
}

impl SqlConversations {
    /// Over this database. `send_attempts` decides when a failed status ends a job.
    #[must_use]
    pub fn new(db: Db, clock: Arc<dyn Clock>, send_attempts: u32) -> Self {
        Self { db, clock, send_attempts }
    }
}

#[async_trait]
impl Conversations for SqlConversations {
    async fn find(&self, account: &AccountId, who: &Identities) -> Stored<Vec<RecipientRow>> {
        find::find(&self.db, account, who).await
    }

    async fn commit(&self, batch: Vec<EventCommit>) -> Stored<Vec<CommitOutcome>> {
        commit::commit(&self.db, &*self.clock, batch).await
    }

    async fn give_up(&self, message: InboundMessage, reason: &str) -> Stored<()> {
        let event = EventCommit { message, effect: Effect::UnknownNumber };
        commit::reject(&self.db, &*self.clock, &event, reason).await
    }

    async fn apply_statuses(&self, batch: Vec<StatusUpdate>, now: Timestamp) -> Stored<Vec<StatusOutcome>> {
        statuses::apply(&self.db, batch, now, self.send_attempts).await
    }

    async fn keep(&self, events: Vec<KeptEvent>) -> Stored<()> {
        keep::keep(&self.db, events).await
    }
}

//! The record of conversations: recipients with their sessions, messages, jobs. The worker's one transaction.

use super::Stored;
use crate::{
    event::{InboundMessage, KeptEvent, StatusUpdate},
    ids::{AccountId, Identities, RecipientId, RowVersion},
    job::{JobRef, NewJob},
};
use async_trait::async_trait;
use flow_engine::{Conversation, Timestamp};
use std::sync::Arc;

/// A recipient's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientRow {
    /// Its id.
    pub id: RecipientId,
    /// What is known of who it is.
    pub identities: Identities,
    /// Where it stands.
    pub conversation: Conversation,
    /// Drawn anew by each commit; a commit must name it.
    pub version: RowVersion,
    /// When it was made: of several rows of one person the oldest stays.
    pub created_at: Timestamp,
}

/// The whole effect of one message.
#[derive(Debug, Clone)]
pub struct EventCommit {
    /// The message.
    pub message: InboundMessage,
    /// What is to happen.
    pub effect: Effect,
}

/// What a message does.
#[derive(Debug, Clone)]
pub enum Effect {
    /// It moves a conversation, or is merely recorded in it.
    Advance(Box<Advance>),
    /// Nobody owns the number: a dead letter `unknown_phone_number`, to be replayed once somebody does.
    UnknownNumber,
}

/// A step of a conversation.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The tenant.
    pub account_id: AccountId,
    /// The recipient.
    pub recipient_id: RecipientId,
    /// Its row as it was read; `None` = there was none, make it.
    pub expected: Option<RowVersion>,
    /// The version its row gets.
    pub version: RowVersion,
    /// All that is known of who it is, now.
    pub identities: Identities,
    /// Whether the row knew something else: the identities are to lead to this recipient from now on, a phone it had
    /// before no more, and what is still to be sent goes where they say.
    pub link: bool,
    /// A business-scoped id of before, which is to lead to this recipient too.
    pub formerly: Option<Arc<str>>,
    /// Other rows of the same person, as they were read. They become tombstones that point to this one, and it takes over
    /// all that was theirs.
    pub absorbs: Vec<(RecipientId, RowVersion)>,
    /// Where it stands now.
    pub conversation: Conversation,
    /// What to send.
    pub jobs: Vec<NewJob>,
    /// What happened, as JSON.
    pub notes: String,
    /// The run was cut off: a dead letter `run_limit` records it.
    pub run_limit: bool,
}

/// What became of one event of a batch. In every case but `Stale` and `Refused` it may be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Committed; these jobs are to be handed over.
    Committed(Vec<JobRef>),
    /// It was committed before; of its jobs these are still `queued`.
    AlreadyHandled(Vec<JobRef>),
    /// The recipient's row is not as it was read: load again.
    Stale,
    /// The database refuses this event's data, alone: it was dead-lettered (`rejected_by_database`).
    Refused(String),
}

/// What became of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusOutcome {
    /// It moved its job.
    Applied,
    /// Its job was as far already.
    NothingToDo,
    /// It speaks of no job of ours.
    NotOurs,
}

/// The record.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// The recipient that these identities belong to: by business-scoped id, then by phone; a phone counts only if that
    /// recipient has no business-scoped id or the same one (numbers are recycled). Where each leads to a row of its own,
    /// both rows are that person's, to be made one. Nothing but a former id of somebody leads to him alone.
    async fn find(&self, account: &AccountId, who: &Identities) -> Stored<Vec<RecipientRow>>;
    /// Commits a batch in one transaction, in which every event stands alone. One outcome for each, in order.
    async fn commit(&self, batch: Vec<EventCommit>) -> Stored<Vec<CommitOutcome>>;
    /// Gives a message up that the record can't handle by itself: dead-lettered `rejected_by_database`, once.
    async fn give_up(&self, message: InboundMessage, reason: &str) -> Stored<()>;
    /// Applies statuses by the transition table. One outcome for each, in order.
    async fn apply_statuses(&self, batch: Vec<StatusUpdate>, now: Timestamp) -> Stored<Vec<StatusOutcome>>;
    /// Keeps events that are neither messages nor statuses of ours; each once.
    async fn keep(&self, events: Vec<KeptEvent>) -> Stored<()>;
}

//! The whole way of a message: what came in, what was made of it, what was sent, and what became of that.

use super::{Stored, dead_letters::LetterState, messages::WholeEntry};
use crate::{
    ids::{DeadLetterId, JobId, PhoneNumberId, RecipientId, Wamid},
    job::JobState,
};
use async_trait::async_trait;
use flow_engine::{FlowId, StepId, Timestamp};
use serde_json::Value;

/// All that is known of one event.
#[derive(Debug, Clone)]
pub struct Traced {
    /// What came in; `None` where it was pruned, or never written because nobody owns its number.
    pub event: Option<WholeEntry>,
    /// When Meta says that it was written.
    pub written_at: Option<Timestamp>,
    /// What was to be sent, in order.
    pub jobs: Vec<TracedJob>,
    /// What was given up.
    pub letters: Vec<TracedLetter>,
}

/// A job with its attempts and statuses.
#[derive(Debug, Clone)]
pub struct TracedJob {
    /// Its id.
    pub id: JobId,
    /// The flow it comes from.
    pub flow_id: FlowId,
    /// The step.
    pub step_id: StepId,
    /// The number it goes out from.
    pub phone_number_id: PhoneNumberId,
    /// To whom.
    pub recipient_id: RecipientId,
    /// Where it stands.
    pub state: JobState,
    /// Meta's id of what was sent.
    pub wamid: Option<Wamid>,
    /// Claims so far.
    pub attempt: i32,
    /// Those that count.
    pub spent: i32,
    /// Sent once more after an unknown outcome.
    pub resends: i32,
    /// What failed: an array of `{at, code?, error}`.
    pub attempts: Value,
    /// When the worker made it.
    pub created_at: Timestamp,
    /// When it was last claimed.
    pub claimed_at: Option<Timestamp>,
    /// Not tried before, while it waits.
    pub due_at: Timestamp,
    /// When Meta took it.
    pub sent_at: Option<Timestamp>,
    /// By Meta's time.
    pub delivered_at: Option<Timestamp>,
    /// By Meta's time.
    pub read_at: Option<Timestamp>,
    /// By Meta's time.
    pub failed_at: Option<Timestamp>,
}

/// A dead letter, as far as it belongs to the way.
#[derive(Debug, Clone)]
pub struct TracedLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// Why it was written.
    pub reason: String,
    /// What became of it.
    pub state: LetterState,
    /// The job it stands for.
    pub job_id: Option<JobId>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

/// Finds ways.
#[async_trait]
pub trait Traces: Send + Sync {
    /// By Meta's id of what came in or was sent, or by our id of an event, job or dead letter.
    async fn trace(&self, id: &str) -> Stored<Option<Traced>>;
}

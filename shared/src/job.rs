//! Send jobs: one API call to make, its states, and the message that rings the sender's bell.

use crate::{
    ids::{AccountId, EventId, JobId, PhoneNumberId, RecipientId},
    partition,
    ports::queue::{Message, Publish, QueueName},
};
use bytes::Bytes;
use flow_engine::{Content, FlowId, StepId, Timestamp, VersionId};
use serde::{Deserialize, Serialize};

/// `type` of a queue message that holds a [`JobRef`].
pub const JOB: &str = "job";
/// The version of its schema.
pub const SCHEMA: u16 = 1;
/// Jobs that one event can make at most: the ordinal's share of `lane_seq`.
const ORDINALS: i64 = 1_000;

/// Where a job stands. The only transitions are those of `ARCHITECTURE.md`, each conditional on the state it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Committed by a worker, not claimed yet.
    Queued,
    /// Claimed: the POST may be under way.
    Sending,
    /// Will be tried again at `due_at`.
    Retrying,
    /// The POST may have been processed; a status will tell.
    Unknown,
    /// Meta took it.
    Sent,
    /// Given up; a dead letter stands for it.
    Dead,
}

impl JobState {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Retrying => "retrying",
            Self::Unknown => "unknown",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }

    /// Reads the word in the table.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Queued, Self::Sending, Self::Retrying, Self::Unknown, Self::Sent, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// The order of a lane: the recipient's commit counter and the job's ordinal in that commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaneSeq(pub i64);

impl LaneSeq {
    /// The place of job `ordinal` (from 0) of commit `counter`.
    #[must_use]
    pub fn new(counter: i64, ordinal: usize) -> Self {
        Self(counter * ORDINALS + i64::try_from(ordinal).unwrap_or(ORDINALS - 1).min(ORDINALS - 1))
    }

    /// The commit that made the job.
    #[must_use]
    pub fn counter(self) -> i64 {
        self.0 / ORDINALS
    }

    /// What moves the places of one recipient's jobs behind all that another's commits up to `counter` have made.
    #[must_use]
    pub fn shift_behind(counter: i64) -> i64 {
        counter * ORDINALS
    }
}

/// A job as the worker makes it; the commit gives it its [`LaneSeq`].
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// The flow it comes from.
    pub flow_id: FlowId,
    /// That flow's version.
    pub flow_version: VersionId,
    /// The step.
    pub step_id: StepId,
    /// What to send.
    pub content: Content,
    /// The template to send instead outside the 24-hour window.
    pub outside_window: Option<Content>,
}

/// What the queue carries of a job: enough to find its row and to keep its lane in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRef {
    /// The job.
    pub job_id: JobId,
    /// The number it goes out from.
    pub phone_number_id: PhoneNumberId,
    /// To whom.
    pub recipient_id: RecipientId,
    /// Its place in the lane of the two.
    pub lane_seq: LaneSeq,
}

impl JobRef {
    /// The queue message that carries it. `partitions` is the installation's number of outbound queues.
    pub fn to_publish(&self, partitions: u16) -> serde_json::Result<Publish> {
        let queue = QueueName::Outbound(partition::of(self.phone_number_id.as_str(), partitions));
        let message = Message {
            id: self.job_id.as_str().into(),
            kind: JOB.into(),
            schema: SCHEMA,
            traceparent: None,
            body: Bytes::from(serde_json::to_vec(self)?),
        };
        Ok(Publish { queue, message })
    }
}

/// A job as the sender holds it after its claim.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// Its id, number, recipient and place.
    pub job: JobRef,
    /// The tenant.
    pub account_id: AccountId,
    /// This claim's number, from 1; a status names it.
    pub attempt: i32,
    /// Attempts that were spent before this one (refusals before processing spend none).
    pub spent: i32,
    /// Resends after an unknown outcome so far.
    pub resends: i32,
    /// The phone to send to, as digits.
    pub phone: Option<String>,
    /// The business-scoped user id to send to where no phone is known.
    pub bsuid: Option<String>,
    /// What to send.
    pub content: Content,
    /// The template to send instead outside the 24-hour window.
    pub outside_window: Option<Content>,
    /// When the recipient last wrote, called, or opened the chat, by Meta's time.
    pub last_message_at: Option<Timestamp>,
    /// Other messages that went to the recipient within the last hour.
    pub sent_lately: u32,
    /// When the worker made it.
    pub created_at: Timestamp,
    /// The event it answers.
    pub event_id: EventId,
}

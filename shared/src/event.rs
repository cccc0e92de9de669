//! What the gateway cuts out of a callback, as it travels through the inbound queues.

use crate::{
    ids::{self, EventId, Identities, JobId, PhoneNumberId, Wamid},
    partition,
    ports::queue::{Message, Publish, QueueName},
};
use bytes::Bytes;
use flow_engine::{Reply, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// The version of these schemas. A consumer that meets a newer one lets the queue go; writers move up one release
/// after readers know it.
pub const SCHEMA: u16 = 1;

/// `type` of a queue message that holds an [`InboundMessage`].
pub const MESSAGE: &str = "message";
/// `type` of a queue message that holds a [`StatusUpdate`].
pub const STATUS: &str = "status";
/// `type` of a queue message that holds a [`KeptEvent`].
pub const KEPT: &str = "kept";
/// `type` of a queue message that holds a [`Tick`].
pub const TICK: &str = "tick";

/// How the id of a message begins that an operator made; none of Meta's does.
pub const OPERATOR_WAMID: &str = "wamid.process.";
/// Meta's `type` of what it says itself, such as that somebody has another phone.
const SYSTEM: &str = "system";

/// One message that a person wrote.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundMessage {
    /// Ours.
    pub event_id: EventId,
    /// When the callback came in.
    pub received_at: Timestamp,
    /// The business number it was written to.
    pub phone_number_id: PhoneNumberId,
    /// Who wrote it.
    pub sender: Identities,
    /// Who that person was until now, where the message says that its sender changed phone or user id. `sender` is then
    /// what they are from now on; what both lead to is one recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previously: Option<Identities>,
    /// The name that person shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_name: Option<String>,
    /// Meta's id of it.
    pub wamid: Wamid,
    /// Meta's own time of it, Unix seconds as sent; the same in every repeat.
    pub sent_at: i64,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
    /// Meta's `type`.
    pub message_type: String,
    /// What flows see of it.
    pub reply: Reply,
    /// The message object as Meta sent it.
    pub raw: Box<RawValue>,
}

impl InboundMessage {
    /// Whether the person did something, which opens Meta's customer service window: Meta's own words don't, nor do an
    /// operator's.
    #[must_use]
    pub fn opens_window(&self) -> bool {
        self.message_type != SYSTEM && !self.wamid.as_str().starts_with(OPERATOR_WAMID)
    }
}

/// A moment, sent through the statuses' queue: whoever gets it is the one who is served, and has been given every status
/// that was published before.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Tick {
    /// When it was published.
    pub at: Timestamp,
}

impl Tick {
    /// The queue message that carries it.
    pub fn to_publish(self) -> serde_json::Result<Publish> {
        let body = Bytes::from(serde_json::to_vec(&self)?);
        let message = Message { id: ids::fresh(), kind: TICK.into(), schema: SCHEMA, traceparent: None, body };
        Ok(Publish { queue: QueueName::Statuses, message })
    }
}

/// One status of a message that we sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusUpdate {
    /// Ours.
    pub event_id: EventId,
    /// When the callback came in.
    pub received_at: Timestamp,
    /// The number that sent the message.
    pub phone_number_id: PhoneNumberId,
    /// Meta's id of the message.
    pub wamid: Wamid,
    /// What happened to it.
    pub status: DeliveryStatus,
    /// Meta's own time of it, Unix seconds as sent.
    pub at: i64,
    /// The job and attempt that we put into `biz_opaque_callback_data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobTag>,
    /// The first error of a failed status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StatusError>,
}

/// Why a message failed after Meta had taken it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusError {
    /// A code of Meta's error table.
    pub code: i64,
    /// Meta's words.
    pub message: String,
}

/// How far a message got, by rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It failed after it was accepted.
    Failed,
    /// Meta sent it.
    Sent,
    /// It is on the phone.
    Delivered,
    /// It was looked at.
    Read,
    /// A voice message was listened to.
    Played,
}

impl DeliveryStatus {
    /// Meta's word for it; others (such as `deleted`) are `None`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "failed" => Self::Failed,
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "read" => Self::Read,
            "played" => Self::Played,
            _ => return None,
        })
    }

    /// Meta's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
        }
    }
}

/// Which job and which attempt of it a status speaks of: `{job}.{attempt}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTag {
    /// The job.
    pub job: JobId,
    /// Counted from 1.
    pub attempt: i32,
}

impl JobTag {
    /// Reads what [`JobTag`]'s `Display` wrote; anything else is somebody else's data.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (job, attempt) = text.rsplit_once('.')?;
        uuid::Uuid::parse_str(job).ok()?;
        Some(Self { job: Arc::<str>::from(job).into(), attempt: attempt.parse().ok()? })
    }
}

impl std::fmt::Display for JobTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.job, self.attempt)
    }
}

/// What is neither a message nor a status of ours: kept for 30 days, listed, counted, no dead letter.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptEvent {
    /// Ours.
    pub event_id: EventId,
    /// When the callback came in.
    pub received_at: Timestamp,
    /// Why it was kept.
    pub kind: KeptKind,
    /// Meta's `field`, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// As it came in; bytes that are no UTF-8 as U+FFFD.
    pub body: String,
    /// Calls in it that people made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<PersonsCall>,
}

/// A call that a person made to a business number: it opens Meta's customer service window as a message does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonsCall {
    /// The number that was called.
    pub phone_number_id: PhoneNumberId,
    /// Who called.
    pub caller: Identities,
    /// Meta's own time of it, Unix seconds as sent.
    pub at: i64,
}

/// Why an event was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptKind {
    /// It can't be read.
    Unrecognized,
    /// A field that is none of ours, such as `account_update`.
    Other,
}

impl KeptKind {
    /// The word in the table and in `messages list --kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unrecognized => "unrecognized",
            Self::Other => "other",
        }
    }
}

/// One event, on its way to its queue.
#[derive(Debug, Clone)]
pub enum Event {
    /// To `inbound.{p}`.
    Message(Box<InboundMessage>),
    /// To `statuses`.
    Status(StatusUpdate),
    /// To `inbound.00`.
    Kept(KeptEvent),
}

impl Event {
    /// Reads what [`Self::into_publish`] wrote: the body of a queue message of this `type`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(kind: &str, body: &[u8]) -> Result<Self, String> {
        let event = match kind {
            MESSAGE => serde_json::from_slice(body).map(Self::Message),
            STATUS => serde_json::from_slice(body).map(Self::Status),
            KEPT => serde_json::from_slice(body).map(Self::Kept),
            other => return Err(format!("unknown type {other:?}")),
        };
        event.map_err(|error| error.to_string())
    }

    /// The same event, as if it came in at this time.
    #[must_use]
    pub fn received_at(mut self, at: Timestamp) -> Self {
        match &mut self {
            Self::Message(message) => message.received_at = at,
            Self::Status(status) => status.received_at = at,
            Self::Kept(kept) => kept.received_at = at,
        }
        self
    }

    /// The queue message that carries it. `partitions` is the installation's number of inbound queues.
    pub fn into_publish(self, partitions: u16) -> serde_json::Result<Publish> {
        let (queue, id, kind, body) = match &self {
            Self::Message(message) => {
                let lane = message.sender.lane_key().map_or("", |key| key.as_ref());
                let queue = QueueName::Inbound(partition::of(lane, partitions));
                (queue, &message.event_id, MESSAGE, serde_json::to_vec(message)?)
            }
            Self::Status(status) => (QueueName::Statuses, &status.event_id, STATUS, serde_json::to_vec(status)?),
            Self::Kept(kept) => (QueueName::Inbound(0), &kept.event_id, KEPT, serde_json::to_vec(kept)?),
        };
        let message = Message {
            id: id.as_str().into(),
            kind: kind.into(),
            schema: SCHEMA,
            traceparent: None,
            body: Bytes::from(body),
        };
        Ok(Publish { queue, message })
    }
}

//! Queues, shaped by what RabbitMQ's quorum queues do: confirmed batch publish, single active consumer, prefetch,
//! acknowledgement in batches, giving back, delivery counts, and channels that get lost.

use async_trait::async_trait;
use bytes::Bytes;
use flow_engine::Timestamp;
use std::{borrow::Cow, fmt, sync::Arc};
use tokio::sync::mpsc;

/// A queue of this installation. `Display` gives its name without the prefix, such as `inbound.03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueName {
    /// Messages, by the hash of who wrote them.
    Inbound(u16),
    /// Statuses of what we sent.
    Statuses,
    /// Send jobs, by the hash of the number they go out from.
    Outbound(u16),
    /// What the broker gave up on, and bodies that can't be decoded.
    DeadLetters,
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inbound(partition) => write!(f, "inbound.{partition:02}"),
            Self::Statuses => f.write_str("statuses"),
            Self::Outbound(partition) => write!(f, "outbound.{partition:02}"),
            Self::DeadLetters => f.write_str("dead-letters"),
        }
    }
}

impl QueueName {
    /// Every queue of an installation with this many partitions.
    pub fn all(partitions: u16) -> impl Iterator<Item = Self> {
        (0..partitions)
            .map(Self::Inbound)
            .chain((0..partitions).map(Self::Outbound))
            .chain([Self::Statuses, Self::DeadLetters])
    }
}

/// A message, apart from its place in a queue. Always persistent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `message_id`.
    pub id: Arc<str>,
    /// `type`: which schema the body has.
    pub kind: Cow<'static, str>,
    /// The version of that schema.
    pub schema: u16,
    /// W3C trace context, where a trace runs.
    pub traceparent: Option<String>,
    /// JSON.
    pub body: Bytes,
}

/// A message and the queue it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Where to.
    pub queue: QueueName,
    /// What.
    pub message: Message,
}

/// Why a batch was not (or not wholly) taken. Some of its messages may be in their queues all the same.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The broker takes nothing for now: a memory or disk alarm, a full disk.
    #[error("the broker takes no messages for now: {0}")]
    Blocked(String),
    /// There is no such queue: a mandatory message came back.
    #[error("queue {0} does not exist: the message came back")]
    Unroutable(QueueName),
    /// The broker said no: the queue is full or failing.
    #[error("the broker refused a message for queue {0}")]
    Refused(QueueName),
    /// The connection is lost or there is none.
    #[error("no connection to the broker: {0}")]
    Lost(String),
    /// No confirm within the time given.
    #[error("the broker did not confirm in time")]
    TimedOut,
}

/// Publishes.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Publishes a batch and returns when every message of it is confirmed: on disk, at as many nodes as the queue has
    /// asked for. Messages to one queue keep their order.
    async fn publish(&self, batch: Vec<Publish>) -> Result<(), PublishError>;

    /// Whether it is known that nothing is taken now. Cheap: asked before each publish that need not happen.
    fn is_blocked(&self) -> bool;

    /// Why nothing can be published now, as far as that is known without trying.
    fn trouble(&self) -> Option<String>;
}

/// Why a queue could not be declared, consumed or settled.
#[derive(Debug, Clone, thiserror::Error)]
#[error("queue {queue}: {doing}: {reason}")]
pub struct QueueError {
    /// Which.
    pub queue: String,
    /// What was being done.
    pub doing: &'static str,
    /// What it said.
    pub reason: String,
}

/// Consumes.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Makes sure that all queues of an installation with this many partitions exist.
    async fn declare(&self, partitions: u16) -> Result<(), QueueError>;

    /// Subscribes to a queue. Of several subscribers one is served, the others stand by; when that one's channel goes,
    /// the next is served, beginning with what was not acknowledged. At most `prefetch` deliveries are open at a time.
    async fn subscribe(&self, queue: QueueName, prefetch: u16) -> Result<Subscription, QueueError>;

    /// How many messages wait in the queue, deliveries that are open included.
    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError>;
}

/// One channel that consumes one queue.
pub struct Subscription {
    /// In the queue's order. Ends when the channel is lost; what was open is delivered again, here or elsewhere.
    pub deliveries: mpsc::Receiver<Delivery>,
    /// Settles them.
    pub settle: Arc<dyn Settle>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

/// A delivery's name on its channel; grows with each delivery.
pub type Tag = u64;

/// One message, delivered.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Names it in [`Settle`].
    pub tag: Tag,
    /// What was published.
    pub message: Message,
    /// How often it was delivered before and came back, by loss of its channel or by [`Settle::give_back`].
    pub delivery_count: u32,
    /// In [`QueueName::DeadLetters`]: how it came there.
    pub death: Option<Death>,
}

/// How a message came to the queue `dead-letters`. The same in each delivery of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// The queue it lay in, by the broker's name for it.
    pub queue: String,
    /// Why it left that, in the words of RabbitMQ's `x-death`: `rejected`, `delivery_limit`.
    pub reason: String,
    /// When. RabbitMQ tells seconds.
    pub at: Timestamp,
}

/// Settles deliveries of one channel. Every tag is settled once; a lost channel settles nothing any more.
#[async_trait]
pub trait Settle: Send + Sync {
    /// They are done: never delivered again once this returns.
    async fn ack(&self, tags: &[Tag]) -> Result<(), QueueError>;

    /// They go back to the queue's front, to be delivered again.
    async fn give_back(&self, tags: &[Tag]) -> Result<(), QueueError>;

    /// They can't be handled at all: to the queue `dead-letters`.
    async fn reject(&self, tags: &[Tag]) -> Result<(), QueueError>;

    /// Closes the channel; what is still open goes back to the queue.
    async fn close(&self);

    /// Waits until the channel is lost, for whoever has no room for deliveries and would not see that they end.
    async fn lost(&self);
}

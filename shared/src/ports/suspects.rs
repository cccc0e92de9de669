//! Deliveries that came back so often that they may have killed whoever handled them.
//!
//! A crash brings back everything its process had prefetched, the culprit among hundreds of others. So each of them is
//! handled alone from then on, noted before and struck out after: only the culprit's notes stay.

use super::Stored;
use crate::ports::queue::{Message, QueueName};
use async_trait::async_trait;
use flow_engine::Timestamp;

/// What is noted of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// So many processes before this one noted it and did not come to strike it out.
    Open(u32),
    /// It was given up before; only its acknowledgement got lost.
    GivenUp,
}

/// Why a delivery is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Whoever handled it alone died.
    Kills,
    /// Whoever handles it panics.
    Panics,
}

/// The notes.
#[async_trait]
pub trait Suspects: Send + Sync {
    /// Whether any process noted it and did not come to strike it out.
    async fn is_noted(&self, queue: QueueName, message: &Message) -> Stored<bool>;
    /// Notes that `process` is about to handle it, and says what others noted before. A process has one note, however often
    /// it tries. The note is committed when this returns.
    async fn note(&self, queue: QueueName, message: &Message, process: &str, now: Timestamp) -> Stored<Noted>;
    /// It was handled, and nobody died of it: all its notes go.
    async fn strike_out(&self, queue: QueueName, message: &Message) -> Stored<()>;
    /// Gives it up unparsed: dead-lettered `kills_consumer`, once. What merely rings for a job leaves no letter.
    async fn give_up(&self, queue: QueueName, message: &Message, cause: Cause, now: Timestamp) -> Stored<()>;
    /// Whether the record answers, so that there is a point in handling anything.
    async fn is_available(&self) -> bool;
}

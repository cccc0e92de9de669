//! The statuses' clock: how far the handling of statuses has come. A send whose outcome is unknown waits on it.

use super::Stored;
use async_trait::async_trait;
use flow_engine::Timestamp;

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusClockReading {
    /// Every status received before this was handled.
    pub watermark: Option<Timestamp>,
    /// When that was written.
    pub written_at: Option<Timestamp>,
    /// When the last run of refused callbacks began: their statuses come later.
    pub refused_since: Option<Timestamp>,
    /// When a callback was last refused.
    pub refused_at: Option<Timestamp>,
}

/// The clock.
#[async_trait]
pub trait StatusClock: Send + Sync {
    /// Reads it.
    async fn read(&self) -> Stored<StatusClockReading>;
    /// Writes the watermark.
    async fn advance(&self, watermark: Timestamp, now: Timestamp) -> Stored<()>;
    /// Notes that a callback was refused.
    async fn refused(&self, at: Timestamp) -> Stored<()>;
}

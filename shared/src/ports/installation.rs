//! What is fixed once for an installation.

use super::Stored;
use async_trait::async_trait;

/// Facts that are written at the first start and never change.
#[async_trait]
pub trait Installation: Send + Sync {
    /// The number of partitions: `wanted` at the first start, ever after what was written then.
    async fn partitions(&self, wanted: u16) -> Stored<u16>;
    /// The number of partitions that was written at the first start; `None` before it.
    async fn fixed_partitions(&self) -> Stored<Option<u16>>;
    /// The key that recipient ids are made with: 32 random bytes, drawn at the first start.
    async fn recipient_key(&self) -> Stored<[u8; 32]>;
    /// Whether the database answers.
    async fn ping(&self) -> Stored<()>;
}

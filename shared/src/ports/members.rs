//! Which processes are alive, so that they can share the partitions out.

use super::StoreError;
use async_trait::async_trait;
use std::time::Duration;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes callbacks.
    Gateway,
    /// Advances conversations.
    Worker,
    /// Sends.
    Sender,
}

impl Role {
    /// The word in keys and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Worker => "worker",
            Self::Sender => "sender",
        }
    }
}

/// The members of each role.
#[async_trait]
pub trait Members: Send + Sync {
    /// Says that `member` is alive for `life` more.
    async fn beat(&self, role: Role, member: &str, life: Duration) -> Result<(), StoreError>;
    /// Who is alive, sorted.
    async fn alive(&self, role: Role) -> Result<Vec<String>, StoreError>;
    /// Says that `member` is gone.
    async fn leave(&self, role: Role, member: &str) -> Result<(), StoreError>;
}

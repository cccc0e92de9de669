//! The fast copy of sessions. SQL is the record: whatever is wrong here makes things slower, never wrong.

use super::StoreError;
use crate::ids::{AccountId, Identities, RecipientId, RowVersion};
use async_trait::async_trait;
use flow_engine::{Conversation, Session, Tap};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What stands under `flow_session:{userId}:{recipientId}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRecord {
    /// The account, by the original's name for it.
    pub user_id: AccountId,
    /// The recipient.
    pub recipient_id: RecipientId,
    /// Where it stands: `flowId, flowVersion, currentStepId, phoneNumberId, createdAt, updatedAt` and more.
    #[serde(flatten)]
    pub session: Session,
    /// The last taps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taps: Vec<Tap>,
    /// The recipient's row as it was when this was written.
    pub row_version: RowVersion,
    /// The identities known then.
    pub identities: Identities,
}

impl SessionRecord {
    /// The conversation it holds.
    #[must_use]
    pub fn conversation(&self) -> Conversation {
        Conversation { session: Some(self.session.clone()), taps: self.taps.clone() }
    }
}

/// The key of a session, which others read: `flow_session:{userId}:{recipientId}`.
#[must_use]
pub fn session_key(account: &AccountId, recipient: &RecipientId) -> String {
    format!("flow_session:{account}:{recipient}")
}

/// Where sessions are cached.
#[async_trait]
pub trait SessionCache: Send + Sync {
    /// What is cached for this recipient; unreadable records count as absent.
    async fn get(&self, account: &AccountId, recipient: &RecipientId) -> Result<Option<SessionRecord>, StoreError>;
    /// Caches it for `ttl`.
    async fn put(&self, record: &SessionRecord, ttl: Duration) -> Result<(), StoreError>;
    /// Forgets it.
    async fn delete(&self, account: &AccountId, recipient: &RecipientId) -> Result<(), StoreError>;
}

//! Sessions under `flow_session:{userId}:{recipientId}`, as plain strings that expire.

use super::{Redis, unavailable};
use async_trait::async_trait;
use redis::AsyncCommands as _;
use shared::{
    ids::{AccountId, RecipientId},
    ports::{
        StoreError,
        sessions::{SessionCache, SessionRecord, session_key},
    },
};
use std::time::Duration;

/// Sessions in Redis.
#[derive(Debug, Clone)]
pub struct RedisSessions(pub Redis);

#[async_trait]
impl SessionCache for RedisSessions {
    async fn get(&self, account: &AccountId, recipient: &RecipientId) -> Result<Option<SessionRecord>, StoreError> {
        let found: redis::RedisResult<Option<Vec<u8>>> =
            self.0.connection.clone().get(session_key(account, recipient)).await;
        let found = match found {
            // Somebody else's list or hash under this key.
            Err(error) if error.code() == Some("WRONGTYPE") => None,
            found => found.map_err(unavailable("reading a session"))?,
        };
        let record = found.and_then(|json| serde_json::from_slice::<SessionRecord>(&json).ok());
        Ok(record.filter(|record| record.user_id == *account && record.recipient_id == *recipient))
    }

    async fn put(&self, record: &SessionRecord, ttl: Duration) -> Result<(), StoreError> {
        // Our own type: it always has a JSON form.
        let json = serde_json::to_vec(record).unwrap_or_default();
        let key = session_key(&record.user_id, &record.recipient_id);
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        self.0.connection.clone().pset_ex(key, json, ttl).await.map_err(unavailable("caching a session"))
    }

    async fn delete(&self, account: &AccountId, recipient: &RecipientId) -> Result<(), StoreError> {
        self.0.connection.clone().del(session_key(account, recipient)).await.map_err(unavailable("deleting a session"))
    }
}

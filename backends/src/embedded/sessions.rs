//! Sessions cached in the process, over the SQL record.

use async_trait::async_trait;
use shared::{
    Clock,
    ids::{AccountId, RecipientId},
    ports::{
        StoreError,
        sessions::{SessionCache, SessionRecord, session_key},
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Sessions held at most; beyond it those that expired go, and if none did, all.
const MOST: usize = 200_000;

/// A map with expiry.
#[derive(Debug)]
pub struct LocalSessions {
    clock: Arc<dyn Clock>,
    sessions: Mutex<HashMap<String, (Duration, SessionRecord)>>,
}

impl LocalSessions {
    /// An empty cache.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sessions: Mutex::new(HashMap::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Duration, SessionRecord)>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionCache for LocalSessions {
    async fn get(&self, account: &AccountId, recipient: &RecipientId) -> Result<Option<SessionRecord>, StoreError> {
        let now = self.clock.boot();
        let sessions = self.lock();
        let found = sessions.get(&session_key(account, recipient));
        Ok(found.filter(|(expires, _)| *expires > now).map(|(_, record)| record.clone()))
    }

    async fn put(&self, record: &SessionRecord, ttl: Duration) -> Result<(), StoreError> {
        let now = self.clock.boot();
        let mut sessions = self.lock();
        if sessions.len() >= MOST {
            sessions.retain(|_, (expires, _)| *expires > now);
            if sessions.len() >= MOST {
                sessions.clear();
            }
        }
        sessions.insert(session_key(&record.user_id, &record.recipient_id), (now + ttl, record.clone()));
        Ok(())
    }

    async fn delete(&self, account: &AccountId, recipient: &RecipientId) -> Result<(), StoreError> {
        self.lock().remove(&session_key(account, recipient));
        Ok(())
    }
}

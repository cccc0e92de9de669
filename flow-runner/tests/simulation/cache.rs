//! The session cache, of which nothing may be believed.

use crate::{
    broken::away,
    process::Through,
    weather::Spell,
    world::{World, lock},
};
use async_trait::async_trait;
use shared::{
    ids::{AccountId, RecipientId},
    ports::{
        StoreError,
        sessions::{SessionCache, SessionRecord, session_key},
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The cache.
#[derive(Default)]
pub struct Cache {
    sessions: Mutex<BTreeMap<String, Sessions>>,
    /// It answers nothing but errors.
    pub away: Spell,
}

/// One recipient's.
#[derive(Default)]
struct Sessions {
    now: Option<SessionRecord>,
    /// All that it ever was, oldest first.
    ever: Vec<SessionRecord>,
}

impl Sessions {
    /// Any of what it ever was.
    fn any(&self, world: &World) -> Option<SessionRecord> {
        let count = u64::try_from(self.ever.len()).ok().filter(|count| *count > 0)?;
        self.ever.get(world.roll(count) as usize).cloned()
    }
}

impl Cache {
    /// All is lost.
    pub fn flush(&self, world: &World) {
        world.note("the cache is flushed".to_owned());
        world.count("flushed");
        lock(&self.sessions).values_mut().for_each(|sessions| sessions.now = None);
    }

    /// It comes back with what it once held.
    pub fn roll_back(&self, world: &World) {
        world.note("the cache is rolled back".to_owned());
        world.count("rolled back");
        lock(&self.sessions).values_mut().for_each(|sessions| sessions.now = sessions.any(world));
    }

    fn answers(&self, world: &World, doing: &'static str) -> Result<(), StoreError> {
        if !self.away.lasts(world) {
            return Ok(());
        }
        world.count("cache away");
        Err(away(doing))
    }

    fn get(&self, world: &World, key: &str) -> Option<SessionRecord> {
        let is_old = world.hits(world.weather.old_sessions);
        let sessions = lock(&self.sessions);
        let sessions = sessions.get(key)?;
        if is_old && !sessions.ever.is_empty() {
            world.count("old session");
            return sessions.any(world);
        }
        sessions.now.clone()
    }

    fn put(&self, record: SessionRecord) {
        let key = session_key(&record.user_id, &record.recipient_id);
        let mut sessions = lock(&self.sessions);
        let sessions = sessions.entry(key).or_default();
        sessions.now = Some(record.clone());
        sessions.ever.push(record);
    }
}

#[async_trait]
impl SessionCache for Through {
    async fn get(&self, account: &AccountId, recipient: &RecipientId) -> Result<Option<SessionRecord>, StoreError> {
        let key = session_key(account, recipient);
        let getting = move |world: &Arc<World>| {
            world.cache.answers(world, "get")?;
            Ok(world.cache.get(world, &key))
        };
        self.0.call("get a session", getting).await
    }

    async fn put(&self, record: &SessionRecord, _: Duration) -> Result<(), StoreError> {
        let record = record.clone();
        let putting = move |world: &Arc<World>| {
            world.cache.answers(world, "put")?;
            world.cache.put(record);
            Ok(())
        };
        self.0.call("put a session", putting).await
    }

    async fn delete(&self, account: &AccountId, recipient: &RecipientId) -> Result<(), StoreError> {
        let key = session_key(account, recipient);
        let deleting = move |world: &Arc<World>| {
            world.cache.answers(world, "delete")?;
            if let Some(sessions) = lock(&world.cache.sessions).get_mut(&key) {
                sessions.now = None;
            }
            Ok(())
        };
        self.0.call("delete a session", deleting).await
    }
}

//! Members of an installation that is one process.

use async_trait::async_trait;
use shared::{
    Clock,
    ports::{
        StoreError,
        members::{Members, Role},
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Who is alive, in this process.
#[derive(Debug)]
pub struct LocalMembers {
    clock: Arc<dyn Clock>,
    beats: Mutex<BTreeMap<(&'static str, String), Duration>>,
}

impl LocalMembers {
    /// Nobody yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, beats: Mutex::new(BTreeMap::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), Duration>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Members for LocalMembers {
    async fn beat(&self, role: Role, member: &str, life: Duration) -> Result<(), StoreError> {
        let until = self.clock.boot() + life;
        self.lock().insert((role.as_str(), member.to_owned()), until);
        Ok(())
    }

    async fn alive(&self, role: Role) -> Result<Vec<String>, StoreError> {
        let now = self.clock.boot();
        let mut beats = self.lock();
        beats.retain(|_, until| *until > now);
        Ok(beats.keys().filter(|(of, _)| *of == role.as_str()).map(|(_, member)| member.clone()).collect())
    }

    async fn leave(&self, role: Role, member: &str) -> Result<(), StoreError> {
        self.lock().remove(&(role.as_str(), member.to_owned()));
        Ok(())
    }
}

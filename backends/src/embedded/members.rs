//! Members of an installation that is one process.

use async_trait::async_trait;
use shared::{
    Clock,
    ports::{
        StoreError,
        members::{MemberReport, Members, Role},
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What is kept of each member, until when.
type Kept<T> = BTreeMap<(&'static str, String), (Duration, T)>;

/// Who is alive, in this process.
#[derive(Debug)]
pub struct LocalMembers {
    clock: Arc<dyn Clock>,
    beats: Mutex<Kept<()>>,
    reports: Mutex<Kept<MemberReport>>,
}

impl LocalMembers {
    /// Nobody yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, beats: Mutex::default(), reports: Mutex::default() }
    }

    /// What there is of `role`, by member, once those are gone whose time is over.
    fn of<T: Clone>(&self, kept: &Mutex<Kept<T>>, role: Role) -> Vec<(String, T)> {
        let now = self.clock.boot();
        let mut kept = lock(kept);
        kept.retain(|_, (until, _)| *until > now);
        let of = kept.iter().filter(|((of, _), _)| *of == role.as_str());
        of.map(|((_, member), (_, what))| (member.clone(), what.clone())).collect()
    }
}

fn lock<T>(kept: &Mutex<Kept<T>>) -> MutexGuard<'_, Kept<T>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Members for LocalMembers {
    async fn beat(&self, role: Role, member: &str, life: Duration) -> Result<(), StoreError> {
        let until = self.clock.boot() + life;
        lock(&self.beats).insert((role.as_str(), member.to_owned()), (until, ()));
        Ok(())
    }

    async fn alive(&self, role: Role) -> Result<Vec<String>, StoreError> {
        Ok(self.of(&self.beats, role).into_iter().map(|(member, ())| member).collect())
    }

    async fn report(&self, role: Role, member: &str, report: &MemberReport, life: Duration) -> Result<(), StoreError> {
        let until = self.clock.boot() + life;
        lock(&self.reports).insert((role.as_str(), member.to_owned()), (until, report.clone()));
        Ok(())
    }

    async fn reports(&self, role: Role) -> Result<Vec<(String, MemberReport)>, StoreError> {
        Ok(self.of(&self.reports, role))
    }

    async fn leave(&self, role: Role, member: &str) -> Result<(), StoreError> {
        let member = (role.as_str(), member.to_owned());
        lock(&self.beats).remove(&member);
        lock(&self.reports).remove(&member);
        Ok(())
    }
}

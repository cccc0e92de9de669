//! The session cache as the worker uses it: never waited for long, never trusted, never a reason to fail.

use shared::{
    Clock,
    ids::{AccountId, RecipientId},
    ports::sessions::{SessionCache, SessionRecord},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long an answer is waited for: a lookup in SQL takes less than this.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long the cache isn't asked after it failed.
const REST: Duration = Duration::from_secs(1);

/// The cache, with patience and rest.
pub(crate) struct PatientCache {
    cache: Arc<dyn SessionCache>,
    clock: Arc<dyn Clock>,
    /// Milliseconds of boot time before which it isn't asked.
    rests_until: AtomicU64,
    ttl: Duration,
}

impl PatientCache {
    pub fn new(cache: Arc<dyn SessionCache>, clock: Arc<dyn Clock>, ttl: Duration) -> Self {
        Self { cache, clock, rests_until: AtomicU64::new(0), ttl }
    }

    pub async fn get(&self, account: &AccountId, recipient: &RecipientId) -> Option<SessionRecord> {
        self.patiently("get", self.cache.get(account, recipient)).await.flatten()
    }

    pub async fn put(&self, record: &SessionRecord) {
        self.patiently("put", self.cache.put(record, self.ttl)).await;
    }

    pub async fn delete(&self, account: &AccountId, recipient: &RecipientId) {
        self.patiently("delete", self.cache.delete(account, recipient)).await;
    }

    async fn patiently<T, E: std::fmt::Display>(
        &self,
        what: &'static str,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        let now = self.now();
        if now < self.rests_until.load(Ordering::Relaxed) {
            return None;
        }
        let reason = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        let rest = u64::try_from(REST.as_millis()).unwrap_or(u64::MAX);
        let before = self.rests_until.swap(self.now().saturating_add(rest), Ordering::Relaxed);
        metrics::counter!("flow_runner_session_cache_failures_total", "operation" => what).increment(1);
        if before.saturating_add(10 * rest) < now {
            tracing::warn!(reason, "the session cache fails; sessions come from SQL");
        }
        None
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.boot().as_millis()).unwrap_or(u64::MAX)
    }
}

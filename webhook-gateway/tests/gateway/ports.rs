//! The ports, in memory.

use async_trait::async_trait;
use flow_engine::{Catalog, Flow, FlowId, FlowVersion, Timestamp, VersionId, parse_recipients, parse_triggers};
use serde_json::Value;
use shared::{
    Clock,
    ids::AccountId,
    ports::{
        StoreError, Stored,
        accounts::ApiKeys,
        flows::{FlowRecord, FlowStore, Saved, SavedVersion},
        queue::{Publish, PublishError, Publisher},
        status_clock::{StatusClock, StatusClockReading},
    },
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// What the broker does.
#[derive(Debug, Clone, Default)]
pub enum Broker {
    #[default]
    Takes,
    /// Known to be blocked.
    Blocked,
    Fails(PublishError),
    NeverConfirms,
}

#[derive(Debug, Default)]
pub struct MemoryPublisher {
    pub broker: Mutex<Broker>,
    pub taken: Mutex<Vec<Publish>>,
    pub asked: AtomicUsize,
}

#[async_trait]
impl Publisher for MemoryPublisher {
    async fn publish(&self, batch: Vec<Publish>) -> Result<(), PublishError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let broker = self.broker.lock().unwrap().clone();
        match broker {
            Broker::Takes => {
                self.taken.lock().unwrap().extend(batch);
                Ok(())
            }
            Broker::Blocked => Err(PublishError::Blocked("memory alarm".into())),
            Broker::Fails(error) => Err(error),
            Broker::NeverConfirms => std::future::pending().await,
        }
    }

    fn is_blocked(&self) -> bool {
        matches!(*self.broker.lock().unwrap(), Broker::Blocked)
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

/// Records refusals; the first `failures` writes fail.
#[derive(Debug, Default)]
pub struct MemoryStatusClock {
    pub refused: Mutex<Vec<Timestamp>>,
    pub failures: AtomicUsize,
    pub written: Notify,
}

#[async_trait]
impl StatusClock for MemoryStatusClock {
    async fn read(&self) -> Stored<StatusClockReading> {
        Ok(StatusClockReading::default())
    }

    async fn advance(&self, _: Timestamp, _: Timestamp) -> Stored<()> {
        Ok(())
    }

    async fn refused(&self, at: Timestamp) -> Stored<()> {
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(StoreError::Unavailable { doing: "noting a refusal", reason: "away".into() });
        }
        self.refused.lock().unwrap().push(at);
        self.written.notify_one();
        Ok(())
    }
}

/// Keys look like `key-of-ACCOUNT-0000`.
#[derive(Debug, Default)]
pub struct MemoryAccounts;

#[async_trait]
impl ApiKeys for MemoryAccounts {
    async fn account_of_key(&self, api_key: &str) -> Stored<Option<AccountId>> {
        if api_key == "key-of-nobody-knows" {
            return Err(StoreError::Unavailable { doing: "looking up a key", reason: "away".into() });
        }
        let name = api_key.strip_prefix("key-of-").and_then(|rest| rest.strip_suffix("-0000"));
        Ok(name.map(AccountId::from))
    }
}

/// Flows in a list. Before the next `rivals` updates somebody else saves the flow.
#[derive(Debug, Default)]
pub struct MemoryFlows {
    pub records: Mutex<Vec<FlowRecord>>,
    pub rivals: AtomicUsize,
}

impl MemoryFlows {
    fn of(&self, account: &AccountId) -> Vec<FlowRecord> {
        self.records.lock().unwrap().iter().filter(|record| record.account_id == *account).cloned().collect()
    }
}

#[async_trait]
impl FlowStore for MemoryFlows {
    async fn list(&self, account: &AccountId) -> Stored<Vec<FlowRecord>> {
        Ok(self.of(account))
    }

    async fn get(&self, account: &AccountId, id: &FlowId) -> Stored<Option<FlowRecord>> {
        Ok(self.of(account).into_iter().find(|record| record.id == *id))
    }

    async fn create(&self, mut flow: FlowRecord) -> Stored<Saved> {
        let mut records = self.records.lock().unwrap();
        flow.version = 1;
        flow.created_at = Timestamp(1_750_792_206_272 + records.len() as i64);
        flow.updated_at = flow.created_at;
        records.push(flow.clone());
        Ok(Saved::Done(Box::new(flow)))
    }

    async fn update(&self, mut flow: FlowRecord) -> Stored<Saved> {
        let mut records = self.records.lock().unwrap();
        let found = records.iter_mut().find(|r| r.id == flow.id && r.account_id == flow.account_id);
        let Some(record) = found else { return Ok(Saved::Conflict) };
        if self.rivals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            record.version += 1;
            record.name = format!("renamed to version {}", record.version);
        }
        if record.version != flow.version {
            return Ok(Saved::Changed);
        }
        flow.version += 1;
        flow.updated_at = Timestamp(flow.updated_at.0 + 1000);
        *record = flow.clone();
        Ok(Saved::Done(Box::new(flow)))
    }

    async fn delete(&self, account: &AccountId, id: &FlowId) -> Stored<bool> {
        let mut records = self.records.lock().unwrap();
        let before = records.len();
        records.retain(|record| record.id != *id || record.account_id != *account);
        Ok(records.len() < before)
    }

    async fn saved(&self, account: &AccountId, id: &FlowId, number: i64) -> Stored<Option<SavedVersion>> {
        // Only the newest is remembered here.
        let found = self.of(account).into_iter().find(|record| record.id == *id && record.version == number);
        Ok(found.map(|record| SavedVersion { automation: record.automation, saved_at: record.updated_at }))
    }

    async fn catalog(&self, account: &AccountId) -> Stored<Arc<Catalog>> {
        let flows = self.of(account).into_iter().enumerate().map(|(index, record)| Flow {
            id: record.id.clone(),
            status: record.status,
            triggers: parse_triggers(&Value::String(record.trigger)),
            recipients: parse_recipients(&record.recipients),
            created_at: record.created_at,
            version: Arc::new(FlowVersion::parse(VersionId(index as i64), record.id, &record.automation)),
        });
        Ok(Arc::new(Catalog::new(flows.collect())))
    }

    async fn version(&self, _: &AccountId, _: VersionId) -> Stored<Option<Arc<FlowVersion>>> {
        Ok(None)
    }
}

/// A clock that goes one millisecond on with each look at it.
#[derive(Debug)]
pub struct TickingClock(AtomicI64);

impl Default for TickingClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_790_000_000_000))
    }
}

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn boot(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.fetch_add(1, Ordering::SeqCst)).unwrap())
    }
}

//! What every record must do, whatever database holds it: one function a property, and
//! [`record_conformance!`](crate::record_conformance) to make a test of each.
//!
//! What no port reads (dead letters, message rows) the suites read by SQL that every database understands.

mod build;
mod properties;

pub use build::*;

use async_trait::async_trait;
use shared::{
    Timestamp,
    ids::JobId,
    job::JobRef,
    ports::{
        accounts::Accounts,
        audit::Audit,
        conversations::{CommitOutcome, Conversations, EventCommit, RecipientRow},
        dead_letters::{Burial, DeadLetters},
        flows::FlowStore,
        installation::Installation,
        ledger::{ClaimOutcome, Ledger, Outcome, Settlement},
        members::Members,
        messages::MessageLog,
        recipients::Recipients,
        replays::Replays,
        sessions::SessionCache,
        status_clock::StatusClock,
        suspects::Suspects,
        traces::Traces,
    },
};
use std::{future::Future, sync::Arc, time::Duration};

use crate::clock::StandingClock;

/// A property that takes longer hangs.
const PROPERTY: Duration = Duration::from_secs(120);
/// Who claims, where nothing hangs on it.
pub const OWNER: &str = "sender-1";
/// How long a claim lives in the suites.
pub const CLAIM_LIFE: Duration = Duration::from_secs(60);

/// The ports of one installation.
#[derive(Clone)]
pub struct Ports {
    /// Recipients, messages, jobs.
    pub conversations: Arc<dyn Conversations>,
    /// The sender's ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Accounts, keys, numbers.
    pub accounts: Arc<dyn Accounts>,
    /// Flows.
    pub flows: Arc<dyn FlowStore>,
    /// The fast copy of sessions.
    pub sessions: Arc<dyn SessionCache>,
    /// Who is alive.
    pub members: Arc<dyn Members>,
    /// What is fixed once.
    pub installation: Arc<dyn Installation>,
    /// The statuses' clock.
    pub status_clock: Arc<dyn StatusClock>,
    /// Notes on what may kill.
    pub suspects: Arc<dyn Suspects>,
    /// What was given up.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Takes what queues gave up on.
    pub burial: Arc<dyn Burial>,
    /// What is done with many of those.
    pub replays: Arc<dyn Replays>,
    /// Who did what when.
    pub audit: Arc<dyn Audit>,
    /// The whole ways of messages.
    pub traces: Arc<dyn Traces>,
    /// Recipients, by hand.
    pub recipients: Arc<dyn Recipients>,
    /// What came in.
    pub messages: Arc<dyn MessageLog>,
    /// The clock that all of them read; it begins at [`NOW`].
    pub clock: Arc<StandingClock>,
}

/// One fresh installation.
#[async_trait]
pub trait RecordHarness: Send + Sync {
    /// Its ports. `SEND_ATTEMPTS` is 8.
    fn ports(&self) -> &Ports;

    /// Accounts and flows of another process over the same database.
    async fn elsewhere(&self) -> (Arc<dyn Accounts>, Arc<dyn FlowStore>);

    /// The rows of a query that gives one text column.
    async fn texts(&self, sql: &str) -> Vec<String>;

    /// Executes a statement behind the ports' back.
    async fn execute(&self, sql: &str);

    /// Lets time pass, for everything behind the ports.
    async fn pass(&self, time: Duration) {
        self.ports().clock.pass(time);
    }

    /// Every byte that the database holds, in whatever order.
    async fn bytes(&self) -> Vec<u8>;
}

/// Runs a property, but not for ever.
pub async fn bounded(property: impl Future<Output = ()>) {
    tokio::time::timeout(PROPERTY, property).await.expect("the property hangs");
}

/// Commits a batch.
pub async fn commit(record: &dyn RecordHarness, batch: Vec<EventCommit>) -> Vec<CommitOutcome> {
    record.ports().conversations.commit(batch).await.expect("commit")
}

/// Commits one event, which must be committed; its jobs.
pub async fn committed(record: &dyn RecordHarness, event: EventCommit) -> Vec<JobRef> {
    match commit(record, vec![event]).await.as_slice() {
        [CommitOutcome::Committed(jobs)] => jobs.clone(),
        other => panic!("not committed: {other:?}"),
    }
}

/// The recipient of a person, by phone.
pub async fn find(record: &dyn RecordHarness, person: &str) -> Option<RecipientRow> {
    record.ports().conversations.find(&ACCOUNT.into(), &phone_of(person)).await.expect("find").into_iter().next()
}

/// Lets a person write once more, which makes so many jobs.
pub async fn write(record: &dyn RecordHarness, person: &str, wamid: &str, jobs: usize) -> Vec<JobRef> {
    let mut event = event(person, wamid).jobs(jobs);
    if let Some(row) = find(record, person).await {
        event = event.after(row.version);
    }
    committed(record, event.build()).await
}

/// Claims jobs for [`OWNER`] at [`NOW`].
pub async fn claim(record: &dyn RecordHarness, jobs: &[&JobRef]) -> Vec<ClaimOutcome> {
    claim_for(record, jobs, OWNER, NOW).await
}

/// Claims jobs.
pub async fn claim_for(record: &dyn RecordHarness, jobs: &[&JobRef], owner: &str, now: Timestamp) -> Vec<ClaimOutcome> {
    let ids: Vec<JobId> = jobs.iter().map(|job| job.job_id.clone()).collect();
    record.ports().ledger.claim(ids, owner, now, now.plus(CLAIM_LIFE)).await.expect("claim")
}

/// Settles an attempt for [`OWNER`] at [`NOW`]; whether it took effect.
pub async fn settle(record: &dyn RecordHarness, job: &JobRef, attempt: i32, outcome: Outcome) -> bool {
    let settlement = Settlement { job_id: job.job_id.clone(), attempt, outcome, code: None, error: None };
    record.ports().ledger.settle(vec![settlement], OWNER, NOW).await.expect("settle")[0]
}

/// Claims a job for the first time and settles it.
pub async fn sent_with(record: &dyn RecordHarness, job: &JobRef, attempt: i32, outcome: Outcome) {
    assert!(matches!(claim(record, &[job]).await.as_slice(), [ClaimOutcome::Claimed(_)]), "claim {job:?}");
    assert!(settle(record, job, attempt, outcome).await, "settle {job:?}");
}

/// A text column of a job, empty where it is null.
pub async fn job_column(record: &dyn RecordHarness, job: &JobRef, column: &str) -> String {
    let sql = format!("SELECT COALESCE(CAST({column} AS TEXT), '') FROM jobs WHERE id = '{}'", job.job_id);
    record.texts(&sql).await.pop().expect("the job")
}

/// Where a job stands.
pub async fn state(record: &dyn RecordHarness, job: &JobRef) -> String {
    job_column(record, job, "state").await
}

/// How many rows there are.
pub async fn count(record: &dyn RecordHarness, from: &str) -> usize {
    let texts = record.texts(&format!("SELECT CAST(count(*) AS TEXT) FROM {from}")).await;
    texts[0].parse().expect("a count")
}

/// The dead letters as `state reason`, oldest first.
pub async fn letters(record: &dyn RecordHarness) -> Vec<String> {
    record.texts("SELECT state || ' ' || reason FROM dead_letters ORDER BY created_at, id").await
}

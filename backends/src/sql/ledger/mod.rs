//! The sender's ledger: job rows and the only ways in which they change.

mod by_hand;
mod claim;
pub(super) mod letters;
mod lookup;
#[cfg(test)]
pub(super) mod plans;
mod settle;
mod unknown;

use super::db::Db;
use async_trait::async_trait;
use shared::{
    Timestamp,
    ids::{JobId, PhoneNumberId, RecipientId},
    ports::{
        Stored,
        ledger::{Backlog, ClaimOutcome, Decided, Decision, Ledger, OpenJob, Owner, RateFailure, Settlement, Verdict},
    },
};

/// The states in which a job is open; the lane's and the due index hold exactly these.
const OPEN: &str = "state IN ('queued', 'sending', 'retrying', 'unknown')";

/// The table `jobs`.
#[derive(Debug)]
pub struct SqlLedger(pub Db);

#[async_trait]
impl Ledger for SqlLedger {
    async fn claim(
        &self,
        jobs: Vec<JobId>,
        owner: &Owner,
        now: Timestamp,
        due_at: Timestamp,
    ) -> Stored<Vec<ClaimOutcome>> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        self.0.write(claim::Claim { jobs, owner: owner.to_owned(), now, due_at }).await
    }

    async fn settle(&self, batch: Vec<Settlement>, owner: &Owner, now: Timestamp) -> Stored<Vec<bool>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.0.write(settle::Settle { batch, owner: owner.to_owned(), now }).await
    }

    async fn settle_unknown(&self, job: &JobId, verdict: Verdict, now: Timestamp) -> Stored<bool> {
        self.0.write(unknown::SettleUnknown { job: job.clone(), verdict, now }).await
    }

    async fn decide(&self, job: &JobId, decision: Decision, now: Timestamp) -> Stored<Decided> {
        self.0.write(by_hand::Decide { job: job.clone(), decision, now }).await
    }

    async fn inherit(&self, job: &JobId, due_at: Timestamp, now: Timestamp) -> Stored<bool> {
        self.0.write(unknown::Inherit { job: job.clone(), due_at, now }).await
    }

    async fn head(&self, number: &PhoneNumberId, recipient: &RecipientId) -> Stored<Option<OpenJob>> {
        lookup::head(&self.0, number, recipient).await
    }

    async fn waiting(
        &self,
        number: &PhoneNumberId,
        due: Timestamp,
        before: Timestamp,
        limit: u32,
    ) -> Stored<Vec<OpenJob>> {
        lookup::waiting(&self.0, number, due, before, limit).await
    }

    async fn numbers_with_open_jobs(&self) -> Stored<Vec<PhoneNumberId>> {
        lookup::numbers_with_open_jobs(&self.0).await
    }

    async fn backlog(&self) -> Stored<Vec<Backlog>> {
        lookup::backlog(&self.0).await
    }

    async fn is_delivered(&self, job: &JobId) -> Stored<bool> {
        lookup::is_delivered(&self.0, job).await
    }

    async fn pairs_refused_since(
        &self,
        number: &PhoneNumberId,
        since: Timestamp,
    ) -> Stored<Vec<(RecipientId, Timestamp)>> {
        lookup::pairs_refused_since(&self.0, number, since).await
    }

    async fn rate_failures(&self, number: &PhoneNumberId, after: Timestamp) -> Stored<Vec<RateFailure>> {
        lookup::rate_failures(&self.0, number, after).await
    }

    async fn claimed_since(&self, number: &PhoneNumberId, since: Timestamp) -> Stored<Vec<(RecipientId, Timestamp)>> {
        lookup::claimed_since(&self.0, number, since).await
    }
}

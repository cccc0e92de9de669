//! The sender's ledger: job rows and the only ways in which they change.

use super::Stored;
use crate::{
    ids::{JobId, PhoneNumberId, RecipientId},
    job::{ClaimedJob, JobRef, JobState},
};
use async_trait::async_trait;
use flow_engine::Timestamp;
use serde::{Deserialize, Serialize};

/// Names this process in its claims; drawn at its start.
pub type Owner = str;

/// What became of a claim.
#[derive(Debug, Clone)]
pub enum ClaimOutcome {
    /// The job is ours to send, once.
    Claimed(Box<ClaimedJob>),
    /// An earlier job of its lane is still open; that one goes first.
    Behind,
    /// It is not waiting any more: sent, dead, or claimed by another.
    Gone,
}

/// What a claimed attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Meta took it, under this id.
    Sent {
        /// Meta's id.
        wamid: String,
    },
    /// To be tried again.
    Retry {
        /// Not before.
        due_at: Timestamp,
        /// Whether this attempt counts.
        spent: bool,
    },
    /// It may have been sent: look again at `due_at`.
    Unknown {
        /// Not before.
        due_at: Timestamp,
    },
    /// Given up: a dead letter is written in the same transaction.
    Dead {
        /// A reason of the contract.
        reason: &'static str,
    },
}

/// The end of one claimed attempt; takes effect only for that owner and attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub job_id: JobId,
    /// The attempt.
    pub attempt: i32,
    /// What it came to.
    pub outcome: Outcome,
    /// Meta's error code, where there was one.
    pub code: Option<i64>,
    /// What went wrong, for people; no message text, no token.
    pub error: Option<String>,
}

/// An open job as the ledger knows it, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenJob {
    /// Its id, number, recipient and place.
    pub job: JobRef,
    /// Where it stands.
    pub state: JobState,
    /// Not to be touched before; `None` = at once.
    pub due_at: Option<Timestamp>,
    /// When it was last claimed.
    pub claimed_at: Option<Timestamp>,
    /// By whom.
    pub owner: Option<String>,
    /// Resends after an unknown outcome so far.
    pub resends: i32,
}

/// What a number still has to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The number.
    pub phone_number_id: PhoneNumberId,
    /// How many of its jobs are open.
    pub open: u64,
    /// When the oldest of them was made; for one that was replayed, when that was.
    pub oldest: Timestamp,
}

/// A message that Meta took, and refused in a status for a rate that it met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateFailure {
    /// To whom.
    pub recipient_id: RecipientId,
    /// Meta's code: 130429 or 131056.
    pub code: i64,
    /// When the status was taken in.
    pub at: Timestamp,
}

/// How an unknown outcome is settled when no status came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send it once more.
    Resend,
    /// Give it up (`unknown_outcome`).
    GiveUp,
}

/// What somebody knows, or decides, about a send of unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is on the recipient's phone.
    Arrived,
    /// It is to be sent once more, without waiting any longer for its status.
    Resend,
    /// It is given up (`unknown_outcome`), without waiting any longer.
    GiveUp,
}

/// What became of a [`Decision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It is done.
    Done,
    /// Nothing: the job stands here, and its outcome is not unknown, or not any more.
    Stands(JobState),
    /// There is no such job.
    NoSuchJob,
}

/// The ledger.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Claims jobs for `owner`, committed before it returns: `queued | retrying → sending`. One outcome for each, in
    /// order. At `due_at` the claim may be taken for one of a process that died.
    async fn claim(
        &self,
        jobs: Vec<JobId>,
        owner: &Owner,
        now: Timestamp,
        due_at: Timestamp,
    ) -> Stored<Vec<ClaimOutcome>>;
    /// Settles attempts: `sending → sent | retrying | unknown | dead`. Whether each took effect.
    async fn settle(&self, batch: Vec<Settlement>, owner: &Owner, now: Timestamp) -> Stored<Vec<bool>>;
    /// Settles an unknown outcome: `unknown → retrying | dead`. False when a status settled it meanwhile.
    async fn settle_unknown(&self, job: &JobId, verdict: Verdict, now: Timestamp) -> Stored<bool>;
    /// Settles an unknown outcome by hand: `unknown → sent | retrying | dead`, and `dead → sent` for one that was given up as
    /// such, with its letter.
    async fn decide(&self, job: &JobId, decision: Decision, now: Timestamp) -> Stored<Decided>;
    /// Turns a claim whose time is over into an unknown outcome: `sending → unknown`, due at `due_at`. False when it is
    /// no such claim.
    async fn inherit(&self, job: &JobId, due_at: Timestamp, now: Timestamp) -> Stored<bool>;
    /// The earliest open job of a lane.
    async fn head(&self, number: &PhoneNumberId, recipient: &RecipientId) -> Stored<Option<OpenJob>>;
    /// The heads of the number's lanes that may go on, by (due_at, lane_seq): not due later than `due`, made or changed
    /// before `before`, at most `limit`. A claim is due when its time is over.
    async fn waiting(
        &self,
        number: &PhoneNumberId,
        due: Timestamp,
        before: Timestamp,
        limit: u32,
    ) -> Stored<Vec<OpenJob>>;
    /// The numbers that have open jobs.
    async fn numbers_with_open_jobs(&self) -> Stored<Vec<PhoneNumberId>>;
    /// What the numbers that have open jobs still have to send, most first.
    async fn backlog(&self) -> Stored<Vec<Backlog>>;
    /// Whether a job that was sent is on the recipient's phone, or never will be.
    async fn is_delivered(&self, job: &JobId) -> Stored<bool>;
    /// Whose messages Meta refused for the pair's pace (131056), of those claimed from this number since then.
    async fn pairs_refused_since(
        &self,
        number: &PhoneNumberId,
        since: Timestamp,
    ) -> Stored<Vec<(RecipientId, Timestamp)>>;
    /// What failed in a status for the number's or a pair's rate, taken in after that, oldest first; of each job the last.
    async fn rate_failures(&self, number: &PhoneNumberId, after: Timestamp) -> Stored<Vec<RateFailure>>;
    /// What was claimed from this number since then, oldest first: to rebuild its limits from.
    async fn claimed_since(&self, number: &PhoneNumberId, since: Timestamp) -> Stored<Vec<(RecipientId, Timestamp)>>;
}

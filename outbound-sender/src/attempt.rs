//! One attempt: claim, look at the lease, POST, settle.

use crate::{
    rules::{SEND_CAP, SendRules},
    whatsapp::{Answer, Api, POST_TIME, Reply, request},
};
use flow_engine::Content;
use serde_json::Value;
use shared::{
    Clock, Timestamp,
    backoff::Backoff,
    error_table::{self, Action, Scope},
    event::JobTag,
    failpoint,
    fate::{Failure, Fate, Tries, fate},
    group_commit::Committer,
    ids::{AccountId, JobId, PhoneNumberId},
    job::{ClaimedJob, JobRef},
    ports::{
        Stored,
        accounts::{Accounts, PhoneNumber},
        ledger::{ClaimOutcome, Outcome, Settlement},
    },
};
use std::{sync::Arc, time::Duration};

/// A claim is good for so long, in boot time: past it, no POST.
const LEASE: Duration = Duration::from_secs(10);
/// How long a job of a number that isn't configured (any more) waits.
const NO_NUMBER_WAIT: Duration = Duration::from_secs(60);

/// What attempts stand on; shared by all desks.
pub(crate) struct Attempts {
    pub accounts: Arc<dyn Accounts>,
    pub claims: Committer<JobId, ClaimOutcome>,
    pub settlements: Committer<Settlement, bool>,
    pub api: Arc<dyn Api>,
    /// Jitter.
    pub dice: fn() -> f64,
    pub clock: Arc<dyn Clock>,
    pub most: u32,
    pub rules: SendRules,
    pub unknown_wait: Duration,
}

/// What came of an attempt, for the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempted {
    /// Meta took it. The lane moves on.
    Sent {
        /// It is a picture, video, sound or document, which takes its time to the phone.
        media: bool,
    },
    /// The job is over: dead, or not ours to send. The lane moves on.
    Over,
    /// The same job again at that time.
    Again { due_at: Timestamp },
    /// A status must tell.
    Unknown { claimed_at: Timestamp, resends: i32 },
    /// An earlier job of the lane is open.
    Behind,
    /// The number is paused: it holds everything.
    Paused,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// What came of it.
    pub attempted: Attempted,
    /// The request that was made, if one was.
    pub call: Option<Call>,
}

/// A request that was made.
#[derive(Debug)]
pub(crate) struct Call {
    /// When, in boot time.
    pub began: Duration,
    /// How far it got.
    pub reached: Reached,
    /// Whose rate it met.
    pub limited: Option<Limited>,
    /// How long the API asks its account to wait.
    pub account_waits: Option<Duration>,
    /// Whose number it was.
    pub account: AccountId,
}

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// It found no connection, so Meta counts nothing.
    Nobody,
    /// Meta may have counted it, but gave no definite answer.
    Somebody,
    /// It was answered.
    Meta {
        /// The message was taken.
        taken: bool,
    },
}

/// A rate that a message met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    Pair,
    /// With what `Retry-After` asks for.
    Of(Scope, Duration),
}

impl Call {
    fn new(began: Duration, account: AccountId, reply: &Reply) -> Self {
        let reached = match &reply.answer {
            Answer::NotSent(_) => Reached::Nobody,
            answer if answer.is_definite() => Reached::Meta { taken: matches!(answer, Answer::Accepted { .. }) },
            _ => Reached::Somebody,
        };
        let limited = match &reply.answer {
            Answer::Refused { code, transient, retry_after, .. } => match error_table::action(*code, *transient) {
                Action::Pair => Some(Limited::Pair),
                Action::RateLimited(scope) => Some(Limited::Of(scope, retry_after.unwrap_or_default())),
                _ => None,
            },
            _ => None,
        };
        Self { began, reached, limited, account_waits: reply.account_waits, account }
    }

    /// Whether there was a definite answer.
    pub fn answered(&self) -> bool {
        matches!(self.reached, Reached::Meta { .. })
    }
}

/// A claimed job, about to be posted.
struct Ready {
    claimed: ClaimedJob,
    claimed_at: Timestamp,
    number: Arc<PhoneNumber>,
    body: Value,
    /// In boot time: nothing is written later, whatever keeps it from being written.
    not_after: Duration,
}

enum Prepared {
    Ready(Box<Ready>),
    /// Nothing is to be posted now.
    Not(Attempted),
}

impl Attempts {
    /// Attempts one job. `Err`: the ledger is away, nothing is known to have happened.
    pub async fn attempt(&self, job: &JobRef, pair_refusals: u32) -> Stored<Attempt> {
        let ready = match self.prepare(job).await? {
            Prepared::Ready(ready) => ready,
            Prepared::Not(attempted) => return Ok(Attempt { attempted, call: None }),
        };
        failpoint::reached("sender.before_post");
        let began = self.clock.boot();
        let reply = self.api.send(&ready.number.id, &ready.number.access_token, &ready.body, ready.not_after).await;
        failpoint::reached("sender.after_post");
        metrics::histogram!("flow_runner_send_seconds").record((self.clock.boot() - began).as_secs_f64());
        let call = Call::new(began, ready.number.account_id.clone(), &reply);
        let attempted =
            self.settle(&ready.claimed, &ready.number, reply.answer, ready.claimed_at, pair_refusals).await?;
        Ok(Attempt { attempted, call: Some(call) })
    }

    /// Whether the API answers: asks it for something harmless, with this number's token.
    pub async fn api_answers(&self, number: &PhoneNumberId) -> bool {
        match self.accounts.phone_number(number).await {
            Ok(Some(number)) => self.api.answers(&number.id, &number.access_token).await,
            Ok(None) | Err(_) => false,
        }
    }

    /// Claims the job and finds out whether it is to be posted.
    async fn prepare(&self, job: &JobRef) -> Stored<Prepared> {
        // Before the claim: a lookup that fails must leave nothing claimed.
        let number = self.accounts.phone_number(&job.phone_number_id).await?;
        // Read before the claim is asked for: the lease can only seem older than it is.
        let asked = self.clock.boot();
        let claimed = match self.claims.commit(job.job_id.clone()).await? {
            ClaimOutcome::Claimed(claimed) => claimed,
            ClaimOutcome::Behind => return Ok(Prepared::Not(Attempted::Behind)),
            ClaimOutcome::Gone => return Ok(Prepared::Not(Attempted::Over)),
        };
        let claimed_at = self.clock.now();
        if let Some((reason, why)) = self.rules.refuse(&claimed, claimed_at) {
            if reason == SEND_CAP {
                tracing::error!(
                    number = %job.phone_number_id, recipient.id = %job.recipient_id, cap = self.rules.cap,
                    "a conversation met SEND_CAP_PER_HOUR and stops until the hour is over: perhaps another bot writes; see dead-letters list --reason send_cap"
                );
            }
            return self.give_up(&claimed, reason, why).await.map(Prepared::Not);
        }
        let Some(number) = number else {
            let due_at = claimed_at.plus(NO_NUMBER_WAIT);
            let again = self.again(&claimed, due_at, false, None, "the number is not configured").await;
            return again.map(Prepared::Not);
        };
        if number.paused.is_some() {
            self.again(&claimed, claimed_at, false, None, "the number is paused").await?;
            return Ok(Prepared::Not(Attempted::Paused));
        }
        let tag = JobTag { job: claimed.job.job_id.clone(), attempt: claimed.attempt }.to_string();
        let body = request(&claimed, self.rules.content(&claimed, claimed_at), &tag);
        if self.clock.boot() - asked > LEASE {
            let why = "the claim had run out before the POST";
            return self.again(&claimed, claimed_at, false, None, why).await.map(Prepared::Not);
        }
        Ok(Prepared::Ready(Box::new(Ready {
            claimed: *claimed,
            claimed_at,
            number,
            body,
            not_after: asked + LEASE + POST_TIME,
        })))
    }

    async fn settle(
        &self,
        claimed: &ClaimedJob,
        number: &PhoneNumber,
        answer: Answer,
        claimed_at: Timestamp,
        pair_refusals: u32,
    ) -> Stored<Attempted> {
        count(&answer);
        let (failure, message) = match answer {
            Answer::Accepted { wamid } => {
                let late = self.clock.now().since(claimed.created_at);
                metrics::histogram!("flow_runner_reply_seconds").record(late.as_secs_f64());
                self.write(claimed, Outcome::Sent { wamid }, None, None).await;
                return Ok(Attempted::Sent { media: is_media(&claimed.content) });
            }
            Answer::Ambiguous(why) => return self.unknown(claimed, claimed_at, None, why).await,
            Answer::NotSent(why) => (Failure { code: None, transient: true, retry_after: None, definite: true }, why),
            Answer::Refused { code, transient, retry_after, message } => {
                if !error_table::is_known(code) {
                    tracing::error!(code, message, "Meta answered with a code that is not in the error table");
                }
                (Failure { code: Some(code), transient, retry_after, definite: false }, message)
            }
        };
        let tries = Tries { spent: claimed.spent, most: self.most, pair: pair_refusals };
        let code = failure.code;
        match fate(&failure, tries, self.clock.now(), (self.dice)()) {
            Fate::Retry { due_at, spent } => {
                let due_at = if spent { due_at } else { due_at.max(self.clock.now()) };
                self.again(claimed, due_at, spent, code, &message).await
            }
            Fate::Unknown => self.unknown(claimed, claimed_at, code, message).await,
            Fate::Pause => {
                let reason = format!("error {}: {message}", code.unwrap_or_default());
                tracing::error!(number = %number.id, reason, "the number can't send: paused");
                // This first: should the pause fail, the job is still known to be refused, not taken for unknown. It is due
                // at once, because the pause holds it, and when that ends it goes before its followers.
                self.again(claimed, self.clock.now(), false, code, &message).await?;
                self.accounts.pause_phone_number(&number.id, Some(&reason)).await?;
                Ok(Attempted::Paused)
            }
            Fate::Dead { reason, alert } => {
                if alert {
                    tracing::error!(number = %number.id, code, message, "a message was refused for a reason that concerns the account");
                }
                self.write(claimed, Outcome::Dead { reason }, code, Some(message)).await;
                Ok(Attempted::Over)
            }
        }
    }

    async fn unknown(
        &self,
        claimed: &ClaimedJob,
        claimed_at: Timestamp,
        code: Option<i64>,
        why: String,
    ) -> Stored<Attempted> {
        let due_at = claimed_at.plus(self.unknown_wait);
        self.write(claimed, Outcome::Unknown { due_at }, code, Some(why)).await;
        Ok(Attempted::Unknown { claimed_at, resends: claimed.resends })
    }

    async fn again(
        &self,
        claimed: &ClaimedJob,
        due_at: Timestamp,
        spent: bool,
        code: Option<i64>,
        why: &str,
    ) -> Stored<Attempted> {
        metrics::counter!("flow_runner_retries_total").increment(1);
        self.write(claimed, Outcome::Retry { due_at, spent }, code, Some(why.to_owned())).await;
        Ok(Attempted::Again { due_at })
    }

    async fn give_up(&self, claimed: &ClaimedJob, reason: &'static str, why: &str) -> Stored<Attempted> {
        self.write(claimed, Outcome::Dead { reason }, None, Some(why.to_owned())).await;
        Ok(Attempted::Over)
    }

    /// Writes an outcome, for as long as it takes: an outcome that is not written becomes a resend.
    async fn write(&self, claimed: &ClaimedJob, outcome: Outcome, code: Option<i64>, error: Option<String>) {
        let settlement =
            Settlement { job_id: claimed.job.job_id.clone(), attempt: claimed.attempt, outcome, code, error };
        let mut tries = 0;
        while let Err(error) = self.settlements.commit(settlement.clone()).await {
            tries += 1;
            tracing::warn!(%error, tries, job.id = %claimed.job.job_id, "an outcome could not be written; trying again");
            tokio::time::sleep(WRITE_WAIT.ceiling(tries)).await;
        }
    }
}

fn is_media(content: &Content) -> bool {
    match content {
        Content::Image { .. } | Content::Video { .. } | Content::Audio { .. } | Content::Document { .. } => true,
        Content::Text { .. } | Content::Buttons { .. } | Content::List { .. } | Content::Template { .. } => false,
    }
}

/// Between two tries to write an outcome.
const WRITE_WAIT: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };

fn count(answer: &Answer) {
    let (result, code) = match answer {
        Answer::Accepted { .. } => ("accepted", String::new()),
        Answer::Refused { code, .. } => ("refused", code.to_string()),
        Answer::NotSent(_) => ("not_sent", String::new()),
        Answer::Ambiguous(_) => ("unknown", String::new()),
    };
    metrics::counter!("flow_runner_sends_total", "result" => result, "code" => code).increment(1);
}

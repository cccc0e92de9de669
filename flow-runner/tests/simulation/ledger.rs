//! The sender's side of the record: job rows, by the transition table.

use crate::{
    process::Through,
    record::{Job, Rows},
    world::{Sabotage, World},
};
use async_trait::async_trait;
use shared::{
    Timestamp,
    event::{DeliveryStatus, StatusUpdate},
    ids::{JobId, PhoneNumberId, RecipientId},
    job::{ClaimedJob, JobState},
    ports::{
        Stored,
        conversations::StatusOutcome,
        ledger::{
            Backlog, ClaimOutcome, Decided, Decision, Ledger, OpenJob, Outcome, Owner, RateFailure, Settlement, Verdict,
        },
    },
};
use std::{sync::Arc, time::Duration};

/// After a failed status.
const AGAIN: Duration = Duration::from_secs(1);

impl Job {
    fn claimed(&self) -> ClaimedJob {
        ClaimedJob {
            job: self.to_ref(),
            account_id: "acme".into(),
            attempt: self.attempt,
            spent: self.spent,
            resends: self.resends,
            phone: self.who.phone.as_deref().map(str::to_owned),
            bsuid: self.who.bsuid.as_deref().map(str::to_owned),
            content: self.content.clone(),
            outside_window: None,
            last_message_at: None,
            sent_lately: 0,
            created_at: self.made_at,
            event_id: self.event.clone(),
        }
    }

    fn open(&self) -> OpenJob {
        OpenJob {
            job: self.to_ref(),
            state: self.state,
            due_at: Some(self.due_at),
            claimed_at: self.claimed_at,
            owner: self.owner.clone(),
            resends: self.resends,
        }
    }

    fn becomes(&mut self, world: &World, state: JobState, due_at: Timestamp, now: Timestamp) {
        world.note(format!("{}: {} becomes {}", self.name(), self.state.as_str(), state.as_str()));
        (self.state, self.due_at, self.updated_at) = (state, due_at, now);
    }
}

impl Rows {
    fn job(&mut self, id: &JobId) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == *id)
    }

    /// Whether an earlier job of its lane is open.
    fn is_behind(&self, job: &Job) -> bool {
        let of_lane = |other: &&Job| other.number == job.number && other.recipient == job.recipient;
        self.jobs.iter().filter(of_lane).any(|other| other.is_open() && other.place < job.place)
    }

    fn claim(
        &mut self,
        world: &World,
        by: &Through,
        id: &JobId,
        owner: &Owner,
        now: Timestamp,
        due_at: Timestamp,
    ) -> ClaimOutcome {
        let Some(at) = self.jobs.iter().position(|job| job.id == *id) else { return ClaimOutcome::Gone };
        let state = self.jobs[at].state;
        let twice = state == JobState::Sending && world.sabotage == Some(Sabotage::ClaimsTwice);
        if !matches!(state, JobState::Queued | JobState::Retrying) && !twice {
            return ClaimOutcome::Gone;
        }
        if self.is_behind(&self.jobs[at]) && world.sabotage != Some(Sabotage::NoLanes) {
            return ClaimOutcome::Behind;
        }
        let job = &mut self.jobs[at];
        job.attempt += 1;
        job.owner = Some(owner.to_owned());
        job.claimed_at = Some(now);
        job.becomes(world, JobState::Sending, due_at, now);
        world.count("claimed");
        world.note(format!("{}: claimed by {}", job.name(), by.0));
        ClaimOutcome::Claimed(Box::new(job.claimed()))
    }

    fn settle(&mut self, world: &World, settlement: &Settlement, owner: &Owner, now: Timestamp) -> bool {
        let Some(job) = self.job(&settlement.job_id) else { return false };
        let is_its = job.owner.as_deref() == Some(owner) && job.attempt == settlement.attempt;
        if !is_its || job.state != JobState::Sending {
            return false;
        }
        match &settlement.outcome {
            Outcome::Sent { .. } => job.becomes(world, JobState::Sent, now, now),
            Outcome::Retry { due_at, spent } => {
                job.spent += i32::from(*spent);
                job.becomes(world, JobState::Retrying, *due_at, now);
            }
            Outcome::Unknown { due_at } => {
                job.spent += 1;
                job.becomes(world, JobState::Unknown, *due_at, now);
            }
            Outcome::Dead { reason } => {
                job.letter = Some(reason);
                job.becomes(world, JobState::Dead, now, now);
            }
        }
        true
    }

    fn settle_unknown(&mut self, world: &World, id: &JobId, verdict: Verdict, now: Timestamp) -> bool {
        let Some(job) = self.job(id) else { return false };
        match verdict {
            Verdict::Resend if job.state == JobState::Unknown && job.resends == 0 => {
                job.resends += 1;
                world.count("resent");
                job.becomes(world, JobState::Retrying, now, now);
            }
            Verdict::GiveUp if job.state == JobState::Unknown => {
                job.letter = Some("unknown_outcome");
                job.becomes(world, JobState::Dead, now, now);
            }
            Verdict::Resend | Verdict::GiveUp => return false,
        }
        true
    }

    fn inherit(&mut self, world: &World, id: &JobId, due_at: Timestamp, now: Timestamp) -> bool {
        let Some(job) = self.job(id) else { return false };
        if job.state != JobState::Sending || job.due_at > now {
            return false;
        }
        job.spent += 1;
        world.count("inherited");
        job.becomes(world, JobState::Unknown, due_at, now);
        true
    }

    /// The heads of lanes.
    fn heads<'a>(&'a self, number: &'a PhoneNumberId) -> impl Iterator<Item = &'a Job> {
        self.jobs.iter().filter(|job| job.number == *number && job.is_open() && !self.is_behind(job))
    }

    /// A status, whoever it is about.
    pub fn take_in(&mut self, world: &World, status: StatusUpdate) -> StatusOutcome {
        let now = status.received_at;
        let tag = status.job.clone();
        let is_new = self.others.insert(status.event_id.clone());
        if world.sabotage == Some(Sabotage::ForgetsStatuses) {
            return StatusOutcome::NothingToDo;
        }
        let Some((tag, job)) = tag.and_then(|tag| Some((tag.attempt, self.job(&tag.job)?))) else {
            return if is_new { StatusOutcome::Applied } else { StatusOutcome::NothingToDo };
        };
        let rank = status.status as i32;
        if status.status == DeliveryStatus::Failed {
            let open = matches!(job.state, JobState::Sending | JobState::Unknown | JobState::Sent);
            if tag != job.attempt || !open || job.delivery >= DeliveryStatus::Delivered as i32 {
                return StatusOutcome::NothingToDo;
            }
            job.failed.push(tag);
            job.spent += 1;
            job.delivery = 0;
            job.becomes(world, JobState::Retrying, now.plus(AGAIN), now);
            return StatusOutcome::Applied;
        }
        let says_nothing = job.state == JobState::Sent && job.delivery >= rank;
        if says_nothing || (status.status == DeliveryStatus::Sent && job.failed.contains(&tag)) {
            return StatusOutcome::NothingToDo;
        }
        job.letter = None;
        job.delivery = job.delivery.max(rank);
        job.becomes(world, JobState::Sent, now, now);
        StatusOutcome::Applied
    }
}

impl Through {
    async fn ledger<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&World, &mut Rows) -> T + Send + 'static,
    ) -> Stored<T> {
        let working = move |world: &Arc<World>| {
            world.record.answers(world, doing)?;
            Ok(world.record.change(|rows| work(world, rows)))
        };
        self.0.call(doing, working).await
    }
}

#[async_trait]
impl Ledger for Through {
    async fn claim(
        &self,
        jobs: Vec<JobId>,
        owner: &Owner,
        now: Timestamp,
        due_at: Timestamp,
    ) -> Stored<Vec<ClaimOutcome>> {
        let (owner, by) = (owner.to_owned(), Self(self.0.clone()));
        self.ledger("claim", move |world, rows| {
            jobs.iter().map(|job| rows.claim(world, &by, job, &owner, now, due_at)).collect()
        })
        .await
    }

    async fn settle(&self, batch: Vec<Settlement>, owner: &Owner, now: Timestamp) -> Stored<Vec<bool>> {
        let owner = owner.to_owned();
        self.ledger("settle", move |world, rows| batch.iter().map(|one| rows.settle(world, one, &owner, now)).collect())
            .await
    }

    async fn settle_unknown(&self, job: &JobId, verdict: Verdict, now: Timestamp) -> Stored<bool> {
        let job = job.clone();
        self.ledger("settle an unknown outcome", move |world, rows| rows.settle_unknown(world, &job, verdict, now))
            .await
    }

    async fn decide(&self, _: &JobId, _: Decision, _: Timestamp) -> Stored<Decided> {
        unreachable!("only operators decide")
    }

    async fn inherit(&self, job: &JobId, due_at: Timestamp, now: Timestamp) -> Stored<bool> {
        let job = job.clone();
        self.ledger("inherit", move |world, rows| rows.inherit(world, &job, due_at, now)).await
    }

    async fn head(&self, number: &PhoneNumberId, recipient: &RecipientId) -> Stored<Option<OpenJob>> {
        let (number, recipient) = (number.clone(), recipient.clone());
        self.ledger("look for a head", move |_, rows| {
            rows.heads(&number).find(|job| job.recipient == recipient).map(Job::open)
        })
        .await
    }

    async fn waiting(
        &self,
        number: &PhoneNumberId,
        due: Timestamp,
        before: Timestamp,
        limit: u32,
    ) -> Stored<Vec<OpenJob>> {
        let number = number.clone();
        self.ledger("look for what waits", move |_, rows| {
            let waits = |job: &&Job| job.due_at <= due && job.updated_at <= before;
            let mut waiting: Vec<OpenJob> = rows.heads(&number).filter(waits).map(Job::open).collect();
            waiting.sort_by_key(|open| (open.due_at, open.job.lane_seq));
            waiting.truncate(limit as usize);
            waiting
        })
        .await
    }

    async fn numbers_with_open_jobs(&self) -> Stored<Vec<PhoneNumberId>> {
        self.ledger("look for numbers", |_, rows| {
            rows.jobs.iter().find(|job| job.is_open()).map(|job| job.number.clone()).into_iter().collect()
        })
        .await
    }

    async fn backlog(&self) -> Stored<Vec<Backlog>> {
        unreachable!("only operators ask for it")
    }

    async fn is_delivered(&self, _: &JobId) -> Stored<bool> {
        unreachable!("no pauses here")
    }

    async fn pairs_refused_since(&self, _: &PhoneNumberId, _: Timestamp) -> Stored<Vec<(RecipientId, Timestamp)>> {
        unreachable!("no limits here")
    }

    async fn rate_failures(&self, _: &PhoneNumberId, _: Timestamp) -> Stored<Vec<RateFailure>> {
        self.ledger("look for failures", |_, _| Vec::new()).await
    }

    async fn claimed_since(&self, _: &PhoneNumberId, _: Timestamp) -> Stored<Vec<(RecipientId, Timestamp)>> {
        unreachable!("no limits here")
    }
}

//! All desks of a sender.

use crate::{
    attempt::Attempts,
    bell::Bell,
    desk::Shared,
    desks::Desks,
    floor::{Floor, find_numbers},
    host::Host,
    inbound::{self, Inbound},
    rules::SendRules,
    unknown::Unknowns,
    whatsapp::Api,
};
use shared::{
    Clock,
    group_commit::Committer,
    ids,
    ports::{
        accounts::Accounts,
        ledger::Ledger,
        members::{Members, Role},
        queue::QueueName,
        status_clock::StatusClock,
    },
    runner::Runner,
    settings::{Pacing, PairRate, UnknownOutcomePolicy},
    sharing::{self, Membership, Served},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Claims or settlements in one transaction at most.
const BATCH: usize = 256;
/// A claim of another process is left alone this long: its lease of 10 s, its POST of 20 s, and as much again.
const CLAIM_LIFE: Duration = Duration::from_secs(60);

/// What a sender stands on.
#[derive(Clone)]
pub struct Ports {
    /// Rings.
    pub runner: Runner,
    /// Which senders are alive.
    pub members: Arc<dyn Members>,
    /// Numbers and their tokens.
    pub accounts: Arc<dyn Accounts>,
    /// The jobs.
    pub ledger: Arc<dyn Ledger>,
    /// The statuses' clock.
    pub status_clock: Arc<dyn StatusClock>,
    /// The Graph API.
    pub api: Arc<dyn Api>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// A number in `0.0..1.0` for the jitter of retries.
    pub dice: fn() -> f64,
}

/// A sender's settings.
#[derive(Debug, Clone)]
pub struct SenderSettings {
    /// Queues.
    pub partitions: u16,
    /// Deliveries open at a time, per queue.
    pub prefetch: u16,
    /// Messages per second where a number has no setting of its own; 0 = no limit.
    pub number_rate: u32,
    /// Which reading of the pair limit is kept.
    pub pair_rate: PairRate,
    /// Tries of a job that meets transient failures.
    pub attempts: u32,
    /// A reply later than this is not sent.
    pub max_age: Duration,
    /// Messages to one recipient within an hour; 0 = no cap.
    pub cap_per_hour: u32,
    /// Pauses inside a conversation.
    pub pacing: Pacing,
    /// What happens to a send whose outcome stays unknown.
    pub unknown_outcome_policy: UnknownOutcomePolicy,
    /// How long it waits for its status.
    pub unknown_wait: Duration,
    /// How long more when a callback was refused meanwhile.
    pub unknown_wait_after_refusal: Duration,
    /// POSTs under way at a time, per number.
    pub concurrency: usize,
    /// Whether no other process can have claims.
    pub exclusive: bool,
}

/// A sender.
pub struct Sender {
    ports: Ports,
    settings: SenderSettings,
    shared: Arc<Shared>,
    told: watch::Sender<Inbound>,
}

impl Sender {
    /// Prepares a sender; [`Self::run`] starts it.
    #[must_use]
    pub fn new(ports: Ports, settings: SenderSettings) -> Self {
        let owner: Arc<str> = ids::fresh();
        let claim_life = if settings.exclusive { settings.unknown_wait } else { settings.unknown_wait.max(CLAIM_LIFE) };
        let attempts = Attempts {
            accounts: ports.accounts.clone(),
            claims: claims(&ports, owner.clone(), claim_life),
            settlements: settlements(&ports, owner.clone()),
            api: ports.api.clone(),
            dice: ports.dice,
            clock: ports.clock.clone(),
            most: settings.attempts,
            rules: SendRules { max_age: settings.max_age, cap: settings.cap_per_hour },
            unknown_wait: settings.unknown_wait,
        };
        let unknowns = Unknowns {
            ledger: ports.ledger.clone(),
            status_clock: ports.status_clock.clone(),
            clock: ports.clock.clone(),
            policy: settings.unknown_outcome_policy,
            wait: settings.unknown_wait,
            wait_after_refusal: settings.unknown_wait_after_refusal,
            max_age: settings.max_age,
        };
        let (told, inbound) = watch::channel(None);
        let shared = Arc::new(Shared {
            attempts,
            unknowns,
            ledger: ports.ledger.clone(),
            accounts: ports.accounts.clone(),
            clock: ports.clock.clone(),
            host: Host::new(),
            inbound,
            tally: ports.runner.tally().clone(),
            rate: settings.number_rate,
            pair_rate: settings.pair_rate,
            pacing: settings.pacing,
            concurrency: settings.concurrency,
            exclusive: settings.exclusive,
        });
        Self { ports, settings, shared, told }
    }

    /// Serves this process's share of the numbers until `stop`, then finishes what is under way.
    pub async fn run(self, stop: CancellationToken) {
        let membership = Membership {
            members: self.ports.members.clone(),
            role: Role::Sender,
            me: ids::fresh().to_string(),
            partitions: self.settings.partitions,
            tally: self.ports.runner.tally().clone(),
        };
        let floor = Arc::new(Floor::new(self.settings.partitions, self.settings.exclusive));
        let finding = tokio::spawn(find_numbers(floor.clone(), self.ports.ledger.clone(), stop.clone()));
        let asking = tokio::spawn(inbound::ask_workers(self.ports.members.clone(), self.told, stop.clone()));
        let (shared, runner, prefetch) = (self.shared, self.ports.runner, self.settings.prefetch);
        let serve_one = move |(partition, duty, stop): Served| {
            let (shared, runner, floor) = (shared.clone(), runner.clone(), floor.clone());
            async move {
                let desks = Arc::new(Desks::new(shared, stop.clone()));
                floor.take(partition, desks.clone(), duty.clone());
                let (queue, bell) = (QueueName::Outbound(partition), Arc::new(Bell { desks: desks.clone() }));
                sharing::counted(runner.tally(), queue, duty, runner.consume(queue, prefetch, bell, stop)).await;
                floor.leave(partition);
                desks.close().await;
            }
        };
        sharing::serve(membership, stop, serve_one).await;
        if let Err(error) = tokio::try_join!(finding, asking) {
            tracing::error!(%error, "what a sender looks up now and then ended badly");
        }
    }
}

fn claims(
    ports: &Ports,
    owner: Arc<str>,
    life: Duration,
) -> Committer<ids::JobId, shared::ports::ledger::ClaimOutcome> {
    let (ledger, clock) = (ports.ledger.clone(), ports.clock.clone());
    Committer::start(BATCH, "claims", move |jobs| {
        let (ledger, owner, now) = (ledger.clone(), owner.clone(), clock.now());
        Box::pin(async move { ledger.claim(jobs, &owner, now, now.plus(life)).await })
    })
}

fn settlements(ports: &Ports, owner: Arc<str>) -> Committer<shared::ports::ledger::Settlement, bool> {
    let (ledger, clock) = (ports.ledger.clone(), ports.clock.clone());
    Committer::start(BATCH, "settlements", move |batch| {
        let (ledger, owner, now) = (ledger.clone(), owner.clone(), clock.now());
        Box::pin(async move { ledger.settle(batch, &owner, now).await })
    })
}

//! All of a worker's queues.

use crate::{
    hand_over::HandOver,
    messages::Messages,
    recipient::RecipientIds,
    session_cache::PatientCache,
    sink::Sink,
    statuses::{InHand, Statuses, keep_clock},
};
use flow_engine::Rules;
use shared::{
    Clock,
    group_commit::Committer,
    ids,
    ports::{
        Stored,
        accounts::Accounts,
        conversations::Conversations,
        dead_letters::{Burial, Buried},
        flows::FlowStore,
        installation::Installation,
        members::{Members, Role},
        queue::{Publisher, QueueName},
        sessions::SessionCache,
        status_clock::StatusClock,
    },
    runner::Runner,
    sharing::{self, Membership, Served},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What a worker stands on.
#[derive(Clone)]
pub struct Ports {
    /// Takes send jobs.
    pub publisher: Arc<dyn Publisher>,
    /// Gives events.
    pub runner: Runner,
    /// Which workers are alive.
    pub members: Arc<dyn Members>,
    /// The fast copy of sessions.
    pub sessions: Arc<dyn SessionCache>,
    /// The key of recipient ids.
    pub installation: Arc<dyn Installation>,
    /// Numbers.
    pub accounts: Arc<dyn Accounts>,
    /// Flows.
    pub flows: Arc<dyn FlowStore>,
    /// The record.
    pub conversations: Arc<dyn Conversations>,
    /// The statuses' clock.
    pub status_clock: Arc<dyn StatusClock>,
    /// Takes what queues gave up on.
    pub burial: Arc<dyn Burial>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A worker's sizes.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Queues of each kind.
    pub partitions: u16,
    /// Deliveries open at a time, per queue.
    pub prefetch: u16,
    /// Events in one transaction at most.
    pub batch: usize,
    /// How long a session lives after it last moved.
    pub session_ttl: Duration,
}

/// A worker.
pub struct Worker {
    ports: Ports,
    settings: WorkerSettings,
    messages: Arc<Messages>,
    statuses: Arc<Statuses>,
    in_hand: Arc<InHand>,
    sink: Arc<Sink>,
}

impl Worker {
    /// Prepares a worker; [`Self::run`] starts it.
    pub async fn new(ports: Ports, settings: WorkerSettings) -> Stored<Self> {
        let key = ports.installation.recipient_key().await?;
        let record = ports.conversations.clone();
        let committer = Committer::start(settings.batch, "events", {
            let record = record.clone();
            move |batch| {
                let record = record.clone();
                Box::pin(async move { record.commit(batch).await })
            }
        });
        let messages = Arc::new(Messages {
            accounts: ports.accounts.clone(),
            flows: ports.flows.clone(),
            record: record.clone(),
            cache: PatientCache::new(ports.sessions.clone(), ports.clock.clone(), settings.session_ttl),
            committer,
            hand_over: HandOver { publisher: ports.publisher.clone(), partitions: settings.partitions },
            ids: RecipientIds::new(&key),
            rules: Rules { session_ttl: settings.session_ttl },
            tally: ports.runner.tally().clone(),
            clock: ports.clock.clone(),
        });
        let in_hand = Arc::new(InHand::new(ports.clock.clone()));
        let clock = ports.clock.clone();
        let committer = Committer::start(settings.batch, "statuses", move |batch| {
            let (record, now) = (record.clone(), clock.now());
            Box::pin(async move { record.apply_statuses(batch, now).await })
        });
        let statuses = Arc::new(Statuses { committer, in_hand: in_hand.clone() });
        let (burial, clock) = (ports.burial.clone(), ports.clock.clone());
        let committer = Committer::start(settings.batch, "dead letters", move |batch: Vec<Buried>| {
            let (burial, now) = (burial.clone(), clock.now());
            Box::pin(async move { burial.bury(&batch, now).await })
        });
        let sink = Arc::new(Sink { committer, burial: ports.burial.clone(), clock: ports.clock.clone() });
        Ok(Self { ports, settings, messages, statuses, in_hand, sink })
    }

    /// Serves this process's share of the queues until `stop`, then finishes what runs.
    pub async fn run(self, stop: CancellationToken) {
        let partitions = self.settings.partitions;
        let membership = Membership {
            members: self.ports.members.clone(),
            role: Role::Worker,
            me: ids::fresh().to_string(),
            // The statuses' queue is shared out like one more partition.
            partitions: partitions + 1,
            tally: self.ports.runner.tally().clone(),
        };
        let worker = Arc::new(self);
        // Not shared out: letters are few, in no order, and the same whoever writes them.
        let Ports { runner, .. } = worker.ports.clone();
        let (prefetch, sink) = (worker.settings.prefetch, worker.sink.clone());
        let bury = runner.consume(QueueName::DeadLetters, prefetch, sink, stop.clone());
        let serve_one = move |(partition, duty, stop): Served| {
            let worker = worker.clone();
            async move {
                let tally = worker.ports.runner.tally();
                if partition == partitions {
                    sharing::counted(tally, QueueName::Statuses, duty, worker.serve_statuses(stop)).await;
                } else {
                    let queue = QueueName::Inbound(partition);
                    sharing::counted(tally, queue, duty, worker.serve_messages(queue, stop)).await;
                }
            }
        };
        tokio::join!(sharing::serve(membership, stop.clone(), serve_one), bury);
    }

    async fn serve_messages(&self, queue: QueueName, stop: CancellationToken) {
        self.ports.runner.consume(queue, self.settings.prefetch, self.messages.clone(), stop).await;
    }

    async fn serve_statuses(&self, stop: CancellationToken) {
        let Ports { runner, publisher, status_clock, clock, .. } = self.ports.clone();
        tokio::join!(
            runner.consume(QueueName::Statuses, self.settings.prefetch, self.statuses.clone(), stop.clone()),
            keep_clock(self.in_hand.clone(), clock, status_clock, publisher, stop),
        );
    }
}

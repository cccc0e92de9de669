//! All of a worker's queues.

use crate::{
    hand_over::HandOver,
    messages::Messages,
    recipient::RecipientIds,
    session_cache::PatientCache,
    statuses::{InHand, Statuses, keep_clock},
};
use flow_engine::Rules;
use shared::{
    Clock,
    group_commit::Committer,
    ports::{
        Stored,
        accounts::Accounts,
        conversations::Conversations,
        flows::FlowStore,
        installation::Installation,
        queue::{Consumer, Publisher, QueueName},
        sessions::SessionCache,
        status_clock::StatusClock,
    },
    runner::consume,
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What a worker stands on.
#[derive(Clone)]
pub struct Ports {
    /// Takes send jobs.
    pub publisher: Arc<dyn Publisher>,
    /// Gives events.
    pub consumer: Arc<dyn Consumer>,
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
            clock: ports.clock.clone(),
        });
        let in_hand = Arc::new(InHand::new(ports.clock.clone()));
        let clock = ports.clock.clone();
        let committer = Committer::start(settings.batch, "statuses", move |batch| {
            let (record, now) = (record.clone(), clock.now());
            Box::pin(async move { record.apply_statuses(batch, now).await })
        });
        let statuses = Arc::new(Statuses { committer, in_hand: in_hand.clone() });
        Ok(Self { ports, settings, messages, statuses, in_hand })
    }

    /// Consumes until `stop`, then finishes what runs.
    pub async fn run(self, stop: CancellationToken) {
        let mut queues = JoinSet::new();
        let consumer = &self.ports.consumer;
        for partition in 0..self.settings.partitions {
            let queue = QueueName::Inbound(partition);
            let (consumer, messages) = (consumer.clone(), self.messages.clone());
            queues.spawn(consume(consumer, queue, self.settings.prefetch, messages, stop.clone()));
        }
        let (consumer, statuses) = (consumer.clone(), self.statuses.clone());
        queues.spawn(consume(consumer.clone(), QueueName::Statuses, self.settings.prefetch, statuses, stop.clone()));
        let (clock, status_clock) = (self.ports.clock.clone(), self.ports.status_clock.clone());
        queues.spawn(keep_clock(self.in_hand.clone(), clock, status_clock, consumer, stop));
        while let Some(ended) = queues.join_next().await {
            if let Err(error) = ended {
                // Going on without one queue would look healthy and lose time for ever: the process starts anew.
                tracing::error!(%error, "a queue's task ended badly");
                return;
            }
        }
    }
}

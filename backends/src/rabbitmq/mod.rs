//! RabbitMQ as the queue.
//!
//! Two connections, because a broker in need blocks whoever publishes, and a blocked connection could not acknowledge
//! either: `link` keeps each of them up. Publishing goes through `lane`s, which write and confirm in `round`s; consuming
//! takes a channel for each `subscription`, whose deliveries are settled in `settle`. `topology` has the names and
//! arguments of what exists at the broker.

mod address;
mod error;
mod lane;
mod link;
mod message;
mod round;
mod settle;
mod socket;
mod subscription;
mod topology;

use async_trait::async_trait;
use error::{Failure, REPLY_TIMEOUT, within};
use futures_util::future::try_join_all;
use lane::{CONFIRM_TIMEOUT, Lane, LaneTask};
use lapin::{Channel, options::QueueDeclareOptions, types::FieldTable};
use link::{Link, Supervisor, Up};
use round::Job;
use secrecy::{ExposeSecret, SecretString};
use settle::{Open, OpenCounts};
use shared::ports::queue::{Consumer, Publish, PublishError, Publisher, QueueError, QueueName, Subscription};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use topology::Topology;

/// Lanes for partitions: as many as there are partitions by default, so that a queue in trouble delays no other.
const PARTITION_LANES: usize = 16;
/// The statuses' lane: they are three times as many as the messages.
const STATUSES_LANE: usize = PARTITION_LANES;
/// The dead letters' lane.
const DEAD_LETTERS_LANE: usize = PARTITION_LANES + 1;
/// How long the start, a declaration or a subscription waits for a connection.
const LINK_WAIT: Duration = Duration::from_secs(5);
/// How long the end waits for everything that was started here.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// An installation's queues at a RabbitMQ.
///
/// Owns everything it starts: two connections, the lanes and the subscriptions' tasks all end when `shutdown` is
/// cancelled, which therefore comes after the services have finished with it.
pub struct RabbitMq {
    publishing: Link,
    consuming: Link,
    lanes: Vec<Lane>,
    topology: Arc<Topology>,
    open: Arc<OpenCounts>,
    tasks: TaskTracker,
}

impl std::fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RabbitMq").field("topology", &self.topology).finish_non_exhaustive()
    }
}

impl RabbitMq {
    /// Begins to connect, and waits a few seconds for it to succeed. A broker that is away is no error: it is tried for
    /// ever, and [`RabbitMq::is_connected`] tells. A URL or prefix that can never work is one.
    ///
    /// `url` is `amqp://user:password@host:port/vhost`; `amqps://` needs the feature `rabbitmq-tls`. `prefix` is the name
    /// of the exchange and what the queues' names begin with.
    pub async fn connect(
        url: &SecretString,
        prefix: &str,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, QueueError> {
        let refused = |failure: Failure| failure.of(prefix, "connecting");
        let uri = address::parse(url.expose_secret()).map_err(refused)?;
        let topology = Arc::new(Topology::new(prefix).map_err(refused)?);
        let tasks = TaskTracker::new();
        let keep = |what: &str| {
            let (supervisor, link) = Supervisor::new(uri.clone(), format!("{prefix} {what}"), shutdown.clone());
            tasks.spawn(supervisor.run());
            link
        };
        let (publishing, consuming) = (keep("publish"), keep("consume"));
        let lanes = (0..=DEAD_LETTERS_LANE).map(|_| {
            let (lane, task) = LaneTask::new(publishing.clone(), topology.clone());
            tasks.spawn(task.run(shutdown.clone()));
            lane
        });
        let lanes = lanes.collect();
        tasks.close();
        let both = futures_util::future::join(publishing.within(LINK_WAIT), consuming.within(LINK_WAIT)).await;
        if both.0.is_err() || both.1.is_err() {
            tracing::warn!("the broker can't be reached yet; trying for ever");
        }
        Ok(Arc::new(Self { publishing, consuming, lanes, topology, open: Arc::default(), tasks }))
    }

    /// Whether both connections stand.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.publishing.now().is_some() && self.consuming.now().is_some()
    }

    /// Waits, after `shutdown` was cancelled, until the connections are closed and every task has ended.
    pub async fn ended(&self) {
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "connections to the broker did not close in time");
        }
    }

    async fn channel(&self) -> Result<(Arc<Up>, Channel), Failure> {
        let up = self.consuming.within(LINK_WAIT).await?;
        let channel = up.channel().await?;
        Ok((up, channel))
    }
}

/// The lane of a queue: always the same, which keeps its messages in order.
fn lane_of(queue: QueueName) -> usize {
    match queue {
        QueueName::Inbound(partition) | QueueName::Outbound(partition) => usize::from(partition) % PARTITION_LANES,
        QueueName::Statuses => STATUSES_LANE,
        QueueName::DeadLetters => DEAD_LETTERS_LANE,
    }
}

#[async_trait]
impl Publisher for RabbitMq {
    async fn publish(&self, batch: Vec<Publish>) -> Result<(), PublishError> {
        if let Some(reason) = self.publishing.now().and_then(|up| up.blocked()) {
            return Err(PublishError::Blocked(reason.to_string()));
        }
        let mut by_lane: BTreeMap<usize, Vec<Publish>> = BTreeMap::new();
        for publish in batch {
            by_lane.entry(lane_of(publish.queue)).or_default().push(publish);
        }
        let publishing = by_lane.into_iter().map(async |(lane, messages)| {
            let (job, verdict) = Job::new(messages);
            self.lanes[lane].push(job).await?;
            verdict.await.unwrap_or_else(|_| Err(PublishError::Lost("shutting down".to_owned())))
        });
        // Dropping what has not been written yet takes it back: nobody waits for it.
        let published = tokio::time::timeout(CONFIRM_TIMEOUT, try_join_all(publishing)).await;
        published.unwrap_or(Err(PublishError::TimedOut)).map(drop)
    }

    fn is_blocked(&self) -> bool {
        self.publishing.now().is_some_and(|up| up.blocked().is_some())
    }

    fn trouble(&self) -> Option<String> {
        match self.publishing.now() {
            Some(up) => up.blocked().map(|reason| format!("the broker takes no messages: {reason}")),
            None => Some(format!("not connected to the broker: {}", self.publishing.why())),
        }
    }
}

#[async_trait]
impl Consumer for RabbitMq {
    async fn declare(&self, partitions: u16) -> Result<(), QueueError> {
        let (_, channel) = self.channel().await.map_err(|failure| failure.of("all", "declaring"))?;
        self.topology.declare(&channel, partitions).await
    }

    async fn subscribe(&self, queue: QueueName, prefetch: u16) -> Result<Subscription, QueueError> {
        let failed = |failure: Failure| failure.of(self.topology.queue(queue), "subscribing");
        let (up, channel) = self.channel().await.map_err(failed)?;
        if self.topology.has(queue) {
            // One more round trip at a start nobody waits for, and a queue that somebody deleted is there again.
            self.topology.restore(&channel, queue).await?;
        }
        let open = Open::new(queue, self.open.clone());
        subscription::subscribe(up, channel, queue, self.topology.queue(queue), prefetch, open, &self.tasks)
            .await
            .map_err(failed)
    }

    /// What is ready at the broker and what is open in this process; AMQP doesn't tell what is open in others.
    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        let name = self.topology.queue(queue);
        let failed = |failure: Failure| failure.of(&name, "counting");
        // A channel of its own: a queue that isn't there closes it.
        let (_, channel) = self.channel().await.map_err(failed)?;
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let asking = channel.queue_declare(name.clone(), options, FieldTable::default());
        let ready = within(REPLY_TIMEOUT, asking).await.map_err(failed)?.message_count();
        Ok(u64::from(ready) + self.open.of(queue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_of_one_direction_share_no_lane_by_default() {
        let queues = (0..16).map(QueueName::Inbound).chain([QueueName::Statuses, QueueName::DeadLetters]);
        let lanes: std::collections::HashSet<usize> = queues.map(lane_of).collect();
        assert_eq!(lanes.len(), 18);
        assert!((0..u16::MAX).all(|partition| lane_of(QueueName::Outbound(partition)) < PARTITION_LANES));
    }
}

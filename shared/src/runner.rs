//! The consumer runner: it alone takes deliveries, keeps lanes in order, acknowledges, and gives back.
//!
//! A [`Handler`] says which lane a message belongs to and handles it; every ending of a handler is a [`Verdict`]. One
//! message of a lane runs at a time, in the queue's order; lanes run side by side, up to the prefetch.

use crate::ports::queue::{Consumer, Delivery, Message, QueueError, QueueName, Settle, Subscription, Tag};
use async_trait::async_trait;
use futures_util::FutureExt;
use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Acknowledged together at most: a batch costs the broker little more than one.
const ACK_BATCH: usize = 256;
/// How long a lane waits before it runs a message again that ended in [`Verdict::Hold`] or a panic: at first, at most.
const HOLD: crate::backoff::Backoff =
    crate::backoff::Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };
/// How long a lost queue waits before it is subscribed again: at first, at most.
const RESUBSCRIBE: crate::backoff::Backoff =
    crate::backoff::Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };

/// How long a queue is let go that holds what only a newer program can read.
const LET_GO: Duration = Duration::from_secs(300);

/// How the handling of a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its whole effect is committed: acknowledge.
    Done,
    /// It could not be handled for a reason that isn't its own: run it again after a while, its lane waiting.
    Hold,
}

/// Why a message can't be given to a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Its body is not what its type says: to the dead letters.
    Undecodable(String),
    /// Its schema is newer than this program: the queue is let go, a newer program will take it.
    NewerSchema(u16),
}

/// Handles one kind of queue.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// A decoded message.
    type Item: Send + Sync + 'static;

    /// Decodes a message and names its lane.
    fn decode(&self, message: &Message) -> Result<(String, Self::Item), Unreadable>;

    /// Handles it. May run again for the same message, here or in another process, at any time.
    async fn handle(&self, item: &Self::Item) -> Verdict;
}

/// Consumes `queue` until `stop` is cancelled, subscribing again whenever the channel is lost. On `stop` it starts
/// nothing new, finishes and acknowledges what runs, and closes the channel.
pub async fn consume<H: Handler>(
    consumer: Arc<dyn Consumer>,
    queue: QueueName,
    prefetch: u16,
    handler: Arc<H>,
    stop: CancellationToken,
) {
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        let subscribed = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            subscribed = consumer.subscribe(queue, prefetch) => subscribed,
        };
        let ended = match subscribed {
            Ok(subscription) => {
                let (ended, settled) = Lanes::new(queue, prefetch, handler.clone()).run(subscription, &stop).await;
                if settled {
                    failures = 0;
                }
                ended
            }
            Err(error) => Ended::Failed(error),
        };
        failures = failures.saturating_add(1);
        let mut wait = RESUBSCRIBE.ceiling(failures);
        match ended {
            Ended::Stopped => return,
            Ended::ChannelLost => tracing::info!(%queue, "channel lost; subscribing again"),
            Ended::Failed(error) => tracing::warn!(%queue, %error, "can't consume; trying again"),
            Ended::NewerSchema(schema) => {
                // Each delivery counts toward the broker's limit, for the messages beside it too.
                wait = LET_GO;
                tracing::error!(%queue, schema, "a message of a newer schema: this program lets the queue go; upgrade it");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Why one subscription ended.
enum Ended {
    Stopped,
    ChannelLost,
    Failed(QueueError),
    NewerSchema(u16),
}

/// The lanes of one subscription.
struct Lanes<H: Handler> {
    queue: QueueName,
    prefetch: usize,
    handler: Arc<H>,
    running: JoinSet<(String, Tag)>,
    /// Lanes that run, each with what waits behind.
    waiting: HashMap<String, VecDeque<(Tag, H::Item)>>,
    open: usize,
    done: Vec<Tag>,
    /// Whether anything was acknowledged.
    settled: bool,
}

impl<H: Handler> Lanes<H> {
    fn new(queue: QueueName, prefetch: u16, handler: Arc<H>) -> Self {
        let prefetch = usize::from(prefetch);
        Self {
            queue,
            prefetch,
            handler,
            running: JoinSet::new(),
            waiting: HashMap::new(),
            open: 0,
            done: Vec::new(),
            settled: false,
        }
    }

    /// Why it ended, and whether anything was settled before.
    async fn run(mut self, mut subscription: Subscription, stop: &CancellationToken) -> (Ended, bool) {
        let settle = subscription.settle.clone();
        // What holds or waits when the channel goes belongs to the next subscription.
        let round = stop.child_token();
        let ended = loop {
            if let Err(error) = self.acknowledge(&*settle).await {
                break Ended::Failed(error);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ended::Stopped,
                Some(finished) = self.running.join_next() => self.finished(finished, &round),
                delivery = subscription.deliveries.recv(), if self.open < self.prefetch => {
                    let Some(delivery) = delivery else { break Ended::ChannelLost };
                    if let Err(ended) = self.take(delivery, &*settle, &round).await {
                        break ended;
                    }
                }
            }
        };
        round.cancel();
        self.drain(&ended, &*settle, &round).await;
        (ended, self.settled)
    }

    async fn take(&mut self, delivery: Delivery, settle: &dyn Settle, stop: &CancellationToken) -> Result<(), Ended> {
        match self.handler.decode(&delivery.message) {
            Ok((lane, item)) => {
                self.open += 1;
                if let Some(behind) = self.waiting.get_mut(&lane) {
                    behind.push_back((delivery.tag, item));
                } else {
                    self.waiting.insert(lane.clone(), VecDeque::new());
                    self.start(lane, delivery.tag, item, stop);
                }
                Ok(())
            }
            Err(Unreadable::NewerSchema(schema)) => Err(Ended::NewerSchema(schema)),
            Err(Unreadable::Undecodable(why)) => {
                tracing::error!(queue = %self.queue, message.id = %delivery.message.id, why, "undecodable: to the dead letters");
                metrics::counter!("flow_runner_undecodable_total", "queue" => self.queue.to_string()).increment(1);
                settle.reject(&[delivery.tag]).await.map_err(Ended::Failed)
            }
        }
    }

    fn start(&mut self, lane: String, tag: Tag, item: H::Item, stop: &CancellationToken) {
        let handler = self.handler.clone();
        let stop = stop.clone();
        self.running.spawn(async move {
            let handled = run_until_done(&*handler, &item, &stop).await;
            (lane, if handled { tag } else { NOT_HANDLED })
        });
    }

    fn finished(&mut self, finished: Result<(String, Tag), JoinError>, stop: &CancellationToken) {
        let mut next = Some(finished);
        while let Some(finished) = next.take().or_else(|| self.running.try_join_next()) {
            let Ok((lane, tag)) = finished else { continue };
            self.open -= 1;
            if tag != NOT_HANDLED {
                self.done.push(tag);
            }
            let behind = self.waiting.get_mut(&lane).and_then(VecDeque::pop_front);
            match behind {
                Some((tag, item)) if !stop.is_cancelled() => self.start(lane, tag, item, stop),
                _ => {
                    self.waiting.remove(&lane);
                }
            }
            if self.done.len() >= ACK_BATCH {
                return;
            }
        }
    }

    async fn acknowledge(&mut self, settle: &dyn Settle) -> Result<(), QueueError> {
        if self.done.is_empty() {
            return Ok(());
        }
        settle.ack(&std::mem::take(&mut self.done)).await?;
        self.settled = true;
        Ok(())
    }

    /// Finishes what runs, acknowledges it where the channel still stands, and closes the channel.
    async fn drain(&mut self, ended: &Ended, settle: &dyn Settle, stop: &CancellationToken) {
        let lost = matches!(ended, Ended::ChannelLost | Ended::Failed(_));
        self.waiting.clear();
        while let Some(finished) = self.running.join_next().await {
            self.finished(finished, stop);
            if !lost && let Err(error) = self.acknowledge(settle).await {
                tracing::warn!(queue = %self.queue, %error, "not acknowledged at the end; will be delivered again");
            }
        }
        settle.close().await;
    }
}

/// The tag of a message whose handling was given up because the process ends. RabbitMQ's tags begin at 1.
const NOT_HANDLED: Tag = 0;

/// Handles one message, again and again while the handler holds. False when the process ends first.
async fn run_until_done<H: Handler>(handler: &H, item: &H::Item, stop: &CancellationToken) -> bool {
    let mut tries = 0_u32;
    loop {
        // A panic is a bug of ours, not a reason to lose the message or the lane.
        let verdict = AssertUnwindSafe(handler.handle(item)).catch_unwind().await;
        match verdict {
            Ok(Verdict::Done) => return true,
            Ok(Verdict::Hold) => {}
            Err(_) => {
                metrics::counter!("flow_runner_panics_total").increment(1);
                tracing::error!("a handler panicked; its message is held and run again");
            }
        }
        tries = tries.saturating_add(1);
        tokio::select! {
            biased;
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(HOLD.ceiling(tries)) => {}
        }
    }
}

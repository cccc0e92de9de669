//! The consumer runner: it alone takes deliveries, keeps lanes in order, acknowledges, and gives back.
//!
//! A [`Handler`] says which lane a message belongs to and handles it; every ending of a handler is a [`Verdict`]. One
//! message of a lane runs at a time, in the queue's order; lanes run side by side, up to the prefetch. What came back often
//! may have killed whoever handled it: it runs alone in its process.

mod handling;
mod lanes;

use crate::{
    Clock,
    backoff::Backoff,
    ids,
    ports::{
        queue::{Consumer, Delivery, QueueError, QueueName},
        suspects::Suspects,
    },
    tally::Tally,
};
use async_trait::async_trait;
use lanes::Lanes;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, RwLock},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How long a lost queue waits before it is subscribed again: at first, at most.
const RESUBSCRIBE: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };
/// How long a queue is let go that holds what only a newer program can read.
const LET_GO: Duration = Duration::from_secs(300);
/// How often the record is asked for that a queue was given back for.
const ASK_RECORD: Duration = Duration::from_secs(1);

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
    fn decode(&self, delivery: &Delivery) -> Result<(String, Self::Item), Unreadable>;

    /// Handles it. May run again for the same message, here or in another process, at any time.
    async fn handle(&self, item: &Self::Item) -> Verdict;

    /// The queue goes: its channel is lost, or about to be closed. Another process may be served from now on, so whatever
    /// rests on being the one comes to its end before this returns.
    async fn lets_go(&self) {}
}

/// What all queues of a process are consumed with.
#[derive(Clone)]
pub struct Runner {
    consumer: Arc<dyn Consumer>,
    suspects: Arc<dyn Suspects>,
    tally: Arc<Tally>,
    clock: Arc<dyn Clock>,
    give_back_after: Duration,
    /// Whether the record is away, so that no queue is worth holding on to: all are given back at once.
    record_away: Arc<RecordAway>,
    /// No suspect that was noted before is tried sooner: a process that is killed by then dies of something else.
    steady_from: Instant,
    /// Names this process in notes.
    process: Arc<str>,
    /// Whoever handles a message has a share of it; whoever handles a suspect has all of it.
    floor: Arc<RwLock<()>>,
}

/// Whether the record is away. Whoever waits for that is told in the order in which they began to wait.
#[derive(Debug, Default)]
struct RecordAway {
    is_away: AtomicBool,
    went: Notify,
}

impl RecordAway {
    fn set(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
        if is_away {
            self.went.notify_waiters();
        }
    }

    fn get(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    async fn until_it_is(&self) {
        loop {
            // Made before looking: what changes in between is not missed.
            let went = self.went.notified();
            if self.get() {
                return;
            }
            went.await;
        }
    }
}

/// What a [`Runner`] stands on.
#[derive(Clone)]
pub struct RunnerPorts {
    /// Gives deliveries.
    pub consumer: Arc<dyn Consumer>,
    /// Keeps notes of those that may kill.
    pub suspects: Arc<dyn Suspects>,
    /// Counts them.
    pub tally: Arc<Tally>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Why one subscription ended.
enum Ended {
    Stopped,
    ChannelLost,
    Failed(QueueError),
    NewerSchema(u16),
    RecordAway,
}

impl Runner {
    /// One runner for all queues of a process. A queue whose messages all wait for a record that is away is given back
    /// after `give_back_after`, before its broker takes the consumer for dead.
    #[must_use]
    pub fn new(ports: RunnerPorts, give_back_after: Duration) -> Self {
        let RunnerPorts { consumer, suspects, tally, clock } = ports;
        Self {
            consumer,
            suspects,
            tally,
            clock,
            give_back_after,
            record_away: Arc::default(),
            steady_from: Instant::now(),
            process: ids::fresh(),
            floor: Arc::default(),
        }
    }

    /// Has suspects that another process noted and did not strike out tried only once this process has lived for so long:
    /// one that is killed again and again for another reason then blames each of them once at most.
    #[must_use]
    pub fn steady_after(mut self, time: Duration) -> Self {
        self.steady_from = Instant::now() + time;
        self
    }

    /// What is counted here.
    #[must_use]
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Consumes `queue` until `stop` is cancelled, subscribing again whenever the channel is lost. On `stop` it starts
    /// nothing new, finishes and acknowledges what runs, and closes the channel.
    pub async fn consume<H: Handler>(&self, queue: QueueName, prefetch: u16, handler: Arc<H>, stop: CancellationToken) {
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            // Whoever stands by would be given what others gave back.
            self.until_the_record_answers(&stop).await;
            let subscribed = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                subscribed = self.consumer.subscribe(queue, prefetch) => subscribed,
            };
            let ended = match subscribed {
                Ok(subscription) => {
                    let lanes = Lanes::new(self.clone(), queue, prefetch, handler.clone(), &stop);
                    let (ended, settled) = lanes.run(subscription).await;
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
                Ended::RecordAway => {
                    tracing::error!(%queue, "the database is away: the queue is given back until it answers");
                    wait = Duration::ZERO;
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Returns at once unless some queue of this process was given back because the record is away.
    async fn until_the_record_answers(&self, stop: &CancellationToken) {
        while self.record_away.get() && !stop.is_cancelled() {
            if self.suspects.is_available().await {
                self.record_away.set(false);
                return;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(ASK_RECORD) => {}
            }
        }
    }

    /// Waits until it is known that the record is away.
    async fn until_the_record_is_away(&self) {
        self.record_away.until_it_is().await;
    }
}

//! A publishing lane: one channel, and one task that owns it.
//!
//! A lane works in rounds: it writes everything that waits, then awaits every confirm before it writes again. That is
//! what makes returned messages certain. The driver hands a returned message to whichever confirm of its channel comes
//! next, so with confirms of two publishers in flight the one could be told "returned" and the other, whose message was
//! lost, "confirmed". Within a round all of them are seen before anybody is told. Waiting costs little: a round takes all
//! that came in during the one before.

use super::{
    error::{Failure, REPLY_TIMEOUT, within},
    link::{Link, Up},
    round::{self, Callers, Job, Round, Verdict},
    topology::Topology,
};
use lapin::{Channel, options::ConfirmSelectOptions};
use shared::ports::queue::{Publish, PublishError, QueueName};
use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// How long a publish may take until it is confirmed. A gateway must answer its caller within a few seconds, and a quorum
/// queue confirms within milliseconds: what takes longer waits for a broker that is in trouble.
pub(super) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be away before publishers are told. A blip is not worth an error; a broker that is down must be
/// told of within 1 s.
const BLIP: Duration = Duration::from_millis(500);
/// A channel that was refused something is left once it is this old: a broker whose limit for a queue was lifted while it
/// was full goes on refusing on the channels that it has told so (seen with RabbitMQ 3.10).
const REFUSED_LEAVES: Duration = Duration::from_secs(1);
/// Batches that wait for a lane at most; further publishers wait for room.
const WAITING: usize = 1024;

/// Where batches for a lane go in.
pub(super) struct Lane {
    jobs: mpsc::Sender<Job>,
}

impl Lane {
    /// Queues a batch. Fails when the lane has ended.
    pub(super) async fn push(&self, job: Job) -> Result<(), PublishError> {
        self.jobs.send(job).await.map_err(|_| PublishError::Lost("shutting down".to_owned()))
    }
}

/// The channel of a lane and the connection it is on.
struct Open {
    up: Arc<Up>,
    channel: Channel,
    since: Instant,
}

/// The task behind a lane.
pub(super) struct LaneTask {
    jobs: mpsc::Receiver<Job>,
    link: Link,
    topology: Arc<Topology>,
    open: Option<Open>,
}

impl LaneTask {
    /// A lane and the task that must run for it.
    pub(super) fn new(link: Link, topology: Arc<Topology>) -> (Lane, Self) {
        let (sender, jobs) = mpsc::channel(WAITING);
        (Lane { jobs: sender }, Self { jobs, link, topology, open: None })
    }

    /// Publishes until `shutdown`.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                job = self.jobs.recv() => job,
            };
            let Some(first) = first else { return };
            let round = Round::gather(first, &mut self.jobs);
            if !round.messages.is_empty() {
                self.publish(round).await;
            }
        }
    }

    async fn publish(&mut self, mut round: Round) {
        let open = match self.ready().await {
            Ok(open) => open,
            Err(error) => return round.callers.fail(&error),
        };
        let verdicts = match await_confirms(&open, &self.topology, &round.messages, &mut round.callers).await {
            Ok(verdicts) => verdicts,
            // Confirms may still come in on this channel and must not meet the next round: it is left.
            Err(error) => return round.callers.fail(&error),
        };
        round.callers.tell(&verdicts);
        let mut gone = unroutable(&verdicts);
        if open.channel.status().connected() {
            self.open = Some(open).filter(|open| !was_refused(&verdicts) || open.since.elapsed() < REFUSED_LEAVES);
        } else if !open.up.lost().is_cancelled() {
            // Only the channel is gone: the broker closes it when the exchange is missing, and with it every queue's binding.
            gone = round.queues();
        }
        self.restore(gone).await;
    }

    /// The lane's channel, or a fresh one.
    async fn ready(&mut self) -> Result<Open, PublishError> {
        let up = self.link.after_a_blip(BLIP).await.map_err(|failure| PublishError::Lost(failure.to_string()))?;
        if let Some(reason) = up.blocked() {
            return Err(PublishError::Blocked(reason.to_string()));
        }
        if let Some(open) = self.open.take()
            && Arc::ptr_eq(&open.up, &up)
            && open.channel.status().connected()
        {
            return Ok(open);
        }
        let channel = fresh(&up).await.map_err(|failure| PublishError::Lost(failure.to_string()))?;
        Ok(Open { up, channel, since: Instant::now() })
    }

    /// Makes queues again that were deleted under us, or the whole broker's memory with them. What was in them is gone,
    /// and whoever published just now was told; but the next one shall find them.
    async fn restore(&self, gone: HashSet<QueueName>) {
        for queue in gone.into_iter().filter(|queue| self.topology.has(*queue)) {
            let Some(up) = self.link.now() else { return };
            let restored = match up.channel().await {
                Ok(channel) => self.topology.restore(&channel, queue).await,
                Err(failure) => Err(failure.of(queue, "opening a channel")),
            };
            match restored {
                Ok(()) => {
                    tracing::error!(%queue, "the queue was missing at the broker and was made again: somebody deleted it")
                }
                Err(error) => {
                    tracing::error!(%queue, %error, "the queue is missing at the broker and can't be made again")
                }
            }
        }
    }
}

/// A channel that confirms.
async fn fresh(up: &Up) -> Result<Channel, Failure> {
    let channel = up.channel().await?;
    within(REPLY_TIMEOUT, channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}

/// Publishes a round and awaits its confirms. While the broker takes nothing its publishers are told at once; the round
/// itself stays, because what is written already will be taken when the alarm ends.
async fn await_confirms(
    open: &Open,
    topology: &Topology,
    messages: &[Publish],
    callers: &mut Callers,
) -> Result<Vec<Verdict>, PublishError> {
    let mut confirming = pin!(round::publish(&open.channel, topology, messages));
    let mut deadline = Instant::now() + CONFIRM_TIMEOUT;
    let mut blocked = false;
    loop {
        tokio::select! {
            biased;
            verdicts = &mut confirming => return Ok(verdicts),
            () = open.up.lost().cancelled() => {
                return Err(PublishError::Lost("the connection was lost before the confirm".to_owned()));
            }
            reason = open.up.until_blocked(), if !blocked => {
                blocked = true;
                callers.fail(&PublishError::Blocked(reason.to_string()));
            }
            () = open.up.until_unblocked(), if blocked => {
                blocked = false;
                deadline = Instant::now() + CONFIRM_TIMEOUT;
            }
            () = sleep_until(deadline), if !blocked => return Err(PublishError::TimedOut),
        }
    }
}

fn was_refused(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| matches!(verdict, Err(PublishError::Refused(_))))
}

/// The queues that do not exist.
fn unroutable(verdicts: &[Verdict]) -> HashSet<QueueName> {
    let missing = |verdict: &Verdict| match verdict {
        Err(PublishError::Unroutable(queue)) => Some(*queue),
        _ => None,
    };
    verdicts.iter().filter_map(missing).collect()
}

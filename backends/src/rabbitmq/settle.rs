//! Settling: which deliveries of a channel are open, and how they are acknowledged, given back and rejected.

use super::error::{Failure, within};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions},
};
use shared::ports::queue::{QueueError, QueueName, Settle, Tag};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long the socket may take to accept an acknowledgement. The broker doesn't confirm them.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long closing may take, with a little more than the forwarder itself waits for the broker.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(6);

/// How many deliveries of each queue are open in this process: the broker doesn't count them as waiting.
#[derive(Debug, Default)]
pub(super) struct OpenCounts(Mutex<HashMap<QueueName, u64>>);

impl OpenCounts {
    /// How many.
    pub(super) fn of(&self, queue: QueueName) -> u64 {
        self.lock().get(&queue).copied().unwrap_or(0)
    }

    fn add(&self, queue: QueueName) {
        *self.lock().entry(queue).or_default() += 1;
    }

    fn take(&self, queue: QueueName, count: usize) {
        if let Some(open) = self.lock().get_mut(&queue) {
            *open = open.saturating_sub(count as u64);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<QueueName, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open deliveries of one channel.
#[derive(Debug)]
pub(super) struct Open {
    queue: QueueName,
    counts: Arc<OpenCounts>,
    /// `None` once the channel is lost.
    tags: Mutex<Option<BTreeSet<Tag>>>,
}

/// What to send for a set of acknowledged tags.
#[derive(Debug, PartialEq, Eq)]
struct Acks {
    /// Everything open up to here, in one frame.
    up_to: Option<Tag>,
    /// The rest, one by one.
    single: Vec<Tag>,
}

impl Open {
    pub(super) fn new(queue: QueueName, counts: Arc<OpenCounts>) -> Self {
        Self { queue, counts, tags: Mutex::new(Some(BTreeSet::new())) }
    }

    /// A delivery has come in.
    pub(super) fn insert(&self, tag: Tag) {
        if let Some(tags) = self.lock().as_mut()
            && tags.insert(tag)
        {
            self.counts.add(self.queue);
        }
    }

    /// The channel is lost: nothing is settled here any more.
    pub(super) fn close(&self) {
        if let Some(tags) = self.lock().take() {
            self.counts.take(self.queue, tags.len());
        }
    }

    /// Takes tags out, ascending. Fails, taking none, when one of them isn't open: the broker would close the channel.
    fn take(&self, settled: &[Tag]) -> Result<BTreeSet<Tag>, String> {
        let mut open = self.lock();
        let tags = open.as_mut().ok_or("the channel is lost; what was open is delivered again")?;
        let settled: BTreeSet<Tag> = settled.iter().copied().collect();
        if let Some(unknown) = settled.difference(tags).next() {
            return Err(format!("delivery {unknown} is not open: settled before, or of another channel"));
        }
        tags.retain(|tag| !settled.contains(tag));
        self.counts.take(self.queue, settled.len());
        Ok(settled)
    }

    /// Splits acknowledged tags, just taken out, into one frame for all that are older than what is still open, and one
    /// frame for each of the others.
    fn acks(&self, settled: &BTreeSet<Tag>) -> Acks {
        let oldest_open = self.lock().as_ref().and_then(|tags| tags.first().copied()).unwrap_or(Tag::MAX);
        let single: Vec<Tag> = settled.range(oldest_open..).copied().collect();
        Acks { up_to: settled.range(..oldest_open).next_back().copied(), single }
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeSet<Tag>>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settles deliveries of one channel. Dropping it closes the channel.
pub(super) struct Settler {
    queue: QueueName,
    channel: Channel,
    open: Arc<Open>,
    /// One at a time: a frame that covers "all up to here" must not overtake one for a single tag below.
    writing: tokio::sync::Mutex<()>,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Settler {
    pub(super) fn new(
        queue: QueueName,
        channel: Channel,
        open: Arc<Open>,
        stop: CancellationToken,
        ended: CancellationToken,
    ) -> Self {
        Self { queue, channel, open, writing: tokio::sync::Mutex::new(()), stop, ended }
    }

    /// Takes `tags` out of what is open and sends what `frames` makes of them.
    async fn settle<F>(&self, doing: &'static str, tags: &[Tag], frames: F) -> Result<(), QueueError>
    where
        F: AsyncFnOnce(BTreeSet<Tag>) -> lapin::Result<()>,
    {
        if tags.is_empty() {
            return Ok(());
        }
        let _one_at_a_time = self.writing.lock().await;
        let settled = self.open.take(tags).map_err(|why| Failure::Said(why).of(self.queue, doing))?;
        let sent = within(WRITE_TIMEOUT, frames(settled)).await;
        if sent.is_err() {
            // Nobody knows which of them the broker has seen: with the channel closed, all others are delivered again.
            self.stop.cancel();
        }
        sent.map_err(|failure| failure.of(self.queue, doing))
    }
}

#[async_trait]
impl Settle for Settler {
    async fn ack(&self, tags: &[Tag]) -> Result<(), QueueError> {
        let channel = &self.channel;
        let frames = async |settled: BTreeSet<Tag>| {
            let Acks { up_to, single } = self.open.acks(&settled);
            let ack = |tag, multiple| channel.basic_ack(tag, BasicAckOptions { multiple });
            let all = up_to.map(|tag| ack(tag, true)).into_iter().chain(single.into_iter().map(|tag| ack(tag, false)));
            try_join_all(all).await.map(drop)
        };
        self.settle("acknowledging", tags, frames).await
    }

    async fn give_back(&self, tags: &[Tag]) -> Result<(), QueueError> {
        let channel = &self.channel;
        // One by one and ascending, so that they stand in the queue in their order.
        let back = |tag| channel.basic_nack(tag, BasicNackOptions { multiple: false, requeue: true });
        let frames = async |settled: BTreeSet<Tag>| try_join_all(settled.into_iter().map(back)).await.map(drop);
        self.settle("giving back", tags, frames).await
    }

    async fn reject(&self, tags: &[Tag]) -> Result<(), QueueError> {
        let channel = &self.channel;
        let reject = |tag| channel.basic_reject(tag, BasicRejectOptions { requeue: false });
        let frames = async |settled: BTreeSet<Tag>| try_join_all(settled.into_iter().map(reject)).await.map(drop);
        self.settle("rejecting", tags, frames).await
    }

    async fn close(&self) {
        self.stop.cancel();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.ended.cancelled()).await.is_err() {
            tracing::warn!(queue = %self.queue, "the channel did not close in time; it ends with its connection");
        }
    }

    async fn lost(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(tags: impl IntoIterator<Item = Tag>) -> (Open, Arc<OpenCounts>) {
        let counts = Arc::new(OpenCounts::default());
        let open = Open::new(QueueName::Statuses, counts.clone());
        tags.into_iter().for_each(|tag| open.insert(tag));
        (open, counts)
    }

    fn acks(open: &Open, tags: &[Tag]) -> Acks {
        let settled = open.take(tags).unwrap();
        open.acks(&settled)
    }

    #[test]
    fn what_is_older_than_all_that_is_open_goes_in_one_frame() {
        let (open, counts) = open(1..=6);
        assert_eq!(acks(&open, &[5, 2, 1]), Acks { up_to: Some(2), single: vec![5] });
        assert_eq!(acks(&open, &[4]), Acks { up_to: None, single: vec![4] });
        assert_eq!(acks(&open, &[3]), Acks { up_to: Some(3), single: vec![] });
        assert_eq!(counts.of(QueueName::Statuses), 1);
        assert_eq!(acks(&open, &[6]), Acks { up_to: Some(6), single: vec![] });
    }

    #[test]
    fn what_is_not_open_settles_nothing() {
        let (open, counts) = open([1, 2]);
        assert!(open.take(&[1, 9]).unwrap_err().contains('9'));
        assert_eq!(counts.of(QueueName::Statuses), 2);
        open.close();
        assert!(open.take(&[1]).unwrap_err().contains("lost"));
        open.insert(3);
        assert_eq!(counts.of(QueueName::Statuses), 0);
    }
}

//! A broker in memory. It hands out in order, up to the prefetch, and hands out again what a channel had open when that
//! was closed or lost. It minds that every tag is settled once.

use crate::log::Log;
use async_trait::async_trait;
use shared::ports::queue::{Consumer, Delivery, Message, QueueError, QueueName, Settle, Subscription, Tag};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// All queues.
#[derive(Clone)]
pub struct Broker {
    log: Log,
    lines: Arc<Mutex<BTreeMap<QueueName, Line>>>,
}

/// One queue.
#[derive(Default)]
struct Line {
    /// Each with how often it came back.
    waiting: VecDeque<(Message, u32)>,
    channel: Option<Channel>,
    subscribed: usize,
    closed: usize,
}

/// What consumes a queue.
struct Channel {
    number: usize,
    prefetch: usize,
    out: mpsc::Sender<Delivery>,
    open: BTreeMap<Tag, Delivery>,
    last_tag: Tag,
    /// Says that it is lost.
    _goes: DropGuard,
}

impl Line {
    fn hand_out(&mut self) {
        let Some(channel) = &mut self.channel else { return };
        while channel.open.len() < channel.prefetch
            && let Some((message, delivery_count)) = self.waiting.pop_front()
        {
            channel.last_tag += 1;
            let delivery = Delivery { tag: channel.last_tag, message, delivery_count, death: None };
            channel.open.insert(delivery.tag, delivery.clone());
            channel.out.try_send(delivery).expect("who listens no more closes the channel");
        }
    }

    /// Ends a channel, if it still stands: what it had open is first in the queue again.
    fn end(&mut self, number: usize) -> bool {
        let Some(channel) = self.channel.take_if(|channel| channel.number == number) else { return false };
        for delivery in channel.open.into_values().rev() {
            self.waiting.push_front((delivery.message, delivery.delivery_count + 1));
        }
        true
    }
}

impl Broker {
    /// Nothing waits.
    pub fn new(log: Log) -> Self {
        Self { log, lines: Arc::default() }
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<QueueName, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message that came back so often.
    pub fn publish(&self, queue: QueueName, message: Message, came_back: u32) {
        let mut lines = self.lines();
        let line = lines.entry(queue).or_default();
        line.waiting.push_back((message, came_back));
        line.hand_out();
    }

    /// As a connection does that breaks.
    pub fn lose(&self, queue: QueueName) {
        let mut lines = self.lines();
        let line = lines.get_mut(&queue).expect("a queue");
        assert!(line.end(line.subscribed), "a channel to lose");
    }

    /// What is in no channel's hands.
    pub fn waiting(&self, queue: QueueName) -> Vec<String> {
        self.lines()[&queue].waiting.iter().map(|(message, _)| message.id.to_string()).collect()
    }

    /// How often the queue was subscribed to, and how often a channel that stood was closed.
    pub fn channels(&self, queue: QueueName) -> (usize, usize) {
        let lines = self.lines();
        (lines[&queue].subscribed, lines[&queue].closed)
    }
}

#[async_trait]
impl Consumer for Broker {
    async fn declare(&self, _: u16) -> Result<(), QueueError> {
        Ok(())
    }

    async fn subscribe(&self, queue: QueueName, prefetch: u16) -> Result<Subscription, QueueError> {
        let prefetch = usize::from(prefetch);
        let (out, deliveries) = mpsc::channel(prefetch);
        let mut lines = self.lines();
        let line = lines.entry(queue).or_default();
        assert!(line.channel.is_none(), "{queue} is subscribed to twice");
        line.subscribed += 1;
        let number = line.subscribed;
        let lost = CancellationToken::new();
        let goes = lost.clone().drop_guard();
        line.channel = Some(Channel { number, prefetch, out, open: BTreeMap::new(), last_tag: 0, _goes: goes });
        line.hand_out();
        Ok(Subscription { deliveries, settle: Arc::new(Settling { broker: self.clone(), queue, number, lost }) })
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        let lines = self.lines();
        let line = &lines[&queue];
        let open = line.channel.as_ref().map_or(0, |channel| channel.open.len());
        Ok((line.waiting.len() + open) as u64)
    }
}

/// Settles what one channel hands out.
struct Settling {
    broker: Broker,
    queue: QueueName,
    number: usize,
    lost: CancellationToken,
}

impl Settling {
    fn settle(&self, doing: &'static str, tags: &[Tag]) -> Result<(), QueueError> {
        let mut lines = self.broker.lines();
        let line = lines.get_mut(&self.queue).expect("a queue");
        let Some(channel) = line.channel.as_mut().filter(|channel| channel.number == self.number) else {
            return Err(QueueError { queue: self.queue.to_string(), doing, reason: "the channel is gone".into() });
        };
        for tag in tags {
            let delivery = channel.open.remove(tag).expect("every tag is settled once");
            self.broker.log.say(doing, &delivery.message.id);
        }
        line.hand_out();
        Ok(())
    }
}

#[async_trait]
impl Settle for Settling {
    async fn ack(&self, tags: &[Tag]) -> Result<(), QueueError> {
        self.settle("ack", tags)
    }

    async fn give_back(&self, _: &[Tag]) -> Result<(), QueueError> {
        unreachable!("the runner gives back by closing: single messages would lose their order")
    }

    async fn reject(&self, tags: &[Tag]) -> Result<(), QueueError> {
        self.settle("reject", tags)
    }

    async fn close(&self) {
        let mut lines = self.broker.lines();
        let line = lines.get_mut(&self.queue).expect("a queue");
        if line.end(self.number) {
            line.closed += 1;
        }
    }

    async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

//! The lanes of one subscription.

use super::{
    Ended, Handler, Runner, Unreadable,
    handling::{Handling, Held, Manner},
    suspect::{SUSPECT, Told},
};
use crate::ports::queue::{Delivery, Message, QueueError, QueueName, Settle, Subscription, Tag};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Acknowledged together at most: a batch costs the broker little more than one.
const ACK_BATCH: usize = 256;
/// The tag of a message whose handling was given up because the process ends. RabbitMQ's tags begin at 1.
const NOT_HANDLED: Tag = 0;

/// A delivery that can be handled.
struct Taken<I> {
    tag: Tag,
    message: Message,
    item: I,
}

/// What runs, what waits, and what is to be acknowledged.
pub(super) struct Lanes<H: Handler> {
    /// Its `stop` ends with this subscription: what holds or waits then belongs to the next one.
    handling: Arc<Handling<H>>,
    prefetch: usize,
    running: JoinSet<(String, Tag)>,
    /// Lanes that run, each with what waits behind.
    waiting: HashMap<String, VecDeque<Taken<H::Item>>>,
    open: usize,
    /// Came back too often to be handled beside others: everything before it is finished first, nothing behind it taken.
    suspect: Option<Delivery>,
    done: Vec<Tag>,
    /// Whether anything was acknowledged.
    settled: bool,
}

impl<H: Handler> Lanes<H> {
    pub fn new(runner: Runner, queue: QueueName, prefetch: u16, handler: Arc<H>, stop: &CancellationToken) -> Self {
        let handling = Handling { runner, queue, handler, held: Held::nothing(), stop: stop.child_token() };
        Self {
            handling: Arc::new(handling),
            prefetch: usize::from(prefetch),
            running: JoinSet::new(),
            waiting: HashMap::new(),
            open: 0,
            suspect: None,
            done: Vec::new(),
            settled: false,
        }
    }

    /// Why it ended, and whether anything was settled before.
    pub async fn run(mut self, mut subscription: Subscription) -> (Ended, bool) {
        let (settle, handling) = (subscription.settle.clone(), self.handling.clone());
        let ended = loop {
            if let Err(error) = self.acknowledge(&*settle).await {
                break Ended::Failed(error);
            }
            let alone = self.suspect.take_if(|_| self.open == 0);
            let step = tokio::select! {
                biased;
                () = handling.stop.cancelled() => Err(Ended::Stopped),
                Some(told) = handling.alone(alone.as_ref()) => self.told(alone, told, &*settle).await,
                Some(finished) = self.running.join_next() => {
                    self.finished(finished);
                    Ok(())
                }
                () = handling.held.overdue(handling.runner.give_back_after) => self.overdue(alone).await,
                delivery = subscription.deliveries.recv(), if alone.is_none() && self.has_room() => match delivery {
                    Some(delivery) => self.take(delivery, &*settle).await,
                    None => Err(Ended::ChannelLost),
                },
            };
            if let Err(ended) = step {
                break ended;
            }
        };
        handling.stop.cancel();
        self.drain(&ended, &*settle).await;
        (ended, self.settled)
    }

    fn has_room(&self) -> bool {
        self.open < self.prefetch && self.suspect.is_none()
    }

    async fn take(&mut self, delivery: Delivery, settle: &dyn Settle) -> Result<(), Ended> {
        let handling = &self.handling;
        handling.runner.tally.taken(handling.queue, delivery.tag, &delivery.message.id);
        if delivery.delivery_count >= SUSPECT {
            self.suspect = Some(delivery);
            return Ok(());
        }
        match handling.handler.decode(&delivery.message) {
            Ok((lane, item)) => {
                self.open += 1;
                let taken = Taken { tag: delivery.tag, message: delivery.message, item };
                if let Some(behind) = self.waiting.get_mut(&lane) {
                    behind.push_back(taken);
                } else {
                    self.waiting.insert(lane.clone(), VecDeque::new());
                    self.start(lane, taken);
                }
                Ok(())
            }
            Err(Unreadable::NewerSchema(schema)) => Err(Ended::NewerSchema(schema)),
            Err(Unreadable::Undecodable(why)) => self.reject(&delivery, &why, settle).await,
        }
    }

    async fn reject(&self, delivery: &Delivery, why: &str, settle: &dyn Settle) -> Result<(), Ended> {
        let queue = self.handling.queue;
        tracing::error!(%queue, message.id = %delivery.message.id, why, "undecodable: to the dead letters");
        metrics::counter!("flow_runner_undecodable_total", "queue" => queue.to_string()).increment(1);
        settle.reject(&[delivery.tag]).await.map_err(Ended::Failed)?;
        self.handling.runner.tally.settled(queue, &[delivery.tag]);
        Ok(())
    }

    /// A suspect was handled, or not.
    async fn told(&mut self, suspect: Option<Delivery>, told: Told, settle: &dyn Settle) -> Result<(), Ended> {
        let Some(suspect) = suspect else { return Ok(()) };
        match told {
            Told::Done => {
                self.done.push(suspect.tag);
                Ok(())
            }
            Told::Undecodable(why) => self.reject(&suspect, &why, settle).await,
            Told::NewerSchema(schema) => Err(Ended::NewerSchema(schema)),
            Told::Stopped => Err(Ended::Stopped),
        }
    }

    /// Nothing has come to an end for long. If the record is there, it is not for its sake, and the channel stays.
    async fn overdue(&mut self, alone: Option<Delivery>) -> Result<(), Ended> {
        if !self.handling.runner.suspects.is_available().await {
            return Err(Ended::RecordAway);
        }
        self.handling.held.done();
        self.suspect = alone.or(self.suspect.take());
        Ok(())
    }

    fn start(&mut self, lane: String, taken: Taken<H::Item>) {
        let handling = self.handling.clone();
        self.running.spawn(async move {
            let handled = handling.until_done(&taken.message, &taken.item, Manner::Beside).await;
            (lane, if handled { taken.tag } else { NOT_HANDLED })
        });
    }

    fn finished(&mut self, finished: Result<(String, Tag), JoinError>) {
        let mut next = Some(finished);
        while let Some(finished) = next.take().or_else(|| self.running.try_join_next()) {
            let Ok((lane, tag)) = finished else { continue };
            self.open -= 1;
            if tag != NOT_HANDLED {
                self.done.push(tag);
            }
            let behind = self.waiting.get_mut(&lane).and_then(VecDeque::pop_front);
            match behind {
                Some(taken) if !self.handling.stop.is_cancelled() => self.start(lane, taken),
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
        crate::failpoint::reached("runner.before_ack");
        let done = std::mem::take(&mut self.done);
        settle.ack(&done).await?;
        self.handling.runner.tally.settled(self.handling.queue, &done);
        self.settled = true;
        Ok(())
    }

    /// Finishes what runs, acknowledges it where the channel still stands, and closes the channel.
    async fn drain(&mut self, ended: &Ended, settle: &dyn Settle) {
        let lost = matches!(ended, Ended::ChannelLost | Ended::Failed(_));
        self.waiting.clear();
        while let Some(finished) = self.running.join_next().await {
            self.finished(finished);
            if !lost && let Err(error) = self.acknowledge(settle).await {
                tracing::warn!(queue = %self.handling.queue, %error, "not acknowledged at the end; will be delivered again");
            }
        }
        self.handling.runner.tally.ended(self.handling.queue);
        settle.close().await;
    }
}

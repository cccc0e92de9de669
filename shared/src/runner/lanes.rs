//! The lanes of one subscription.

use super::{
    Ended, Handler, Runner, Unreadable,
    handling::{Handled, Handling, Held},
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
/// A delivery that came back so often is a suspect: a crash brings back all that its process held, guilty or not.
const SUSPECT: u32 = 3;

/// A delivery that can be handled.
struct Taken<I> {
    tag: Tag,
    message: Message,
    item: I,
}

/// A delivery that is handled alone.
enum Suspect {
    Waits(Delivery),
    Runs,
}

/// What has run to its end.
enum Finished {
    /// Of this lane, if it isn't that of a suspect.
    Handled(Option<String>, Tag),
    /// Not handled: the subscription ends.
    Stopped(Option<String>),
    /// A suspect that can't be read.
    Unreadable(Unreadable, Delivery),
}

/// What runs, what waits, and what is to be acknowledged.
pub(super) struct Lanes<H: Handler> {
    /// Its `stop` ends with this subscription: what holds or waits then belongs to the next one.
    handling: Arc<Handling<H>>,
    prefetch: usize,
    running: JoinSet<Finished>,
    /// Lanes that run, each with what waits behind.
    waiting: HashMap<String, VecDeque<Taken<H::Item>>>,
    open: usize,
    /// Came back too often to be handled beside others: everything before it is finished first, nothing behind it taken.
    suspect: Option<Suspect>,
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
            self.start_suspect();
            let step = tokio::select! {
                biased;
                () = handling.stop.cancelled() => Err(Ended::Stopped),
                Some(finished) = self.running.join_next() => self.finished(finished, &*settle).await,
                () = handling.held.overdue(handling.runner.give_back_after) => self.overdue().await,
                () = handling.runner.until_the_record_is_away() => Err(Ended::RecordAway),
                delivery = subscription.deliveries.recv(), if self.has_room() => match delivery {
                    Some(delivery) => self.take(delivery, &*settle).await,
                    None => Err(Ended::ChannelLost),
                },
                () = settle.lost(), if !self.has_room() => Err(Ended::ChannelLost),
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
        self.handling.runner.tally.taken(self.handling.queue, delivery.tag, &delivery.message.id);
        if delivery.delivery_count >= SUSPECT {
            self.suspect = Some(Suspect::Waits(delivery));
            return Ok(());
        }
        match self.handling.decode(&delivery) {
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
            Err(unreadable) => self.unreadable(&unreadable, &delivery, settle).await,
        }
    }

    async fn unreadable(&self, why: &Unreadable, delivery: &Delivery, settle: &dyn Settle) -> Result<(), Ended> {
        let why = match why {
            Unreadable::NewerSchema(schema) => return Err(Ended::NewerSchema(*schema)),
            Unreadable::Undecodable(why) => why,
        };
        let queue = self.handling.queue;
        tracing::error!(%queue, message.id = %delivery.message.id, why, "undecodable: to the dead letters");
        metrics::counter!("flow_runner_undecodable_total", "queue" => queue.to_string()).increment(1);
        settle.reject(&[delivery.tag]).await.map_err(Ended::Failed)?;
        self.handling.runner.tally.settled(queue, &[delivery.tag]);
        Ok(())
    }

    /// Nothing has come to an end for long. If the record is there, it is not for its sake, and the channel stays.
    async fn overdue(&self) -> Result<(), Ended> {
        if !self.handling.runner.suspects.is_available().await {
            self.handling.runner.record_away.set(true);
            return Err(Ended::RecordAway);
        }
        self.handling.held.done();
        Ok(())
    }

    fn start(&mut self, lane: String, taken: Taken<H::Item>) {
        let handling = self.handling.clone();
        self.running.spawn(async move {
            match handling.beside(&taken.message, &taken.item).await {
                Handled::Done => Finished::Handled(Some(lane), taken.tag),
                // Those that can be read only are begun.
                Handled::Stopped | Handled::Unreadable(_) => Finished::Stopped(Some(lane)),
            }
        });
    }

    /// Has a suspect handled, once everything before it is.
    fn start_suspect(&mut self) {
        let waits = self.suspect.take_if(|suspect| self.open == 0 && matches!(suspect, Suspect::Waits(_)));
        let Some(Suspect::Waits(delivery)) = waits else { return };
        let handling = self.handling.clone();
        self.running.spawn(async move {
            match handling.alone(&delivery).await {
                Handled::Done => Finished::Handled(None, delivery.tag),
                Handled::Stopped => Finished::Stopped(None),
                Handled::Unreadable(why) => Finished::Unreadable(why, delivery),
            }
        });
        self.suspect = Some(Suspect::Runs);
    }

    async fn finished(&mut self, first: Result<Finished, JoinError>, settle: &dyn Settle) -> Result<(), Ended> {
        let mut next = Some(first);
        while let Some(finished) = next.take().or_else(|| self.running.try_join_next()) {
            let lane = match finished {
                Ok(Finished::Handled(lane, tag)) => {
                    self.done.push(tag);
                    lane
                }
                Ok(Finished::Stopped(lane)) => lane,
                Ok(Finished::Unreadable(why, delivery)) => {
                    self.unreadable(&why, &delivery, settle).await?;
                    None
                }
                // Nobody knows which lane that was: all that is open is delivered again.
                Err(error) => return Err(Ended::Failed(self.broken(&error))),
            };
            match lane {
                Some(lane) => self.lane_finished(lane),
                None => self.suspect = None,
            }
            if self.done.len() >= ACK_BATCH {
                break;
            }
        }
        Ok(())
    }

    fn lane_finished(&mut self, lane: String) {
        self.open -= 1;
        let behind = self.waiting.get_mut(&lane).and_then(VecDeque::pop_front);
        match behind {
            Some(taken) if !self.handling.stop.is_cancelled() => self.start(lane, taken),
            _ => {
                self.waiting.remove(&lane);
            }
        }
    }

    fn broken(&self, error: &JoinError) -> QueueError {
        QueueError { queue: self.handling.queue.to_string(), doing: "handling", reason: error.to_string() }
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
            drop(self.finished(finished, settle).await);
            if !lost && let Err(error) = self.acknowledge(settle).await {
                tracing::warn!(queue = %self.handling.queue, %error, "not acknowledged at the end; will be delivered again");
            }
        }
        self.handling.handler.lets_go().await;
        self.handling.runner.tally.ended(self.handling.queue);
        settle.close().await;
    }
}

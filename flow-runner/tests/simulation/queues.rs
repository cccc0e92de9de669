//! The broker.

use crate::{
    broken::Broken,
    channel::Channel,
    line::{Ending, Line, Subscriber, name_of},
    process::{Process, Through},
    weather::Spell,
    world::{World, lock},
};
use async_trait::async_trait;
use shared::{
    event, job,
    ports::queue::{Consumer, Delivery, Publish, PublishError, Publisher, QueueError, QueueName, Subscription, Tag},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::{Notify, mpsc};

/// All queues.
#[derive(Default)]
pub struct Queues {
    state: Mutex<State>,
    /// It takes nothing, for a memory alarm.
    pub blocked: Spell,
    /// Something was acknowledged, or went otherwise.
    changed: Notify,
}

#[derive(Default)]
struct State {
    lines: BTreeMap<QueueName, Line>,
    last_subscriber: u64,
    /// Channels that are lost, of processes that haven't heard of it.
    unnoticed: BTreeMap<u64, mpsc::Sender<Delivery>>,
    /// All events that were ever taken, in that order.
    taken: Vec<Publish>,
}

impl State {
    fn line(&mut self, queue: QueueName) -> &mut Line {
        self.lines.entry(queue).or_insert_with(|| Line::new(queue))
    }

    fn take(&mut self, world: &World, publish: Publish) {
        if publish.message.kind == job::JOB {
            // What it says is looked at as it rings.
            world.record.rings(world, &publish.message);
        } else if publish.message.kind != event::TICK {
            world.note(format!("{} takes {}", publish.queue, name_of(&publish.message)));
            self.taken.push(publish.clone());
        }
        let line = self.line(publish.queue);
        line.push(publish.message);
        line.hand_out(world);
    }
}

impl Queues {
    fn take(&self, world: &World, batch: Vec<Publish>) -> Result<(), PublishError> {
        if self.blocked.lasts(world) {
            world.count("blocked");
            return Err(PublishError::Blocked("a memory alarm".into()));
        }
        let mut state = lock(&self.state);
        batch.into_iter().for_each(|publish| state.take(world, publish));
        Ok(())
    }

    fn subscribe(&self, process: &Arc<Process>, queue: QueueName, prefetch: u16) -> Subscription {
        let world = &process.world;
        let prefetch = usize::from(prefetch.max(1));
        let (out, deliveries) = mpsc::channel(prefetch);
        let mut state = lock(&self.state);
        state.last_subscriber += 1;
        let number = state.last_subscriber;
        let subscription = Subscription { deliveries, settle: Arc::new(Channel::new(process.clone(), queue, number)) };
        if process.is_over() {
            // Its connection went with it.
            return subscription;
        }
        world.note(format!("{queue}: {process} stands in line"));
        let line = state.line(queue);
        line.join(Subscriber::new(number, process.number(), prefetch, out));
        line.hand_out(world);
        subscription
    }

    /// Settles deliveries of a channel. On one that is lost nothing happens, of which its process may not hear.
    pub fn settle(
        &self,
        world: &World,
        queue: QueueName,
        subscriber: u64,
        tags: &[Tag],
        ending: Ending,
    ) -> Result<(), QueueError> {
        let mut state = lock(&self.state);
        if state.unnoticed.contains_key(&subscriber) {
            world.count("settled in vain");
            return Ok(());
        }
        let line = state.line(queue);
        let Some(rejected) = line.settle(world, subscriber, tags, ending) else {
            return Err(QueueError::drawn(world, "settling on a channel that is lost"));
        };
        line.hand_out(world);
        rejected.into_iter().for_each(|message| state.line(QueueName::DeadLetters).push(message));
        self.changed.notify_waiters();
        Ok(())
    }

    /// A channel is closed, or nobody holds it any more.
    pub fn leave(&self, world: &World, queue: QueueName, subscriber: u64) {
        let mut state = lock(&self.state);
        state.unnoticed.remove(&subscriber);
        let line = state.line(queue);
        if line.leave(world, subscriber).is_some() {
            line.hand_out(world);
        }
    }

    /// All channels of a process are lost. `alive`: it may hear of that later.
    pub fn cut(&self, world: &Arc<World>, process: u32, alive: bool) {
        let mut state = lock(&self.state);
        let State { lines, unnoticed, .. } = &mut *state;
        for line in lines.values_mut() {
            for lost in line.cut(world, process) {
                if alive && world.roll(2) == 0 {
                    unnoticed.insert(lost.number, lost.out);
                    let (world, number, time) = (world.clone(), lost.number, world.millis(1..4_000));
                    tokio::spawn(async move {
                        tokio::time::sleep(time).await;
                        lock(&world.queues.state).unnoticed.remove(&number);
                    });
                }
            }
            line.hand_out(world);
        }
        self.changed.notify_waiters();
    }

    /// All events that were taken, in that order.
    pub fn taken(&self) -> Vec<Publish> {
        lock(&self.state).taken.clone()
    }

    /// What lies in queues, ticks apart.
    pub fn left(&self) -> Vec<String> {
        let state = lock(&self.state);
        let all = state.lines.iter().flat_map(|(queue, line)| line.messages().map(move |message| (queue, message)));
        let left = all.filter(|(_, message)| message.kind != event::TICK);
        left.map(|(queue, message)| format!("{queue}: {}", name_of(message))).collect()
    }

    /// Waits until nothing lies in queues but ticks.
    pub async fn drained(&self) {
        loop {
            // Made before looking: what changes in between is not missed.
            let changed = self.changed.notified();
            if self.left().is_empty() {
                return;
            }
            changed.await;
        }
    }
}

#[async_trait]
impl Publisher for Through {
    async fn publish(&self, mut batch: Vec<Publish>) -> Result<(), PublishError> {
        let world = &self.0.world;
        let whole = batch.len();
        if whole > 1 && world.hits(world.weather.refusals) {
            batch.truncate(world.roll(whole as u64) as usize);
            world.count("taken in part");
        }
        let is_whole = batch.len() == whole;
        let taking = move |world: &Arc<World>| {
            world.queues.take(world, batch)?;
            if is_whole { Ok(()) } else { Err(PublishError::drawn(world, "publish")) }
        };
        self.0.call("publish", taking).await
    }

    fn is_blocked(&self) -> bool {
        self.0.world.queues.blocked.lasts(&self.0.world)
    }

    fn trouble(&self) -> Option<String> {
        self.is_blocked().then(|| "a memory alarm".to_owned())
    }
}

#[async_trait]
impl Consumer for Through {
    async fn declare(&self, _: u16) -> Result<(), QueueError> {
        Ok(())
    }

    async fn subscribe(&self, queue: QueueName, prefetch: u16) -> Result<Subscription, QueueError> {
        let process = self.0.clone();
        self.0.call("subscribe", move |world| Ok(world.queues.subscribe(&process, queue, prefetch))).await
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        Ok(lock(&self.0.world.queues.state).line(queue).depth() as u64)
    }
}

//! Status callbacks: what is due, in which order, in how many callbacks.
//!
//! A message belongs to a lane, a lane has one callback in flight: so the statuses of a message arrive in their order,
//! while the lanes go side by side. Only a callback that was not answered with 200 leaves its lane and is overtaken.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::body::{StatusUpdate, status_body};
use super::poster::{Callback, Poster};
use super::repeats::{self, Repeats};
use crate::config::{Config, Statuses};
use crate::faults::{CallbackPlan, FaultId};
use crate::log::{CallbackKind, Entry, Happening, Status};
use crate::world::{World, lock};

/// Callbacks with statuses in flight at once.
const LANES: u64 = 16;
/// Statuses that may wait to go out; further ones are lost. Room for the statuses of a full log.
const MOST_WAITING: usize = 3_000_000;

/// Everything on its way to the webhook.
pub(crate) struct Delivery {
    pub(crate) poster: Poster,
    pub(crate) repeats: Repeats,
    lanes: Vec<Lane>,
    held: Mutex<Held>,
    sequence: AtomicU64,
    waiting: AtomicUsize,
}

/// Statuses kept back by faults.
#[derive(Default)]
struct Held {
    updates: BTreeMap<FaultId, Vec<Update>>,
    /// Faults that are gone: a request may have been planned before and come here after.
    released: BTreeSet<FaultId>,
}

#[derive(Default)]
struct Lane {
    parcels: Mutex<BinaryHeap<Reverse<Parcel>>>,
    bell: Notify,
}

/// Statuses that became due together.
struct Parcel {
    due: Instant,
    sequence: u64,
    /// Must not share a callback with others.
    alone: bool,
    updates: Vec<Update>,
}

#[derive(Clone)]
struct Update {
    entry: Arc<Entry>,
    status: Status,
    /// Milliseconds since the Unix epoch.
    at: u64,
    due: Instant,
    duplicates: u32,
    error: Option<i64>,
}

impl Ord for Parcel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Parcel {}

/// What a lane has to do next.
enum Next {
    Post(Vec<Update>),
    Wait(Option<Instant>),
}

impl Delivery {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            poster: Poster::new()?,
            repeats: Repeats::default(),
            lanes: (0..LANES).map(|_| Lane::default()).collect(),
            held: Mutex::default(),
            sequence: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Plans the statuses of a message that was just accepted.
    pub(crate) fn schedule(&self, config: &Config, entry: &Arc<Entry>, plan: CallbackPlan) {
        if config.webhook_url.is_none() || plan.dropped {
            return;
        }
        let stages: &[Status] = match (plan.failed, config.statuses) {
            (Some(_), _) => &[Status::Failed],
            (None, Statuses::None) => &[],
            (None, Statuses::Sent) => &[Status::Sent],
            (None, Statuses::Delivered) => &[Status::Sent, Status::Delivered],
            (None, Statuses::Read) => &[Status::Sent, Status::Delivered, Status::Read],
        };
        let now = Instant::now();
        let update = |(nth, status): (u32, Status)| {
            let after = config.status_delay * (nth + 1);
            Update {
                entry: Arc::clone(entry),
                status,
                at: entry.message.accepted_at + crate::world::millis(after),
                due: now + after,
                duplicates: plan.duplicates,
                error: plan.failed,
            }
        };
        let updates: Vec<Update> = if plan.reversed {
            (0..).zip(stages.iter().rev().copied()).map(update).collect()
        } else {
            (0..).zip(stages.iter().copied()).map(update).collect()
        };
        match plan.held {
            Some((fault, size)) => self.hold(fault, size, updates),
            None => updates.into_iter().for_each(|update| self.enqueue(update)),
        }
    }

    fn hold(&self, fault: FaultId, size: usize, updates: Vec<Update>) {
        let mut held = lock(&self.held);
        if held.released.contains(&fault) {
            drop(held);
            updates.into_iter().for_each(|update| self.enqueue(update));
            return;
        }
        let waiting = held.updates.entry(fault).or_default();
        if waiting.len() > MOST_WAITING {
            tracing::warn!(updates = updates.len(), "too many statuses are held, these are lost");
            return;
        }
        waiting.extend(updates);
        while waiting.len() >= size {
            let rest = waiting.split_off(size);
            let full = std::mem::replace(waiting, rest);
            let due = full.iter().map(|update| update.due).max().unwrap_or_else(Instant::now);
            // One lane for all full batches, so that they go out one after the other.
            self.put(0, due, true, full);
        }
    }

    /// Lets go what a fault that is now gone kept back.
    pub(crate) fn release(&self, fault: FaultId) {
        let mut held = lock(&self.held);
        held.released.insert(fault);
        let updates = held.updates.remove(&fault).unwrap_or_default();
        drop(held);
        let now = Instant::now();
        updates.into_iter().for_each(|update| self.enqueue(Update { due: now.max(update.due), ..update }));
    }

    /// Forgets all that has not gone out.
    pub(crate) fn clear(&self) {
        lock(&self.held).updates.clear();
        for lane in &self.lanes {
            let gone = std::mem::take(&mut *lock(&lane.parcels));
            self.waiting.fetch_sub(gone.iter().map(|Reverse(parcel)| parcel.updates.len()).sum(), Ordering::Relaxed);
        }
        self.repeats.clear();
    }

    fn enqueue(&self, update: Update) {
        let lane = usize::try_from(update.entry.message.index % LANES).unwrap_or_default();
        self.put(lane, update.due, false, vec![update]);
    }

    fn put(&self, lane: usize, due: Instant, alone: bool, updates: Vec<Update>) {
        if self.waiting.fetch_add(updates.len(), Ordering::Relaxed) > MOST_WAITING {
            self.waiting.fetch_sub(updates.len(), Ordering::Relaxed);
            tracing::warn!(updates = updates.len(), "too many statuses wait for the webhook, these are lost");
            return;
        }
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let lane = &self.lanes[lane];
        let mut parcels = lock(&lane.parcels);
        let is_next = parcels.peek().is_none_or(|Reverse(head)| due < head.due);
        parcels.push(Reverse(Parcel { due, sequence, alone, updates }));
        drop(parcels);
        if is_next {
            lane.bell.notify_one();
        }
    }

    fn next(&self, lane: usize, most: usize) -> Next {
        let now = Instant::now();
        let mut parcels = lock(&self.lanes[lane].parcels);
        let mut batch: Vec<Update> = Vec::new();
        while let Some(Reverse(head)) = parcels.peek() {
            let fits = batch.is_empty() || (!head.alone && batch.len() + head.updates.len() <= most);
            if head.due > now || !fits {
                break;
            }
            let alone = head.alone;
            batch.extend(parcels.pop().into_iter().flat_map(|Reverse(parcel)| parcel.updates));
            if alone {
                break;
            }
        }
        if batch.is_empty() {
            return Next::Wait(parcels.peek().map(|Reverse(head)| head.due));
        }
        self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        Next::Post(batch)
    }

    /// Calls the webhook, at once a second time if need be, and leaves the rest to the repeats.
    async fn call(&self, world: &World, mut callback: Callback) {
        if self.poster.post(world, &mut callback).await.is_ok_and(|status| status == 200) {
            return;
        }
        self.try_once(world, callback).await;
    }

    /// Calls the webhook once and leaves the rest to the repeats.
    pub(crate) async fn try_once(&self, world: &World, mut callback: Callback) {
        let config = world.config();
        if config.webhook_url.is_none() {
            return;
        }
        if !self.poster.post(world, &mut callback).await.is_ok_and(|status| status == 200) {
            self.repeats.add(callback, config.repeat_pause);
        }
    }
}

/// Starts the tasks that empty the lanes.
pub(crate) fn spawn(world: &Arc<World>, tasks: &TaskTracker) {
    for lane in 0..world.delivery.lanes.len() {
        let world = Arc::clone(world);
        tasks.spawn(async move { world.stop.run_until_cancelled(run(&world, lane)).await });
    }
    let world = Arc::clone(world);
    tasks.spawn(async move { world.stop.run_until_cancelled(repeats::run(Arc::clone(&world))).await });
}

async fn run(world: &World, lane: usize) {
    loop {
        let bell = world.delivery.lanes[lane].bell.notified();
        match world.delivery.next(lane, world.config().statuses_per_callback) {
            Next::Post(updates) => post(world, updates).await,
            Next::Wait(None) => bell.await,
            Next::Wait(Some(due)) => {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = bell => {}
                }
            }
        }
    }
}

async fn post(world: &World, mut updates: Vec<Update>) {
    for update in &updates {
        let message = &update.entry.message;
        world.tell(Happening::Status {
            wamid: Arc::clone(&message.wamid),
            status: update.status,
            error: update.error,
            to: message.to_whom().into(),
        });
    }
    let mut round = 0;
    while !updates.is_empty() {
        let config = world.config();
        let statuses: Vec<_> = updates
            .iter()
            .map(|update| (world.number(&update.entry.message.phone_number_id), status_update(update)))
            .collect();
        let kind = CallbackKind::Statuses(statuses.len());
        world.delivery.call(world, Callback::new(&config, status_body(&statuses), kind)).await;
        round += 1;
        updates.retain(|update| update.duplicates >= round);
    }
}

fn status_update(update: &Update) -> StatusUpdate {
    let message = &update.entry.message;
    StatusUpdate {
        wamid: message.wamid.to_string(),
        status: update.status,
        timestamp: Duration::from_millis(update.at).as_secs(),
        recipient_id: message.to.as_deref().map(str::to_owned),
        recipient_user_id: message.recipient.as_deref().map(str::to_owned),
        biz_opaque_callback_data: message.biz_opaque_callback_data.as_deref().map(str::to_owned),
        error: update.error,
    }
}

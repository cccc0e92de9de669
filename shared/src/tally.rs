//! What a process counts of the queues that it serves, so that an operator sees who serves which, how fast, and how old
//! what waits there is.
//!
//! A broker says how much lies in a queue, but neither whom it serves nor since when the oldest message waits. Whoever is
//! served knows both: deliveries come to nobody else, and the oldest message of a queue is among those in its hands.

use crate::{
    Clock, Timestamp, ids,
    ports::queue::{QueueName, Tag},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A rate is that of so many seconds.
const WINDOW: u64 = 10;

/// What one process counts of its queues; all its consumers share it.
#[derive(Debug)]
pub struct Tally {
    clock: Arc<dyn Clock>,
    counts: Mutex<BTreeMap<QueueName, Count>>,
}

/// A queue as the process knows it that serves it, or is to serve it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServedQueue {
    /// Its name, as [`QueueName`] is displayed.
    pub queue: String,
    /// Whether it is this process's share: an idle queue delivers to nobody, and is somebody's all the same.
    pub owned: bool,
    /// Since when the broker serves this process, as its deliveries show. `None`: none came, as none comes to whoever
    /// stands by.
    pub served_since: Option<Timestamp>,
    /// Messages handled a second, over the last 10 s. The statuses' queue has a tick of our own each second.
    pub rate: f64,
    /// How many messages it has in its hands: a broker that is asked by another process counts none of them.
    pub in_hand: u64,
    /// How old the oldest message in its hands is, in milliseconds; 0 where it holds none. `None` where that is not known:
    /// it isn't served, or the ids of what it holds tell no time.
    pub age_millis: Option<u64>,
}

/// One queue's.
#[derive(Debug, Default)]
struct Count {
    owned: bool,
    served_since: Option<Timestamp>,
    /// What is in hand, each with the time in its id.
    open: BTreeMap<Tag, Option<Timestamp>>,
    /// How many were handled, by second of boot time; of the last [`WINDOW`] and the one that runs.
    handled: VecDeque<(u64, usize)>,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, counts: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<QueueName, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message was delivered: the queue is really this process's.
    pub fn taken(&self, queue: QueueName, tag: Tag, message_id: &str) {
        let drawn = ids::drawn_at(message_id);
        let mut counts = self.lock();
        let count = counts.entry(queue).or_default();
        count.served_since.get_or_insert_with(|| self.clock.now());
        count.open.insert(tag, drawn);
    }

    /// These were acknowledged.
    pub fn settled(&self, queue: QueueName, tags: &[Tag]) {
        let second = self.clock.boot().as_secs();
        let mut counts = self.lock();
        let count = counts.entry(queue).or_default();
        for tag in tags {
            count.open.remove(tag);
        }
        count.add(second, tags.len());
    }

    /// A subscription is over: what was open is delivered again, here or elsewhere.
    pub fn ended(&self, queue: QueueName) {
        if let Some(count) = self.lock().get_mut(&queue) {
            count.served_since = None;
            count.open.clear();
        }
    }

    /// Whether the queue is this process's share, from now on.
    pub fn owned(&self, queue: QueueName, owned: bool) {
        self.lock().entry(queue).or_default().owned = owned;
    }

    /// The queues that this process is served from, or that are its share.
    #[must_use]
    pub fn served(&self) -> Vec<ServedQueue> {
        let (now, second) = (self.clock.now(), self.clock.boot().as_secs());
        let counts = self.lock();
        let shown = counts.iter().filter(|(_, count)| count.owned || count.served_since.is_some());
        shown.map(|(queue, count)| count.shown(*queue, now, second)).collect()
    }
}

impl Count {
    fn add(&mut self, second: u64, handled: usize) {
        while self.handled.front().is_some_and(|(at, _)| at + WINDOW < second) {
            self.handled.pop_front();
        }
        match self.handled.back_mut() {
            Some((at, count)) if *at == second => *count += handled,
            _ => self.handled.push_back((second, handled)),
        }
    }

    fn shown(&self, queue: QueueName, now: Timestamp, second: u64) -> ServedQueue {
        ServedQueue {
            queue: queue.to_string(),
            owned: self.owned,
            served_since: self.served_since,
            rate: self.rate(second),
            in_hand: self.open.len() as u64,
            age_millis: self.age_millis(now),
        }
    }

    fn rate(&self, second: u64) -> f64 {
        // The second that runs is not over yet.
        let window = second.saturating_sub(WINDOW)..second;
        let handled: usize = self.handled.iter().filter(|(at, _)| window.contains(at)).map(|(_, count)| count).sum();
        handled as f64 / WINDOW as f64
    }

    fn age_millis(&self, now: Timestamp) -> Option<u64> {
        self.served_since?;
        if self.open.is_empty() {
            return Some(0);
        }
        let oldest = self.open.values().flatten().min()?;
        u64::try_from(now.since(*oldest).as_millis()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::Duration,
    };

    const QUEUE: QueueName = QueueName::Inbound(3);
    /// What [`at`] counts from.
    const START: Timestamp = Timestamp(1_700_000_000_000);

    /// Milliseconds since its start.
    #[derive(Debug, Default)]
    struct Watch(AtomicU64);

    impl Watch {
        fn pass(&self, millis: u64) {
            self.0.fetch_add(millis, Ordering::Relaxed);
        }
    }

    impl Clock for Watch {
        fn now(&self) -> Timestamp {
            START.plus(self.boot())
        }

        fn boot(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    fn tally() -> (Arc<Watch>, Arc<Tally>) {
        let watch = Arc::new(Watch::default());
        (watch.clone(), Tally::new(watch))
    }

    /// The id of a message that was made so many milliseconds after the start.
    fn at(millis: u64) -> String {
        let millis = u64::try_from(START.0).unwrap() + millis;
        let millis = format!("{millis:012x}");
        format!("{}-{}-7000-8000-000000000000", &millis[..8], &millis[8..])
    }

    fn only(tally: &Tally) -> ServedQueue {
        let mut served = tally.served();
        assert_eq!(served.len(), 1, "{served:?}");
        served.remove(0)
    }

    #[test]
    fn the_age_is_that_of_the_oldest_in_hand() {
        let (watch, tally) = tally();
        for (tag, id) in [(1, at(2000)), (2, at(500)), (3, "no id of ours".into())] {
            tally.taken(QUEUE, tag, &id);
        }
        watch.pass(3000);
        let served = only(&tally);
        assert_eq!((served.queue.as_str(), served.in_hand, served.age_millis), ("inbound.03", 3, Some(2500)));
        tally.settled(QUEUE, &[2]);
        assert_eq!(only(&tally).age_millis, Some(1000));
        tally.settled(QUEUE, &[1]);
        assert_eq!(only(&tally).age_millis, None, "what is left tells no time");
        tally.settled(QUEUE, &[3]);
        assert_eq!(only(&tally).age_millis, Some(0), "nothing waits");
    }

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let (watch, tally) = tally();
        tally.taken(QUEUE, 1, &at(0));
        for second in 0..30_u64 {
            tally.settled(QUEUE, &[second, second, second]);
            watch.pass(1000);
        }
        assert!((only(&tally).rate - 3.0).abs() < f64::EPSILON);
        watch.pass(5000);
        assert!((only(&tally).rate - 1.5).abs() < f64::EPSILON);
        watch.pass(5000);
        assert!(only(&tally).rate.abs() < f64::EPSILON);
    }

    #[test]
    fn a_queue_is_served_from_its_first_delivery_until_its_subscription_is_over() {
        let (watch, tally) = tally();
        tally.owned(QUEUE, true);
        let idle = only(&tally);
        assert_eq!((idle.owned, idle.served_since, idle.in_hand, idle.age_millis), (true, None, 0, None));
        watch.pass(1000);
        tally.taken(QUEUE, 1, &at(0));
        watch.pass(1000);
        tally.taken(QUEUE, 2, &at(0));
        assert_eq!(only(&tally).served_since, Some(START.plus(Duration::from_secs(1))));
        tally.ended(QUEUE);
        assert_eq!(only(&tally), idle);
        tally.owned(QUEUE, false);
        assert!(tally.served().is_empty());
    }
}

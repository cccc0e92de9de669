//! What a process counts of the queues that it serves and of the numbers that it sends from, so that an operator sees who
//! serves which, how fast, and how old what waits there is; and what comes in, so that senders leave room for it.
//!
//! A broker says how much lies in a queue, but neither whom it serves nor since when the oldest message waits. Whoever is
//! served knows both: deliveries come to nobody else, and the oldest message of a queue is among those in its hands.

use crate::{
    Clock, Timestamp,
    ids::{self, PhoneNumberId},
    ports::queue::{QueueName, Tag},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A queue's rate is that of so many seconds.
const WINDOW: u64 = 10;
/// What comes in is told as the rate of so many seconds.
const INBOUND_WINDOW: u64 = 2;

/// What one process counts of its queues; all its consumers share it.
#[derive(Debug)]
pub struct Tally {
    clock: Arc<dyn Clock>,
    counts: Mutex<BTreeMap<QueueName, Count>>,
    inbound: Mutex<BTreeMap<PhoneNumberId, Recent>>,
    numbers: Mutex<BTreeMap<PhoneNumberId, ServedNumber>>,
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

/// A business number as the process knows it that sends from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServedNumber {
    /// Meta's id of it.
    pub phone_number_id: PhoneNumberId,
    /// Whether the API answers for it.
    pub breaker: BreakerState,
    /// Messages a second that it may send now; `None` = no limit.
    pub rate: Option<f64>,
    /// For how long nothing is sent from it because the API asked for that, in milliseconds.
    pub held_millis: u64,
    /// Conversations that have something to send, as far as they are in memory.
    pub lanes: u64,
    /// Requests under way.
    pub under_way: u64,
}

/// Whether the API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// It does: everything goes.
    Closed,
    /// It answered again: one message at a time goes, to see.
    HalfOpen,
    /// It doesn't: nothing goes until it is asked again.
    Open,
}

impl BreakerState {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// One queue's.
#[derive(Debug, Default)]
struct Count {
    owned: bool,
    served_since: Option<Timestamp>,
    /// What is in hand, each with the time in its id.
    open: BTreeMap<Tag, Option<Timestamp>>,
    handled: Recent,
}

/// How many there were, by second of boot time; of the last [`WINDOW`] and the one that runs.
#[derive(Debug, Default)]
struct Recent(VecDeque<(u64, usize)>);

impl Recent {
    fn add(&mut self, second: u64, more: usize) {
        self.forget(second);
        match self.0.back_mut() {
            Some((at, count)) if *at == second => *count += more,
            _ => self.0.push_back((second, more)),
        }
    }

    fn forget(&mut self, second: u64) {
        while self.0.front().is_some_and(|(at, _)| at + WINDOW < second) {
            self.0.pop_front();
        }
    }

    /// A second's, over the last `window` of them; the one that runs is not over yet.
    fn rate(&self, second: u64, window: u64) -> f64 {
        let seconds = second.saturating_sub(window)..second;
        let count: usize = self.0.iter().filter(|(at, _)| seconds.contains(at)).map(|(_, count)| count).sum();
        count as f64 / window as f64
    }
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, counts: Mutex::default(), inbound: Mutex::default(), numbers: Mutex::default() })
    }

    /// A message was delivered: the queue is really this process's.
    pub fn taken(&self, queue: QueueName, tag: Tag, message_id: &str) {
        let drawn = ids::drawn_at(message_id);
        let mut counts = lock(&self.counts);
        let count = counts.entry(queue).or_default();
        count.served_since.get_or_insert_with(|| self.clock.now());
        count.open.insert(tag, drawn);
    }

    /// These were acknowledged.
    pub fn settled(&self, queue: QueueName, tags: &[Tag]) {
        let second = self.clock.boot().as_secs();
        let mut counts = lock(&self.counts);
        let count = counts.entry(queue).or_default();
        for tag in tags {
            count.open.remove(tag);
        }
        count.handled.add(second, tags.len());
    }

    /// A subscription is over: what was open is delivered again, here or elsewhere.
    pub fn ended(&self, queue: QueueName) {
        if let Some(count) = lock(&self.counts).get_mut(&queue) {
            count.served_since = None;
            count.open.clear();
        }
    }

    /// Whether the queue is this process's share, from now on.
    pub fn owned(&self, queue: QueueName, owned: bool) {
        lock(&self.counts).entry(queue).or_default().owned = owned;
    }

    /// A message to this number was handled.
    pub fn came_in(&self, number: &PhoneNumberId) {
        let second = self.clock.boot().as_secs();
        lock(&self.inbound).entry(number.clone()).or_default().add(second, 1);
    }

    /// Messages a second that came in lately, by number; none of a number that got none.
    #[must_use]
    pub fn inbound(&self) -> BTreeMap<PhoneNumberId, f64> {
        let second = self.clock.boot().as_secs();
        let mut inbound = lock(&self.inbound);
        inbound.retain(|_, recent| {
            recent.forget(second);
            !recent.0.is_empty()
        });
        let rates = inbound.iter().map(|(number, recent)| (number.clone(), recent.rate(second, INBOUND_WINDOW)));
        rates.filter(|(_, rate)| *rate > 0.0).collect()
    }

    /// This process sends from a number, which stands so.
    pub fn sends_from(&self, number: ServedNumber) {
        lock(&self.numbers).insert(number.phone_number_id.clone(), number);
    }

    /// It sends from that number no more.
    pub fn lets_go_of(&self, number: &PhoneNumberId) {
        lock(&self.numbers).remove(number);
    }

    /// The numbers that this process sends from.
    #[must_use]
    pub fn numbers(&self) -> Vec<ServedNumber> {
        lock(&self.numbers).values().cloned().collect()
    }

    /// The queues that this process is served from, or that are its share.
    #[must_use]
    pub fn served(&self) -> Vec<ServedQueue> {
        let (now, second) = (self.clock.now(), self.clock.boot().as_secs());
        let counts = lock(&self.counts);
        let shown = counts.iter().filter(|(_, count)| count.owned || count.served_since.is_some());
        shown.map(|(queue, count)| count.shown(*queue, now, second)).collect()
    }
}

fn lock<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Count {
    fn shown(&self, queue: QueueName, now: Timestamp, second: u64) -> ServedQueue {
        ServedQueue {
            queue: queue.to_string(),
            owned: self.owned,
            served_since: self.served_since,
            rate: self.handled.rate(second, WINDOW),
            in_hand: self.open.len() as u64,
            age_millis: self.age_millis(now),
        }
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
    fn what_comes_in_is_told_by_number_over_the_last_two_seconds() {
        let (watch, tally) = tally();
        let (busy, quiet) = (PhoneNumberId::from("1"), PhoneNumberId::from("2"));
        tally.came_in(&quiet);
        watch.pass(5000);
        for _ in 0..3 {
            (0..10).for_each(|_| tally.came_in(&busy));
            watch.pass(1000);
        }
        assert_eq!(tally.inbound(), [(busy.clone(), 10.0)].into());
        watch.pass(1000);
        assert_eq!(tally.inbound(), [(busy, 5.0)].into());
        watch.pass(1000);
        assert!(tally.inbound().is_empty());
        watch.pass(20_000);
        assert!(tally.inbound().is_empty() && lock(&tally.inbound).is_empty(), "and is forgotten");
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

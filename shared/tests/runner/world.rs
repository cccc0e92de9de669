//! A process that consumes queues, on the runtime's clock, with a handler that does as it is told.

use crate::{broker::Broker, log::Log, record::Record};
use async_trait::async_trait;
use bytes::Bytes;
use shared::{
    Clock, Timestamp,
    ports::queue::{Delivery, Message, QueueName},
    runner::{Handler, Runner, RunnerPorts, Unreadable, Verdict},
    tally::{ServedQueue, Tally},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// The queue a test is about.
pub const HERE: QueueName = QueueName::Inbound(0);
/// Another one of the same process.
pub const THERE: QueueName = QueueName::Inbound(1);
/// When the record is asked for and a queue given back for it.
pub const GIVE_BACK: Duration = Duration::from_secs(300);
/// What the handler can read.
const SCHEMA: u16 = 1;
/// Longer than anything here may take to end.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Nothing reads a message with this body.
const UNREADABLE: &[u8] = b"?";

/// So many seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lets time pass. The clock is hurried: whatever can happen at a moment happens before the next one comes.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// A message whose name says its lane: `b2` is the second of the lane `b`.
pub fn message(name: &str) -> Message {
    let body = Bytes::from_static(b"{}");
    Message { id: name.into(), kind: "test".into(), schema: SCHEMA, traceparent: None, body }
}

/// A message whose body is not what its type says.
pub fn unreadable(name: &str) -> Message {
    Message { body: Bytes::from_static(UNREADABLE), ..message(name) }
}

/// A message that a newer program published.
pub fn newer(name: &str) -> Message {
    Message { schema: SCHEMA + 1, ..message(name) }
}

/// What the handler does with a message.
#[derive(Clone, Copy)]
pub enum Act {
    /// Takes so long, and is done.
    Takes(Duration),
    /// Is done at once.
    Done,
    Hold,
    Panic,
}

/// Handles as it is told; what it isn't told about is done at once.
pub struct Script {
    log: Log,
    acts: Mutex<BTreeMap<String, VecDeque<Act>>>,
}

impl Script {
    /// What becomes of a message, try by try; the last of them from then on.
    pub fn acts(&self, name: &str, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().expect("nobody panics here").insert(name.to_owned(), acts.into_iter().collect());
    }

    fn next(&self, name: &str) -> Act {
        let mut acts = self.acts.lock().expect("nobody panics here");
        let Some(acts) = acts.get_mut(name) else { return Act::Done };
        let next = if acts.len() > 1 { acts.pop_front() } else { acts.front().copied() };
        next.unwrap_or(Act::Done)
    }
}

/// Writes down how a handling ended, also when it is dropped before it does.
struct UnderWay<'a> {
    log: &'a Log,
    name: &'a str,
    end: &'static str,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.log.say(self.end, self.name);
    }
}

#[async_trait]
impl Handler for Script {
    type Item = String;

    fn decode(&self, delivery: &Delivery) -> Result<(String, String), Unreadable> {
        let message = &delivery.message;
        self.log.say("decode", &message.id);
        if message.schema > SCHEMA {
            return Err(Unreadable::NewerSchema(message.schema));
        }
        if message.body == UNREADABLE {
            return Err(Unreadable::Undecodable("no JSON".into()));
        }
        Ok((message.id.trim_end_matches(char::is_numeric).to_owned(), message.id.to_string()))
    }

    async fn handle(&self, name: &String) -> Verdict {
        self.log.say("begin", name);
        let mut under_way = UnderWay { log: &self.log, name, end: "cut" };
        match self.next(name) {
            Act::Takes(time) => tokio::time::sleep(time).await,
            Act::Done => {}
            Act::Hold => {
                under_way.end = "hold";
                return Verdict::Hold;
            }
            Act::Panic => {
                under_way.end = "panic";
                panic!("as {name} is told to");
            }
        }
        under_way.end = "done";
        Verdict::Done
    }
}

/// The runtime's clock, which tests hurry.
#[derive(Debug)]
struct Hurried(Instant);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000).plus(self.boot())
    }

    fn boot(&self) -> Duration {
        self.0.elapsed()
    }
}

/// One process, its broker and its record.
pub struct World {
    pub log: Log,
    pub broker: Broker,
    pub record: Arc<Record>,
    pub script: Arc<Script>,
    runner: Runner,
}

impl World {
    pub fn new() -> Self {
        let log = Log::default();
        let broker = Broker::new(log.clone());
        let record = Arc::new(Record::new(log.clone()));
        let clock: Arc<dyn Clock> = Arc::new(Hurried(Instant::now()));
        let ports = RunnerPorts {
            consumer: Arc::new(broker.clone()),
            suspects: record.clone(),
            tally: Tally::new(clock.clone()),
            clock,
        };
        let script = Arc::new(Script { log: log.clone(), acts: Mutex::default() });
        Self { log, broker, record, script, runner: Runner::new(ports, GIVE_BACK) }
    }

    /// The process counts as steady only after so long.
    pub fn steady_after(self, time: Duration) -> Self {
        Self { runner: self.runner.steady_after(time), ..self }
    }

    /// These messages come in, one behind the other.
    pub fn publish(&self, queue: QueueName, names: &[&str]) {
        names.iter().for_each(|name| self.broker.publish(queue, message(name), 0));
    }

    /// A message comes in that came back so often before.
    pub fn came_back(&self, queue: QueueName, name: &str, times: u32) {
        self.broker.publish(queue, message(name), times);
    }

    /// Begins to consume a queue.
    pub fn consume(&self, queue: QueueName, prefetch: u16) -> Serving {
        let (runner, script, stop) = (self.runner.clone(), self.script.clone(), CancellationToken::new());
        let told = stop.clone();
        let task = tokio::spawn(async move { runner.consume(queue, prefetch, script, told).await });
        Serving { stop, task }
    }

    /// What operators see.
    pub fn served(&self) -> Vec<ServedQueue> {
        self.runner.tally().served()
    }

    /// All that was acknowledged, by name.
    pub fn acknowledged(&self) -> Vec<String> {
        let mut names = self.log.names("ack");
        names.sort_unstable();
        names
    }
}

/// A queue that is consumed.
pub struct Serving {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Serving {
    /// Tells it to end, waits until it has, and says how long that took. A bug in between shows here at the latest.
    pub async fn end(self) -> Duration {
        let told = Instant::now();
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.expect("it ends").expect("it never panics");
        told.elapsed()
    }
}

//! Queues as tables: the same behaviour as quorum queues with a single active consumer.

mod line;
mod subscription;
pub(super) mod tables;

use super::writer::{GroupWriter, QueueWrite};
use crate::sql::Db;
use async_trait::async_trait;
use line::Line;
use shared::ports::{
    StoreError, Stored,
    queue::{Consumer, Publish, PublishError, Publisher, QueueError, QueueName, Subscription},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
pub use tables::NewRow;
use tokio_util::task::TaskTracker;

/// The queues of one data directory.
#[derive(Debug)]
pub struct EmbeddedQueue {
    db: Db,
    writer: Arc<GroupWriter>,
    lines: Mutex<BTreeMap<String, Arc<Line>>>,
    declared: Mutex<BTreeSet<String>>,
    /// The tasks that feed subscriptions; each ends with its subscription.
    tasks: TaskTracker,
}

impl EmbeddedQueue {
    /// Over an open database whose schema is up to date.
    #[must_use]
    pub fn new(db: Db, writer: Arc<GroupWriter>) -> Arc<Self> {
        Arc::new(Self { db, writer, lines: Mutex::default(), declared: Mutex::default(), tasks: TaskTracker::new() })
    }

    fn line(&self, queue: &str) -> Arc<Line> {
        self.lines().entry(queue.to_owned()).or_insert_with(|| Arc::new(Line::new(queue))).clone()
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn declared(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the queue was ever declared, by this process or one before it.
    async fn is_declared(&self, queue: &str) -> Stored<bool> {
        if self.declared().contains(queue) {
            return Ok(true);
        }
        let known = tables::declared(&self.db).await?;
        let found = known.contains(queue);
        self.declared().extend(known);
        Ok(found)
    }
}

impl EmbeddedQueue {
    async fn must_be_declared(&self, queue: &str, doing: &'static str) -> Result<(), QueueError> {
        match self.is_declared(queue).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(queue_error(queue, doing, "there is no such queue")),
            Err(error) => Err(queue_error(queue, doing, error)),
        }
    }
}

fn publish_error(error: StoreError) -> PublishError {
    PublishError::Blocked(error.to_string())
}

fn queue_error(queue: &str, doing: &'static str, error: impl ToString) -> QueueError {
    QueueError { queue: queue.to_owned(), doing, reason: error.to_string() }
}

#[async_trait]
impl Publisher for EmbeddedQueue {
    async fn publish(&self, batch: Vec<Publish>) -> Result<(), PublishError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(batch.len());
        let mut queues = BTreeSet::new();
        for Publish { queue, message } in batch {
            let name = queue.to_string();
            if !self.is_declared(&name).await.map_err(publish_error)? {
                return Err(PublishError::Unroutable(queue));
            }
            queues.insert(name.clone());
            rows.push(NewRow { queue: name, message });
        }
        // In a task of its own: a publisher that gives up waiting must not keep a message that is written from being
        // handed out.
        let lines: Vec<Arc<Line>> = queues.iter().map(|queue| self.line(queue)).collect();
        let writer = self.writer.clone();
        let written = self.tasks.spawn(async move {
            let written = writer.queue(QueueWrite::Publish(rows)).await;
            lines.iter().for_each(|line| line.wake());
            written
        });
        let written = written.await.map_err(|error| PublishError::Lost(error.to_string()))?;
        written.map_err(publish_error)
    }

    fn is_blocked(&self) -> bool {
        false
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

#[async_trait]
impl Consumer for EmbeddedQueue {
    async fn declare(&self, partitions: u16) -> Result<(), QueueError> {
        let names: BTreeSet<String> = QueueName::all(partitions).map(|queue| queue.to_string()).collect();
        let write = tables::Declare { queues: names.clone() };
        self.db.write(write).await.map_err(|error| queue_error("*", "declaring queues", error))?;
        self.declared().extend(names);
        Ok(())
    }

    async fn subscribe(&self, queue: QueueName, prefetch: u16) -> Result<Subscription, QueueError> {
        let name = queue.to_string();
        self.must_be_declared(&name, "subscribing").await?;
        let lines = [self.line(&name), self.line(&QueueName::DeadLetters.to_string())];
        Ok(subscription::start(self.db.clone(), self.writer.clone(), lines, prefetch, &self.tasks))
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        let name = queue.to_string();
        self.must_be_declared(&name, "counting messages").await?;
        tables::depth(&self.db, &name).await.map_err(|error| queue_error(&name, "counting messages", error))
    }
}

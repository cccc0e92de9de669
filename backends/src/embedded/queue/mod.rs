//! Queues as tables: the same behaviour as quorum queues with a single active consumer.

mod line;
mod subscription;
pub(super) mod tables;

use super::writer::{GroupWriter, NewRow, QueueWrite};
use crate::sql::Db;
use async_trait::async_trait;
use line::Line;
use shared::ports::{
    StoreError,
    queue::{Consumer, Publish, PublishError, Publisher, QueueError, QueueName, Subscription},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
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

    fn is_declared(&self, queue: &str) -> bool {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).contains(queue)
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
            if !self.is_declared(&name) {
                return Err(PublishError::Unroutable(queue));
            }
            queues.insert(name.clone());
            rows.push(NewRow { queue: name, message });
        }
        self.writer.queue(QueueWrite::Publish(rows)).await.map_err(publish_error)?;
        for queue in queues {
            self.line(&queue).wake();
        }
        Ok(())
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

#[async_trait]
impl Consumer for EmbeddedQueue {
    async fn declare(&self, partitions: u16) -> Result<(), QueueError> {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.extend(QueueName::all(partitions).map(|queue| queue.to_string()));
        Ok(())
    }

    async fn subscribe(&self, queue: QueueName, prefetch: u16) -> Result<Subscription, QueueError> {
        let name = queue.to_string();
        if !self.is_declared(&name) {
            return Err(queue_error(&name, "subscribing", "there is no such queue"));
        }
        let line = self.line(&name);
        Ok(subscription::start(self.db.clone(), self.writer.clone(), line, prefetch, &self.tasks))
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, QueueError> {
        let name = queue.to_string();
        tables::depth(&self.db, &name).await.map_err(|error| queue_error(&name, "counting messages", error))
    }
}

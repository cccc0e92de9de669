//! What settles the deliveries of one channel.

use crate::{line::Ending, process::Process};
use async_trait::async_trait;
use shared::ports::queue::{QueueError, QueueName, Settle, Tag};
use std::sync::Arc;

/// The process's end of a channel.
pub struct Channel {
    process: Arc<Process>,
    queue: QueueName,
    subscriber: u64,
}

impl Channel {
    pub fn new(process: Arc<Process>, queue: QueueName, subscriber: u64) -> Self {
        Self { process, queue, subscriber }
    }

    async fn settle(&self, what: &'static str, tags: &[Tag], ending: Ending) -> Result<(), QueueError> {
        let (queue, subscriber, tags) = (self.queue, self.subscriber, tags.to_vec());
        self.process.call(what, move |world| world.queues.settle(world, queue, subscriber, &tags, ending)).await
    }
}

#[async_trait]
impl Settle for Channel {
    async fn ack(&self, tags: &[Tag]) -> Result<(), QueueError> {
        self.settle("ack", tags, Ending::Done).await
    }

    async fn give_back(&self, tags: &[Tag]) -> Result<(), QueueError> {
        self.settle("give back", tags, Ending::GivenBack).await
    }

    async fn reject(&self, tags: &[Tag]) -> Result<(), QueueError> {
        self.settle("reject", tags, Ending::Rejected).await
    }

    async fn close(&self) {
        let (queue, subscriber) = (self.queue, self.subscriber);
        self.process.tell("close", move |world| world.queues.leave(world, queue, subscriber)).await;
    }

    /// Here it is noticed late: when deliveries end, or something can't be settled.
    async fn lost(&self) {
        std::future::pending().await
    }
}

/// Whoever forgets a channel, or never learnt that it has it, doesn't keep it.
impl Drop for Channel {
    fn drop(&mut self) {
        self.process.world.queues.leave(&self.process.world, self.queue, self.subscriber);
    }
}

//! Handling one message until it is done, however long that takes.

use super::{Handler, Runner, Verdict};
use crate::{
    backoff::Backoff,
    ports::queue::{Message, QueueName},
};
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long a lane waits before it runs a message again that ended in [`Verdict::Hold`] or a panic: at first, at most.
pub(super) const HOLD: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };
/// Panics of one message in a row before it is given up: by then it is the message.
const PANICS: u32 = 3;

/// Since when messages have been held with none done in between.
#[derive(Debug, Clone)]
pub(super) struct Held(Arc<watch::Sender<Option<Instant>>>);

impl Held {
    pub fn nothing() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// One is held.
    pub fn held(&self) {
        self.0.send_if_modified(|since| {
            let first = since.is_none();
            since.get_or_insert_with(Instant::now);
            first
        });
    }

    /// One is done: whatever held the others, it isn't that the record is away.
    pub fn done(&self) {
        self.0.send_if_modified(|since| since.take().is_some());
    }

    /// Waits until they have been held for `limit`.
    pub async fn overdue(&self, limit: Duration) {
        let mut seen = self.0.subscribe();
        loop {
            // The sender is a field of this very object.
            let Ok(since) = seen.wait_for(Option::is_some).await.map(|since| *since) else { return };
            let Some(since) = since else { continue };
            tokio::select! {
                biased;
                _ = seen.wait_for(Option::is_none) => {}
                () = tokio::time::sleep_until(since + limit) => return,
            }
        }
    }
}

/// How a message is handled: alone in its process or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Beside others.
    Beside,
    /// Whoever calls has the floor.
    Alone,
}

/// One message on its way through a handler.
pub(super) struct Handling<H> {
    pub runner: Runner,
    pub queue: QueueName,
    pub handler: Arc<H>,
    pub held: Held,
    pub stop: CancellationToken,
}

impl<H: Handler> Handling<H> {
    /// Handles a message, again and again while the handler holds. False when the process ends first.
    pub async fn until_done(&self, message: &Message, item: &H::Item, manner: Manner) -> bool {
        let (mut tries, mut panics) = (0_u32, 0_u32);
        loop {
            match self.once(item, manner).await {
                Some(Verdict::Done) => {
                    self.held.done();
                    return true;
                }
                Some(Verdict::Hold) => panics = 0,
                None => {
                    panics += 1;
                    if panics >= PANICS && self.give_up(message).await {
                        self.held.done();
                        return true;
                    }
                }
            }
            self.held.held();
            tries = tries.saturating_add(1);
            if !self.wait(tries).await {
                return false;
            }
        }
    }

    /// Waits before another try; false when the process ends meanwhile.
    pub async fn wait(&self, tries: u32) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(HOLD.ceiling(tries)) => true,
        }
    }

    /// `None`: it panicked. That is a bug of ours, and no reason to lose the message.
    async fn once(&self, item: &H::Item, manner: Manner) -> Option<Verdict> {
        let _share = match manner {
            Manner::Beside => Some(self.runner.floor.read().await),
            Manner::Alone => None,
        };
        let handled = AssertUnwindSafe(self.handler.handle(item)).catch_unwind().await;
        if handled.is_err() {
            metrics::counter!("flow_runner_panics_total").increment(1);
            tracing::error!(queue = %self.queue, "a handler panicked; its message is held and run again");
        }
        handled.ok()
    }

    /// Dead-letters what panics or kills whenever it is handled; false while that can't be written.
    pub async fn give_up(&self, message: &Message) -> bool {
        let given_up = self.runner.suspects.give_up(self.queue, message, self.runner.clock.now()).await;
        match &given_up {
            Ok(()) => {
                tracing::error!(queue = %self.queue, message.id = %message.id, "a message that kills: dead-lettered")
            }
            Err(error) => {
                tracing::warn!(queue = %self.queue, %error, "a message that kills can't be dead-lettered yet")
            }
        }
        given_up.is_ok()
    }
}

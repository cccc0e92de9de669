//! Handling one message until it is done, however long that takes.

use super::{Handler, Runner, Unreadable, Verdict};
use crate::{
    backoff::Backoff,
    ports::{
        queue::{Delivery, Message, QueueName},
        suspects::{Cause, Noted},
    },
};
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long a lane waits before it runs a message again that ended in [`Verdict::Hold`] or a panic: at first, at most.
const HOLD: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(5) };
/// Panics of one message in a row before it is given up: by then it is the message.
const PANICS: u32 = 3;
/// Processes that noted a suspect and never struck it out, after which it is the one: whoever handled it alone died of it.
const KILLED: u32 = 3;

/// Since when messages have been held with none done in between.
#[derive(Debug)]
pub(super) struct Held(watch::Sender<Option<Instant>>);

impl Held {
    pub fn nothing() -> Self {
        Self(watch::Sender::new(None))
    }

    /// One is held.
    fn held(&self) {
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

/// How the handling of a message ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Handled {
    /// It may be acknowledged.
    Done,
    /// Not handled: the subscription ends.
    Stopped,
    /// It can't be read, which of a suspect shows only now.
    Unreadable(Unreadable),
}

/// How one try ended.
enum Tried {
    Ended(Handled),
    Held,
    Panicked,
}

/// How the messages of one subscription are handled.
pub(super) struct Handling<H> {
    pub runner: Runner,
    pub queue: QueueName,
    pub handler: Arc<H>,
    pub held: Held,
    pub stop: CancellationToken,
}

impl<H: Handler> Handling<H> {
    /// Decodes a message. One that makes us panic can't be read.
    pub fn decode(&self, delivery: &Delivery) -> Result<(String, H::Item), Unreadable> {
        let decoded = std::panic::catch_unwind(AssertUnwindSafe(|| self.handler.decode(delivery)));
        decoded.unwrap_or_else(|_| Err(Unreadable::Undecodable("whoever decodes it panics".into())))
    }

    /// Handles a message beside others.
    pub async fn beside(&self, message: &Message, item: &H::Item) -> Handled {
        self.until_done(message, || self.try_beside(item)).await
    }

    /// Handles a suspect with nothing else under way in this process: noted before, struck out after. Between two tries
    /// others go on.
    pub async fn alone(&self, delivery: &Delivery) -> Handled {
        self.until_done(&delivery.message, || self.try_alone(delivery)).await
    }

    /// Tries again and again, until it is done or the subscription ends. What panics each time is given up.
    async fn until_done<T: Future<Output = Tried>>(&self, message: &Message, attempt: impl Fn() -> T) -> Handled {
        let (mut tries, mut panics) = (0_u32, 0_u32);
        loop {
            match attempt().await {
                Tried::Ended(Handled::Stopped) => return Handled::Stopped,
                Tried::Ended(handled) => {
                    self.held.done();
                    return handled;
                }
                Tried::Held => panics = 0,
                Tried::Panicked => panics += 1,
            }
            if panics >= PANICS && self.give_up(message, Cause::Panics).await {
                self.held.done();
                return Handled::Done;
            }
            self.held.held();
            tries = tries.saturating_add(1);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Handled::Stopped,
                () = tokio::time::sleep(HOLD.ceiling(tries)) => {}
            }
        }
    }

    async fn try_beside(&self, item: &H::Item) -> Tried {
        let _share = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Tried::Ended(Handled::Stopped),
            share = self.runner.floor.read() => share,
        };
        self.once(item).await
    }

    /// Waits until this process has lived for a while if another one has a note on a suspect; how the try ended, if it did.
    async fn until_steady_for(&self, message: &Message) -> Option<Tried> {
        if Instant::now() >= self.runner.steady_from {
            return None;
        }
        match self.runner.suspects.is_noted(self.queue, message).await {
            Ok(false) => None,
            Ok(true) => tokio::select! {
                biased;
                () = self.stop.cancelled() => Some(Tried::Ended(Handled::Stopped)),
                () = tokio::time::sleep_until(self.runner.steady_from) => None,
            },
            Err(error) => {
                tracing::warn!(queue = %self.queue, %error, "can't look for notes on a suspect; holding the message");
                Some(Tried::Held)
            }
        }
    }

    async fn try_alone(&self, delivery: &Delivery) -> Tried {
        let message = &delivery.message;
        if let Some(tried) = self.until_steady_for(message).await {
            return tried;
        }
        let _floor = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Tried::Ended(Handled::Stopped),
            floor = self.runner.floor.write() => floor,
        };
        let (suspects, now) = (&self.runner.suspects, self.runner.clock.now());
        let open = match suspects.note(self.queue, message, &self.runner.process, now).await {
            Ok(Noted::Open(open)) => open,
            Ok(Noted::GivenUp) => return Tried::Ended(Handled::Done),
            Err(error) => {
                tracing::warn!(queue = %self.queue, %error, "a try could not be noted; holding the message");
                return Tried::Held;
            }
        };
        tracing::warn!(queue = %self.queue, message.id = %message.id, open, "a message that came back often is handled alone");
        if open >= KILLED {
            let given_up = self.give_up(message, Cause::Kills).await;
            return if given_up { Tried::Ended(Handled::Done) } else { Tried::Held };
        }
        let tried = match self.decode(delivery) {
            Ok((_, item)) => self.once(&item).await,
            Err(unreadable) => Tried::Ended(Handled::Unreadable(unreadable)),
        };
        // Nobody died of it. A note of this process counts once however often it is made, so one that stays is no harm yet.
        if let Err(error) = suspects.strike_out(self.queue, message).await {
            tracing::warn!(queue = %self.queue, message.id = %message.id, %error, "a note could not be struck out");
        }
        tried
    }

    /// A panic is a bug of ours, and no reason to lose the message.
    async fn once(&self, item: &H::Item) -> Tried {
        match AssertUnwindSafe(self.handler.handle(item)).catch_unwind().await {
            Ok(Verdict::Done) => Tried::Ended(Handled::Done),
            Ok(Verdict::Hold) => Tried::Held,
            Err(_) => {
                metrics::counter!("flow_runner_panics_total").increment(1);
                tracing::error!(queue = %self.queue, "a handler panicked; its message is held and run again");
                Tried::Panicked
            }
        }
    }

    /// Dead-letters what panics or kills whenever it is handled; false while that can't be written.
    async fn give_up(&self, message: &Message, cause: Cause) -> bool {
        let given_up = self.runner.suspects.give_up(self.queue, message, cause, self.runner.clock.now()).await;
        match &given_up {
            Ok(()) => {
                tracing::error!(queue = %self.queue, message.id = %message.id, ?cause, "a message is given up")
            }
            Err(error) => {
                tracing::warn!(queue = %self.queue, %error, "a message can't be given up yet")
            }
        }
        given_up.is_ok()
    }
}

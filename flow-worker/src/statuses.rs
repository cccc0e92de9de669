//! Statuses of what we sent, and their clock.

use async_trait::async_trait;
use shared::{
    Clock, Timestamp,
    event::{self, StatusUpdate},
    group_commit::Committer,
    ports::{
        conversations::StatusOutcome,
        queue::{Consumer, Message, QueueName},
        status_clock::StatusClock,
    },
    runner::{Handler, Unreadable, Verdict},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often the watermark is written.
const BEAT: Duration = Duration::from_secs(1);

/// Handles the statuses queue.
pub(crate) struct Statuses {
    pub committer: Committer<StatusUpdate, StatusOutcome>,
    pub in_hand: Arc<InHand>,
}

#[async_trait]
impl Handler for Statuses {
    type Item = Held;

    fn decode(&self, message: &Message) -> Result<(String, Held), Unreadable> {
        if message.schema > event::SCHEMA {
            return Err(Unreadable::NewerSchema(message.schema));
        }
        let status: StatusUpdate =
            serde_json::from_slice(&message.body).map_err(|error| Unreadable::Undecodable(error.to_string()))?;
        let lane = status.job.as_ref().map_or_else(|| status.wamid.to_string(), |tag| tag.job.to_string());
        Ok((lane, self.in_hand.hold(status)))
    }

    async fn handle(&self, held: &Held) -> Verdict {
        let status = &held.status;
        match self.committer.commit(status.clone()).await {
            Ok(outcome) => {
                held.handled.store(true, Ordering::Relaxed);
                let result = match outcome {
                    StatusOutcome::Applied => "applied",
                    StatusOutcome::NothingToDo => "nothing_to_do",
                    StatusOutcome::NotOurs => "not_ours",
                };
                metrics::counter!("flow_runner_statuses_total", "status" => status.status.as_str(), "result" => result)
                    .increment(1);
                Verdict::Done
            }
            Err(error) => {
                tracing::warn!(%error, "a status could not be applied; holding it");
                Verdict::Hold
            }
        }
    }
}

/// A status in hand; put down when dropped, handled or not.
#[derive(Debug)]
pub(crate) struct Held {
    status: StatusUpdate,
    handled: AtomicBool,
    in_hand: Arc<InHand>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.in_hand.put_down(self.status.received_at, self.handled.load(Ordering::Relaxed));
    }
}

/// The statuses that were taken and not handled yet.
#[derive(Debug)]
pub(crate) struct InHand {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<Timestamp, usize>,
    /// The receive time of the last one taken, and when that was, in boot time.
    last: Option<(Timestamp, Duration)>,
}

impl InHand {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(self: &Arc<Self>, status: StatusUpdate) -> Held {
        let received_at = status.received_at;
        let now = self.clock.boot();
        let mut state = self.lock();
        *state.open.entry(received_at).or_default() += 1;
        state.last = Some((received_at, now));
        Held { status, handled: AtomicBool::new(false), in_hand: self.clone() }
    }

    fn put_down(&self, received_at: Timestamp, handled: bool) {
        let mut state = self.lock();
        if !handled {
            // It comes again; until then only the queue itself can say that nothing waits.
            state.last = None;
        }
        if let Some(count) = state.open.get_mut(&received_at) {
            *count -= 1;
            if *count == 0 {
                state.open.remove(&received_at);
            }
        }
    }

    /// Up to when every status that was received is handled, as far as one knows without asking the queue; `Err` when
    /// nothing was taken for a while, so that the queue can be asked.
    fn watermark(&self) -> Result<Timestamp, ()> {
        let state = self.lock();
        if let Some((oldest, _)) = state.open.first_key_value() {
            return Ok(*oldest);
        }
        match state.last {
            Some((received_at, at)) if self.clock.boot() - at < BEAT => Ok(received_at),
            _ => Err(()),
        }
    }
}

/// Writes the watermark each second until `stop`.
pub(crate) async fn keep_clock(
    in_hand: Arc<InHand>,
    clock: Arc<dyn Clock>,
    status_clock: Arc<dyn StatusClock>,
    consumer: Arc<dyn Consumer>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(BEAT) => {}
        }
        let now = clock.now();
        let watermark = match in_hand.watermark() {
            Ok(watermark) => watermark,
            // Nothing in hand: everything is handled, if nothing waits either.
            Err(()) => match consumer.depth(QueueName::Statuses).await {
                Ok(0) => now,
                Ok(_) => continue,
                Err(error) => {
                    tracing::debug!(%error, "can't ask for the depth of the statuses queue");
                    continue;
                }
            },
        };
        if let Err(error) = status_clock.advance(watermark, now).await {
            tracing::warn!(%error, "the status clock could not be written");
        }
    }
}

//! Statuses of what we sent, and their clock.

use async_trait::async_trait;
use shared::{
    Clock, Timestamp,
    event::{self, StatusUpdate, Tick},
    group_commit::Committer,
    ports::{
        conversations::StatusOutcome,
        queue::{Delivery, Publisher},
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

/// How often a tick is sent and the watermark written.
const BEAT: Duration = Duration::from_secs(1);
/// Whoever is served gets a tick each second; who got nothing for this long is not served, or not quickly.
const SERVED: Duration = Duration::from_secs(3);
/// A callback is answered 200, or refused, within 5 s of its receipt: a status received this long before a tick was
/// published lies before it in the queue.
const ON_THE_WAY: Duration = Duration::from_secs(6);

/// Handles the statuses queue.
pub(crate) struct Statuses {
    pub committer: Committer<StatusUpdate, StatusOutcome>,
    pub in_hand: Arc<InHand>,
}

#[async_trait]
impl Handler for Statuses {
    type Item = Held;

    fn decode(&self, delivery: &Delivery) -> Result<(String, Held), Unreadable> {
        let message = &delivery.message;
        if message.schema > event::SCHEMA {
            return Err(Unreadable::NewerSchema(message.schema));
        }
        let undecodable = |error: serde_json::Error| Unreadable::Undecodable(error.to_string());
        if message.kind == event::TICK {
            let tick: Tick = serde_json::from_slice(&message.body).map_err(undecodable)?;
            return Ok((event::TICK.to_owned(), self.in_hand.hold(tick.at, None)));
        }
        let status: StatusUpdate = serde_json::from_slice(&message.body).map_err(undecodable)?;
        let lane = status.job.as_ref().map_or_else(|| status.wamid.to_string(), |tag| tag.job.to_string());
        Ok((lane, self.in_hand.hold(status.received_at, Some(status))))
    }

    async fn handle(&self, held: &Held) -> Verdict {
        let Some(status) = &held.status else {
            held.handled.store(true, Ordering::Relaxed);
            return Verdict::Done;
        };
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

/// A status, or a tick, in hand; put down when dropped, handled or not.
#[derive(Debug)]
pub(crate) struct Held {
    at: Timestamp,
    /// `None`: a tick.
    status: Option<StatusUpdate>,
    handled: AtomicBool,
    in_hand: Arc<InHand>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.in_hand.put_down(self.at, self.handled.load(Ordering::Relaxed));
    }
}

/// What was taken from the statuses' queue and is not handled yet.
#[derive(Debug)]
pub(crate) struct InHand {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<Timestamp, usize>,
    /// The time of the last one taken, and when that was, in boot time.
    last: Option<(Timestamp, Duration)>,
}

impl InHand {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(self: &Arc<Self>, at: Timestamp, status: Option<StatusUpdate>) -> Held {
        let now = self.clock.boot();
        let mut state = self.lock();
        *state.open.entry(at).or_default() += 1;
        state.last = Some((at, now));
        Held { at, status, handled: AtomicBool::new(false), in_hand: self.clone() }
    }

    fn put_down(&self, at: Timestamp, handled: bool) {
        let mut state = self.lock();
        if !handled {
            // It comes again; what came after it says nothing until then.
            state.last = None;
        }
        if let Some(count) = state.open.get_mut(&at) {
            *count -= 1;
            if *count == 0 {
                state.open.remove(&at);
            }
        }
    }

    /// Up to when everything that was published is handled; `None` where nothing came for a while, as it doesn't to whoever
    /// merely stands by.
    fn watermark(&self) -> Option<Timestamp> {
        let state = self.lock();
        let (last, _) = state.last.filter(|(_, taken)| self.clock.boot().saturating_sub(*taken) < SERVED)?;
        let oldest = state.open.first_key_value().map_or(last, |(oldest, _)| *oldest);
        Some(oldest.min(last))
    }
}

/// Each second until `stop`: sends a tick through the queue, and writes how far things are handled.
pub(crate) async fn keep_clock(
    in_hand: Arc<InHand>,
    clock: Arc<dyn Clock>,
    status_clock: Arc<dyn StatusClock>,
    publisher: Arc<dyn Publisher>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(BEAT) => {}
        }
        tick(&*publisher, clock.now()).await;
        let Some(watermark) = in_hand.watermark() else { continue };
        if let Err(error) = status_clock.advance(watermark.minus(ON_THE_WAY), clock.now()).await {
            tracing::warn!(%error, "the status clock could not be written");
        }
    }
}

async fn tick(publisher: &dyn Publisher, at: Timestamp) {
    if publisher.is_blocked() {
        return;
    }
    let published = match (Tick { at }).to_publish() {
        Ok(tick) => tokio::time::timeout(BEAT, publisher.publish(vec![tick])).await,
        Err(error) => {
            tracing::error!(%error, "a tick could not be written");
            return;
        }
    };
    if !matches!(published, Ok(Ok(()))) {
        tracing::debug!("a tick was not taken; the next one may be");
    }
}

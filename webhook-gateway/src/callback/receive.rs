//! A callback: cut into events, published, answered.

use super::{outcome::Outcome, signature::SignedCallback};
use crate::{Gateway, meta};
use axum::extract::State;
use shared::{
    event::Event,
    failpoint, ids,
    ports::queue::{Publish, PublishError},
};
use std::{collections::BTreeMap, sync::Arc};

/// `POST`: 200 once the broker has confirmed everything in it.
pub(super) async fn receive(State(gateway): State<Arc<Gateway>>, SignedCallback(received): SignedCallback) -> Outcome {
    let outcome = keep(&gateway, &received.bytes).await;
    gateway.note(outcome);
    outcome
}

async fn keep(gateway: &Gateway, body: &[u8]) -> Outcome {
    if gateway.ports.publisher.is_blocked() {
        return Outcome::Blocked;
    }
    let events = meta::cut(body, gateway.ports.clock.now(), &mut || ids::fresh().into());
    let mut kinds: BTreeMap<&'static str, u64> = BTreeMap::new();
    for event in &events {
        *kinds.entry(label(event)).or_default() += 1;
    }
    let batch: Result<Vec<Publish>, _> =
        events.into_iter().map(|event| event.into_publish(gateway.partitions)).collect();
    let batch = match batch {
        Ok(batch) => batch,
        Err(error) => {
            tracing::error!(%error, "an event can't be written as JSON");
            return Outcome::Unconfirmed;
        }
    };
    let outcome = publish(gateway, batch).await;
    if outcome == Outcome::Kept {
        for (kind, count) in kinds {
            metrics::counter!("flow_runner_events_total", "kind" => kind).increment(count);
        }
    }
    outcome
}

async fn publish(gateway: &Gateway, batch: Vec<Publish>) -> Outcome {
    failpoint::reached("gateway.before_publish");
    let begun = gateway.ports.clock.boot();
    let publishing = gateway.ports.publisher.publish(batch);
    let result = tokio::time::timeout(gateway.publish_timeout, publishing).await.unwrap_or(Err(PublishError::TimedOut));
    failpoint::reached("gateway.after_publish");
    let taken = gateway.ports.clock.boot().saturating_sub(begun);
    metrics::histogram!("flow_runner_publish_seconds").record(taken.as_secs_f64());
    match result {
        Ok(()) => Outcome::Kept,
        Err(error) => {
            // Only for whoever looks closely: under an outage this happens with every callback, and the note of the
            // refusals is logged once a second.
            tracing::debug!(%error, "a callback is refused");
            match error {
                PublishError::Blocked(_) => Outcome::Blocked,
                PublishError::TimedOut => Outcome::TimedOut,
                PublishError::Unroutable(_) | PublishError::Refused(_) | PublishError::Lost(_) => Outcome::Unconfirmed,
            }
        }
    }
}

/// The label `kind` of `flow_runner_events_total`.
fn label(event: &Event) -> &'static str {
    match event {
        Event::Message(_) => "message",
        Event::Status(_) => "status",
        Event::Kept(kept) => kept.kind.as_str(),
    }
}

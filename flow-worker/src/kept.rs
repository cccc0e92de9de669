//! Events that are neither messages nor statuses of ours.

use shared::{event::KeptEvent, ports::conversations::Conversations, runner::Verdict};

pub(crate) async fn keep(record: &dyn Conversations, event: &KeptEvent) -> Verdict {
    metrics::counter!("flow_runner_kept_events_total", "kind" => event.kind.as_str()).increment(1);
    match record.keep(vec![event.clone()]).await {
        Ok(()) => Verdict::Done,
        Err(error) => {
            tracing::warn!(%error, "an event could not be kept; holding it");
            Verdict::Hold
        }
    }
}
